"""The exceptions that raydp raises.

::

    RaydpError (Exception)
    ├── InvalidArgumentError (ValueError)   an argument or a configuration value is wrong
    │   ├── NotADataFrameError (TypeError)  something other than a Spark DataFrame or a Ray Dataset was given
    │   ├── UnknownArgumentError (TypeError)  a function has no argument of this name
    │   └── InvalidDataError                the rows or columns cannot be used for training or prediction
    ├── UnsupportedTypeError (TypeError)    a column's type cannot be converted between Spark and Ray
    ├── DataLossError (ValueError)          a value cannot be converted exactly
    ├── MissingRequirementError (RuntimeError)  Java, a package or a file is missing, or has the wrong version
    ├── SessionError (RuntimeError)         the Spark session is missing, stopped, or not the right one
    ├── ClusterError (RuntimeError)         the Ray cluster cannot be reached or cannot hold the executors
    │   └── ExecutorStartError              executors or daemons of Spark were placed but did not start
    ├── ExchangeError (RuntimeError)        a conversion between Spark and Ray failed
    ├── TrainingError (RuntimeError)        training failed after all retries
    ├── MpiError (RuntimeError)             an MPI job did not start, or a function failed in it
    └── NotFittedError (RuntimeError)       an estimator was used before it was fitted

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
    "UnknownArgumentError",
    "UnsupportedTypeError",
]


class RaydpError(Exception):
    """Base of every error that raydp raises itself."""


class InvalidArgumentError(RaydpError, ValueError):
    """An argument or a configuration value is wrong; nothing was started."""


class NotADataFrameError(InvalidArgumentError, TypeError):
    """Something other than a Spark DataFrame (or a Ray Dataset) was given."""


class UnknownArgumentError(InvalidArgumentError, TypeError):
    """A function has no argument of this name; the message has the nearest one."""


class InvalidDataError(InvalidArgumentError):
    """The data cannot be used for training or prediction, because of its columns, nulls, classes or shapes."""


class UnsupportedTypeError(RaydpError, TypeError):
    """A column has a type that cannot be converted between Spark and Ray; no job was started."""


class DataLossError(RaydpError, ValueError):
    """A value cannot be converted exactly, and raydp never truncates silently."""


class MissingRequirementError(RaydpError, RuntimeError):
    """Java, a package or a file that raydp needs is missing, or has the wrong version."""


class SessionError(RaydpError, RuntimeError):
    """The Spark session is missing, was stopped, or cannot be used by raydp."""


class ClusterError(RaydpError, RuntimeError):
    """The Ray cluster cannot be reached, or cannot hold the requested executors."""


class ExecutorStartError(ClusterError):
    """Executors or daemons were placed but did not start; the message ends with the last lines of their logs."""


class ExchangeError(RaydpError, RuntimeError):
    """A conversion between Spark and Ray failed, for example because a node died."""


class TrainingError(RaydpError, RuntimeError):
    """Training failed on the workers after all retries; the cause is a worker's error."""


class MpiError(RaydpError, RuntimeError):
    """An MPI job is not running, its ranks did not start, or a function failed in one of them."""


class NotFittedError(RaydpError, RuntimeError):
    """An estimator's model or predictions were requested before it was fitted."""
