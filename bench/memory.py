"""Measures the memory of all processes of a run, without the object store.

It counts the private (anonymous) pages of this process and of everything that it started, including Ray's processes and
Spark's JVMs. It also counts the segments: the anonymous shared files (memfd) through which executors and agents
exchange blocks. Several processes share the pages of a memfd; they count once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from types import TracebackType

INTERVAL_SECONDS = 0.05
_SEGMENT = "/memfd:raydp-segment"


@dataclass(frozen=True)
class Footprint:
    """Memory in use at one moment, in bytes.

    Attributes:
        private: Private memory of each process.
        segments: Memory of all segments together.
    """

    private: dict[int, int]
    segments: int

    def private_above(self, earlier: Footprint) -> int:
        """Return how much private memory the current processes use more than before."""
        return sum(size - earlier.private.get(process, 0) for process, size in self.private.items())


class MemoryWatch:
    """Samples memory in a separate thread between `__enter__` and `__exit__`.

    Args:
        with_segments: Whether segments count, including those that existed at the beginning.
        new_processes: Whether processes that start in the meantime count too. Looking for them takes longer.
        process: The process that has started all those that count. Default: this one.

    Attributes:
        peak_extra_bytes: Peak of the private memory above the level at the beginning, plus segments.
        peak_segment_bytes: Peak of the memory in segments.
    """

    def __init__(self, *, with_segments: bool, new_processes: bool = False, process: int | None = None) -> None:
        self._with_segments = with_segments
        self._new_processes = new_processes
        self._process = process
        self.peak_extra_bytes = 0
        self.peak_segment_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory watch", daemon=True)
        self._processes: list[int] = []
        self._at_first = Footprint({}, 0)

    def __enter__(self) -> MemoryWatch:
        self._processes = offspring(self._process)
        self._at_first = footprint(self._processes)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            now = footprint(offspring(self._process) if self._new_processes else self._processes)
            segments = now.segments if self._with_segments else 0
            extra = max(0, now.private_above(self._at_first)) + segments
            self.peak_extra_bytes = max(self.peak_extra_bytes, extra)
            self.peak_segment_bytes = max(self.peak_segment_bytes, segments)
            if self._ended.wait(INTERVAL_SECONDS * (4 if self._new_processes else 1)):
                return


def offspring(process: int | None = None) -> list[int]:
    """Return a process, by default this one, and all its descendants."""
    this = psutil.Process(process)
    return [process.pid for process in (this, *this.children(recursive=True))]


def footprint(processes: list[int]) -> Footprint:
    """Return the memory that the processes use now. Ended processes use none."""
    private: dict[int, int] = {}
    segments: dict[str, int] = {}
    for process in processes:
        try:
            private[process] = _private_bytes(process)
            for inode, size in _segment_bytes(process).items():
                segments[inode] = max(size, segments.get(inode, 0))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return Footprint(private, sum(segments.values()))


def _private_bytes(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0  # a process that is ending has no memory any more


def _segment_bytes(process: int) -> dict[str, int]:
    """Return how much of each segment this process has touched, by inode. Both sides touch the exchanged data."""
    folder = Path(f"/proc/{process}")
    if _SEGMENT not in (folder / "maps").read_text():
        return {}
    found: dict[str, int] = {}
    inode = None
    for line in (folder / "smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):  # first line of a mapping: addresses, access, offset, device, inode, name
            inode = words[4] if _SEGMENT in line else None
        elif inode is not None and words[0] == "Rss:":
            found[inode] = found.get(inode, 0) + int(words[1]) * 1024
    return found
