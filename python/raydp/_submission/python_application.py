"""Runs a submitted Python program in this process."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from raydp._application import submitted
from raydp._application.sizing import SIZE_OPTIONS
from raydp._session.init_spark import stop_spark
from raydp._spark.redaction import redact_settings
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from types import TracebackType

    from raydp._submission.options import Submission

__all__ = ["run"]

_PY_FILES = "spark.submit.pyFiles"
_RUNNERS = (__file__, runpy.__file__, "<frozen runpy>")


def run(submission: Submission) -> int:
    """Run the program as ``python PROGRAM ARGUMENTS`` would, with the submission's settings for its Spark.

    Returns:
        0, or 1 after an exception of the program, which is shown. ``SystemExit`` and Ctrl-C pass through.

    Raises:
        InvalidArgumentError: The program does not exist.
    """
    program = Path(submission.application)
    if not program.exists():
        raise InvalidArgumentError(f"There is no such program. Path: {program.absolute()}")
    # The program uses the cluster of the submission, too, if it calls ray.init() itself.
    if submission.address is not None:
        os.environ["RAY_ADDRESS"] = submission.address
    if submission.properties_file is not None:
        others = os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {shlex.quote(submission.properties_file)} {others}"
    submitted.settings.update(submission.settings, **{"spark.master": "ray"})
    submitted.size_names.update(SIZE_OPTIONS)
    if submission.verbose:
        for key, value in sorted(redact_settings(submitted.settings).items()):
            print(f"{key}={value}", file=sys.stderr)
    sys.argv = [submission.application, *submission.arguments]
    with tempfile.TemporaryDirectory(prefix="raydp-py-files-") as folder:
        _make_importable(submission.settings.get(_PY_FILES, ""), Path(folder))
        if program.suffix == ".py":
            sys.path.insert(0, str(program.absolute().parent))
        try:
            runpy.run_path(submission.application, run_name="__main__")
        except Exception as error:
            shown = error.with_traceback(_from_the_program(error.__traceback__))
            sys.excepthook(type(shown), shown, shown.__traceback__)
            return 1
        finally:
            stop_spark()
    return 0


def _from_the_program(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames that ran the program, which Python alone would not have either."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename in _RUNNERS:
        traceback = traceback.tb_next
    return traceback


def _make_importable(files: str, folder: Path) -> None:
    """Put the submitted Python files on the path of this process, as Spark does for its workers.

    Files outside the file system are importable once the SparkContext has fetched them.
    """
    for file in filter(None, files.split(",")):
        address = urlsplit(file)
        if address.scheme not in ("", "file", "local"):
            continue
        path = Path(unquote(address.path))
        if not path.exists():
            raise InvalidArgumentError(f"There is no such file. --py-files has: {file}")
        if path.suffix == ".py":
            shutil.copy(path, folder)  # not its folder, which may contain other modules
        else:
            sys.path.insert(0, str(path.absolute()))
    sys.path.insert(0, str(folder))
