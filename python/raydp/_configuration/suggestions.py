"""Find what a user meant by a name that does not exist."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "find_nearest", "got"]

_LEAST_SIMILARITY = 0.6
_SHORT = 3  # a shorter name is part of too many others


def find_nearest(name: object, known: Iterable[object]) -> str | None:
    """Return the known name that is most like another; ``None``: none is like it.

    Case, hyphens and underscores do not count. A part of a known name (``epochs`` for ``num_epochs``) is like it.
    """
    wanted = _simplify(name)
    similar = [(_compare(wanted, _simplify(one)), str(one)) for one in known]
    best = max(similar, key=lambda pair: (pair[0], [-ord(letter) for letter in pair[1]]), default=(0.0, ""))
    return best[1] if wanted and best[0] >= _LEAST_SIMILARITY else None


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return ``"Did you mean …? "``, to be put into a message, or an empty string if no known name is like it."""
    nearest = find_nearest(name, known)
    return "" if nearest is None else f"Did you mean {nearest}? "


def got(value: str, *, hint: str) -> str:
    """Return the end of a message: what was given, after a hint of :func:`did_you_mean` if there is one."""
    return f". {hint}Got: {value}" if hint else f"; got: {value}"


def _simplify(name: object) -> str:
    return str(name).casefold().replace("_", "").replace("-", "").replace(" ", "")


def _compare(first: str, second: str) -> float:
    similarity = SequenceMatcher(None, first, second).ratio()
    shorter, longer = sorted((first, second), key=len)
    is_part = len(shorter) >= _SHORT and shorter in longer
    return max(similarity, _LEAST_SIMILARITY) if is_part else similarity
