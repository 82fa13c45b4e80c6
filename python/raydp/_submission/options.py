"""The command line of ``raydp-submit``: the options of ``spark-submit`` that apply on Ray."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from raydp._configuration.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Submission", "parse"]

_PYTHON_SUFFIXES = (".py", ".zip", ".egg")

_SETTINGS = (
    ("--name", "spark.app.name", "name of the application"),
    ("--num-executors", "spark.executor.instances", "number of executors to start with"),
    ("--executor-cores", "spark.executor.cores", "cores of each executor"),
    ("--executor-memory", "spark.executor.memory", "heap of each executor, such as 4g"),
    ("--driver-memory", "spark.driver.memory", "heap of the driver's JVM"),
    ("--driver-java-options", "spark.driver.extraJavaOptions", "options of the driver's JVM"),
    ("--driver-class-path", "spark.driver.extraClassPath", "entries for the driver's class path"),
    ("--driver-library-path", "spark.driver.extraLibraryPath", "folders of the driver's native libraries"),
    ("--jars", "spark.jars", "jars for the driver and the executors, separated by commas"),
    ("--packages", "spark.jars.packages", "the same as Maven coordinates, groupId:artifactId:version"),
    ("--exclude-packages", "spark.jars.excludes", "groupId:artifactId of dependencies of packages to leave out"),
    ("--repositories", "spark.jars.repositories", "further Maven repositories to look for packages in"),
    ("--py-files", "spark.submit.pyFiles", ".py, .zip and .egg files to put on the path of Python"),
    ("--files", "spark.files", "files to put into each executor's working folder"),
    ("--archives", "spark.archives", "archives to unpack into each executor's working folder"),
    ("--principal", "spark.kerberos.principal", "Kerberos principal"),
    ("--keytab", "spark.kerberos.keytab", "file with the key of the principal"),
)
_ELSEWHERE = {
    "--deploy-mode": "The driver runs here. To have it run in the cluster, submit this command with `ray job submit`",
    "--supervise": "Submit this command with `ray job submit` and give it retries there",
    "--kill": "Use `ray job stop`, or end this process",
    "--status": "Use `ray job status`",
    "--queue": "Ray has no queues",
    "--proxy-user": "Start this command as that user",
    "--remote": "A Spark Connect server cannot be the driver of an application on Ray",
    "--driver-cores": "The driver runs here, with the cores of this machine",
    "--total-executor-cores": "Use --num-executors and --executor-cores",
}


@dataclass(frozen=True)
class Submission:
    """A parsed command line.

    Attributes:
        application: Path of the program: ``.py`` (or a zip or folder with ``__main__.py``), or a jar.
        arguments: The program's own arguments.
        settings: Spark settings, including ``spark.master``.
        address: ``HOST:PORT`` of the Ray cluster's GCS; ``None``: ``ray.init()`` finds it.
        main_class: Main class of a jar; ``None``: the manifest names it.
        properties_file: File of further settings, which Spark reads; all other settings win over them.
        verbose: Whether to print the settings first.
    """

    application: str
    arguments: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    address: str | None = None
    main_class: str | None = None
    properties_file: str | None = None
    verbose: bool = False

    @property
    def master(self) -> str:
        """The master URL with the cluster's address, if one was given."""
        if self.address is None:
            return "ray"
        return self.address if "://" in self.address else f"ray:{self.address}"

    @property
    def is_python(self) -> bool:
        """Whether the application is a Python program."""
        name = PurePosixPath(self.application)
        return self.main_class is None and (name.suffix in _PYTHON_SUFFIXES or not name.suffix)


