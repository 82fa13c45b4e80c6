"""What the frameworks of neural networks share: checks of the model's outputs against the data."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from raydp._configuration.arguments import check_choice, check_whole_number
from raydp._estimators.data.layout import Accepted
from raydp._estimators.frameworks.learner import Learner
from raydp.errors import InvalidArgumentError, InvalidDataError

if TYPE_CHECKING:
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Encoding
    from raydp._estimators.frameworks.epochs import EpochOptions

__all__ = ["ROWS_PER_SCORE", "CategoryEncoding", "InputOptions", "NetworkLearner", "describe_features"]

ROWS_PER_SCORE = 16_384
"""Number of rows that go through a network at once in prediction."""

CategoryEncoding = Literal["one_hot", "codes"]
_MOST_ONE_HOT_COLUMNS = 1_000


@dataclass(frozen=True)
class InputOptions:
    """How rows become the inputs of a network.

    Attributes:
        encoding: How a column of categories becomes columns of the features.
        shape: The shape of the features of a row, such as that of an image; ``None``: a vector.
    """

    encoding: CategoryEncoding = "one_hot"
    shape: tuple[int, ...] | None = None

    @classmethod
    def of(cls, category_encoding: Any, feature_shape: Any) -> InputOptions:
        """Return the options for an estimator's arguments. Raises InvalidArgumentError for a wrong value."""
        check_choice("category_encoding", category_encoding, ("one_hot", "codes"))
        if feature_shape is None:
            return cls(category_encoding)
        if isinstance(feature_shape, str) or not isinstance(feature_shape, Sequence) or not feature_shape:
            raise InvalidArgumentError(
                f"feature_shape takes the shape of one row's features, such as (1, 28, 28); got: {feature_shape!r}"
            )
        return cls(category_encoding, tuple(check_whole_number("feature_shape", size) for size in feature_shape))

    def check(self, layout: Layout) -> None:
        """Raise InvalidDataError if the features do not have the shape, or are too many."""
        if self.shape is not None and math.prod(self.shape) != layout.width:
            raise InvalidDataError(
                "The features of a row do not have the stated shape. Check feature_shape and feature_columns. "
                f"feature_shape: {self.shape}, {math.prod(self.shape)} numbers; features: {layout.width} numbers, from "
                f"{describe_features(layout)}"
            )
        many = [
            f"{name} ({vocabulary.width})"
            for name, vocabulary in layout.categories
            if vocabulary.width > _MOST_ONE_HOT_COLUMNS
        ]
        if many:
            raise InvalidDataError(
                "A column has too many categories for one-hot encoding, which makes a column of each. Set "
                "category_encoding='codes' and give the model an embedding. "
                f"At most {_MOST_ONE_HOT_COLUMNS}; categories: {', '.join(many)}"
            )


def describe_features(layout: Layout) -> str:
    """Return the names of the feature columns with how many columns of the matrix they become, for messages."""
    vocabularies = layout.vocabularies
    described = []
    for name, width in zip(layout.features[:20], layout.widths, strict=False):
        if name in vocabularies:
            described.append(f"{name} ({len(vocabularies[name])} categories, {vocabularies[name].encoding})")
        else:
            described.append(name if width == 1 else f"{name} ({width} numbers)")
    return ", ".join(described)


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
    def input_options(self) -> InputOptions: ...

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

    accepted: ClassVar[Accepted] = Accepted(texts=True)  # type: ignore[misc]  # of all networks

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

    def choose_encoding(self, column: str, *, is_declared: bool) -> Encoding:
        """Return the encoding that the user chose."""
        del column, is_declared
        return self.recipe.input_options.encoding

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
        self.recipe.input_options.check(layout)
        outputs = self.count_outputs(layout)
        if classes is not None and outputs < len(classes) and not (outputs == 1 and len(classes) == 2):
            raise InvalidDataError(
                "The model has fewer outputs than the label has classes. "
                f"Outputs: {outputs}; classes of {layout.label}: {classes}"
            )
