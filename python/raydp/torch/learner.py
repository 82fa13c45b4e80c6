"""Train with PyTorch in one worker, and predict with the model."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from raydp._estimators.frameworks import (
    ROWS_PER_SCORE,
    EpochState,
    NetworkLearner,
    TrainedModel,
    TrainingWorker,
    describe_features,
    iterate_batches,
)
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
    """PyTorch with the user's model.

    Attributes:
        recipe: The model, optimizer, loss and training options.
    """

    framework: ClassVar[str] = "torch"
    file_name: ClassVar[str] = "model.pt"

    recipe: Recipe

    @property
    def features_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """float32, float16 for a tensor of this type, or float64 if the tensor's type needs it."""
        if self.recipe.dtype is torch.float16:
            return np.float16
        return np.float32 if self.recipe.dtype in (torch.float32, torch.bfloat16) else np.float64

    @property
    def labels_type(self) -> type[np.floating[Any]]:  # type: ignore[override]
        """float32, or the floating-point type that the user chose for labels."""
        if self.recipe.label_type is torch.float64:
            return np.float64
        return np.float16 if self.recipe.label_type is torch.float16 else np.float32

    @property
    def identity(self) -> str:
        """Describes the model's shapes, the tensor's type and the epochs. Functions have no description that lasts."""
        r = self.recipe
        shapes = [(name, tuple(tensor.shape)) for name, tensor in r.make_model().state_dict().items()]
        return repr((shapes, r.dtype, r.epochs, r.input_options))

    def count_outputs(self, layout: Layout) -> int:
        """Return the number of outputs that the model has for two rows of zeros."""
        model = self.recipe.make_model()
        was_training = model.training
        try:
            with torch.no_grad():
                outputs = model.eval()(self.recipe.make_zeros(layout))
        except (RuntimeError, ValueError, IndexError) as error:
            first = next(
                (f"{name}: {module}" for name, module in model.named_modules() if not [*module.children()]), "?"
            )
            raise InvalidDataError(
                "The model does not accept the features: its first layer expects another shape or type. "
                f"Features: {self._describe_shape(layout)} of {self.recipe.dtype}, from {describe_features(layout)}; "
                f"first layer: {first}; {error}"
            ) from error
        finally:
            model.train(was_training)
        return 1 if outputs.ndim == 1 else int(outputs.shape[1])

    def _describe_shape(self, layout: Layout) -> str:
        return f"({', '.join(map(str, ('rows', *(self.recipe.input_options.shape or (layout.width,)))))})"

    def check_data(self, layout: Layout, classes: Classes | None) -> None:
        """Raise InvalidDataError also if the tensor's type cannot tell the codes of all categories apart."""
        dtype = self.recipe.dtype
        most = 2 / torch.finfo(dtype).eps if dtype.is_floating_point else torch.iinfo(dtype).max
        many = [name for name, one in layout.categories if one.encoding == "codes" and len(one) > most]
        if many:
            raise InvalidDataError(
                "The tensor's type cannot hold the codes of all categories; set feature_types=torch.float32. "
                f"Type: {dtype}, whole numbers up to {most:.0f}; columns: {', '.join(many)}"
            )
        super().check_data(layout, classes)

    def trainer_class(self, worker_count: int) -> Any:
        """Return Ray Train's trainer for PyTorch."""
        del worker_count
        from ray.train.torch import TorchTrainer

        return TorchTrainer

    def train(self, worker: TrainingWorker) -> TrainedModel | None:
        """Train, starting from the latest checkpoint if there is one."""
        if worker.configuration.seed is not None:
            torch.manual_seed(worker.configuration.seed)
        run = _TrainingRun(self, worker)
        run.restore()
        while not run.state.is_finished(self.recipe.epochs):
            run.train_epoch()
        return run.make_result() if worker.rank == 0 else None

    def load(self, content: bytes) -> torch.nn.Module:
        """Return the module, on the CPU, in evaluation mode."""
        import copy

        module = copy.deepcopy(self.recipe.make_model())
        module.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
        return module.eval()

    def score(self, model: torch.nn.Module, features: NDArray[Any], classes: Classes | None) -> NDArray[Any]:
        """Return probabilities or values, computed on a GPU if this process has one."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model.to(device)
        pieces = []
        with torch.inference_mode():
            for start in range(0, max(len(features), 1), ROWS_PER_SCORE):
                outputs = model(self.recipe.make_inputs(features[start : start + ROWS_PER_SCORE], device)).float()
                outputs = outputs.flatten(start_dim=1) if outputs.ndim > 1 else outputs[:, None]
                pieces.append((outputs if classes is None else self.recipe.probabilities(outputs)).cpu().numpy())
        scores = np.concatenate(pieces)
        return np.asarray(scores[:, 0] if classes is None and scores.shape[1] == 1 else scores)


class _TrainingRun:
    """The state of training in one worker."""

    def __init__(self, learner: TorchLearner, worker: TrainingWorker) -> None:
        from ray.train.torch import get_device, prepare_model

        self._recipe, self._worker = learner.recipe, worker
        self._device = get_device()
        self._model: Any = prepare_model(self._recipe.make_model())
        self._plain: torch.nn.Module = (
            getattr(self._model, "module", self._model) if worker.worker_count > 1 else self._model
        )
        self._optimizer = self._recipe.make_optimizer(self._plain)
        self._scheduler = self._recipe.make_scheduler(self._optimizer)
        self._loss = self._recipe.make_loss()
        self._dtype = learner.features_type
        self._best: dict[str, torch.Tensor] | None = None
        self.state = EpochState()

    def restore(self) -> None:
        """Restore the state from the latest checkpoint, if there is one."""
        with self._worker.checkpoints.open_latest() as folder:
            if folder is None:
                return
            saved = torch.load(folder / _STATE, map_location=self._device, weights_only=True)
        self._plain.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        if self._scheduler is not None:
            self._scheduler.load_state_dict(saved["scheduler"])
        torch.set_rng_state(saved["random"].cpu())
        self._best, self.state = saved["best"], EpochState(**saved["state"])

    def train_epoch(self) -> None:
        """Train one epoch, evaluate, and save a checkpoint if one is due."""
        state, worker = self.state, self._worker
        state.epoch += 1
        metrics = {"train-loss": self._train_batches()}
        if worker.evaluation_shard is not None:
            metrics["evaluate-loss"] = self._evaluate()
        if state.add_epoch(metrics, self._recipe.epochs):
            self._best = {name: tensor.detach().clone() for name, tensor in self._plain.state_dict().items()}
        if [callback for callback in worker.configuration.callbacks if callback(state.epoch, dict(metrics)) is True]:
            state.stopped = True
        worker.checkpoints.report_step(state.epoch, metrics, self._write_checkpoint)

    def make_result(self) -> TrainedModel:
        """Return the model: the last one, or with early stopping the best one."""
        state = self._plain.state_dict() if self._best is None else self._best
        buffer = io.BytesIO()
        torch.save({name: tensor.cpu() for name, tensor in state.items()}, buffer)
        return TrainedModel(buffer.getvalue(), self.state.history, self.state.best_epoch or None)

    def _write_checkpoint(self, folder: Path) -> None:
        state = {
            "model": self._plain.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": None if self._scheduler is None else self._scheduler.state_dict(),
            "random": torch.get_rng_state(),
            "best": self._best,
            "state": asdict(self.state),
        }
        torch.save(state, folder / _STATE)

    def _train_batches(self) -> float:
        """Train with all batches of an epoch; return the mean loss."""
        self._model.train()
        total, weight = 0.0, 0.0
        recipe, worker = self._recipe, self._worker
        shuffler = recipe.epochs.make_shuffler(worker.configuration.seed, self.state.epoch, worker.rank)
        batches = self._iterate_batches(worker.train_shard, shuffler, drop_last=recipe.epochs.drop_last)
        for features, labels, weights in self._align_steps(batches):
            self._optimizer.zero_grad()
            outputs = self._model(features)
            loss = outputs.sum() * 0 if labels is None else self._compute_loss(outputs, labels, weights)
            loss.backward()
            self._optimizer.step()
            if self._scheduler is not None and recipe.scheduler_step == "batch":
                self._scheduler.step()
            if labels is not None:
                batch_weight = _sum_weights(labels, weights)
                total, weight = total + loss.item() * batch_weight, weight + batch_weight
        if self._scheduler is not None and recipe.scheduler_step == "epoch":
            self._scheduler.step()
        return self._average(total, weight)

    def _align_steps(self, batches: Any) -> Any:
        """Yield batches until no worker has one left.

        The models of the workers stay equal only if all workers make the same steps, but some may have one batch more.
        A worker without a batch gets the features of its last one again, without labels.
        """
        features = self._recipe.make_zeros(self._worker.layout, self._device)
        while True:
            batch = next(batches, None)
            if batch is not None:
                features = batch[0]
            elif self._worker.worker_count == 1:
                return
            if self._worker.worker_count > 1:
                workers_with_batch = torch.tensor(float(batch is not None), device=self._device)
                torch.distributed.all_reduce(workers_with_batch)
                if workers_with_batch == 0:
                    return
            yield (features, None, None) if batch is None else batch

    def _evaluate(self) -> float:
        """Return the mean loss on the evaluation frame."""
        assert self._worker.evaluation_shard is not None
        self._plain.eval()
        total, weight = 0.0, 0.0
        with torch.no_grad():
            for features, labels, weights in self._iterate_batches(
                self._worker.evaluation_shard, None, drop_last=False
            ):
                loss = self._compute_loss(self._plain(features), labels, weights)
                batch_weight = _sum_weights(labels, weights)
                total, weight = total + loss.item() * batch_weight, weight + batch_weight
        return self._average(total, weight)

    def _iterate_batches(self, shard: Any, shuffler: np.random.Generator | None, *, drop_last: bool) -> Any:
        recipe, worker = self._recipe, self._worker
        label_type = recipe.label_type or (
            torch.int64 if worker.classes is not None and not recipe.is_binary else torch.float32
        )
        for rows in iterate_batches(
            worker, shard, self._dtype, recipe.epochs.batch_size, shuffler, drop_last=drop_last
        ):
            features = recipe.make_inputs(rows.features, self._device)
            # Copied, because PyTorch warns about read-only arrays, and these may be in shared memory.
            labels = torch.tensor(rows.labels, device=self._device, dtype=label_type)
            weights = (
                None if rows.weights is None else torch.tensor(rows.weights, device=self._device, dtype=torch.float32)
            )
            yield features, labels, weights

    def _compute_loss(self, outputs: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        if outputs.ndim == labels.ndim + 1 and outputs.shape[-1] == 1:
            labels = labels.unsqueeze(-1)
        loss: torch.Tensor
        if weights is None:
            loss = self._loss(outputs, labels)
            return loss
        if not hasattr(self._loss, "reduction"):
            raise InvalidArgumentError(f"A weight column needs a loss module that has a reduction; got: {self._loss!r}")
        reduction, self._loss.reduction = self._loss.reduction, "none"
        try:
            loss = self._loss(outputs, labels)
        finally:
            self._loss.reduction = reduction
        losses = loss.reshape(len(weights), -1).mean(dim=1)
        return (losses * weights).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)

    def _average(self, total: float, weight: float) -> float:
        """Return the mean loss over the rows of all workers, from this worker's sums."""
        sums = torch.tensor([total, weight], dtype=torch.float64, device=self._device)
        if self._worker.worker_count > 1:
            torch.distributed.all_reduce(sums)
        return float(sums[0] / sums[1]) if sums[1] > 0 else float("nan")


def _sum_weights(labels: torch.Tensor, weights: torch.Tensor | None) -> float:
    return float(len(labels)) if weights is None else float(weights.sum())
