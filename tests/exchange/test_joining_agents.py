"""Agents that join an export at any time."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
import ray

from raydp._exchange.driver.exchange_context import ExchangeContext
from raydp._exchange.driver.export_job import ExportJob, ExportPlan
from raydp._exchange.types.tensor_columns import BlockForm
from raydp._exchange.waits import ExchangeWaits
from raydp.errors import ExchangeError
from support.agents import TestApplication, application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raydp._exchange.driver.directory import Agent

SCHEMA = pa.schema([("n", pa.int64())])
EXPORT = 1


class AnsweringJvm:
    """A driver JVM that runs no job."""

    def is_context_stopped(self, spark: Any) -> bool:
        del spark
        return False

    def cancel_export(self, spark: Any, export_id: int) -> None:
        del spark, export_id


@pytest.fixture
def app(ray_cluster: Any) -> Iterator[TestApplication]:
    with application() as created:
        yield created


def export_job(app: TestApplication, run_spark_job: Callable[[int], list[Any]], *, control: float = 20.0) -> ExportJob:
    context = ExchangeContext(
        directory=app.directory,
        host=app,
        jvm=cast("Any", AnsweringJvm()),
        waits=replace(ExchangeWaits.of_settings({"spark.raydp.exchange.timeout": "20"}), control=control),
        block_bytes=1,
        keep_lineage=False,
        progress=False,
        find_loss=lambda: None,
        relay_port=0,
    )
    plan = ExportPlan(
        "test", cast("Any", None), BlockForm.of(SCHEMA, []), keep_lineage=False, run_spark_job=run_spark_job
    )
    return ExportJob(context, plan, EXPORT)


def can_begin(agent: Agent) -> bool:
    """Tell whether an agent does not know the export (yet): it refuses one that was opened before."""
    try:
        ray.get(agent.handle.begin.remote(EXPORT, SCHEMA), timeout=60)
    except ray.exceptions.RayTaskError:
        return False
    return True


def test_an_agent_that_joins_after_the_job_is_not_begun(app: TestApplication) -> None:
    agent = app.agent()
    with application() as other:
        late = other.agent()
        job = export_job(app, lambda _: [])
        exported = job.run()
        assert [found.node for found in exported.agents] == [agent.node]
        job.agent_joined(late)
        assert not job.needs(late)
        assert can_begin(late)


def test_an_agent_that_joins_during_the_job_is_ended_with_the_others(app: TestApplication) -> None:
    app.agent()
    with application() as other:
        late = other.agent()
        job = export_job(app, lambda _: [job.agent_joined(late)][1:])
        assert len(job.run().agents) == 2
        assert not can_begin(late)
        assert not job.needs(late)


def test_a_frozen_agent_is_named_with_the_wait(app: TestApplication) -> None:
    agent = app.agent()
    process = ray.get(agent.handle.process_id.remote())
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(ExchangeError, match=f"does not answer.*Waited 1 s, node {agent.node}"):
            export_job(app, lambda _: [], control=1.0).agent_joined(agent)
    finally:
        os.kill(process, signal.SIGCONT)
