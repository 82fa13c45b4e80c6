"""The public functions that need a session, such as ``init_spark`` and ``from_spark``."""
