"""Waiting for executors to come and go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView

__all__ = ["ExecutorChanges"]


class ExecutorChanges:
    """Waits for the next change in the driver JVM's view of its executors; for one thread.

    Args:
        jvm: The driver's JVM.
    """

    def __init__(self, jvm: JVMView) -> None:
        self._jvm = jvm
        self._sequence = 0

    def __call__(self, timeout: float) -> None:
        """Return after a change since the last call, or after ``timeout`` seconds.

        Raises:
            py4j.protocol.Py4JError: The JVM is gone.
        """
        application = self._jvm.io.raydp.lifecycle.RayApplication
        status = json.loads(application.awaitChange(self._sequence, int(timeout * 1000)))
        self._sequence = status["sequence"]
