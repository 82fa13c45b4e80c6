"""PySpark, its gateway and its Python workers. ``internals`` alone uses PySpark's private parts."""
