"""Gives the exchange to a Spark application that raydp did not start."""
