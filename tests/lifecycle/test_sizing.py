"""How many executors of which size an application takes that does not say it. Needs no cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydp._application import submitted
from raydp._application.sizing import SIZE_ARGUMENTS, SIZE_KEYS, SIZE_OPTIONS, choose_size, describe_size

COUNT, CORES, MEMORY = SIZE_KEYS
GIB = 1 << 30


def node(cpus: float, memory: float | None = None, **others: float) -> dict[str, float]:
    return {"CPU": cpus, "memory": (cpus + 1) * 2 * GIB if memory is None else memory, **others}


def sizes(nodes: list[dict[str, float]], **given_settings: str) -> tuple[str, str]:
    settings = {key.replace("_", "."): value for key, value in given_settings.items()}
    chosen = settings | choose_size(settings, nodes)
    return chosen.get(COUNT, "none"), chosen[CORES]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node(1)], ("1", "1")),
        ([node(2)], ("1", "1")),
        ([node(3)], ("1", "1")),
        ([node(4)], ("1", "2")),
        ([node(16)], ("2", "4")),
        ([node(64), node(64)], ("16", "4")),
        ([node(2), node(2), node(2)], ("3", "1")),
        ([node(1), node(1), node(1), node(1)], ("2", "1")),
        ([node(0), node(8)], ("1", "4")),
        ([node(2), node(64)], ("8", "4")),
        ([], ("1", "1")),
        ([node(0)], ("1", "1")),
    ],
)
def test_executors_take_half_of_each_node(nodes: list[dict[str, float]], expected: tuple[str, str]) -> None:
    assert sizes(nodes) == expected


def test_what_is_given_stays_and_the_rest_fits() -> None:
    assert sizes([node(16)], spark_executor_cores="1") == ("8", "1")
    assert sizes([node(16)], spark_executor_instances="8") == ("8", "1")
    assert sizes([node(16)], spark_executor_instances="4") == ("4", "2")
    assert sizes([node(2)], spark_executor_instances="5") == ("5", "1")
    assert sizes([node(16, 8 * GIB)], spark_executor_memory="3g") == ("1", "4")
    assert choose_size(dict.fromkeys(SIZE_KEYS, "1"), [node(16)]) == {}


def test_other_settings_count() -> None:
    dynamic = {"spark.dynamicAllocation.enabled": "true"}
    assert COUNT not in choose_size(dynamic, [node(4)])
    gpus = {"spark.executor.resource.gpu.amount": "1"}
    assert choose_size(gpus, [node(16, GPU=1.0), node(16)])[COUNT] == "1"
    half = {"spark.raydp.executor.resource.cpu": "0.5", CORES: "1"}
    assert choose_size(half, [node(4)])[COUNT] == "4"
    nothing = {"spark.raydp.executor.resource.cpu": "0", MEMORY: "900g"}
    assert choose_size(nothing, [node(4), node(4)])[COUNT] == "1"
    assert choose_size({"spark.executor.resource.gpu.amount": "some"}, [node(4)])[COUNT] == "1"
    spread = {"spark.raydp.placementGroup.strategy": "STRICT_SPREAD", CORES: "1"}
    assert choose_size(spread, [node(16), node(16)])[COUNT] == "2"
    pack = {"spark.raydp.placementGroup.strategy": "STRICT_PACK", CORES: "1"}
    assert choose_size(pack, [node(16), node(8)])[COUNT] == "8"
    off_heap = {"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": str(GIB)}
    assert choose_size(off_heap, [node(2)])[MEMORY] < choose_size({}, [node(2)])[MEMORY]


def test_the_line_says_what_was_taken() -> None:
    size = choose_size({}, [node(2)])
    said = describe_size(size, [node(2)], size, SIZE_ARGUMENTS)
    assert said.startswith(f"Spark takes 1 executor with 1 core and {size[MEMORY]} of heap")
    assert said.endswith(". To choose, give num_executors, executor_cores and executor_memory")


def test_the_line_names_what_was_not_given_as_the_user_gives_it() -> None:
    given_settings = {COUNT: "1", MEMORY: "800m"}
    size = choose_size(given_settings, [node(2)])
    ends = {
        name: describe_size(given_settings | size, [node(2)], size, names).rpartition(". ")[2]
        for name, names in (("init_spark", SIZE_ARGUMENTS), ("raydp-submit", SIZE_OPTIONS), ("builder", {}))
    }
    assert ends == {
        "init_spark": "To choose, give executor_cores",
        "raydp-submit": "To choose, give --executor-cores",
        "builder": "To choose, give spark.executor.cores",
    }


def test_a_submitted_program_is_told_the_options() -> None:
    with submitted.sizes_named(SIZE_OPTIONS):
        with submitted.sizes_named(SIZE_ARGUMENTS):
            assert submitted.size_names == SIZE_OPTIONS
        assert submitted.size_names == SIZE_OPTIONS
    assert submitted.size_names == {}


NODES = st.lists(st.builds(node, st.integers(1, 128).map(float), st.integers(3, 512).map(lambda n: float(n << 30))))


@given(NODES.filter(lambda nodes: any(one["CPU"] >= 2 for one in nodes)))
def test_executors_fit_and_leave_room(nodes: list[dict[str, float]]) -> None:
    size = choose_size({}, nodes)
    count, cores, heap = int(size[COUNT]), int(size[CORES]), int(size[MEMORY].removesuffix("m")) << 20
    total = heap + max(384 << 20, int(0.1 * heap))
    assert 1 <= cores <= 4 and heap >= 512 << 20
    assert count * cores <= sum(one["CPU"] for one in nodes) / 2
    assert count <= sum(int(one["CPU"] / 2 / cores) for one in nodes)
    least = (512 + 384) << 20
    for one in nodes:
        here = min(count, int(one["CPU"] / 2 / cores), int(one["memory"] / 2 / least))
        assert total * here <= one["memory"] / 2
