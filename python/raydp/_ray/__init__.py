"""Everything that raydp does with Ray outside conversions. ``internals`` alone uses Ray's private parts."""
