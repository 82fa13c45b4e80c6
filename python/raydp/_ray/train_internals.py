"""Where raydp reaches into the private parts of Ray Train. Each use says why, and what would replace it.

The other private parts of Ray are in :mod:`raydp._ray.internals`. Everything is imported on demand: Ray Train takes a
second to import, and a worker must not import what only the driver needs.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
from typing import TYPE_CHECKING, Any

from raydp._machine.interrupts import interrupts_deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["count_starts", "is_loss", "lean_trainer", "quieten_reports", "remove_groups"]

_ABORT_SECONDS = 5.0


def quieten_reports() -> None:
    """Stop Ray Train in this worker from logging every report. The log lines reach the user's terminal.

    Why: the logger is named after its file, and the ``log_level`` of ``ray.train.LoggingConfig`` does not apply to it.
    A logger that is named after its module would replace this.
    """
    from ray.train.v2._internal.execution import context

    context.logger.setLevel(logging.WARNING)


def lean_trainer(trainer: type[Any], groups: Path, is_final: Callable[[BaseException], bool]) -> type[Any]:
    """Return a trainer of Ray Train that starts fewer processes of its own, and does not retry errors that recur.

    Why: Ray Train starts two processes that estimators do not need, and each imports all of Ray Train (two seconds of
    CPU time). One hands out Datasets; it is started for every group of workers, but estimators distribute the blocks
    themselves. The other watches whether the controller is killed; without Ray's dashboard, the end of a fit waits
    12 s for it. :func:`remove_groups` does its work. Optional callbacks would replace this. As for failures, Ray Train
    treats an error in the training function like a killed worker; a public failure policy would replace this.

    Args:
        trainer: A subclass of ``ray.train``'s ``DataParallelTrainer``.
        groups: A file on this machine, where the controller also runs. It receives the workers' placement groups.
        is_final: Tells whether an error in a worker would recur in every attempt.
    """

    class Lean(trainer):  # type: ignore[misc]  # Ray has no types
        _controller: Any = None

        def _create_default_callbacks(self) -> list[Any]:
            from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
            from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

            left_out = DatasetsCallback, PlacementGroupCleanerCallback
            callbacks = super()._create_default_callbacks()
            return [*(one for one in callbacks if not isinstance(one, left_out)), _note_groups(groups)]

        def _initialize_and_run_controller(self, **arguments: Any) -> Any:
            policy = _without_retries(arguments.pop("failure_policy"), is_final)
            try:
                return super()._initialize_and_run_controller(failure_policy=policy, **arguments)
            except KeyboardInterrupt:
                _end_controller(self._controller)
                raise

        def _register_sigint_handler(self, controller: Any) -> None:
            # Ray Train's handler turns Ctrl-C into the end of the program, and stays for the rest of the program.
            self._controller = controller

    return Lean


def _end_controller(controller: Any) -> None:
    """End an interrupted training: its workers, then its controller. Bounded."""
    import ray

    if controller is None or not ray.is_initialized():
        return
    with interrupts_deferred(), contextlib.suppress(ray.exceptions.RayError):
        ray.wait([controller.abort.remote()], timeout=_ABORT_SECONDS)
        ray.kill(controller)


def is_loss(failure: BaseException) -> bool:
    """Return whether a failure is that of a worker which was lost, and not an error that its code raised.

    Why: Ray Train's own errors, such as that a worker does not answer, are in a private module. If the public
    ``TrainingFailedError`` told the two apart, it would replace this.
    """
    from ray.exceptions import RayError, RayTaskError
    from ray.train.v2._internal.exceptions import RayTrainError

    return isinstance(failure, (RayError, RayTrainError)) and not isinstance(failure, RayTaskError)


def _without_retries(policy: Any, is_final: Callable[[BaseException], bool]) -> Any:
    """Return a failure policy that does not retry final errors, and leaves the others to another policy."""
    from ray.train.v2._internal.execution.failure_handling import FailureDecision, FailurePolicy

    class WithoutRetries(FailurePolicy):
        def make_decision(self, training_failed_error: Any) -> Any:
            failures = getattr(training_failed_error, "worker_failures", {}).values()
            # If one of the workers died, the errors of the others may be caused by that.
            if any(map(is_final, failures)) and not any(map(is_loss, failures)):
                return FailureDecision.RAISE
            return policy.make_decision(training_failed_error)

    return WithoutRetries(policy.failure_config)


def _note_groups_quietly(path: Path) -> Any:
    """Return the callback in the process of the controller, which logs nothing of requests that it repeats anyway.

    Why: on a busy machine the controller logs a stack, which reaches the user's terminal, each time that Ray Data's
    coordinator needs 5 s for a hint to the autoscaler. One line, or a longer bound, would replace this.
    """
    from ray.train.v2._internal.execution.scaling_policy import autoscaling_coordinator_client

    # A filter, because the controller configures Ray Train's loggers after this, which resets their levels.
    autoscaling_coordinator_client.logger.addFilter(_is_error)
    return _note_groups(path)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _note_groups(path: Path) -> Any:
    from ray.train.v2._internal.execution.callback import WorkerGroupCallback

    class NoteGroups(WorkerGroupCallback):
        def __reduce__(self) -> Any:
            return _note_groups_quietly, (path,)

        def after_worker_group_start(self, worker_group: Any) -> None:
            group = worker_group.get_worker_group_state().placement_group_handle.placement_group
            path.parent.mkdir(parents=True, exist_ok=True)  # if the controller has its own file system
            with path.open("ab") as file:
                pickle.dump(group, file)

    return NoteGroups()


def remove_groups(path: Path) -> None:
    """Remove the placement groups that a controller noted, in case it was killed before it removed them."""
    from ray.util import remove_placement_group

    for group in _read_groups(path):
        remove_placement_group(group)


def count_starts(path: Path) -> int:
    """Return how often a controller that noted placement groups started the workers."""
    return sum(1 for _ in _read_groups(path))


def _read_groups(path: Path) -> Iterator[Any]:
    if not path.exists():
        return
    with path.open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)
