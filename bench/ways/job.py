"""What a way is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trips import ZoneError

Run: TypeAlias = "Callable[[Path], dict[int, ZoneError]]"
"""Runs the pipeline once; takes a folder for files to hand over, and returns the error in each zone."""


@dataclass(frozen=True)
class Job:
    """One measurement of a way.

    Attributes:
        data: Folder of the input.
        storage: Folder for checkpoints of Ray Train.
        trees: Number of trees to train.
        ray_options: Further arguments of ``ray.init``.
        ray_on_spark_options: Further arguments of ``setup_ray_cluster``.
    """

    data: Path
    storage: Path
    trees: int
    ray_options: dict[str, Any]
    ray_on_spark_options: dict[str, Any]
