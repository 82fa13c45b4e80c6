"""Takes Ray's errors apart: what the code of a task or an actor raised, and the reason in a few words."""

from __future__ import annotations

import re

from ray.exceptions import RayTaskError

from raydp import errors
from raydp.errors import RaydpError

__all__ = ["describe_death", "find_raydp_error", "raised_in_task", "reason_of"]

_BECAUSE_OF = "\n\nThe above exception was the direct cause of the following exception:\n\n"
_DEATH = re.compile(r"Worker exit type: (?P<type>\w+)(?: Worker exit detail: (?P<detail>[^\n]*))?")
_LONGEST_DETAIL = 300
_AT_THE_END = re.compile(r"^raydp\.errors\.(\w+): ((?:(?!^  File ).)*)\Z", re.MULTILINE | re.DOTALL)


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


def describe_death(error: BaseException | None) -> str:
    """Return Ray's reason for the death of an actor's process, such as a lack of memory; empty if Ray gives none."""
    found = _DEATH.search(str(error))
    if found is None:
        return ""
    detail = found["detail"] or ""
    return f"Ray's reason: {found['type']} {detail.strip()[:_LONGEST_DETAIL]}".rstrip()


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
        if isinstance(error, RayTaskError) and (quoted := _error_in_traceback(str(error))) is not None:
            return quoted
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__
    return None


def _error_in_traceback(text: str) -> RaydpError | None:
    """Return the raydp error behind the exception in which Ray Data wraps all errors of a function.

    Ray sends that exception without its cause, so only the traceback tells of it.
    """
    causes, _, wrapped = text.rpartition(_BECAUSE_OF)
    found = _AT_THE_END.search(causes) if "ray.exceptions.UserCodeException" in wrapped else None
    if found is None:
        return None
    error_type: type[RaydpError] | None = getattr(errors, found[1], None)
    return None if error_type is None else error_type(found[2])
