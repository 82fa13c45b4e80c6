"""Run one fit on Ray Train: start the workers, retry, keep checkpoints, and explain failures."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.fs
import ray
import ray.train
from ray import cloudpickle

from raydp._estimators.frameworks import Checkpoints, Learner, TrainedModel, TrainingWorker
from raydp._estimators.training.failures import explain_failure, is_final
from raydp._estimators.training.mlflow_reports import join_run
from raydp._estimators.training.progress import show_progress
from raydp._estimators.training.train_environment import set_train_environment
from raydp._machine.console import tell
from raydp._ray.train_internals import count_starts, lean_trainer, quieten_reports, remove_groups
from raydp.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.shards import Shard
    from raydp._estimators.training.mlflow_reports import RunAddress

__all__ = ["TrainingJob", "run"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingJob:
    """What to train, and on which rows.

    Attributes:
        learner: The framework.
        layout: The columns of the rows.
        classes: The classes; ``None`` for a regression.
        configuration: The estimator's configuration.
        train_shards: The rows that each worker learns from.
        evaluation_shards: The rows that each worker evaluates with, or ``None``.
        mlflow_run: Where to log the metrics of each step; ``None``: nowhere.
    """

    learner: Learner
    layout: Layout
    classes: Classes | None
    configuration: Configuration
    train_shards: tuple[Shard, ...]
    evaluation_shards: tuple[Shard, ...] | None
    mlflow_run: RunAddress | None = None

    @property
    def name(self) -> str:
        """A name that two jobs share only if one can resume from the other's checkpoint."""
        rows = [shard.rows for shards in (self.train_shards, self.evaluation_shards or ()) for shard in shards]
        configuration = replace(self.configuration, callbacks=(), mlflow=None)
        described = repr((self.learner.identity, self.layout, str(self.classes), configuration, rows))
        return f"{self.learner.framework}-{hashlib.sha256(described.encode()).hexdigest()[:16]}"

    def make_workers(self, checkpoints: Checkpoints) -> list[TrainingWorker]:
        """Return the workers, in the order of their ranks, without their callbacks."""
        configuration = replace(self.configuration, callbacks=())  # they come with the learner
        return [
            TrainingWorker(
                layout=self.layout,
                classes=self.classes,
                configuration=configuration,
                train_shard=shard,
                evaluation_shard=None if self.evaluation_shards is None else self.evaluation_shards[rank],
                rank=rank,
                worker_count=len(self.train_shards),
                checkpoints=checkpoints,
            )
            for rank, shard in enumerate(self.train_shards)
        ]


def run(job: TrainingJob, *, max_retries: int) -> TrainedModel:
    """Train on Ray workers.

    Args:
        job: What to train.
        max_retries: How many times training may resume from its latest checkpoint after a worker failed.

    Raises:
        InvalidDataError: A worker found rows that it cannot train on.
        TrainingError: Workers failed more than ``max_retries`` times, the user's code raised an error (such as a
            ``TypeError`` in a callback), or Ray Train's controller was killed.
    """
    set_train_environment()
    with (
        _open_storage(job.configuration, job.name) as (path, is_shared),
        show_progress(
            job.configuration.progress, job.learner.steps, job.learner.framework, job.learner.step_name
        ) as progress,
    ):
        every = job.configuration.checkpoint_every
        checkpoints = Checkpoints(every=every, enabled=is_shared)
        if progress.reports is not None:
            checkpoints.add_reports(progress.reports)
        try:
            with _removed_placement_groups() as groups:
                result = _make_trainer(job, path, checkpoints, groups, max_retries).fit()
                retries = max(count_starts(groups) - 1, 0)
        except ray.train.TrainingFailedError as error:
            raise explain_failure(error, max_retries) from error
        except ray.exceptions.RayActorError as error:
            raise TrainingError(
                "Ray Train's controller, a process on the driver's node, ended before the training. It was killed, "
                "perhaps because memory ran out, or interrupted. Call fit again; with checkpoint_dir it resumes from "
                f"the latest checkpoint. checkpoint_dir: {job.configuration.checkpoint_dir}; {error}"
            ) from error
        trained = result.return_value
        if not isinstance(trained, TrainedModel):
            raise TrainingError(f"Ray Train ended without a model and without an error; got: {trained!r}")
        progress.finish(trained.history)
    _tell_of_retries(job.learner, retries, trained.resumed_from)
    return replace(trained, retries=retries)


