"""How many executors of which size an application takes if nobody says it.

The rule: executors take half of each node's CPUs and half of the memory that Ray has there, so that Ray's tasks find
room next to Spark. An executor has at most 4 cores, and at most 8 GiB of heap for each. What is given stays as it is,
and the rest is chosen so that all of it fits this rule, if possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._configuration import registry
from raydp._configuration.memory_size import MEBIBYTE, parse_memory_size
from raydp._configuration.setting import amount, boolean
from raydp._ray.placement import bundles_of_executors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "CORES",
    "COUNT",
    "MEMORY",
    "SIZE_ARGUMENTS",
    "SIZE_KEYS",
    "SIZE_OPTIONS",
    "choose_size",
    "compute_overhead",
    "describe_size",
]

COUNT, CORES, MEMORY = "spark.executor.instances", "spark.executor.cores", "spark.executor.memory"
SIZE_KEYS = (COUNT, CORES, MEMORY)
SIZE_ARGUMENTS = {COUNT: "num_executors", CORES: "executor_cores", MEMORY: "executor_memory"}
SIZE_OPTIONS = {COUNT: "--num-executors", CORES: "--executor-cores", MEMORY: "--executor-memory"}

_SHARE = 0.5
_MOST_CORES = 4
_MOST_HEAP_PER_CORE = 8 << 30
_LEAST_HEAP = 512 * MEBIBYTE
_DEFAULT_HEAP = 1 << 30  # Spark's, if Ray does not say how much memory there is
_LEAST_OVERHEAD = 384 * MEBIBYTE
_OVERHEAD_FACTOR = 0.1


@dataclass(frozen=True)
class _Place:
    """What executors may take of one node, or of one bundle: amounts by the names of Ray's resources."""

    resources: Mapping[str, float]
    share: float

    def holds(self, demand: Mapping[str, float]) -> int:
        """Return how many executors with this demand fit."""
        return min(int(self._part(name) / needed + 1e-9) for name, needed in demand.items())

    def memory(self) -> float:
        return self._part("memory")

    def _part(self, name: str) -> float:
        # Nothing but executors is likely to use a GPU or a custom resource that they demand.
        share = self.share if name in ("CPU", "memory") else 1.0
        return share * self.resources.get(name, 0.0)


def choose_size(settings: Mapping[str, str], nodes: Collection[Mapping[str, float]]) -> dict[str, str]:
    """Return values for those of :data:`SIZE_KEYS` that have none.

    Args:
        settings: The complete settings otherwise.
        nodes: The resources of each node, by Ray's names.
    """
    bundles = bundles_of_executors(settings)
    if bundles is None:
        places = [_Place(node, _SHARE) for node in nodes if node.get("CPU", 0.0) > 0]
    else:
        places = [_Place(bundle, 1.0) for bundle in bundles]
    size: dict[str, str] = {}
    count = int(settings[COUNT]) if COUNT in settings else None
    cores = int(settings[CORES]) if CORES in settings else _choose_cores(places, count)
    size[CORES] = str(cores)
    demand = _demand(settings, cores)
    if any(place.memory() > 0 for place in places):
        demand.setdefault("memory", _LEAST_HEAP + compute_overhead(settings, _LEAST_HEAP))
    if count is None:
        count = _count(places, demand, settings.get(registry.PLACEMENT_GROUP_STRATEGY.key))
    if not boolean(settings.get("spark.dynamicAllocation.enabled", "false")):
        size[COUNT] = str(count)
    if MEMORY not in settings:
        size[MEMORY] = f"{_choose_heap(settings, places, demand, count, cores) // MEBIBYTE}m"
    return {key: value for key, value in size.items() if key not in settings}


