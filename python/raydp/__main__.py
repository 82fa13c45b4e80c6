"""``python -m raydp doctor``: says whether Spark on Ray can run on this machine, and what to mend."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m raydp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "doctor",
        help="look at this machine: Java, jars, libraries, memory, addresses, folders",
        description="Looks at this machine and prints a line for each part, with its fix. Needs no running Ray. Run it "
        "on each kind of node. Exits with 1 when something is broken, with 0 when an application can start.",
    )
    parser.parse_args(arguments)
    return _doctor()


def _doctor() -> int:
    from raydp._doctor import Level, examine

    levels = []
    for finding in examine():
        print(finding, flush=True)
        levels.append(finding.level)
    broken, warnings = levels.count(Level.BROKEN), levels.count(Level.WARNING)
    print(f"{broken} broken, {warnings} to look at, {levels.count(Level.OK)} in order")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