def _tell_of_retries(learner: Learner, retries: int, resumed_from: int) -> None:
    """Tell the user if training did not run from its beginning to its end at once."""
    step = f"the checkpoint of {learner.step_name.removesuffix('s')} {resumed_from}"
    if retries:
        then = f"resumed from {step}" if resumed_from else "restarted from the beginning"
        times = "once" if retries == 1 else f"{retries} times"
        tell(f"training {learner.framework} failed {times} on its workers, and {then}")
    elif resumed_from:
        tell(f"training {learner.framework} resumed from {step}, which an earlier fit had saved")


def _make_trainer(job: TrainingJob, path: str, checkpoints: Checkpoints, groups: Path, max_retries: int) -> Any:
    configuration, worker_count = job.configuration, len(job.train_shards)
    # Ray's types take it for the RunConfig of the older Ray Train, which has other arguments.
    run_configuration: Any = ray.train.RunConfig
    return lean_trainer(job.learner.trainer_class(worker_count), groups, is_final)(
        _train_in_worker,
        train_loop_config={
            # Pickled, because the controller reads the whole dictionary and must not import the framework.
            "learner": cloudpickle.dumps((job.learner, job.configuration.callbacks)),
            "workers": job.make_workers(checkpoints),
            "mlflow_run": job.mlflow_run,
        },
        scaling_config=ray.train.ScalingConfig(
            num_workers=worker_count,
            resources_per_worker=configuration.resources,
            use_gpu=configuration.resources.get("GPU", 0) > 0,
            placement_strategy=configuration.placement_strategy,
        ),
        run_config=run_configuration(
            name=job.name,
            storage_path=path,
            failure_config=ray.train.FailureConfig(max_failures=max_retries),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
        ),
    )


@contextmanager
def _removed_placement_groups() -> Iterator[Path]:
    """Yield a file in which the controller notes placement groups, and remove them if it cannot do so itself.

    It removes them after a training, also after one that failed, but not if it is killed or the driver is interrupted.
    """
    with tempfile.TemporaryDirectory(prefix="raydp-fit-") as folder:
        groups = Path(folder, "placement-groups")
        try:
            yield groups
        except ray.train.TrainingFailedError:
            raise
        except BaseException:
            remove_groups(groups)
            raise


def _train_in_worker(config: dict[str, Any]) -> TrainedModel | None:
    quieten_reports()
    worker: TrainingWorker = config["workers"][ray.train.get_context().get_world_rank()]
    learner: Learner
    learner, callbacks = cloudpickle.loads(config["learner"])
    worker = replace(worker, configuration=replace(worker.configuration, callbacks=callbacks))
    with join_run(config["mlflow_run"], worker.configuration.checkpoint_every) as reports:
        if reports is not None:
            worker.checkpoints.add_reports(reports)
        trained = learner.train(worker)
    return None if trained is None else replace(trained, resumed_from=worker.checkpoints.resumed_from)


@contextmanager
def _open_storage(configuration: Configuration, name: str) -> Iterator[tuple[str, bool]]:
    """Yield the folder for checkpoints, and whether all workers can reach it. Remove them after a successful fit."""
    if configuration.checkpoint_dir is not None:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(_to_uri(configuration.checkpoint_dir))
        yield configuration.checkpoint_dir, True
        run_folder = f"{path}/{name}"
        if filesystem.get_file_info(run_folder).type == pyarrow.fs.FileType.Directory:
            filesystem.delete_dir(run_folder)
        return
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1:
        _logger.warning(
            "Training on a cluster of %d nodes without checkpoint_dir: if a worker is killed, training restarts from "
            "the beginning. Set checkpoint_dir to a folder that every node can reach.",
            nodes,
        )
    folder = tempfile.mkdtemp(prefix="raydp-fit-")
    try:
        yield folder, nodes <= 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _to_uri(path: str) -> str:
    return path if "://" in path else Path(path).absolute().as_uri()
