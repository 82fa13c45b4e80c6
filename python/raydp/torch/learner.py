"""Training and prediction with PyTorch, in one worker of several."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from raydp._estimators.frameworks.batches import batches
from raydp._estimators.frameworks.epochs import Course
from raydp._estimators.frameworks.learner import Part, Trained
from raydp._estimators.frameworks.networks import ROWS_PER_SCORE, NetworkLearner
from raydp.errors import InvalidArgumentError, InvalidDataError
from raydp.torch.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout

__all__ = ["TorchLearner"]

_STATE = "state.pt"


@dataclass(frozen=True)
class TorchLearner(NetworkLearner[Recipe]):
    """PyTorch with what the user gave.

    Attributes:
        recipe: Model, optimizer, loss and how to train.
    """

    framework: ClassVar[str] = "torch"
    file_name: ClassVar[str] = "model.pt"

    recipe: Recipe

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """Type of feature matrices: wide enough for the tensor's type."""
        return np.float32 if self.recipe.dtype in (torch.float32, torch.float16, torch.bfloat16) else np.float64

    @property
    def identity(self) -> str:
        """Describes the shapes of the model and the numbers of the recipe; functions have no lasting description."""
        r = self.recipe
        shapes = [(name, tuple(tensor.shape)) for name, tensor in r.make_model().state_dict().items()]
        return repr((shapes, r.dtype, r.epochs))

    def _outputs(self, layout: Layout) -> int:
        model = self.recipe.make_model()
        was_training = model.training
        try:
            with torch.no_grad():
                outputs = model.eval()(torch.zeros(2, layout.width, dtype=self.recipe.dtype))
        except (RuntimeError, ValueError, IndexError) as error:
            first = next(
                (f"{name}: {module}" for name, module in model.named_modules() if not [*module.children()]), "?"
            )
            raise InvalidDataError(
                "The model does not take the features: their shape or type is another than its first layer's. "
                f"Features: (rows, {layout.width}) of {self.recipe.dtype}, from {', '.join(layout.features[:20])}; "
                f"first layer: {first}; {error}"
            ) from error
        finally:
            model.train(was_training)
        return 1 if outputs.ndim == 1 else int(outputs.shape[1])

    def trainer(self, workers: int) -> Any:
        """Return Ray Train's trainer for PyTorch."""
        del workers
        from ray.train.torch import TorchTrainer

        return TorchTrainer

    def train(self, part: Part) -> Trained | None:
        """Train, going on from the last checkpoint if there is one."""
        if part.configuration.seed is not None:
            torch.manual_seed(part.configuration.seed)
        run = _Run(self, part)
        run.restore()
        while run.course.epoch < self.recipe.epochs.count and not run.course.ended:
            run.one_epoch()
        return run.result() if part.rank == 0 else None

    def load(self, model: bytes) -> torch.nn.Module:
        """Return the module, on the CPU, for prediction."""
        import copy

        module = copy.deepcopy(self.recipe.make_model())
        module.load_state_dict(torch.load(io.BytesIO(model), map_location="cpu", weights_only=True))
        return module.eval()

    def score(self, model: torch.nn.Module, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values; on a GPU if this process has one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model.to(device)
        pieces = []
        with torch.inference_mode():
            for start in range(0, max(len(features), 1), ROWS_PER_SCORE):
                inputs = torch.from_numpy(features[start : start + ROWS_PER_SCORE]).to(device, self.recipe.dtype)
                outputs = model(inputs).float()
                outputs = outputs.reshape(len(inputs), -1)
                pieces.append((outputs if classes is None else self.recipe.probabilities(outputs)).cpu().numpy())
        scores = np.concatenate(pieces)
        return np.asarray(scores[:, 0] if classes is None and scores.shape[1] == 1 else scores)


class _Run:
    """The state of training in one worker."""

    def __init__(self, learner: TorchLearner, part: Part) -> None:
        from ray.train.torch import get_device, prepare_model

        self._recipe, self._part = learner.recipe, part
        self._device = get_device()
        self._model: Any = prepare_model(self._recipe.make_model())
        self._plain: torch.nn.Module = getattr(self._model, "module", self._model) if part.workers > 1 else self._model
        self._optimizer = self._recipe.make_optimizer(self._plain)
        self._scheduler = self._recipe.make_scheduler(self._optimizer)
        self._loss = self._recipe.make_loss()
        self._dtype = learner.features_type
        self._best: dict[str, torch.Tensor] | None = None
        self.course = Course()

    def restore(self) -> None:
        """Take up everything where the last checkpoint left it."""
        with self._part.checkpoints.last() as folder:
            if folder is None:
                return
            state = torch.load(folder / _STATE, map_location=self._device, weights_only=True)
        self._plain.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["random"].cpu())
        self._best, self.course = state["best"], Course(**state["course"])

    def one_epoch(self) -> None:
        """Train for an epoch, measure, and keep a checkpoint."""
        course, part = self.course, self._part
        course.epoch += 1
        metrics = {"train-loss": self._trained()}
        if part.evaluate is not None:
            metrics["evaluate-loss"] = self._evaluated()
        if course.add(metrics, self._recipe.epochs):
            self._best = {name: tensor.detach().clone() for name, tensor in self._plain.state_dict().items()}
        if [callback for callback in part.configuration.callbacks if callback(course.epoch, dict(metrics)) is True]:
            course.ended = True
        part.checkpoints.step_done(course.epoch, metrics, self._write)

    def result(self) -> Trained:
        """Return the model: the last one, or the best one when stopping early was asked for."""
        state = self._plain.state_dict() if self._best is None else self._best
        buffer = io.BytesIO()
        torch.save({name: tensor.cpu() for name, tensor in state.items()}, buffer)
        return Trained(buffer.getvalue(), self.course.history)

    def _write(self, folder: Path) -> None:
        state = {
            "model": self._plain.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": None if self._scheduler is None else self._scheduler.state_dict(),
            "random": torch.get_rng_state(),
            "best": self._best,
            "course": asdict(self.course),
        }
        torch.save(state, folder / _STATE)

    def _trained(self) -> float:
        self._model.train()
        total, amount = 0.0, 0.0
        recipe, part = self._recipe, self._part
        order = recipe.epochs.order(part.configuration.seed, self.course.epoch, part.rank)
        batches_ = self._batches(part.train, order, drop_last=recipe.epochs.drop_last)
        for features, labels, weights in self._in_step(batches_):
            self._optimizer.zero_grad()
            outputs = self._model(features)
            loss = outputs.sum() * 0 if labels is None else self._loss_of(outputs, labels, weights)
            loss.backward()
            self._optimizer.step()
            if self._scheduler is not None and recipe.scheduler_step == "batch":
                self._scheduler.step()
            if labels is not None:
                counted = _amount(labels, weights)
                total, amount = total + loss.item() * counted, amount + counted
        if self._scheduler is not None and recipe.scheduler_step == "epoch":
            self._scheduler.step()
        return self._mean(total, amount)

    def _in_step(self, batches: Any) -> Any:
        """Yield batches until no worker has one left; one that has none gets its last again, without labels.

        Replicas stay equal only while all of them make the same steps, and workers may have a batch more than others.
        """
        features = torch.zeros(2, self._part.layout.width, dtype=self._recipe.dtype, device=self._device)
        while True:
            batch = next(batches, None)
            if batch is not None:
                features = batch[0]
            elif self._part.workers == 1:
                return
            if self._part.workers > 1:
                anyone = torch.tensor(float(batch is not None), device=self._device)
                torch.distributed.all_reduce(anyone)
                if anyone == 0:
                    return
            yield (features, None, None) if batch is None else batch

    def _evaluated(self) -> float:
        assert self._part.evaluate is not None
        self._plain.eval()
        total, amount = 0.0, 0.0
        with torch.no_grad():
            for features, labels, weights in self._batches(self._part.evaluate, None, drop_last=False):
                loss = self._loss_of(self._plain(features), labels, weights)
                counted = _amount(labels, weights)
                total, amount = total + loss.item() * counted, amount + counted
        return self._mean(total, amount)

    def _batches(self, shard: Any, order: np.random.Generator | None, *, drop_last: bool) -> Any:
        recipe, part = self._recipe, self._part
        label_type = recipe.label_type or (
            torch.int64 if part.classes is not None and not recipe.is_binary else torch.float32
        )
        for rows in batches(part, shard, self._dtype, recipe.epochs.batch_size, order, drop_last=drop_last):
            features = torch.from_numpy(rows.features).to(self._device, recipe.dtype)
            # Copied: they may lie in shared memory, of which PyTorch warns that it cannot be written.
            labels = torch.tensor(rows.labels, device=self._device, dtype=label_type)
            weights = (
                None if rows.weights is None else torch.tensor(rows.weights, device=self._device, dtype=torch.float32)
            )
            yield features, labels, weights

    def _loss_of(self, outputs: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        if outputs.ndim == labels.ndim + 1 and outputs.shape[-1] == 1:
            labels = labels.unsqueeze(-1)
        loss: torch.Tensor
        if weights is None:
            loss = self._loss(outputs, labels)
            return loss
        if not hasattr(self._loss, "reduction"):
            raise InvalidArgumentError(f"Weights need a loss module that has a reduction; got: {self._loss!r}")
        reduction, self._loss.reduction = self._loss.reduction, "none"
        try:
            loss = self._loss(outputs, labels)
        finally:
            self._loss.reduction = reduction
        losses = loss.reshape(len(weights), -1).mean(dim=1)
        return (losses * weights).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)

    def _mean(self, total: float, amount: float) -> float:
        """Return the mean over the rows of all workers, weighted where rows have weights."""
        sums = torch.tensor([total, amount], dtype=torch.float64, device=self._device)
        if self._part.workers > 1:
            torch.distributed.all_reduce(sums)
        return float(sums[0] / sums[1]) if sums[1] > 0 else float("nan")


def _amount(labels: torch.Tensor, weights: torch.Tensor | None) -> float:
    return float(len(labels)) if weights is None else float(weights.sum())
