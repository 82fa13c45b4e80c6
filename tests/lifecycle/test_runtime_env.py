"""The program's ``runtime_env`` reaches the executors and their Python workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_variables_and_modules_of_the_program(tmp_path: Path) -> None:
    module = tmp_path / "only_here"
    module.mkdir()
    (module / "__init__.py").write_text("ANSWER = 42\n")
    outcome = programs.run(
        f"""
        variables = {{"FLAVOUR": "vanilla", "PLACE": "program"}}
        start_ray(runtime_env={{"env_vars": variables, "py_modules": [{str(module)!r}]}})
        spark = raydp.init_spark("t", 1, 1, "500m", configs={{"spark.executorEnv.PLACE": "executor"}})
        def look(rows):
            import only_here
            yield os.environ["FLAVOUR"], os.environ["PLACE"], only_here.ANSWER
        say("worker:", spark.sparkContext.parallelize([1], 1).mapPartitions(look).collect()[0])
        raydp.stop_spark()
        own = '{{"env_vars": {{"FLAVOUR": "chocolate"}}}}'
        spark = raydp.init_spark("t", 1, 1, "500m", configs={{"spark.raydp.runtimeEnv": own}})
        def flavour(rows):
            yield os.environ["FLAVOUR"], os.environ.get("PLACE")
        say("own:", spark.sparkContext.parallelize([1], 1).mapPartitions(flavour).collect()[0])
        raydp.stop_spark()
        try:
            raydp.init_spark("t", 1, 1, "500m", configs={{"spark.raydp.runtimeEnv": "no JSON"}})
        except raydp.errors.InvalidArgumentError as error:
            say("refused:", error)
        """
    )
    assert outcome.code == 0, outcome.everything
    assert "worker: ('vanilla', 'executor', 42)" in outcome.output, outcome.everything
    assert "own: ('chocolate', None)" in outcome.output, outcome.everything
    assert "refused: spark.raydp.runtimeEnv must be a JSON object" in outcome.output, outcome.everything
