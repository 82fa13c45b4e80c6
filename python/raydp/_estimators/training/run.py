"""One fit on Ray Train: workers, retries, checkpoints."""

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

from raydp._estimators.frameworks.learner import Checkpoints, Learner, Part, Trained
from raydp._estimators.training.progress import steps_shown
from raydp._estimators.training.train_environment import settle
from raydp._ray.internals import lean_trainer, quieten_reports, remove_groups
from raydp.errors import InvalidArgumentError, RaydpError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._estimators.configuration import Configuration
    from raydp._estimators.data.labels import Classes
    from raydp._estimators.data.layout import Layout
    from raydp._estimators.data.shards import Shard

__all__ = ["Job", "run"]

_logger = logging.getLogger(__name__)

# Mistakes of a program. Their subclasses are not: libraries report lost connections with them, too.
_MISTAKES = frozenset(
    {
        ArithmeticError,
        AssertionError,
        AttributeError,
        FloatingPointError,
        ImportError,
        IndexError,
        KeyError,
        LookupError,
        ModuleNotFoundError,
        NameError,
        NotImplementedError,
        OverflowError,
        TypeError,
        UnboundLocalError,
        ValueError,
        ZeroDivisionError,
    }
)


@dataclass(frozen=True)
class Job:
    """What is to be trained on what.

    Attributes:
        learner: The framework.
        layout: The columns.
        classes: The classes, for a classifier.
        configuration: That of the estimator.
        train: The rows of each worker.
        evaluate: The rows of each worker to measure with, or ``None``.
    """

    learner: Learner
    layout: Layout
    classes: Classes | None
    configuration: Configuration
    train: tuple[Shard, ...]
    evaluate: tuple[Shard, ...] | None

    @property
    def name(self) -> str:
        """A name that two jobs share only if one may go on from the other's checkpoint."""
        rows = [shard.rows for shards in (self.train, self.evaluate or ()) for shard in shards]
        configuration = replace(self.configuration, callbacks=())
        described = repr((self.learner.identity, self.layout, str(self.classes), configuration, rows))
        return f"{self.learner.framework}-{hashlib.sha256(described.encode()).hexdigest()[:16]}"

    def parts(self, checkpoints: Checkpoints) -> list[Part]:
        """Return what each worker is given, by its rank."""
        return [
            Part(
                layout=self.layout,
                classes=self.classes,
                configuration=self.configuration,
                train=shard,
                evaluate=None if self.evaluate is None else self.evaluate[rank],
                rank=rank,
                workers=len(self.train),
                checkpoints=checkpoints,
            )
            for rank, shard in enumerate(self.train)
        ]


def run(job: Job, *, max_retries: int) -> Trained:
    """Train on workers of their own.

    Args:
        job: What to train.
        max_retries: How often training may go on from its last checkpoint after a worker failed.

    Raises:
        InvalidDataError: A worker found something wrong with the rows.
        TrainingError: Workers failed more often than that, or once by a mistake of the program (a ``TypeError`` in a
            callback, say), or Ray Train's controller was killed.
    """
    configuration = job.configuration
    settle()
    shown = steps_shown(configuration.progress, job.learner.steps)
    with (
        _storage(configuration, job.name) as (path, enabled),
        shown as callbacks,
        tempfile.TemporaryDirectory(prefix="raydp-fit-") as notes,
    ):
        groups = Path(notes) / "placement-groups"
        # Typed as its older namesake, which has other arguments.
        run_configuration: Any = ray.train.RunConfig
        trainer = lean_trainer(job.learner.trainer(len(job.train)), groups, _is_final)(
            _train_in_worker,
            train_loop_config={
                # Pickled, so that the controller, which looks at all of this, does not import the framework.
                "learner": cloudpickle.dumps(job.learner),
                "parts": job.parts(Checkpoints(every=configuration.checkpoint_every, enabled=enabled)),
            },
            scaling_config=ray.train.ScalingConfig(
                num_workers=len(job.train),
                resources_per_worker=configuration.resources,
                use_gpu=configuration.resources.get("GPU", 0) > 0,
                placement_strategy=configuration.placement_strategy,
            ),
            run_config=run_configuration(
                name=job.name,
                storage_path=path,
                failure_config=ray.train.FailureConfig(max_failures=max_retries),
                checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
                callbacks=callbacks,
                logging_config=ray.train.LoggingConfig(log_level="WARNING"),
            ),
        )
        try:
            result = trainer.fit()
        except ray.train.TrainingFailedError as error:
            raise _explained(error, max_retries) from error
        except ray.exceptions.RayActorError as error:
            remove_groups(groups)
            raise TrainingError(
                "Ray Train's controller, a process on the driver's node, ended before the training: it was killed, "
                "maybe for want of memory, or interrupted. Call fit again; with checkpoint_dir it goes on from the "
                f"last checkpoint. checkpoint_dir: {configuration.checkpoint_dir}; {error}"
            ) from error
        except BaseException:
            remove_groups(groups)
            raise
    trained = result.return_value
    if not isinstance(trained, Trained):
        raise TrainingError(f"Ray Train ended without a model and without an error; got: {trained!r}")
    return trained


def _train_in_worker(config: dict[str, Any]) -> Trained | None:
    quieten_reports()
    part: Part = config["parts"][ray.train.get_context().get_world_rank()]
    learner: Learner = cloudpickle.loads(config["learner"])
    return learner.train(part)


def _is_final(error: BaseException) -> bool:
    return isinstance(error, InvalidArgumentError) or type(error) in _MISTAKES


@contextmanager
def _storage(configuration: Configuration, name: str) -> Iterator[tuple[str, bool]]:
    """Give the folder for checkpoints and whether all workers reach it; what a finished fit left there is removed."""
    if configuration.checkpoint_dir is not None:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(_uri(configuration.checkpoint_dir))
        yield configuration.checkpoint_dir, True
        run_folder = f"{path}/{name}"
        if filesystem.get_file_info(run_folder).type == pyarrow.fs.FileType.Directory:
            filesystem.delete_dir(run_folder)
        return
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1:
        _logger.warning(
            "Training on a cluster of %d nodes without checkpoint_dir: a killed worker starts it again from the "
            "beginning. Name a folder that every node reaches.",
            nodes,
        )
    folder = tempfile.mkdtemp(prefix="raydp-fit-")
    try:
        yield folder, nodes <= 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _uri(path: str) -> str:
    return path if "://" in path else Path(path).absolute().as_uri()


def _explained(error: Exception, max_retries: int) -> RaydpError:
    failures = getattr(error, "worker_failures", None) or {}
    for failure in failures.values():
        found = raydp_cause(failure)
        if found is not None:
            return found
    first = next(iter(failures.items()), None)
    cause = f"worker {first[0]}: {type(first[1]).__name__}: {first[1]}" if first is not None else str(error)
    return TrainingError(
        "Training failed on the workers; the cause is below. If a worker was killed, look for too little memory; "
        f"max_retries and checkpoint_dir say how often it goes on from where. max_retries: {max_retries}; {cause}"
    )


def raydp_cause(error: BaseException | None) -> RaydpError | None:
    """Return the error of ours that an error of Ray's was caused by, if any."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, RaydpError):
            # Ray makes a class of both its own and ours; the plain one prints its message alone.
            cause = getattr(error, "cause", None)
            return cause if isinstance(cause, RaydpError) else error
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__
    return None
