"""A program of standalone/test_failing_daemons.py: a Spark whose daemons fail when they are told to."""

import sys
from collections.abc import Callable
from pathlib import Path

import pyspark

import raydp
from support.scripting import begin_part, say, start_ray

real = Path(pyspark.__file__).parent
home = Path(sys.argv[1])
(home / "bin").mkdir(parents=True)
(home / "jars").symlink_to(real / "jars")
script = home / "bin" / "spark-class"
script.write_text(
    f"""#!/bin/sh
case "$* $(cat {home}/broken 2>/dev/null)" in
  *deploy.master.Master*masters*|*deploy.worker.Worker*workers*) echo "$1 cannot run today"; exit 3 ;;
esac
SPARK_HOME={real} exec {real}/bin/spark-class "$@"
"""
)
script.chmod(0o755)


def attempt(words: str, call: Callable[[], object]) -> None:
    try:
        say(words, call())
    except Exception as error:
        say(words, f"{type(error).__name__}: {str(error)!r}")


start_ray(num_cpus=4)
begin_part("a master that fails")
(home / "broken").write_text("masters")
attempt("start:", lambda: raydp.start_standalone(1, 1, "600m", spark_home=home))

begin_part("a worker that fails")
(home / "broken").unlink()
encrypted = {"spark.raydp.network.encryption": True}
cluster = raydp.start_standalone(1, 1, "600m", spark_home=home, configs=encrypted, timeout_seconds=240)
(home / "broken").write_text("workers")
attempt("scale:", lambda: cluster.scale(2))
say("looks like:", cluster)
attempt("back:", lambda: cluster.scale(1))
(home / "broken").unlink()
attempt("again:", lambda: cluster.scale(2, timeout_seconds=240))
