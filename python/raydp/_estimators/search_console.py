"""What a search shows on the console: raydp's progress bar, and nothing of Ray Tune's."""

from __future__ import annotations

import logging
import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ray import tune

from raydp._machine.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._estimators.search_metric import SearchMetric
    from raydp._estimators.search_turns import TrialTurns

__all__ = ["TrialEvents", "quiet_tune"]

_TUNE_SETTINGS = {
    # The traceback of each trial that fails. The error at the end has that of the first.
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    # The newer output shows a table and the names of folders, also with verbose=0. The older one is silent then.
    "RAY_AIR_NEW_OUTPUT": "0",
}
_TUNE_LOGGER = "ray.tune.tune"  # names the folder of the trials in a log line


class TrialEvents(tune.Callback):
    """Follows the trials in the driver: ends the turn of each, also of one whose process was killed, and draws the bar.

    Args:
        turns: The turns of the trials.
        metric: What the trials are compared by.
        progress: Whether to draw the bar; ``None``: in a terminal and in a notebook.
    """

    def __init__(self, turns: TrialTurns, metric: SearchMetric, *, progress: bool | None) -> None:
        self._turns = turns
        self._metric = metric
        self._enabled = progress
        self._done, self._failed, self._best = 0, 0, math.nan
        self._bar: Progress | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bar": None}  # Ray Tune pickles its callbacks, and a bar has locks

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the bar inside the context."""
        with Progress("trials", unit="trial", enabled=self._enabled) as self._bar:
            yield
        self._bar = None

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        """Show the number of trials, or none if the search algorithm decides it."""
        del stop, num_samples, info
        if self._bar is not None:
            self._bar.set(0, total=total_num_samples if total_num_samples and total_num_samples > 0 else None)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Count a trial, and show the best value so far."""
        del iteration, trials, info
        value = (trial.last_result or {}).get(self._metric.name, math.nan)
        is_better = value < self._best if self._metric.mode == "min" else value > self._best
        if is_better or math.isnan(self._best):
            self._best = value
        self._end(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Count a trial that failed."""
        del iteration, trials, info
        self._failed += 1
        self._end(trial)

    def _end(self, trial: Any) -> None:
        self._turns.leave(trial.trial_id)
        self._done += 1
        if self._bar is not None:
            best = "" if math.isnan(self._best) else f"best {self._metric.name}={self._best:.5g}"
            failed = f"{self._failed} failed" if self._failed else ""
            self._bar.set(self._done, detail=", ".join(filter(None, [best, failed])))


@contextmanager
def quiet_tune() -> Iterator[None]:
    """Inside the context, Ray Tune logs warnings and errors only. Settings that the user has chosen are kept."""
    added = [name for name in _TUNE_SETTINGS if name not in os.environ]
    os.environ.update({name: _TUNE_SETTINGS[name] for name in added})
    logger = logging.getLogger(_TUNE_LOGGER)
    level = logger.level
    if level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name in added:
            os.environ.pop(name, None)
