"""What the frameworks of neural networks share: checks of the model's outputs against the data."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from raydp._estimators.frameworks.learner import Learner
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.frameworks.epochs import EpochOptions

__all__ = ["ROWS_PER_SCORE", "NetworkLearner"]

ROWS_PER_SCORE = 16_384
"""Number of rows that go through a network at once in prediction."""


class _Recipe(Protocol):
    """What a learner needs to know about the user's model and loss."""

    @property
    def model(self) -> Any: ...

    @property
    def optimizer(self) -> Any: ...

    @property
    def loss(self) -> Any: ...

    @property
    def epochs(self) -> EpochOptions: ...

    @property
    def classifies(self) -> bool | None: ...

    @property
    def is_binary(self) -> bool: ...


_R = TypeVar("_R", bound=_Recipe)


class NetworkLearner(Learner, Generic[_R]):
    """A learner whose model is a neural network.

    Attributes:
        recipe: The user's model, optimizer, loss and training options.
    """

    recipe: _R

    @abstractmethod
    def count_outputs(self, layout: Layout) -> int:
        """Return the number of the model's outputs.

        Raises:
            InvalidDataError: The model does not accept the features.
        """

    def describe(self) -> dict[str, Any]:
        """Return the model, the optimizer, the loss and the number of epochs."""
        recipe, epochs = self.recipe, self.recipe.epochs
        early = {} if epochs.early_stopping is None else {"early_stopping_epochs": epochs.early_stopping}
        parts = {"model": recipe.model, "optimizer": recipe.optimizer, "loss": recipe.loss}
        return {**parts, "batch_size": epochs.batch_size, "num_epochs": epochs.count, **early}

    @property
    def classifies(self) -> bool | None:
        """Whether the loss is for classification; ``None``: the labels decide."""
        return self.recipe.classifies

    @property
    def steps(self) -> int:
        """The greatest number of epochs."""
        return self.recipe.epochs.count

    def declared_class_count(self, layout: Layout) -> int | None:
        """Return the number of classes that the model's outputs stand for; ``None``: the loss is a regression's."""
        if not self.classifies:
            return None
        return 2 if self.recipe.is_binary else self.count_outputs(layout)

    def check_evaluation_frame(self, *, given: bool) -> None:
        """Raise InvalidArgumentError if early stopping has no evaluation frame."""
        self.recipe.epochs.check_evaluation_frame(given=given)

    def check_data(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidDataError if the model does not accept the features, or has too few outputs for the classes."""
        outputs = self.count_outputs(layout)
        if classes is not None and outputs < len(classes) and not (outputs == 1 and len(classes) == 2):
            raise InvalidDataError(
                "The model has fewer outputs than the label has classes. "
                f"Outputs: {outputs}; classes of {layout.label}: {classes}"
            )
