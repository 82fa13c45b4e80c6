"""What the estimators of all frameworks share.

An :class:`~raydp._estimators.estimator.Estimator` knows data, workers and results. It has a
:class:`~raydp._estimators.frameworks.learner.Learner`, which knows one framework and nothing of clusters.

Each of these may import from those above it:

* ``configuration``: the options that all estimators share. ``metrics``: metrics from sums over blocks.
* ``data``: frames as blocks, checks of the rows, and rows as arrays.
* ``frameworks``: what a framework implements, and what boosted trees and networks share.
* ``inference``: predict and evaluate. ``training``: run one fit on Ray Train.
* ``estimator``: the base class of all estimators.

Import from these modules. This package imports none of them, because a training worker needs only ``frameworks``,
without Spark and Ray Data.
"""
