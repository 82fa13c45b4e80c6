"""What measures time does not look at the clock on the wall, which can be set while a program runs."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = {"python/raydp": "*.py", "jvm/src/main": "*.[js]*a*", "native": "*.[ch]*"}
_WALL_CLOCK = re.compile(
    r"\btime\.time(_ns)?\b|\bdatetime\b.*\bnow\(|\bdt\.datetime\.now|\bdate\.today"
    r"|\bcurrentTimeMillis\b|\b(Instant|Local\w+|Zoned\w+)\.now\b|\bnew Date\b"
    r"|\bsystem_clock\b|\bgettimeofday\b|\bCLOCK_REALTIME\b|\btime\(nullptr\)"
)
_ALLOWED = {
    "python/raydp/_application/application.py": "compared with the times of files; the earlier of two clocks",
    "python/raydp/_application/settings.py": "a part of a name",
    "python/raydp/_estimators/training/mlflow_reports.py": "the time of a metric in MLflow, shown to people",
    "python/raydp/_machine/class_data/making.py": "compared with the times of files, of which old ones are deleted",
    "python/raydp/_machine/socket_folder.py": "compared with the times of files, of which old ones are deleted",
    "jvm/src/main/scala/io/raydp/lifecycle/ApplicationSpec.scala": "a part of a name",
    "jvm/src/main/scala/io/raydp/lifecycle/ApplicationStatus.scala": "shown to people",
}


def test_only_names_and_files_know_the_time_of_day() -> None:
    paths = [path for folder, pattern in _SOURCES.items() for path in (_ROOT / folder).rglob(pattern)]
    assert len(paths) > 300
    sources = [path for path in paths if path.is_file() and "target" not in path.parts]  # cargo's build folder
    found = {str(path.relative_to(_ROOT)) for path in sources if _WALL_CLOCK.search(path.read_text())}
    assert found - _ALLOWED.keys() == set(), "measure time with a monotonic clock"
    assert _ALLOWED.keys() - found == set(), "these need no exception any more"
