"""How many random examples a property gets if each of them runs Spark jobs."""

from __future__ import annotations

from hypothesis import settings

__all__ = ["fewer_examples"]

_ALL = 1000  # of the profile nightly


def fewer_examples() -> settings:
    """Return the settings for such a property: two fifths of the examples, but at night all."""
    wanted = settings().max_examples
    return settings(max_examples=wanted if wanted >= _ALL else wanted * 2 // 5)
