"""Which errors of training workers a retry would repeat, and what to tell the user about those that ended a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._ray.failures import find_raydp_error
from raydp._ray.train_internals import is_loss
from raydp.errors import InvalidArgumentError, RaydpError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["explain_failure", "is_final"]

# Errors in the user's code, which a retry would repeat. Subclasses are retried: libraries derive the errors of lost
# connections from these.
_PROGRAMMING_ERRORS = frozenset(
    {
        ArithmeticError,
        AssertionError,
        AttributeError,
        FloatingPointError,
        ImportError,
        IndentationError,
        IndexError,
        KeyError,
        LookupError,
        ModuleNotFoundError,
        NameError,
        NotImplementedError,
        OverflowError,
        RecursionError,
        SyntaxError,
        TypeError,
        UnboundLocalError,
        UnicodeDecodeError,
        UnicodeEncodeError,
        ValueError,
        ZeroDivisionError,
    }
)


def is_final(error: BaseException) -> bool:
    """Return whether a retry would fail with the same error."""
    return isinstance(error, InvalidArgumentError) or type(error) in _PROGRAMMING_ERRORS


def explain_failure(error: Exception, max_retries: int) -> RaydpError:
    """Return the error for the user: one of raydp's that a worker raised, or a TrainingError.

    If the code of a worker raised an error, that comes first in the message.

    Args:
        error: Ray Train's ``TrainingFailedError``.
        max_retries: How many times training could resume.
    """
    failures: Mapping[int, BaseException] = getattr(error, "worker_failures", None) or {}
    for failure in failures.values():
        found = find_raydp_error(failure)
        if found is not None:
            return found
    # The others may have failed only because this one did.
    lost = {rank: one for rank, one in failures.items() if is_loss(one)}
    mistakes = {rank: one for rank, one in failures.items() if is_final(one)}
    rank, first = next(iter((lost or mistakes or failures).items()), (None, error))
    if rank is None or lost:
        where = "" if rank is None else f"worker {rank}: {type(first).__name__}: "
        return TrainingError(
            "Training failed on the workers. If a worker was killed, check whether memory ran out. Set max_retries to "
            "resume more often, and checkpoint_dir to resume on a cluster of several nodes. "
            f"max_retries: {max_retries}; {where}{first}"
        )
    retried = "It was not retried, because it would recur" if is_final(first) else f"max_retries: {max_retries}"
    text = str(first)
    return TrainingError(
        f"{type(first).__name__}{': ' if text else ''}{text.rstrip('.')}. A training worker raised this, in your own "
        f"code or in the framework; the traceback has the line. {retried}; worker: {rank}"
    )
