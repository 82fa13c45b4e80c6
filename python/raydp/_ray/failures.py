"""Takes Ray's errors apart: what the code of a task or an actor raised, and the reason in a few words."""

from __future__ import annotations

from ray.exceptions import RayTaskError

from raydp.errors import RaydpError

__all__ = ["find_raydp_error", "raised_in_task", "reason_of"]


def raised_in_task(error: BaseException) -> BaseException:
    """Return what the code of a task or an actor raised, if Ray reports such an error; any other error as it is."""
    if not isinstance(error, RayTaskError):
        return error
    cause = error.cause
    if isinstance(cause, RaydpError):
        return cause
    raised: BaseException = error.as_instanceof_cause()
    return raised


def reason_of(error: BaseException) -> str:
    """Return the type of an error and its last line, which says what happened: tracebacks come before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__


def find_raydp_error(error: BaseException | None) -> RaydpError | None:
    """Return the raydp error that caused an error of Ray's, or ``None``."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, RaydpError):
            # Ray raises an error of a class derived from both its own and raydp's. The plain one inside it prints
            # only its message.
            cause = getattr(error, "cause", None)
            return cause if isinstance(cause, RaydpError) else error
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__
    return None
