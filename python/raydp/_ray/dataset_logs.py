"""Keep what Ray Data logs during raydp's own calls out of the console. Its file in Ray's log folder has all of it."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ray.util.debug import reset_log_once

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet_datasets"]

_LOGGER = "ray.data"
_NO_CPU = "does not have any available CPUs"
_NO_CPU_ONCE = "cpu_warning"


class _ConsoleFilter(logging.Filter):
    """Drops information, and the warning that the CPUs are busy at this moment, while a call of raydp runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.lock = threading.Lock()
        self.hid_warning = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record."""
        if self.calls == 0:
            return True
        if _NO_CPU in str(record.msg):
            # It says that the job will hang. raydp has its own waits for capacity, which say what they wait for.
            self.hid_warning = True
            return False
        return record.levelno >= logging.WARNING


_filter = _ConsoleFilter()


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Inside the context, show only warnings and errors of Ray Data on the console. Contexts may overlap."""
    with _filter.lock:
        _filter.calls += 1
        for handler in logging.getLogger(_LOGGER).handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.addFilter(_filter)  # once: adding it again has no effect
    try:
        yield
    finally:
        with _filter.lock:
            _filter.calls -= 1
            if _filter.hid_warning and _filter.calls == 0:
                _filter.hid_warning = False
                reset_log_once(_NO_CPU_ONCE)  # Ray says it once, and the program's own Datasets may need it
