"""The program's ``runtime_env`` and its log4j configurations reach the processes of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.cluster


# A level that is not Ray's, of one logger, and a file with a first line, which a process without events has too.
LOGGING = """
<Configuration>
  <Appenders>
    <File name="file" fileName="FOLDER/${sys:logger}.log">
      <PatternLayout header="the log of ${sys:logger}%n" pattern="%level %c{1}: %m%n"/>
    </File>
  </Appenders>
  <Loggers>
    <Logger name="org.apache.spark.executor.Executor" level="DEBUG"/>
    <Root level="OFF"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> programs.Outcome:
    module = folder / "only_here"
    module.mkdir()
    (module / "__init__.py").write_text("ANSWER = 42\n")
    logging = folder / "log4j2.xml"
    logging.write_text(LOGGING.replace("FOLDER", str(folder)))
    outcome = programs.run("lifecycle/variables_and_modules_of_the_program", str(module), str(logging))
    assert outcome.code == 0, outcome.everything
    return outcome


def test_variables_and_modules_of_the_program(outcome: programs.Outcome) -> None:
    assert "worker: ('vanilla', 'executor', 42)" in outcome.output, outcome.everything
    assert "own: ('chocolate', None)" in outcome.output, outcome.everything
    assert "refused: spark.raydp.runtimeEnv must be a JSON object" in outcome.output, outcome.everything


def test_log4j_configurations_win_over_that_of_ray(outcome: programs.Outcome, folder: Path) -> None:
    logs = {path.stem: path.read_text().splitlines() for path in folder.glob("*.log")}
    assert sorted(logs) == ["app-master", "executor-1", "second"], outcome.everything
    for name, lines in logs.items():
        assert lines[0] == f"the log of {name}"
        assert all("Executor: " in line for line in lines[1:]), f"a logger that is off: {lines}"
    for name in ("executor-1", "second"):
        assert any("INFO Executor: Finished task" in line for line in logs[name]), logs
        assert any(line.startswith("DEBUG Executor: ") for line in logs[name]), logs
