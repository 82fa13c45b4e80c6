"""What learners of neural networks share, whatever the framework."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from raydp._estimators.frameworks.learner import Learner
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.epochs import Epochs

__all__ = ["ROWS_PER_SCORE", "NetworkLearner"]

ROWS_PER_SCORE = 16_384
"""Rows that go through a network at once for prediction."""


class _Recipe(Protocol):
    @property
    def epochs(self) -> Epochs: ...

    @property
    def classifies(self) -> bool | None: ...

    @property
    def is_binary(self) -> bool: ...


_R = TypeVar("_R", bound=_Recipe)


class NetworkLearner(Learner, Generic[_R]):
    """A learner whose model is a network.

    Attributes:
        recipe: Model, optimizer, loss and how to train.
    """

    recipe: _R

    @abstractmethod
    def _outputs(self, layout: Layout) -> int:
        """Return the number of the model's outputs.

        Raises:
            InvalidDataError: The model does not take the features.
        """

    @property
    def classifies(self) -> bool | None:
        """Whether the loss is one of classification; otherwise the labels decide."""
        return self.recipe.classifies

    @property
    def steps(self) -> int:
        """Epochs at most."""
        return self.recipe.epochs.count

    def class_count(self, layout: Layout) -> int | None:
        """Return the number of the model's outputs, if the loss is one of classification."""
        if not self.classifies:
            return None
        return 2 if self.recipe.is_binary else self._outputs(layout)

    def check_evaluation(self, *, given: bool) -> None:
        """Raise InvalidArgumentError when early stopping has nothing to watch."""
        self.recipe.epochs.check_evaluation(given=given)

    def check(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidDataError when the model does not take the features, or has too few outputs for the classes."""
        outputs = self._outputs(layout)
        if classes is not None and outputs < len(classes) and not (outputs == 1 and len(classes) == 2):
            raise InvalidDataError(
                "The model has fewer outputs than the label has classes. "
                f"Outputs: {outputs}; classes of {layout.label}: {classes}"
            )
