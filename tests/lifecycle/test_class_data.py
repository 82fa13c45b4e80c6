"""Class-data archives: made by a command, mapped by the next driver and executors, and no harm when they do not fit."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
    import psutil
    start_ray(num_cpus=2)
    spark = raydp.init_spark("archives", 1, 1, "500m", configs={"spark.log.level": "ERROR"})
    say("rows:", raydp.to_spark(raydp.from_spark(spark.range(1000))).count())
    status = raydp._application.current().status()
    (driver,) = [child.pid for child in psutil.Process().children() if child.name() == "java"]
    (executor,) = [one["pid"] for one in status["executors"]]
    for name, pid in (("driver", driver), ("executor", executor)):
        mapped = {os.path.basename(path) for path in open(f"/proc/{pid}/maps").read().split() if path.endswith(".jsa")}
        say(name, sorted(mapped))
    raydp.stop_spark()
    """


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_archives_are_made_once_and_used_where_they_fit(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    made = subprocess.run(
        [sys.executable, "-m", "raydp", "archive"],
        env=programs.environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    archives = sorted(tmp_path.rglob("*.jsa"))
    assert [archive.name for archive in archives] == ["driver.jsa", "executor.jsa"]
    assert all(str(archive) in made.stdout for archive in archives), made.stdout

    again = [sys.executable, "-m", "raydp", "archive", "--if-missing"]
    assert (
        subprocess.run(again, env=programs.environment(env), check=True, timeout=60, capture_output=True).stdout == b""
    )

    used = programs.run(PROGRAM, env=env)
    assert used.code == 0, used.everything
    lines = used.output.splitlines()
    assert lines == ["rows: 1000", "driver ['driver.jsa']", "executor ['executor.jsa']"], used.everything

    # As after an update in place, say: Java sees by itself that an archive is not what it was made as.
    for archive in archives:
        archive.write_bytes(archive.read_bytes()[:10_000])
    damaged = programs.run(PROGRAM, env=env)
    assert damaged.code == 0, damaged.everything
    assert "rows: 1000" in damaged.output, damaged.everything
    assert "cds" not in damaged.everything.lower(), damaged.everything
