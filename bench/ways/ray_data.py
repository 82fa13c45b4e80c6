"""Ray Data alone, without Spark."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import ray
import trips

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    ray.init("local", num_cpus=3, **job.ray_options)

    def run(hand_over: Path) -> dict[int, trips.ZoneError]:
        rows = trips.prepare_with_ray(job.data).materialize()
        model = trips.train_with_ray(rows, job.trees, job.storage)
        predicted = rows.map_batches(trips.Predict, fn_constructor_args=[model], batch_format="pandas", concurrency=1)
        return trips.error_per_zone_with_ray(predicted)

    yield run
    ray.shutdown()