def parse(arguments: Sequence[str] | None) -> Submission:
    """Parse a command line. If it is wrong, print a message and exit with code 2."""
    parser = _parser()
    given = vars(parser.parse(arguments))
    settings: dict[str, str] = {}
    for entry in given["conf"]:
        key, equals, value = entry.partition("=")
        if not equals or not key.startswith("spark."):
            parser.error(f"--conf takes KEY=VALUE with a key that begins with 'spark.'; got: {entry!r}")
        settings[key] = value
    settings.update({key: given[key] for _, key, _ in _SETTINGS if given[key] is not None})
    master = settings.setdefault("spark.master", given["master"] or "ray")
    if given["master"] is not None and given["master"] != master:
        parser.error(f"--master and --conf spark.master differ: {given['master']!r} and {master!r}")
    address = given["ray_address"]
    if given["ray_conf"] is not None:
        if address is not None:
            parser.error(f"Give --ray-address or --ray-conf, not both: {address!r} and {given['ray_conf']!r}")
        address = _address_in(given["ray_conf"], parser)
    if address is not None and master != "ray":
        parser.error(f"Give --ray-address or a master with an address, not both: {address!r} and {master!r}")
    if address is None and master.startswith("ray:") and not master.startswith("ray://"):
        address = master.removeprefix("ray:")
    elif master != "ray":
        parser.error(
            f"raydp-submit runs applications on Ray: the master is 'ray' or 'ray:HOST:PORT'; use spark-submit for "
            f"others. Master: {master!r}"
        )
    return Submission(
        application=given["application"],
        arguments=tuple(given["arguments"]),
        settings=settings,
        address=None if address == "auto" else address,
        main_class=given["class"],
        properties_file=given["properties_file"],
        verbose=given["verbose"],
    )


def _parser() -> CommandLine:
    parser = CommandLine(
        prog="raydp-submit",
        allow_abbrev=False,
        description="Runs a Spark application on a Ray cluster. The driver runs on this machine.",
    )
    parser.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="GCS address of the Ray cluster; by default the one in RAY_ADDRESS or on this machine; "
        "if there is none, Ray is started on this machine",
    )
    parser.add_argument(
        "--ray-conf", metavar="FILE", help='as in RayDP 1.6: a JSON file, {"ray": {"address": "HOST:PORT"}}'
    )
    parser.add_argument(
        "--master", metavar="URL", help="ray (the default), or ray:HOST:PORT for --ray-address HOST:PORT"
    )
    parser.add_argument("--class", metavar="CLASS", help="main class of a jar; by default the one in its manifest")
    parser.add_argument("-c", "--conf", metavar="KEY=VALUE", action="append", default=[], help="a Spark setting")
    parser.add_argument("--properties-file", metavar="FILE", help="file of further settings; all others win over them")
    for option, key, text in _SETTINGS:
        parser.add_argument(option, dest=key, metavar="VALUE", help=text)
    for option, reason in _ELSEWHERE.items():
        parser.add_argument(option, nargs="?", action=_Refuse, const=reason, help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="store_true", help="print the settings first")
    parser.add_argument("application", help="the program: .py, a zip or folder with __main__.py, or .jar")
    others = parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own arguments")
    others.required = False  # as from Python 3.12 on; otherwise the parser says that it is missing
    return parser


def _address_in(file: str, parser: argparse.ArgumentParser) -> str:
    """Return the address in a configuration file of RayDP 1.6. Ray itself knows the other values of such a file."""
    try:
        address = json.loads(Path(file).read_text(encoding="utf-8"))["ray"]["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(
            '--ray-conf takes a JSON file like {"ray": {"address": "HOST:PORT"}}; --ray-address HOST:PORT needs no '
            f"file. File: {file!r}; error: {error!r}"
        )
    if not isinstance(address, str):
        parser.error(f"The address in the file of --ray-conf must be a text, HOST:PORT. Address: {address!r}")
    return address


class _Refuse(argparse.Action):
    """An option of ``spark-submit`` that does not apply on Ray."""

    def __call__(self, parser: argparse.ArgumentParser, *values: Any) -> None:
        if (self.option_strings, values[1]) == (["--deploy-mode"], "client"):
            return  # the only mode
        parser.error(f"{self.option_strings[0]} is not for Ray. {self.const}")
