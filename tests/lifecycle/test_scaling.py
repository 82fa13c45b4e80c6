"""Executors that come and go: by hand, and with Spark's dynamic allocation."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

WATCHING = """
        from raydp._application import current_application
        from ray.autoscaler.v2.sdk import get_cluster_status

        def status():
            return current_application().status()

        def living():
            return status().living

        def registered():
            return sorted(e.id for e in status().registered)

        def pending_cpus():
            # What an autoscaler is told: the resources of actors that have no place.
            demand = get_cluster_status(ray.get_runtime_context().gcs_address).resource_demands.ray_task_actor_demand
            return sum(shape.count * shape.bundle.get("CPU", 0) for one in demand for shape in one.bundles_by_count)

        import functools
        eventually = functools.partial(eventually, seconds=120, state=status)
"""


def test_executors_are_added_and_taken_away_by_hand() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=3)
        spark = raydp.init_spark("t", 1, 1, "500m", configs={"spark.sql.shuffle.partitions": "4"})
        """
        + WATCHING
        + """
        for wrong in (-1, True, "2"):
            try:
                raydp.scale(wrong)
            except raydp.errors.InvalidArgumentError as error:
                say("refused:", error)
        say("two:", raydp.scale(2))
        say("more than there is room for:", raydp.scale(5, timeout_seconds=1) < 5)
        eventually("three run", lambda: len(registered()) == 3)
        eventually("demand: 2", lambda: pending_cpus() == 2)
        say("two again:", raydp.scale(2), len(living()))
        eventually("demand: 0", lambda: pending_cpus() == 0)

        cached = spark.range(0, 10_000, 1, 4).selectExpr("id", "id % 10 as k").cache()
        shuffled = cached.groupBy("k").count().cache()
        assert shuffled.count() == 10
        before = registered()
        say("one:", raydp.scale(1), "of the two:", set(registered()) < set(before))
        info = spark.sparkContext._jsc.sc().getRDDStorageInfo()
        say("cached partitions:", sorted(rdd.numCachedPartitions() for rdd in info))
        say("right:", shuffled.agg({"count": "sum"}).first()[0], cached.count())
        say("none:", raydp.scale(0), registered())
        say("one:", raydp.scale(1), spark.range(1000).count())
        raydp.stop_spark()
        try:
            raydp.scale(1)
        except raydp.errors.SessionError as error:
            say("stopped:", error)
        """
    )
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert len([line for line in lines if line.startswith("refused:")]) == 3, outcome.everything
    assert "two: 2" in lines
    assert "more than there is room for: True" in lines and "three run" in lines, outcome.everything
    assert "two again: 2 2" in lines, outcome.everything
    assert "one: 1 of the two: True" in lines, outcome.everything
    assert "cached partitions: [4, 4]" in lines, "decommissioning hands cached partitions over " + outcome.everything
    assert "right: 10000 10000" in lines
    assert "none: 0 []" in lines, outcome.everything
    assert "one: 1 1000" in lines, outcome.everything
    assert any(line.startswith("stopped: There is no running Spark session") for line in lines)


def test_dynamic_allocation_grows_with_a_job_and_shrinks_after_it() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=3)
        spark = raydp.init_spark("t", 1, 1, "500m", configs={
            "spark.dynamicAllocation.enabled": True,
            "spark.dynamicAllocation.minExecutors": 1,
            "spark.dynamicAllocation.maxExecutors": 6,
            "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
            "spark.dynamicAllocation.executorIdleTimeout": "2s"})
        """
        + WATCHING
        + """
        try:
            raydp.scale(2)
        except raydp.errors.SessionError as error:
            say("refused:", error)

        thread, result = start_job(spark, 0.5)
        eventually("grown", lambda: len(registered()) == 3)
        eventually("pending", lambda: len(living()) == 6 and pending_cpus() == 3)
        thread.join(120)
        say("result:", sorted(result))
        eventually("pending cancelled", lambda: len(living()) <= 3 and pending_cpus() == 0, seconds=20)
        eventually("shrunk", lambda: len(living()) == 1)
        say("after:", spark.range(100).count())
        """
    )
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert lines[0].startswith("refused: Spark's dynamic allocation decides"), outcome.everything
    expected = ["grown", "pending", "result: [(0, 20), (1, 20), (2, 20)]", "pending cancelled", "shrunk", "after: 100"]
    assert lines[1:] == expected, outcome.everything
