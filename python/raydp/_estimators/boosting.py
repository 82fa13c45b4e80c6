"""What the estimators of boosted trees share."""

from __future__ import annotations

from raydp._errors import InvalidArgumentError

__all__ = ["check_early_stopping", "check_rounds"]


def check_rounds(num_boost_round: int, early_stopping_rounds: int | None) -> None:
    """Raise InvalidArgumentError unless both are positive whole numbers (or ``None`` for the second)."""
    for name, value in (("num_boost_round", num_boost_round), ("early_stopping_rounds", early_stopping_rounds)):
        if value is None and name == "early_stopping_rounds":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidArgumentError(f"{name} must be a whole number of at least 1; got: {value!r}")


def check_early_stopping(early_stopping_rounds: int | None, *, evaluation_given: bool) -> None:
    """Raise InvalidArgumentError when early stopping has nothing to watch."""
    if early_stopping_rounds is not None and not evaluation_given:
        raise InvalidArgumentError(
            "Early stopping watches a metric on rows that the model does not learn from; give fit an evaluation frame. "
            f"early_stopping_rounds: {early_stopping_rounds}"
        )
