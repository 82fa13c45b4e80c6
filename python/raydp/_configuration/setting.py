"""What a setting is: a key, the form of its value, a default, and how to parse a value.

The forms are those of the JVM's ``Setting``. A test gives the same strings to both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ResourceSettings",
    "Setting",
    "amount",
    "boolean",
    "byte_size",
    "hexadecimal",
    "indexes",
    "positive_integer",
    "seconds",
    "text",
    "whole_number",
]

T = TypeVar("T")

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|min|h)?", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000}
_SIZE = re.compile(r"(?P<number>[0-9]+)\s*(?P<unit>[kmgt]?)b?", re.ASCII)
_LARGEST = (1 << 63) - 1
_DIGITS_OF_ID = re.compile(r"(?:[0-9a-f]{2})+")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One ``spark.raydp.*`` key.

    Attributes:
        key: The full name.
        form: A description of valid values, for error messages.
        default: The value if the key is absent; ``None`` if there is no default.
        parse: Parses a stripped string; returns ``None`` if the string does not have the form.
        former: Names of RayDP 1.6 that still work.
        argument: The argument of ``raydp.init_spark`` that has this value; ``None``: only ``configs`` has it.
    """

    key: str
    form: str
    default: str | None
    parse: Callable[[str], T | None]
    former: tuple[str, ...] = ()
    argument: str | None = None

    def find(self, settings: Mapping[str, str]) -> T | None:
        """Return the value in ``settings``, or the default; ``None`` if there is neither.

        Raises:
            InvalidArgumentError: The value does not have the form.
        """
        given = settings.get(self.key, "").strip() or self.default
        if given is None:
            return None
        value = self.parse(given)
        if value is None:
            raise InvalidArgumentError(f"This setting must be {self.form}. {self.key}: {given!r}")
        return value

    def get(self, settings: Mapping[str, str]) -> T:
        """Like :meth:`find`, for settings that have a default or must be given."""
        value = self.find(settings)
        if value is None:
            raise InvalidArgumentError(f"This setting is required. Set it: {self.key}")
        return value


@dataclass(frozen=True)
class ResourceSettings:
    """A family of keys: a prefix and the name of a Ray resource. The value is an amount of the resource.

    Attributes:
        prefix: The prefix; ends with a dot.
        former: Prefixes of RayDP 1.6 that still work.
    """

    prefix: str
    former: tuple[str, ...]
    form: str = "a number of at least 0"

    @property
    def pattern(self) -> str:
        """The family's name in lists of keys."""
        return f"{self.prefix}<name>"

    def check(self, settings: Mapping[str, str]) -> None:
        """Reject malformed amounts."""
        for key in settings:
            if key.startswith(self.prefix) and key != self.prefix:
                Setting(key, self.form, None, amount).get(settings)


def text(value: str) -> str:
    """Accept any value."""
    return value


def boolean(value: str) -> bool | None:
    """Parse ``true`` and ``false``, in all spellings that Spark's users write."""
    lowered = value.lower()
    return True if lowered in _TRUE else False if lowered in _FALSE else None


def positive_integer(value: str) -> int | None:
    """Parse a whole number above 0 that fits a Java ``int``."""
    return whole_number(value) or None


def amount(value: str) -> float | None:
    """Parse a number of at least 0, without an exponent."""
    return float(value) if _AMOUNT.fullmatch(value) else None


def seconds(value: str) -> float | None:
    """Parse a number of seconds, or a number with the unit ms, s, m, min or h."""
    match = _DURATION.fullmatch(value.lower())
    if match is None:
        return None
    milliseconds = int(float(match["number"]) * _MILLISECONDS[match["unit"] or "s"])
    return milliseconds / 1000 if milliseconds > 0 else None


def byte_size(value: str) -> int | None:
    """Parse a number of bytes, or a number with the unit k, m, g or t (powers of 1024)."""
    match = _SIZE.fullmatch(value.lower())
    if match is None:
        return None
    size = int(match["number"]) << (10 * " kmgt".index(match["unit"] or " "))
    return size if 0 < size <= _LARGEST else None


def indexes(value: str) -> tuple[int, ...] | None:
    """Parse whole numbers separated by commas."""
    numbers = [whole_number(part.strip()) for part in value.split(",")]
    known = tuple(number for number in numbers if number is not None)
    return known if len(known) == len(numbers) else None


def hexadecimal(value: str) -> str | None:
    """Parse bytes in hexadecimal."""
    return value.lower() if _DIGITS_OF_ID.fullmatch(value.lower()) else None


def whole_number(value: str) -> int | None:
    """Parse a whole number of at least 0 that fits a Java ``int``."""
    number = int(value) if re.fullmatch(r"[+-]?\d+", value) else -1
    return number if 0 <= number < 1 << 31 else None
