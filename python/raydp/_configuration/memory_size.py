"""Memory sizes as people write them: ``"500MB"``, ``"1.5g"``, ``"2 GiB"``, ``1073741824``."""

from __future__ import annotations

import re

from raydp._configuration.arguments import is_whole_number
from raydp.errors import InvalidArgumentError

__all__ = ["MEBIBYTE", "parse_memory_size"]

MEBIBYTE = 1 << 20

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_SIZE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgtp]?)(?:i?b)?\s*", re.IGNORECASE)


def parse_memory_size(memory_size: str | int) -> int:
    """Parse a memory size.

    Args:
        memory_size: A number of bytes, or a string with a number and one of the units K, M, G, T, P (powers of
            1024; case, spaces, and a ``B`` or ``iB`` after the unit do not matter).

    Returns:
        The size in bytes, rounded down to a whole byte.

    Raises:
        InvalidArgumentError: The value is not a memory size, or it is negative.
    """
    if not isinstance(memory_size, str) and not is_whole_number(memory_size):
        raise InvalidArgumentError(
            "A memory size must be a string such as '1g' or a number of bytes; "
            f"got {type(memory_size).__name__}: {memory_size!r}"
        )
    match = _SIZE.fullmatch(str(memory_size))
    if match is None:
        raise InvalidArgumentError(
            "This is not a memory size. Write a number and a unit (k, m, g, t), for example '500m' or '2g'; "
            f"got: {memory_size!r}"
        )
    return (
        int(float(match["number"]) * _UNITS[match["unit"].lower()])
        if "." in match["number"]
        else (int(match["number"]) * _UNITS[match["unit"].lower()])
    )