def describe_size(
    settings: Mapping[str, str],
    nodes: Collection[Mapping[str, float]],
    chosen: Collection[str],
    names: Mapping[str, str],
) -> str:
    """Say in one line what executors take of a cluster, and how to choose what was not given.

    Args:
        settings: The complete settings.
        nodes: The resources of each node, by Ray's names.
        chosen: Those of :data:`SIZE_KEYS` that :func:`choose_size` chose.
        names: What the user calls them, if not by these keys.
    """
    count, cores, memory = settings.get(COUNT), int(settings.get(CORES, "1")), settings.get(MEMORY, "1g")
    many = "executors as jobs need them," if count is None else f"{count} executor{'' if count == '1' else 's'}"
    cpus = f"{sum(node.get('CPU', 0.0) for node in nodes):g} CPUs"
    return (
        f"Spark takes {many} with {cores} core{'' if cores == 1 else 's'} and {memory} of heap each, on a cluster of "
        f"{cpus}. To choose, give {_listed([names.get(key, key) for key in SIZE_KEYS if key in chosen])}"
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _choose_cores(places: Collection[_Place], count: int | None) -> int:
    largest = max((place.holds({"CPU": 1.0}) for place in places), default=1)
    for cores in range(min(_MOST_CORES, largest), 1, -1):
        demand = {"CPU": float(cores)}
        if count is None or sum(place.holds(demand) for place in places) >= count:
            return cores
    return 1


def _demand(settings: Mapping[str, str], cores: int) -> dict[str, float]:
    """Return what one executor demands of Ray; its memory only if it is given."""
    demand = {"CPU": float(cores)}
    gpus = amount(settings.get("spark.executor.resource.gpu.amount", "0"))  # if it is malformed, Spark says so
    if gpus is not None:
        demand["GPU"] = gpus
    prefix = registry.EXECUTOR_RESOURCES.prefix
    for key, value in settings.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            demand[name.upper() if name.lower() in ("cpu", "gpu") else name] = float(value)
    if MEMORY in settings and "memory" not in demand:
        heap = _size(settings[MEMORY])
        demand["memory"] = heap + compute_overhead(settings, heap)
    return {name: needed for name, needed in demand.items() if needed > 0} or {"CPU": float(cores)}


def _count(places: Collection[_Place], demand: Mapping[str, float], strategy: str | None) -> int:
    counts = [place.holds(demand) for place in places]
    if strategy == "STRICT_SPREAD":
        counts = [min(1, count) for count in counts]
    if strategy == "STRICT_PACK":
        counts = [max(counts, default=0)]
    each = demand.get("CPU", 0.0)
    if sum(counts) == 0 and each > 0 and len(places) > 1:  # nodes with one CPU: half of the nodes
        cpus = [place.resources.get("CPU", 0.0) for place in places]
        counts = [int(_SHARE * sum(one for one in cpus if one >= each) / each)]
    return max(1, sum(counts))


def _choose_heap(
    settings: Mapping[str, str], places: Collection[_Place], demand: Mapping[str, float], count: int, cores: int
) -> int:
    memories = []
    for place in places:
        here = min(count, place.holds(demand) or 1)
        if place.memory() > 0:
            memories.append(place.memory() / here)
    if not memories:
        return _DEFAULT_HEAP
    total = min(memories)
    # The overhead is a part of the heap, or a constant.
    heap = min(int((total - _others(settings)) / (1 + _factor(settings))), int(total - compute_overhead(settings, 0)))
    return max(_LEAST_HEAP, min(heap, cores * _MOST_HEAP_PER_CORE))


def compute_overhead(settings: Mapping[str, str], heap: int) -> int:
    """Return the memory of an executor in addition to its heap, as Spark computes it."""
    given = settings.get("spark.executor.memoryOverhead")
    least = settings.get("spark.executor.minMemoryOverhead")
    constant = _LEAST_OVERHEAD if least is None else _size(least)
    overhead = max(constant, int(_factor(settings) * heap)) if given is None else _size(given)
    return overhead + _others(settings)


def _factor(settings: Mapping[str, str]) -> float:
    given = amount(settings.get("spark.executor.memoryOverheadFactor", ""))
    return _OVERHEAD_FACTOR if given is None else given


def _others(settings: Mapping[str, str]) -> int:
    others = _size(settings.get("spark.executor.pyspark.memory", "0"))
    if boolean(settings.get("spark.memory.offHeap.enabled", "false")):
        others += parse_memory_size(settings.get("spark.memory.offHeap.size", "0"))
    return others


def _size(text: str) -> int:
    """Return the bytes of a setting of Spark whose plain numbers are mebibytes."""
    return int(text) * MEBIBYTE if text.strip().isdigit() else parse_memory_size(text)
