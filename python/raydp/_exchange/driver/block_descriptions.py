"""What Spark's planner needs to know about a Dataset's blocks: schema, rows, bytes and hosts."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
import ray.experimental

from raydp._exchange.agent.agent import BlockDescription
from raydp._exchange.driver.driver_jvm import BlockSource
from raydp._exchange.types.canonical_types import to_canonical_schema
from raydp._machine.progress import Progress
from raydp._ray.failures import raised_in_task, reason_of
from raydp.errors import ExchangeError, InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ray import ObjectRef

    from raydp._exchange.driver.context import ExchangeContext
    from raydp._exchange.driver.directory import Agent
    from raydp._ray.internals import Blocks

__all__ = ["describe_blocks", "useful_nodes"]

_UNKNOWN = -1
# Blocks per call to an agent: few enough for a progress bar that moves.
_BLOCKS_PER_CALL = 32


def describe_blocks(context: ExchangeContext, blocks: Blocks) -> tuple[pa.Schema, list[BlockSource]]:
    """Return the canonical schema of blocks, and what Spark's planner needs to know about each.

    Blocks with an unknown schema, such as pandas blocks, are read for it, each on a node that has it.

    Raises:
        InvalidArgumentError: There are neither blocks nor a schema, no columns, or two columns of the same name.
        UnsupportedTypeError: Spark has no type for a column, or its types in two blocks have nothing in common.
        ExchangeError: The blocks could not be read.
    """
    nodes = _nodes_of(blocks.refs, context.waits.control)
    if blocks.schema is not None:
        schema, rows, sizes = to_canonical_schema(blocks.schema), blocks.rows, blocks.sizes
    elif blocks.refs:
        context.directory.refresh()
        found = _read_descriptions(context, blocks.refs, nodes)
        schema = _unified_schema([block.schema for block in found])
        rows, sizes = [block.rows for block in found], [block.size for block in found]
    else:
        raise InvalidArgumentError(
            "The Dataset has no blocks and no schema, so the DataFrame's columns are unknown. Pass the schema to "
            "raydp.spark.ray_dataset_to_spark_dataframe, or convert a Dataset that has at least an empty block"
        )
    hosts = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    executors = set(context.executor_nodes.current())
    return schema, [
        BlockSource(
            rows=_UNKNOWN if count is None else count,
            bytes=_UNKNOWN if size is None else size,
            hosts=[hosts[node] for node in useful_nodes(places, executors) if node in hosts],
        )
        for count, size, places in zip(rows, sizes, nodes, strict=True)
    ]


def useful_nodes(places: list[str], executors: set[str]) -> list[str]:
    """Return the nodes of a block where a task can run now, or all of them if there is none: executors may come.

    A driver on a node without executors has copies of the blocks that it read. As preferred locations, they would let
    tasks run anywhere.
    """
    return [node for node in places if node in executors] or places


def _nodes_of(refs: list[ObjectRef[Any]], timeout: float) -> list[list[str]]:
    """Return the Ray node ids (hex) that have each block. Small blocks have none: they travel with the reference."""
    if not refs:
        return []
    locations = ray.experimental.get_object_locations(refs, timeout_ms=int(timeout * 1000))
    return [locations.get(ref, {}).get("node_ids", []) for ref in refs]


def _read_descriptions(
    context: ExchangeContext, refs: Sequence[ObjectRef[Any]], nodes: Sequence[Sequence[str]]
) -> list[BlockDescription]:
    """Read each block for its description: an agent on a node that has it, or this process if there are no agents."""
    deadline = time.monotonic() + context.waits.block_descriptions
    found: dict[int, BlockDescription] = {}
    with Progress("to_spark, reading schemas", total=len(refs), unit=" blocks", enabled=context.progress) as bar:
        try:
            agents = context.directory.agents()
            if not agents:
                return _read_here(refs, deadline)
            calls = {
                agent.handle.describe.remote([refs[index] for index in share]): share
                for agent, share in _shares(nodes, agents)
            }
            while calls:
                ready, _ = ray.wait(list(calls), timeout=_seconds_until(deadline))
                if not ready:
                    raise ExchangeError(
                        f"The blocks of the Dataset could not be read for their schema in time. Raise "
                        f"spark.raydp.exchange.timeout if Ray spills or restores them slowly. Waited "
                        f"{context.waits.block_descriptions:.0f} s, blocks: {len(found)} of {len(refs)}"
                    )
                for call in ready:
                    share = calls.pop(call)
                    found.update(zip(share, _take(call, [refs[index] for index in share], deadline), strict=True))
                bar.set(len(found), bytes_done=sum(block.size for block in found.values()))
        except ray.exceptions.RayTaskError as error:
            raise raised_in_task(error) from error
        except ray.exceptions.RayError as error:
            raise ExchangeError(
                f"The blocks of the Dataset could not be read for their schema; was a node lost? {reason_of(error)}"
            ) from error
    return [found[index] for index in range(len(refs))]


def _take(call: ObjectRef[Any], refs: list[ObjectRef[Any]], deadline: float) -> list[BlockDescription]:
    """Return an agent's answer. If the agent was lost, this process reads the blocks, which may still exist."""
    try:
        answer: list[BlockDescription] = ray.get(call)
    except ray.exceptions.RayActorError:
        return _read_here(refs, deadline)
    return answer


def _read_here(refs: Sequence[ObjectRef[Any]], deadline: float) -> list[BlockDescription]:
    return [BlockDescription.of(ray.get(ref, timeout=_seconds_until(deadline))) for ref in refs]


def _shares(nodes: Sequence[Sequence[str]], agents: Sequence[Agent]) -> Iterator[tuple[Agent, list[int]]]:
    """Divide blocks among agents, each near its blocks where that is possible, in pieces of one call."""
    by_node = {agent.node: agent for agent in agents}
    shares: dict[str, list[int]] = defaultdict(list)
    for index, places in enumerate(nodes):
        near = next((node for node in places if node in by_node), agents[index % len(agents)].node)
        shares[near].append(index)
    for node, share in shares.items():
        for start in range(0, len(share), _BLOCKS_PER_CALL):
            yield by_node[node], share[start : start + _BLOCKS_PER_CALL]


def _seconds_until(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _unified_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the narrowest canonical schema that holds the blocks of all these schemas.

    Raises:
        UnsupportedTypeError: A type is not supported, or a column's types in two blocks have nothing in common.
    """
    distinct = list(dict.fromkeys(to_canonical_schema(schema) for schema in schemas))
    try:
        unified = to_canonical_schema(pa.unify_schemas(distinct, promote_options="permissive"))
    except pa.ArrowTypeError as error:
        raise UnsupportedTypeError(
            f"The blocks of the Dataset have different types for one column. Give all blocks the same type, for "
            f"example with map_batches: {error}"
        ) from error
    return _with_common_metadata(unified, distinct)


def _with_common_metadata(unified: pa.Schema, schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Drop metadata that differs between blocks, such as the digits of a column's times."""
    for index, field in enumerate(unified):
        found = [schema.field(field.name).metadata for schema in schemas if field.name in schema.names]
        if any(metadata != found[0] for metadata in found):
            unified = unified.set(index, field.remove_metadata())
    return unified
