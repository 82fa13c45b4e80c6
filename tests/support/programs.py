"""Runs the programs of tests/programs, each in its own process, as a user would.

Spark allows one context per process, so tests of starting, stopping and dying need processes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Answer = TypeVar("_Answer")

_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """The exit code of a program, and everything that it printed."""

    code: int
    output: str
    errors: str

    def part(self, name: str) -> str:
        """Return what the program printed after ``begin_part(name)``, up to the next part; empty if it is missing."""
        _, *texts = re.split(r"^== (.*)\n", self.output, flags=re.MULTILINE)
        return dict(zip(texts[::2], texts[1::2], strict=True)).get(name, "")

    def facts(self, part: str) -> dict[str, list[str]]:
        """Return what the program said in a part, by the words before the first colon of each line."""
        found: dict[str, list[str]] = {}
        for line in self.part(part).splitlines():
            words, _, value = line.partition(": ")
            found.setdefault(words, []).append(value)
        return found

    @property
    def everything(self) -> str:
        return f"exit code {self.code}\n--- output\n{self.output}\n--- errors\n{self.errors}"


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return a copy of this process's environment with changes. ``None`` removes a variable."""
    result = dict(os.environ)
    for name, value in (changes or {}).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def start(
    program: str,
    *arguments: str,
    env: Mapping[str, str | None] | None = None,
    log: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    within: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start a program of tests/programs, as a new session. Its standard output is a pipe.

    Args:
        program: Its path in tests/programs, without ``.py``.
        arguments: The program's arguments.
        env: Changes of the environment.
        log: Where its standard error goes. Default: a pipe.
        stdin: Its standard input.
        within: A command that runs the program.
    """
    variables = environment(env)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_TESTS), variables.get("PYTHONPATH")]))
    return subprocess.Popen(
        [*within, sys.executable, "-u", str(_TESTS / "programs" / f"{program}.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if log is None else log.open("w"),
        stdin=stdin,
        text=True,
        env=variables,
        start_new_session=True,
    )


def run(
    program: str,
    *arguments: str,
    env: Mapping[str, str | None] | None = None,
    timeout: float = 420.0,
    within: Sequence[str] = (),
) -> Outcome:
    """Run a program of tests/programs to its end. After ``timeout`` seconds, kill it with everything it started."""
    process = start(program, *arguments, env=env, within=within)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        output, errors = process.communicate()
        raise AssertionError(
            f"the program did not end within {timeout} s\n{output[-4000:]}\n{errors[-8000:]}"
        ) from None
    return Outcome(process.returncode, output, errors)


def kill_session(session: int) -> None:
    """Kill every process of a session that :func:`start` created."""
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                process.send_signal(signal.SIGKILL)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return the live processes whose environment has ``RAYDP_TEST_MARK=mark``: a program and all it started."""
    return [process for process in psutil.process_iter() if variables_of(process).get("RAYDP_TEST_MARK") == mark]


def _unless_ended(ask: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
    """Ask a process, which may have ended meanwhile. A zombie has a name, but neither words nor variables."""
    try:
        return ask()
    except (psutil.Error, PermissionError, ProcessLookupError):
        return otherwise


def words_of(process: psutil.Process) -> list[str]:
    """Return the words of a process's command line; none if it has ended."""
    return _unless_ended(process.cmdline, [])


def variables_of(process: psutil.Process) -> dict[str, str]:
    """Return the environment that a process was started with; nothing if it has ended."""
    return _unless_ended(process.environ, {})


def name_of(process: psutil.Process) -> str:
    """Return the name of a process's program; nothing if it has ended."""
    return _unless_ended(process.name, "")


def await_none(mark: str, *, seconds: float = 90, but: frozenset[int] = frozenset()) -> list[str]:
    """Wait at most ``seconds`` until no process with the mark is left. Return the command lines of those left."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in marked_processes(mark) if process.pid not in but]
        if not left or time.monotonic() > deadline:
            return [describe(process) for process in left]
        psutil.wait_procs(left, timeout=min(1.0, max(0.05, deadline - time.monotonic())))


def files_left(folder: Path | str, *, seconds: float = 60) -> list[str]:
    """Wait at most ``seconds`` until nothing is left in a program's folder for temporary files (``TMPDIR``).

    Return the paths of what is left. The folder of a user's sockets stays, without a socket.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
        if found in ([], [f"raydp-{os.getuid()}"]) or time.monotonic() > deadline:
            return [name for name in found if name != f"raydp-{os.getuid()}"]
        time.sleep(0.1)


def describe(process: psutil.Process) -> str:
    """Return the id and the command line of a process."""
    return f"{process.pid} {' '.join(words_of(process))[:200] or '(just ended)'}"
