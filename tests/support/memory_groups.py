"""Groups of processes (cgroups) that may use so much memory. When they need more, the kernel kills one of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["MemoryGroup", "reason_to_skip"]

_ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


class MemoryGroup:
    """A group, of the first or the second version of cgroups.

    Args:
        folder: What stands for it, as :meth:`create` has made it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_old = (folder / "memory.limit_in_bytes").exists()

    @classmethod
    def create(cls, name: str, *, megabytes: int) -> MemoryGroup:
        """Make a group. What a process uses when it is added does not count."""
        root = _root()
        assert root is not None
        folder = root / name
        folder.mkdir()
        group = cls(folder)
        limit = folder / ("memory.limit_in_bytes" if group._is_old else "memory.max")
        limit.write_text(str(megabytes * 1024**2))
        with contextlib.suppress(OSError):  # a kernel without swap has no such file
            (folder / "memory.swap.max").write_text("0")
        return group

    def add(self, pid: int) -> None:
        """Move a process into it. Its children follow when they start; no error if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            (self.folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """Return how many of its processes the kernel has killed because memory ran out."""
        text = (self.folder / ("memory.oom_control" if self._is_old else "memory.events")).read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    def remove(self) -> None:
        """Remove it, after its processes have ended."""
        self.folder.rmdir()


def reason_to_skip() -> str | None:
    """Return why there can be no groups here; ``None``: there can."""
    return None if _root() is not None else "needs root and a memory controller of cgroups"


def _root() -> Path | None:
    for root in _ROOTS:
        control = root / "cgroup.subtree_control"
        has_memory = (root / "memory.limit_in_bytes").exists() or (
            control.exists() and "memory" in control.read_text().split()
        )
        if has_memory and os.access(root, os.W_OK):
            return root
    return None
