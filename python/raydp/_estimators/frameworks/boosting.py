"""What the estimators of boosted trees share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from raydp._estimators.configuration import whole_number
from raydp._estimators.frameworks.learner import Learner
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout

__all__ = ["BoostingLearner", "check_rounds"]


@dataclass(frozen=True)
class BoostingLearner(Learner):
    """A framework of boosted trees with its parameters.

    Attributes:
        params: The framework's parameters.
        rounds: ``num_boost_round``.
        early_stopping_rounds: Rounds without progress on the evaluation frame after which training ends; ``None``:
            it does not.
    """

    multiclass_objective: ClassVar[str]
    """The objective to advise when there are more than two classes."""

    handles_missing: ClassVar[bool] = True

    params: dict[str, Any]
    rounds: int
    early_stopping_rounds: int | None

    @property
    def steps(self) -> int:
        """Rounds at most."""
        return self.rounds

    @property
    @abstractmethod
    def is_binary(self) -> bool:
        """Whether the user's objective is one for two classes."""

    def class_count(self, layout: Layout) -> int | None:
        """Return ``num_class`` of the parameters."""
        del layout
        count = self.params.get("num_class")
        return None if count is None else int(count)

    def check_evaluation(self, *, given: bool) -> None:
        """Raise InvalidArgumentError when early stopping has nothing to watch."""
        if self.early_stopping_rounds is not None and not given:
            raise InvalidArgumentError(
                "Early stopping watches a metric on rows that the model does not learn from; give fit an evaluation "
                f"frame. early_stopping_rounds: {self.early_stopping_rounds}"
            )

    def check(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidArgumentError when an objective for two classes meets more."""
        del layout
        if classes is not None and self.is_binary and len(classes) > 2:
            raise InvalidArgumentError(
                f"The objective is for two classes and the label has more; use {self.multiclass_objective}. "
                f"Objective: {self.params['objective']}; classes: {classes}"
            )


def check_rounds(num_boost_round: int, early_stopping_rounds: int | None) -> None:
    """Raise InvalidArgumentError unless both are positive whole numbers (or ``None`` for the second)."""
    whole_number("num_boost_round", num_boost_round)
    if early_stopping_rounds is not None:
        whole_number("early_stopping_rounds", early_stopping_rounds)
