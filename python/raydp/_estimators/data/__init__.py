"""From the frames that users give to arrays of features, labels and weights.

* ``frames``: Spark DataFrames, Ray Datasets and pandas frames, as blocks in Ray's object store.
* ``vectors``: Spark's ML vectors as arrays of doubles, and back.
* ``layout``: which columns are features, label and weight.
* ``statistics``: one pass over the blocks before training. ``labels``: the classes of a classifier.
* ``shards``: the rows of each worker. ``matrices`` and ``rows``: these rows as NumPy arrays.

Import from these modules. Only ``frames`` and ``vectors`` import Ray Data and Spark, which training workers do not
need.
"""
