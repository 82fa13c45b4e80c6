"""Converts DataFrames to Ray Datasets and back, through shared memory.

The rest of the package uses :class:`~.driver.exchange.Exchange`. ``driver`` is the driver's half: exports, leases,
lineages, and the directory that keeps one agent on each node with executors. ``agent`` is the node's half. It does not
import Spark. ``types`` maps types and converts values.
"""
