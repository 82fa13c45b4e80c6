"""Random sequences of starts, conversions, kills and stops in one process: it can always start again."""

from __future__ import annotations

import json
import re
import select
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from support import programs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_COMMAND_SECONDS = 150.0
_STOP_SECONDS = 60.0  # 10 on a machine that does nothing else
_STEPS = 8
_TYPED = re.compile(r"(SessionError|ExchangeError): ")


class Life:
    """A process of the program ``faults/life``, and what it was told."""

    def __init__(self, mark: str, number: int, log: Path) -> None:
        self.commands: list[str] = []
        self._mark = mark
        self._log = log
        # Ray ends a process that long after its head is lost; a loaded machine may need more than the default.
        variables = {"RAYDP_TEST_MARK": mark, "RAY_gcs_rpc_server_reconnect_timeout_s": "300"}
        self._process = programs.start("faults/life", str(number), env=variables, stdin=subprocess.PIPE, log=log)

    def do(self, command: str) -> dict[str, Any]:
        """Return what the program answers to a command."""
        self.commands.append(command)
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(command + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], _COMMAND_SECONDS)
        line = process.stdout.readline() if ready else ""
        while line and not line.startswith("{"):  # a word of the JVM's
            line = process.stdout.readline()
        assert line, f"no answer to the last command: {self.commands}\n{self._log.read_text()[-8000:]}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> int:
        """Let the program end, and return its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)

    def kill(self) -> None:
        """Kill the program, and everything that it started."""
        programs.kill_session(self._process.pid)
        for left in programs.marked_processes(self._mark):
            left.kill()
        self._process.wait()


class Sequences(RuleBasedStateMachine):
    """Compares the process with a model: whether Ray runs, and what Spark's driver JVM does."""

    life: Life

    def __init__(self) -> None:
        super().__init__()
        self.ray = self.has_started = False
        self.spark = "absent"
        self._tell("shut_ray_down")  # whatever the last sequence left

    def _tell(self, command: str) -> str:
        self.seen = self.life.do(command)
        return str(self.seen["said"])

    def _expect(self, condition: object) -> None:
        """Check a condition, and the model."""
        assert condition, (self.seen, self.life.commands)
        assert self.seen["ray"] == self.ray, (self.seen, self.life.commands)
        if self.spark != "stopped":  # then its JVM runs until the next start
            assert self.seen["jvm"] == (self.spark in ("running", "frozen")), (self.seen, self.life.commands)

    @precondition(lambda self: self.spark != "frozen")
    @rule()
    def start(self) -> None:
        """A start works in every state, and returns the running session if there is one."""
        said = self._tell("start")
        self.ray, self.spark, self.has_started = True, "running", True
        self._expect(said == "100")

    @precondition(lambda self: self.spark in ("absent", "killed", "stopped"))
    @rule()
    def interrupt_start(self) -> None:
        """Ctrl-C during a start raises KeyboardInterrupt. Another start then works.

        Which of them starts the application depends on time. What follows must not, or Hypothesis calls it flaky.
        """
        said = self._tell("interrupt_start")
        assert said.startswith(("KeyboardInterrupt", "not interrupted")), (said, self.life.commands)
        said = self._tell("start")
        self.ray, self.spark, self.has_started = True, "running", True
        self._expect(said == "100")

    @precondition(lambda self: self.has_started and self.spark != "frozen")
    @rule()
    def convert(self) -> None:
        """A conversion works, or says in a typed error that its session is gone."""
        said = self._tell("convert")
        self._expect(_TYPED.match(said) or (said == "100" and self.spark == "running"))

    @precondition(lambda self: self.has_started and self.spark == "running")
    @rule()
    def stop_during_conversion(self) -> None:
        """The conversion ends as well, with its rows or with a typed error."""
        said = self._tell("stop_during_conversion")
        self.spark = "absent"
        self._expect(said == "100" or _TYPED.match(said))

    @precondition(lambda self: self.spark == "running")
    @rule()
    def kill_jvm(self) -> None:
        said = self._tell("kill_jvm")
        self.spark = "killed"
        self._expect(said == "done")

    @precondition(lambda self: self.spark == "running")
    @rule()
    def freeze_jvm(self) -> None:
        said = self._tell("freeze_jvm")
        self.spark = "frozen"
        self._expect(said == "done")

    @precondition(lambda self: self.ray and self.spark != "frozen")
    @rule()
    def lose_ray(self) -> None:
        """After the end of Ray's head or raylet, everything says so, until the program leaves Ray."""
        said = self._tell("lose_ray")
        self.ray, self.spark = False, "absent"
        converted, started = said.splitlines()
        self._expect(_TYPED.match(converted) and started.startswith("ClusterError: This process is connected to a Ray"))

    @rule()
    def shut_ray_down(self) -> None:
        """Spark ends with Ray."""
        said = self._tell("shut_ray_down")
        self.ray, self.spark = False, "absent"
        self._expect(said == "done")

    @rule()
    def stop(self) -> None:
        """A stop never fails, and is bounded."""
        said = self._tell("stop")
        self.spark = "absent"
        self._expect(said == "done" and self.seen["seconds"] < _STOP_SECONDS)

    @precondition(lambda self: self.has_started)
    @rule()
    def stop_session(self) -> None:
        """The same for the session's own method."""
        said = self._tell("stop_session")
        has_ended = self.seen["state"] == "idle"
        if has_ended and self.spark != "absent":
            self.spark = "stopped"
        self._expect(said == "done" and self.seen["seconds"] < _STOP_SECONDS and has_ended)


@pytest.mark.cluster
@pytest.mark.timeout(0)  # each command has its own limit
def test_it_can_always_start_again(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> None:
    mark = uuid.uuid4().hex
    Sequences.life = life = Life(mark, seed, tmp_path / "errors")
    run: Callable[..., None] = run_state_machine_as_test
    try:
        run(
            hypothesis.seed(seed)(Sequences),
            settings=settings(
                max_examples=request.config.getoption("--sequences"),
                stateful_step_count=_STEPS,
                deadline=None,
                database=None,
                derandomize=False,
                phases=[Phase.generate],  # to shrink a sequence would take hours
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            ),
        )
        life.do("stop")
        assert life.end() == 0, life.commands
        assert programs.await_none(mark) == []
    finally:
        life.kill()
