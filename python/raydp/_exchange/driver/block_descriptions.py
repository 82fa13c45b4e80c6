"""What Spark's planner needs to know about a Dataset's blocks: schema, rows, bytes and hosts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import ray
import ray.experimental

from raydp._exchange.agent.agent import BlockDescription
from raydp._exchange.driver.driver_calls import BlockSource
from raydp._exchange.types.block_schemas import unify_block_schemas
from raydp._machine.progress import Progress
from raydp._ray.failures import raised_in_task, reason_of
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from ray import ObjectRef

    from raydp._exchange.driver.directory import Agent
    from raydp._exchange.driver.exchange_context import ExchangeContext
    from raydp._ray.internals import Blocks

__all__ = ["describe_blocks", "useful_nodes"]

_UNKNOWN = -1
# Blocks per call to an agent: few enough for a progress bar that moves.
_BLOCKS_PER_CALL = 32


def describe_blocks(context: ExchangeContext, blocks: Blocks) -> tuple[pa.Schema, list[BlockSource]]:
    """Return the canonical schema of blocks, and what Spark's planner needs to know about each.

    Blocks with an unknown schema are read for it, each on a node that has it.

    Raises:
        InvalidArgumentError: There are neither rows nor a schema, no columns, or two columns of the same name.
        UnsupportedTypeError: Spark has no type for a column, or its types in two blocks have nothing in common.
        ExchangeError: The blocks could not be read.
    """
    nodes = _nodes_of(blocks.refs, context.waits.control)
    found = _describe(context, blocks, nodes)
    schema = unify_block_schemas([(block.schema, block.rows) for block in found], blocks.declared)
    executors = set(context.host.executor_nodes())
    hosts = context.host.hosts_by_node()
    return schema, [
        BlockSource(
            rows=block.rows,
            bytes=block.size,
            hosts=[host for node in useful_nodes(block_nodes, executors) for host in hosts.get(node, ())],
        )
        for block, block_nodes in zip(found, nodes, strict=True)
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


def _describe(context: ExchangeContext, blocks: Blocks, nodes: Sequence[Sequence[str]]) -> list[BlockDescription]:
    """Return a description of each block, after reading those of which too little is known."""
    known = {
        index: BlockDescription(schema, rows, _UNKNOWN if size is None else size)
        for index, (schema, rows, size) in enumerate(zip(blocks.schemas, blocks.rows, blocks.sizes, strict=True))
        if schema is not None and rows is not None
    }
    unknown = [index for index in range(len(blocks.refs)) if index not in known]
    if unknown:
        context.directory.refresh()
        read = _read_descriptions(context, [blocks.refs[i] for i in unknown], [nodes[i] for i in unknown])
        known.update(zip(unknown, read, strict=True))
    return [known[index] for index in range(len(blocks.refs))]


def _read_descriptions(
    context: ExchangeContext, refs: Sequence[ObjectRef[Any]], nodes: Sequence[Sequence[str]]
) -> list[BlockDescription]:
    """Read each block for its description: an agent on a node that has it, or this process if there are no agents."""
    limit = context.waits.block_descriptions
    found: dict[int, BlockDescription] = {}
    with Progress("to_spark, reading schemas", total=len(refs), unit=" blocks", enabled=context.progress) as bar:
        try:
            agents = context.directory.agents()
            if not agents:
                return _read_here(refs, limit)
            calls = {
                agent.handle.describe.remote([refs[index] for index in share]): share
                for agent, share in _shares(nodes, agents)
            }
            while calls:
                ready, _ = ray.wait(list(calls), timeout=limit)
                if not ready:
                    raise ExchangeError(
                        f"The blocks of the Dataset could not be read for their schema in time. Raise "
                        f"spark.raydp.exchange.timeout if Ray spills or restores them slowly. Waited "
                        f"{limit:.0f} s for the next of them, blocks: {len(found)} of {len(refs)}"
                    )
                for call in ready:
                    share = calls.pop(call)
                    found.update(zip(share, _take(call, [refs[index] for index in share], limit), strict=True))
                bar.set(len(found), bytes_done=sum(block.size for block in found.values()))
        except ray.exceptions.RayTaskError as error:
            raise raised_in_task(error) from error
        except ray.exceptions.RayError as error:
            raise ExchangeError(
                f"The blocks of the Dataset could not be read for their schema; was a node lost? {reason_of(error)}"
            ) from error
    return [found[index] for index in range(len(refs))]


def _take(call: ObjectRef[Any], refs: list[ObjectRef[Any]], limit: float) -> list[BlockDescription]:
    """Return an agent's answer. If the agent was lost, this process reads the blocks, which may still exist."""
    try:
        answer: list[BlockDescription] = ray.get(call)
    except ray.exceptions.RayActorError:
        return _read_here(refs, limit)
    return answer


def _read_here(refs: Sequence[ObjectRef[Any]], limit: float) -> list[BlockDescription]:
    return [BlockDescription.of(ray.get(ref, timeout=limit)) for ref in refs]


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
