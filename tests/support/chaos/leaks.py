"""What is left of an application that has ended."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from ray.util import list_named_actors, placement_group_table

from support.chaos import processes
from support.chaos.plan import Target
from support.datasets import eventually, store_bytes_used

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["leaks_of_application", "leaks_of_machine"]

_LEAK_SECONDS = 90.0


def leaks_of_application(sockets: Path) -> list[str]:
    """Return what is left on the machine, and in Ray, which goes on."""
    return _left_after_a_while(lambda: [*_on_machine(sockets), *_in_ray()])


def leaks_of_machine(sockets: Path) -> list[str]:
    """Return what is left on the machine after the program has left Ray."""
    return _left_after_a_while(lambda: _on_machine(sockets))


def _left_after_a_while(look: Callable[[], list[str]]) -> list[str]:
    gc.collect()
    eventually(lambda: not look(), within=_LEAK_SECONDS)
    return look()


def _on_machine(sockets: Path) -> list[str]:
    left = [
        f"process {pid}"
        for target in (Target.APP_MASTER, Target.WORKER, Target.DAEMON)
        for pid in processes.targets(target)
    ]
    left += processes.java_processes()
    left += [f"sockets {sockets}"] if sockets.exists() else []
    return left


def _in_ray() -> list[str]:
    names = [one["name"] for one in list_named_actors(all_namespaces=True)]
    left = [f"actor {name}" for name in names if name.startswith("raydp")]  # others are Ray's own
    left += [f"placement group {one}" for one in placement_group_table().values() if one["state"] != "REMOVED"]
    left += [f"{store_bytes_used():.0f} bytes of the store"] if store_bytes_used() else []
    return left
