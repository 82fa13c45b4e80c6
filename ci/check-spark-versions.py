"""Check the sources for some versions of Spark only: the names of their folders, and that no file is there twice.

Such a source is small, and has only what differs. If two files of one name are nearly the same, or a whole file is the
same as any other, what they share belongs into a file for all versions.

    python ci/check-spark-versions.py [FOLDER]
"""

from __future__ import annotations

import difflib
import itertools
import re
import sys
from pathlib import Path

_ROOT = re.compile(r"spark-(since|until)-\d+\.\d+")
NEARLY_THE_SAME = 0.85
"""Share of equal lines. Package, imports and the signature are the same in all files of one name."""


def main(folder: Path) -> int:
    faults = [
        f"{root}: its name must be spark-since-X.Y or spark-until-X.Y"
        for root in sorted(folder.glob("*/spark*"))
        if not _ROOT.fullmatch(root.name)
    ]
    sources = sorted(path for path in folder.rglob("*") if path.suffix in {".scala", ".java"})
    lines = {path: significant_lines(path) for path in sources}
    versioned = {path for path in sources if _ROOT.fullmatch(path.relative_to(folder).parts[1])}
    for one, other in itertools.combinations(sources, 2):
        if not versioned & {one, other}:
            continue
        same_name = one.name == other.name
        if lines[one] == lines[other] or (same_name and likeness(lines[one], lines[other]) >= NEARLY_THE_SAME):
            faults.append(f"{one} and {other} are nearly the same: move what they share into a file for all versions")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def significant_lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def likeness(one: list[str], other: list[str]) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "jvm" / "src"))
