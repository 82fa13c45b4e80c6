"""The interpreter of the executors' Python workers: the driver's own, unless the user sets another one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from raydp.errors import MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["worker_settings"]

_CHECK_TIMEOUT_SECONDS = 60
_CHECK = "import sys, pyspark; print('%d.%d' % sys.version_info[:2], pyspark.__version__)"
_DAEMON_CHECK = "import importlib.util as u; print(u.find_spec('raydp') is not None)"


def worker_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Choose the interpreter of the Python workers, and check that it works.

    Sets ``PYSPARK_PYTHON`` to this interpreter if neither it nor ``spark.pyspark.python`` is set.

    Returns:
        Settings to add to the Spark configuration.

    Raises:
        MissingRequirementError: The chosen interpreter does not run, is of another Python version than
            the driver, or cannot import pyspark.
    """
    chosen = settings.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON")
    if not chosen:
        os.environ["PYSPARK_PYTHON"] = sys.executable
        return {"spark.python.daemon.module": "raydp._spark.worker_daemon"}
    os.environ["PYSPARK_PYTHON"] = chosen
    if os.path.realpath(shutil.which(chosen) or chosen) == os.path.realpath(sys.executable):
        same_environment = _run(chosen, "import sys; print(sys.prefix)") == sys.prefix
    else:
        same_environment = False
    if same_environment:
        return {"spark.python.daemon.module": "raydp._spark.worker_daemon"}
    _check_version(chosen)
    if _run(chosen, _DAEMON_CHECK) == "True":
        return {"spark.python.daemon.module": "raydp._spark.worker_daemon"}
    return {}


def _check_version(chosen: str) -> None:
    python, pyspark = _run(chosen, _CHECK).split()
    expected = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python != expected:
        raise MissingRequirementError(
            "The Python workers would run another Python version than the driver, which PySpark does not allow. Point "
            f"PYSPARK_PYTHON at a Python {expected}, or unset it to use the driver's own. PYSPARK_PYTHON: {chosen} "
            f"(Python {python}, PySpark {pyspark})"
        )


def _run(interpreter: str, code: str) -> str:
    try:
        answer = subprocess.run(
            [interpreter, "-c", code], capture_output=True, text=True, check=True, timeout=_CHECK_TIMEOUT_SECONDS
        )
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip().splitlines() or ["no output"])[-1]
        raise MissingRequirementError(
            "The interpreter of the Python workers cannot import pyspark. Install it there (`pip install pyspark`), or "
            "unset PYSPARK_PYTHON and spark.pyspark.python to use the driver's own interpreter. "
            f"Interpreter: {interpreter}; it said: {last_line}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingRequirementError(
            "The interpreter of the Python workers does not run. Correct PYSPARK_PYTHON (or spark.pyspark.python), or "
            f"unset it to use the driver's own interpreter. Interpreter: {interpreter}; error: {error}"
        ) from error
    return answer.stdout.strip()
