"""Applications that one program starts and stops again and again leave nothing behind, in it or beside it."""

from __future__ import annotations

import uuid

import pytest

from support import programs

PROGRAM = """
    import gc, psutil
    start_ray()
    me = psutil.Process()

    def processes():
        return sorted(p.name() for p in programs.marked_processes({mark!r}) if p.name() == "java")

    def sizes():
        return [me.num_fds(), me.num_threads(), me.memory_info().rss >> 20]

    for number in range({restarts}):
        spark = raydp.init_spark(f"start {{number}}", 1, 1, "500m", configs={{"spark.log.level": "ERROR"}})
        dataset = raydp.from_spark(spark.range(1000))
        assert raydp.to_spark(dataset).count() == 1000
        del dataset
        raydp.stop_spark()
        gc.collect()
        eventually("ended", lambda: not processes(), seconds=60, state=processes)
        say("sizes:", *sizes())
    """


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_starting_again_and_again_leaves_nothing(pytestconfig: pytest.Config) -> None:
    mark = uuid.uuid4().hex
    restarts = pytestconfig.getoption("--restarts")
    outcome = programs.run(
        PROGRAM.format(mark=mark, restarts=restarts),
        env={"RAYDP_TEST_MARK": mark},
        timeout=3600,
    )
    assert outcome.code == 0, outcome.everything
    lines = [line.split()[1:] for line in outcome.output.splitlines() if line.startswith("sizes:")]
    sizes = [dict(zip(_NAMES, map(int, line), strict=True)) for line in lines]
    assert len(sizes) == restarts, outcome.everything
    # The first starts fill caches and pools; after them nothing grows with the number of starts.
    settled, last = sizes[2], sizes[-1]
    for name, slack in _NAMES.items():
        assert last[name] - settled[name] <= slack, (name, sizes)
    assert programs.await_none(mark, seconds=20) == []


# What is counted, and by how much it may differ from one moment to another; memory is in MiB.
_NAMES = {"files": 10, "threads": 10, "memory": 30}
