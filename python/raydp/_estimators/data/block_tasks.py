"""Run a function on every block: in this process if the blocks are small, otherwise in Ray tasks near the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import ray

from raydp._ray.failures import raised_in_task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["map_blocks"]

_Result = TypeVar("_Result")

_IN_PROCESS_BYTES = 64 * 1024**2
_BLOCKS_PER_TASK = 16
_TASK_SECONDS = 600.0


def map_blocks(
    function: Callable[[Any], _Result], refs: Sequence[ray.ObjectRef[Any]], total_bytes: int | None, *, name: str
) -> list[_Result]:
    """Return what a function returns for each block, in order.

    Args:
        function: Takes a block.
        refs: The blocks.
        total_bytes: Size of all blocks; ``None``: unknown.
        name: Name of the tasks.
    """
    if total_bytes is not None and total_bytes <= _IN_PROCESS_BYTES:
        return [function(block) for block in ray.get(list(refs), timeout=_TASK_SECONDS)]
    groups = [refs[start : start + _BLOCKS_PER_TASK] for start in range(0, len(refs), _BLOCKS_PER_TASK)]
    task: Any = ray.remote(_apply)
    calls = [task.options(num_cpus=0, name=name).remote(function, *group) for group in groups]
    try:
        return [result for results in ray.get(calls, timeout=_TASK_SECONDS) for result in results]
    except ray.exceptions.RayTaskError as error:
        raise raised_in_task(error) from error


def _apply(function: Callable[[Any], _Result], *blocks: Any) -> list[_Result]:
    return [function(block) for block in blocks]
