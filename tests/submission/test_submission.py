"""``raydp-submit``: finished programs in Python and Java, with files, jars and settings from its command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import pytest

from raydp._submission import main
from support import programs
from support.jars import java_application

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.cluster

_SUBMIT = [sys.executable, "-c", "import sys; from raydp._submission import main; sys.exit(main())"]
_SPARK = Path(pyspark.__file__).parent
PROGRAMS = Path(__file__).parents[1] / "programs" / "submission"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A Ray cluster in a process of its own, which programs join by its address."""
    process = programs.start(
        "submission/cluster_of_four_cpus",
        stdin=subprocess.PIPE,
    )
    assert process.stdout is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")  # Ray requires the token from programs that join by address
        yield process.stdout.readline().strip()
    process.communicate(timeout=60)


def submit(*arguments: str | Path, env: dict[str, str | None] | None = None) -> programs.Outcome:
    done = subprocess.run(
        [*_SUBMIT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
        env=programs.environment(env),
    )
    return programs.Outcome(done.returncode, done.stdout, done.stderr)


def test_an_unchanged_pyspark_program(address: str, tmp_path: Path) -> None:
    modules = PROGRAMS / "modules"
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(modules / "zipped.py", "zipped.py")
    data, properties = tmp_path / "data.txt", tmp_path / "more.properties"
    data.write_text("100")
    properties.write_text("spark.sql.shuffle.partitions 3\nspark.app.name other\n")
    outcome = submit(
        *("--ray-address", address, "--name", "named", "--num-executors", "1", "--executor-memory", "5g"),
        *("--conf", "spark.custom.word=a b=c", "--py-files", f"{modules / 'single.py'},{archive}", "--files", data),
        *("--properties-file", properties, PROGRAMS / "app" / "program.py", "--name", "its own", "-x"),
    )
    assert outcome.code == 7, outcome.everything
    assert json.loads(outcome.output.splitlines()[-1]) == {
        "arguments": ["--name", "its own", "-x"],
        "sum": 45 + 10 * 123,
        "executor's folder": "/",
        "driver": 1023,
        "settings": ["ray", "named", "1", "600m", "a b=c", "3"],
    }


def test_a_program_with_init_spark_and_a_traceback(address: str) -> None:
    program = PROGRAMS / "program_with_a_mistake.py"
    outcome = submit("--master", f"ray:{address}", "-c", "spark.custom.word=yes", program)
    assert outcome.code == 1, outcome.everything
    assert outcome.output.splitlines()[-1] == "1000 yes"
    assert "ValueError: its own error" in outcome.errors
    frames = [line.split('"')[1] for line in outcome.errors.splitlines() if line.startswith("  File ")]
    assert frames == [str(program)], outcome.everything  # as `python PROGRAM` shows it


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Java application: sums numbers with Spark, in a class of its own; its first argument is how it ends."""
    return java_application(PROGRAMS / "Sums.java", tmp_path_factory.mktemp("application"), _SPARK)


@pytest.mark.parametrize(
    "home", ["the pyspark package", pytest.param("a folder of its own", marks=pytest.mark.nightly)]
)
def test_a_java_application(address: str, jar: Path, tmp_path: Path, home: str) -> None:
    env: dict[str, str | None] = {}
    options: list[str] = []
    if home == "a folder of its own":
        env["SPARK_HOME"] = str(tmp_path)
        options = ["--conf", "spark.raydp.archiveClasses=false"]  # nothing starts from this folder again
        for name in ("bin", "jars"):
            (tmp_path / name).symlink_to(_SPARK / name)
    options += ["--ray-address", address, "--num-executors", "1", "--name", "sums"]
    outcome = submit(*options, jar, "two", "words", env=env)
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "999000 true sums two,words true", outcome.everything


@pytest.mark.nightly
def test_how_a_java_application_ends(address: str, jar: Path) -> None:
    options = ("--ray-address", address, "--num-executors", "1", "--class", "Sums")
    assert submit(*options, jar, "exit").code == 9
    failed = submit(*options, jar, "fail")
    assert failed.code == 1
    assert "java.lang.IllegalStateException: as asked" in failed.errors
    # A signal reaches the application, and nothing of it is left.
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [*_SUBMIT, *options, str(jar), "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=programs.environment({"RAYDP_TEST_MARK": mark}),
    )
    assert process.stdout is not None
    assert any(line.startswith("999000") for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert programs.await_none(mark) == []


def test_bad_command_lines(tmp_path: Path, jar: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in {
        ("--deploy-mode", "cluster", "p.py"): "ray job submit",
        ("--total-executor-cores", "4", "p.py"): "--num-executors and --executor-cores",
        ("--master", "yarn", "p.py"): "'ray' or 'ray:HOST:PORT'",
        ("--master", "ray:a:1", "--ray-address", "b:1", "p.py"): "not both",
        ("--conf", "spark.x", "p.py"): "KEY=VALUE",
        ("--numexecutors", "4", "p.py"): "unrecognized arguments",
    }.items():
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    outcome = submit()
    assert outcome.code == 2
    assert "application" in outcome.errors, outcome.everything
    for arguments, message in {
        (str(tmp_path / "none.py"),): "There is no such program",
        (str(tmp_path / "none.jar"),): "name its main class with --class",
        ("--conf", "spark.raydp.exchange.blokSize=1m", str(jar)): "spark.raydp.exchange.block",
        ("--ray-address", "ray://localhost:10001", str(jar)): "Ray Client",
        ("--ray-address", "127.0.0.1:1", str(jar)): "No Ray cluster answers at this address",
    }.items():
        outcome = submit(*arguments)
        assert outcome.code == 1, outcome.everything
        assert message in outcome.errors, outcome.everything
        assert "Traceback" not in outcome.errors


@pytest.mark.nightly
def test_inside_an_actor_and_a_task_of_ray(address: str) -> None:
    outcome = programs.run(
        "submission/inside_an_actor_and_a_task_of_ray",
        env={"RAY_ADDRESS": address},
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "499500 4950"
