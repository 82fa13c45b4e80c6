"""The ways of putting Spark and Ray together that integration.py compares.

Each module has a context manager ``opened``, which starts what the way needs and yields a function that runs the
pipeline once. What a module contains is the glue that integration.py counts: preparing and training are in trips.py.
"""
