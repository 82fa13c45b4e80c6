"""What Ray Train's own processes log of a fit."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

from ray import cloudpickle

from raydp._ray import train_internals

if TYPE_CHECKING:
    from pathlib import Path

_LOGGER = "ray.train.v2._internal.execution.scaling_policy.autoscaling_coordinator_client"
# The controller configures Ray Train's loggers after it has received its callbacks.
_CONTROLLER = f"""
import logging.config, pickle, sys
callback = pickle.loads(sys.stdin.buffer.read())
handlers = {{"console": {{"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}}}}
loggers = {{"ray.train": {{"level": "INFO", "handlers": ["console"]}}}}
logging.config.dictConfig(dict(version=1, disable_existing_loggers=False, handlers=handlers, loggers=loggers))
logging.getLogger({_LOGGER!r}).warning("Failed to send resource request")
logging.getLogger({_LOGGER!r}).error("an error")
print(hasattr(callback, "after_worker_group_start"))
print(type(pickle.loads(pickle.dumps(callback))).__name__)
"""


def test_the_controller_of_a_fit_logs_no_stack_if_the_machine_is_busy(tmp_path: Path) -> None:
    assert logging.getLogger(_LOGGER).isEnabledFor(logging.WARNING)  # the program's own
    sent = cloudpickle.dumps(train_internals._note_groups(tmp_path / "groups"))
    done = subprocess.run(
        [sys.executable, "-c", _CONTROLLER], input=sent, capture_output=True, timeout=120, check=False
    )
    assert done.stdout.decode().splitlines() == ["an error", "True", "NoteGroups"], done.stderr.decode()
