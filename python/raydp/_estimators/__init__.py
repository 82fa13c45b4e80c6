"""What the estimators of all frameworks share.

An estimator is a :class:`~raydp._estimators.frameworks.learner.Learner`, which knows one framework and nothing of
clusters, in an :class:`~raydp._estimators.estimator.Estimator`, which knows data, workers and results.
"""
