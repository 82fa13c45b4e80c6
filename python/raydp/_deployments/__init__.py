"""The ways in which an application's Spark processes run: :mod:`.deployment` says what differs between them."""
