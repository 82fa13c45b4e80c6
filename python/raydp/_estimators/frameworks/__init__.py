"""What a framework implements, and what frameworks share. The packages of the frameworks import these names from here.

* ``learner``: the interface :class:`Learner`. ``worker``: what it gets in a worker.
* ``boosting``: base class of boosted trees. ``networks``: base class of neural networks.
* ``epochs``: options and state of training in epochs. ``batches``: batches of a worker's rows.
* ``requirements``: the error for a framework that is not installed.
"""

from __future__ import annotations

from raydp._estimators.frameworks.batches import iterate_batches
from raydp._estimators.frameworks.boosting import BoostingLearner, check_boosting_arguments
from raydp._estimators.frameworks.epochs import EpochOptions, EpochState
from raydp._estimators.frameworks.learner import Learner, TrainedModel, data_parallel_trainer
from raydp._estimators.frameworks.networks import (
    ROWS_PER_SCORE,
    CategoryEncoding,
    InputOptions,
    NetworkLearner,
    describe_features,
)
from raydp._estimators.frameworks.requirements import require
from raydp._estimators.frameworks.worker import Checkpoints, TrainingWorker

__all__ = [
    "ROWS_PER_SCORE",
    "BoostingLearner",
    "CategoryEncoding",
    "Checkpoints",
    "EpochOptions",
    "EpochState",
    "InputOptions",
    "Learner",
    "NetworkLearner",
    "TrainedModel",
    "TrainingWorker",
    "check_boosting_arguments",
    "data_parallel_trainer",
    "describe_features",
    "iterate_batches",
    "require",
]
