"""What a process holds: memory, descriptors, threads and segments."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Footprint", "footprint_of", "traces_of_exchange"]

_SEGMENT = "/memfd:raydp-segment"
_THREAD = "raydp-exchange"  # Linux keeps 15 characters of a thread's name
_TOTAL = re.compile(rb"^Total\s+\d+\s+(\d+)", re.MULTILINE)
_HISTOGRAM_SECONDS = 60.0


@dataclass(frozen=True)
class Footprint:
    """What one process holds at one moment.

    Attributes:
        private: Anonymous memory in KiB. Mappings of the object store and of segments are not in it.
        heap: Live objects of a JVM in KiB, after a collection of all garbage; 0 for other processes.
        descriptors: Open files and sockets.
        threads: Threads.
        mappings: Mappings of anything.
        segments: Mapped segments of the exchange.
    """

    private: int
    heap: int
    descriptors: int
    threads: int
    mappings: int
    segments: int


def footprint_of(pid: int) -> Footprint:
    """Measure a process.

    Raises:
        OSError: The process has ended.
    """
    process = psutil.Process(pid)
    heap = _live_kib(pid) if process.name() == "java" else 0
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    maps = (folder / "maps").read_text().splitlines()
    return Footprint(
        private=int(status["RssAnon"].split()[0]),
        heap=heap,
        descriptors=len(list((folder / "fd").iterdir())),
        threads=int(status["Threads"]),
        mappings=len(maps),
        segments=sum(_SEGMENT in line for line in maps),
    )


def traces_of_exchange(pid: int) -> list[str]:
    """Return the segments that a process has mapped or open, and the names of its threads, that are the exchange's.

    Raises:
        OSError: The process has ended.
    """
    folder = Path(f"/proc/{pid}")
    mapped = [line.split(maxsplit=5)[-1] for line in (folder / "maps").read_text().splitlines() if _SEGMENT in line]
    opened = [link for one in (folder / "fd").iterdir() if _SEGMENT in (link := _target(one))]
    threads = [_name(one) for one in (folder / "task").iterdir()]
    return [*mapped, *opened, *(name for name in threads if name.startswith(_THREAD))]


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def _name(thread: Path) -> str:
    try:
        return (thread / "comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
        return ""


def _live_kib(pid: int) -> int:
    """Collect all garbage of a JVM, and return what is left."""
    command = ["jcmd", str(pid), "GC.class_histogram"]
    histogram = subprocess.run(command, capture_output=True, check=True, timeout=_HISTOGRAM_SECONDS).stdout
    found = _TOTAL.search(histogram)
    assert found is not None, histogram[-500:]
    return int(found[1]) >> 10
