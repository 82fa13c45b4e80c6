"""What TensorFlow logs in Ray's worker processes, from where each line goes to the user's console.

TensorFlow writes thirty lines at every start and a line for each collective operation, about itself. Its Python lines
appear twice, because both its handler and Ray's print them. Errors are kept.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._ray.internals import is_worker_process, session_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quieten_worker"]

_NATIVE_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ALL, _ONLY_ERRORS = "0", "2"
_STANDARD_ERROR = 2
_NOISE = re.compile(rb"[IW]\d{4} |WARNING: All log messages before absl::InitializeLog")


def quieten_worker() -> None:
    """In a worker process of Ray, keep TensorFlow's information and warnings out of the log. This imports TensorFlow.

    A level that the user has set is kept: ``TF_CPP_MIN_LOG_LEVEL`` for native code, which reads it when TensorFlow is
    imported, and those of the loggers ``tensorflow`` and ``absl`` for Python.
    """
    if not is_worker_process():
        return
    with suppress(ModuleNotFoundError):  # whoever needs TensorFlow then says so
        from absl import logging as absl_logging  # first: it makes its logger of a class of its own

        for logger in (logging.getLogger("tensorflow"), absl_logging.get_absl_logger()):
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.ERROR)
        os.environ.setdefault(_NATIVE_LEVEL, _ONLY_ERRORS)
        if os.environ[_NATIVE_LEVEL] != _ALL and "tensorflow" not in sys.modules:
            with _without_noise():
                importlib.import_module("tensorflow")


@contextmanager
def _without_noise() -> Iterator[None]:
    """Drop native information and warnings inside the context. While TensorFlow is imported, no level applies yet.

    All other lines follow at the end. If the process crashes before that, they are in a file in Ray's log folder.
    """
    path = Path(session_directory(), "logs", f"tensorflow-{os.getpid()}.err")
    sys.stderr.flush()
    before = os.dup(_STANDARD_ERROR)
    try:
        with path.open("wb", buffering=0) as file:
            os.dup2(file.fileno(), _STANDARD_ERROR)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, _STANDARD_ERROR)
        os.close(before)
        with suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines(keepends=True):
                if not _NOISE.match(line):
                    os.write(_STANDARD_ERROR, line)
            path.unlink()
