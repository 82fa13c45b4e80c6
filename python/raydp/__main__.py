"""``python -m raydp doctor`` checks whether this machine can run Spark on Ray; ``archive`` makes it start faster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raydp._configuration.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raydp._doctor import Finding

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = CommandLine(prog="python -m raydp", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser(
        "doctor",
        help="check this machine: Java, jars, libraries, memory, addresses, folders",
        description="Checks this machine and prints a line for each requirement, with the fix if it is not met. Needs "
        "no running Ray. Exits with 1 if something is broken, and with 0 if an application can start.",
    )
    doctor.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="also check every other machine of the Ray cluster with this GCS address (HOST:PORT)",
    )
    archive = commands.add_parser(
        "archive",
        help="make applications start faster on this machine",
        description="Caches the classes that the JVMs of a driver and its executors load: about 350 MB in "
        "~/.cache/raydp (or XDG_CACHE_HOME), used by every later application of this installation. Takes about a "
        "minute. The first application of an installation starts this job when it ends; the command is for images of "
        "machines.",
    )
    archive.add_argument("--if-missing", action="store_true", help="do nothing if a usable cache exists")
    archive.add_argument("--once", action="store_true", help="like --if-missing, and do not retry after a failure")
    parsed = parser.parse(arguments)
    if parsed.command == "doctor":
        return _doctor(parsed.ray_address)
    return _archive_once() if parsed.once else _archive(if_missing=parsed.if_missing)


def _doctor(ray_address: str | None) -> int:
    from raydp._doctor import Level

    levels = []
    for finding in _findings(ray_address):
        print(finding, flush=True)
        levels.append(finding.level)
    broken, warnings = levels.count(Level.BROKEN), levels.count(Level.WARNING)
    print(f"{broken} broken, {warnings} to look at, {levels.count(Level.OK)} in order")
    return 1 if broken else 0


def _archive(*, if_missing: bool) -> int:
    from raydp._machine.class_data import Role, find_archive
    from raydp._machine.class_data.making import make_archives
    from raydp._machine.java import find_java
    from raydp.errors import RaydpError

    try:
        java = find_java()
        if if_missing and all(find_archive(java, role) for role in Role):
            return 0
        for archive in make_archives(java):
            print(f"{archive} ({archive.stat().st_size / 1e6:.0f} MB)")
    except RaydpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _archive_once() -> int:
    from raydp._machine.class_data.background import first_attempt
    from raydp._machine.java import find_java
    from raydp.errors import RaydpError

    try:
        java = find_java()
    except RaydpError as error:
        print(error, file=sys.stderr)
        return 1
    with first_attempt(java) as is_first:
        return _archive(if_missing=True) if is_first else 0


def _findings(ray_address: str | None) -> Iterator[Finding]:
    from raydp._doctor import examine

    yield from examine()
    if ray_address is not None:
        from raydp._doctor.nodes import examine_cluster

        yield from examine_cluster(ray_address)


if __name__ == "__main__":
    sys.exit(main())
