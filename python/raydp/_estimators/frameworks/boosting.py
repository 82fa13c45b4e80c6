"""What the frameworks of boosted trees share: their parameters, and the checks of these."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from raydp._configuration.arguments import check_whole_number
from raydp._estimators.data.layout import Accepted
from raydp._estimators.frameworks.learner import Learner, data_parallel_trainer
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.vocabulary import Encoding

__all__ = ["BoostingLearner", "check_boosting_arguments"]


@dataclass(frozen=True)
class BoostingLearner(Learner):
    """A framework of boosted trees with its parameters.

    A framework must define ``framework``, ``file_name``, ``multiclass_objective``, ``classifies``, ``is_binary``,
    ``distributed_trainer_class``, ``train``, ``load`` and ``predict_scores``. Everything else has a default.

    Attributes:
        params: The framework's parameters.
        rounds: ``num_boost_round`` of the estimator.
        early_stopping_rounds: Stop after this number of rounds without an improvement on the evaluation frame;
            ``None``: train all rounds.
    """

    multiclass_objective: ClassVar[str]
    """The objective to recommend if there are more than two classes."""

    objective_parameter: ClassVar[str] = "objective"
    """The parameter that names the objective."""

    class_count_parameter: ClassVar[str] = "num_class"
    """The parameter with the number of classes."""

    step_name = "rounds"
    accepted: ClassVar[Accepted] = Accepted(texts=True)  # type: ignore[misc]  # of all boosted trees
    handles_missing: ClassVar[bool] = True

    params: dict[str, Any]
    rounds: int
    early_stopping_rounds: int | None

    def describe(self) -> dict[str, Any]:
        """Return the parameters and the number of rounds."""
        early = {} if self.early_stopping_rounds is None else {"early_stopping_rounds": self.early_stopping_rounds}
        return {f"{self.framework}_params": self.params, "num_boost_round": self.rounds, **early}

    @property
    def steps(self) -> int:
        """The greatest number of rounds."""
        return self.rounds

    @property
    @abstractmethod
    def is_binary(self) -> bool:
        """Whether the user's objective is for two classes."""

    @abstractmethod
    def distributed_trainer_class(self) -> Any:
        """Return the trainer class of Ray Train that connects several workers of the framework."""

    @abstractmethod
    def predict_scores(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Predict for at least one row; see :meth:`Learner.score`."""

    def choose_encoding(self, column: str, *, is_declared: bool) -> Encoding:
        """Return that categories are positions, which the frameworks split into sets."""
        del column, is_declared
        return "positions"

    def trainer_class(self, worker_count: int) -> Any:
        """Return Ray Train's trainer for the framework, or for one worker the plain trainer, which imports less."""
        return data_parallel_trainer() if worker_count == 1 else self.distributed_trainer_class()

    def score(self, model: Any, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values."""
        if len(features) == 0:
            shape = (0, len(classes)) if classes is not None and len(classes) > 2 else (0,)
            return np.empty(shape)
        return self.predict_scores(model, features, classes)

    def declared_class_count(self, layout: Layout) -> int | None:
        """Return the number of classes in the parameters, or ``None``."""
        del layout
        count = self.params.get(self.class_count_parameter)
        return None if count is None else int(count)

    def check_evaluation_frame(self, *, given: bool) -> None:
        """Raise InvalidArgumentError if early stopping has no evaluation frame."""
        if self.early_stopping_rounds is not None and not given:
            raise InvalidArgumentError(
                "Early stopping needs a metric on rows that the model does not learn from. Give fit an evaluation "
                f"frame. early_stopping_rounds: {self.early_stopping_rounds}"
            )

    def check_data(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidArgumentError if the objective is for two classes and the label has more."""
        del layout
        if classes is not None and self.is_binary and len(classes) > 2:
            raise InvalidArgumentError(
                f"The objective is for two classes and the label has more; use {self.multiclass_objective}. "
                f"Objective: {self.params[self.objective_parameter]}; classes: {classes}"
            )


def check_boosting_arguments(
    params_name: str, params: Any, num_boost_round: int, early_stopping_rounds: int | None
) -> None:
    """Check the arguments that the estimators of boosted trees share.

    Args:
        params_name: Name of the argument with the framework's parameters.
        params: Its value, which must be a mapping.
        num_boost_round: Must be a positive whole number.
        early_stopping_rounds: Must be a positive whole number, or ``None``.

    Raises:
        InvalidArgumentError: One of them is wrong.
    """
    if not hasattr(params, "keys") or not all(isinstance(name, str) for name in params):
        raise InvalidArgumentError(f"{params_name} must be a mapping of names to values; got: {params!r}")
    check_whole_number("num_boost_round", num_boost_round)
    if early_stopping_rounds is not None:
        check_whole_number("early_stopping_rounds", early_stopping_rounds)
