"""The exceptions that raydp raises.

::

    RaydpError (Exception)
    ├── InvalidArgumentError (ValueError)   an argument or a configuration value is wrong
    │   ├── NotADataFrameError (TypeError)  something else than a Spark DataFrame or a Ray Dataset was given
    │   └── InvalidDataError                the rows or columns cannot be trained on, or predicted for
    ├── UnsupportedTypeError (TypeError)    a column's type cannot cross between Spark and Ray
    ├── DataLossError (ValueError)          a value cannot be converted exactly
    ├── MissingRequirementError (RuntimeError)  Java, a file or a package that is needed is missing or wrong
    ├── SessionError (RuntimeError)         the Spark session is missing, stopped or another one
    ├── ClusterError (RuntimeError)         the Ray cluster cannot be reached or cannot hold the executors
    │   └── ExecutorStartError              executors were placed but did not come up
    ├── ExchangeError (RuntimeError)        a conversion failed on its way through shared memory
    ├── TrainingError (RuntimeError)        a training worker failed more often than it may be retried
    ├── MpiError (RuntimeError)             an MPI job did not come up, or a function failed in it
    └── NotFittedError (RuntimeError)       an estimator was asked for its model before it has one

Every message says what is wrong, the likely cause and the fix, with the values last.
"""

from __future__ import annotations

__all__ = [
    "ClusterError",
    "DataLossError",
    "ExchangeError",
    "ExecutorStartError",
    "InvalidArgumentError",
    "InvalidDataError",
    "MissingRequirementError",
    "MpiError",
    "NotADataFrameError",
    "NotFittedError",
    "RaydpError",
    "SessionError",
    "TrainingError",
    "UnsupportedTypeError",
]


class RaydpError(Exception):
    """Base of every error that raydp raises itself."""


class InvalidArgumentError(RaydpError, ValueError):
    """An argument or a configuration value is wrong; nothing was started."""


class NotADataFrameError(InvalidArgumentError, TypeError):
    """Something else than a Spark DataFrame (or a Ray Dataset) was given."""


class InvalidDataError(InvalidArgumentError):
    """The data cannot be trained on or predicted for: columns, nulls, classes or shapes are not what is needed."""


class UnsupportedTypeError(RaydpError, TypeError):
    """The type of a column cannot cross between Spark and Ray; no job was started."""


class DataLossError(RaydpError, ValueError):
    """A value cannot be converted exactly, and raydp never truncates silently."""


class MissingRequirementError(RaydpError, RuntimeError):
    """Java, a package or a file that raydp needs is missing or has the wrong version."""


class SessionError(RaydpError, RuntimeError):
    """The Spark session is missing, already stopped, or not one that raydp can use."""


class ClusterError(RaydpError, RuntimeError):
    """The Ray cluster cannot be reached, or cannot hold the executors that were asked for."""


class ExecutorStartError(ClusterError):
    """Executors were placed on the cluster but did not come up; the message holds their log's end."""


class ExchangeError(RaydpError, RuntimeError):
    """A conversion between Spark and Ray failed on its way."""


class TrainingError(RaydpError, RuntimeError):
    """Training failed on the workers, more often than it may be retried; the cause is the worker's error."""


class MpiError(RaydpError, RuntimeError):
    """An MPI job is not running, its ranks did not come up, or a function failed in one of them."""


class NotFittedError(RaydpError, RuntimeError):
    """An estimator was asked for its model, or for predictions, before it was fitted."""
