"""A program of standalone/test_any_application.py: applications of other kinds, with the Spark of a folder."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import raydp
from raydp._standalone.spark_installation import find_installation
from support.jars import java_application
from support.scripting import begin_part, say, start_ray
from support.standalone_in_ray import worker_ports

home, folder = Path(sys.argv[1]), Path(sys.argv[2])
here = Path(__file__).parent
submit = [str(home / "bin" / "spark-submit")]
env = {**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}


def run(*arguments: object) -> str:
    command = [*submit, "--properties-file", str(cluster.properties_file), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=env)
    return done.stdout.strip() if done.returncode == 0 else done.stderr[-3000:]


class Sharing:
    """An application that gives its cores back when it is idle."""

    def __init__(self, number: int) -> None:
        pipe = folder / f"pipe{number}"
        os.mkfifo(pipe)
        options = ["spark.dynamicAllocation.enabled=true", "spark.dynamicAllocation.executorIdleTimeout=1s"]
        options += ["spark.dynamicAllocation.shuffleTracking.enabled=true", "spark.dynamicAllocation.minExecutors=0"]
        words = [word for option in options for word in ("--conf", option)]
        self._process = subprocess.Popen(
            [
                *submit,
                "--properties-file",
                str(cluster.properties_file),
                *words,
                str(here / "shared_job.py"),
                str(pipe),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        self._pipe = os.open(pipe, os.O_RDWR)  # does not wait for the application

    def read(self) -> str:
        """Return the next line that is the application's own."""
        assert self._process.stdout is not None
        lines = (line.strip() for line in self._process.stdout)
        return next((line for line in lines if line.startswith("ready") or line.isdecimal()), "ended")

    def work(self) -> str:
        """Have it run a job; return the result."""
        os.write(self._pipe, b"go\n")
        return self.read()

    def end(self) -> int:
        """Let it end; return its exit code."""
        os.close(self._pipe)
        self._process.communicate(timeout=120)
        return self._process.returncode


def answer(url: str) -> int:
    """Return the status with which a page answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as page:
            return page.status
    except urllib.error.HTTPError as error:
        return error.code


start_ray(num_cpus=4)
begin_part("the cluster")
found = find_installation(str(home))
cluster = raydp.start_standalone(2, 1, "700m", spark_home=home, timeout_seconds=240)
say("version:", found.version)
page = cluster.ui_url.partition("/?token=")[0]
say("UI:", page.startswith("http://127.0.0.1:"), answer(page), cluster.settings.get("spark.ui.enabled"))

begin_part("applications")
say("Python:", run(here / "plain_job.py"))
jar = java_application(here.parent / "submission" / "Sums.java", folder, home)
say("Java:", run("--name", "sums", jar, "two", "words"))
say("attached:", " ".join(run(here / "attaching_job.py").splitlines()[-2:]))

begin_part("shared")
applications = [Sharing(1), Sharing(2)]
say("ready:", *(application.read() for application in applications))
say("in turn:", *(application.work() for application in applications * 2))
say("ended:", *(application.end() for application in applications))
say("workers:", len(worker_ports(cluster)))
cluster.stop()
