"""The exceptions that raydp raises, for ``except`` clauses of programs."""

from __future__ import annotations

from raydp._errors import (
    ClusterError,
    DataLossError,
    ExchangeError,
    ExecutorStartError,
    InvalidArgumentError,
    InvalidDataError,
    MissingRequirementError,
    MpiError,
    NotADataFrameError,
    NotFittedError,
    RaydpError,
    SessionError,
    TrainingError,
    UnsupportedTypeError,
)

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
