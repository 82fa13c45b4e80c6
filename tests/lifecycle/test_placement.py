"""Placement groups: one made for the application, or one that the program gives, as programs for RayDP 1.6 do."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_group_for_the_application_goes_with_it() -> None:
    outcome = programs.run(
        """
        start_ray()
        from ray.util.placement_group import placement_group_table
        spark = raydp.init_spark("t", 1, 1, "500M", placement_group_strategy="PACK")
        say("during:", spark.range(0, 10, numPartitions=10).count(),
            [group["state"] for group in placement_group_table().values()])
        raydp.stop_spark()
        say("after:", [group["state"] for group in placement_group_table().values()])
        """
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines() == ["during: 10 ['CREATED']", "after: ['REMOVED']"], outcome.everything


def test_a_given_group_is_used_and_kept() -> None:
    outcome = programs.run(
        """
        start_ray()
        from ray.util.placement_group import placement_group_table
        group = ray.util.placement_group([{"CPU": 1, "memory": raydp.utils.parse_memory_size("500M")}])
        ray.get(group.ready(), timeout=60)
        try:
            raydp.init_spark("t", 1, 3, "500M", placement_group=group)
        except raydp.errors.InvalidArgumentError as error:
            say("refused:", error)
        spark = raydp.init_spark("t", 1, 1, "500M", placement_group=group, placement_group_bundle_indexes=[0])
        say("count:", spark.range(0, 10, numPartitions=10).count())
        raydp.stop_spark()
        say("kept:", placement_group_table(group)["state"])
        """
    )
    assert outcome.code == 0, outcome.everything
    assert "refused: An executor does not fit bundle 0" in outcome.output, outcome.everything
    assert "CPU: needed 3, there 1" in outcome.output
    assert "count: 10\nkept: CREATED\n" in outcome.output, outcome.everything
    assert "bundle 524288000 bytes" in outcome.errors, outcome.everything


def test_given_bundles_are_honoured_and_taken_again_after_a_kill() -> None:
    outcome = programs.run(
        """
        start_ray(num_cpus=6)
        from raydp._application import current_application
        bundle = {"CPU": 1, "memory": raydp.utils.parse_memory_size("1g")}
        group = ray.util.placement_group([dict(bundle) for _ in range(4)])
        ray.get(group.ready(), timeout=60)
        spark = raydp.init_spark("t", 2, 1, "500M", placement_group=group, placement_group_bundle_indexes=[3, 1])
        def registered():
            return current_application().status().registered
        def occupied():
            free = ray.available_resources()
            return [i for i in range(4) if not any(name.startswith(f"CPU_group_{i}_") and amount >= 1
                                                   for name, amount in free.items())]
        say("two:", raydp.scale(2), occupied())
        for executor in registered():  # one after the other, so that each bundle is left once
            os.kill(executor.pid, signal.SIGKILL)
            deadline = time.monotonic() + 60
            # Ray tells what is free some time after it has given it away.
            while (len(registered()) < 2 or executor.id in {e.id for e in registered()}
                   or occupied() != [1, 3]):
                assert time.monotonic() < deadline, current_application().status()
                time.sleep(0.1)
            say("again:", occupied())
        raydp.stop_spark()

        spark = raydp.init_spark("t", 2, 1, "500M", placement_group_strategy="SPREAD")
        try:
            raydp.scale(3)
        except raydp.errors.InvalidArgumentError as error:
            say("refused:", error)
        """
    )
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert lines[:3] == ["two: 2 [1, 3]", "again: [1, 3]", "again: [1, 3]"], outcome.everything
    assert lines[3].endswith("Executors asked for: 3; bundles: 2"), outcome.everything
