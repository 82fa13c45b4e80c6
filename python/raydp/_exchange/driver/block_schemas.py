"""The schema of blocks that do not say it: pandas frames, or references without any schema."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray

from raydp._exchange.agent.agent import BlockDescription
from raydp._exchange.types.canonical_types import canonical_schema
from raydp._ray.failures import reason_of
from raydp.errors import ExchangeError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ray import ObjectRef

    from raydp._exchange.driver.directory import Agent

__all__ = ["describe_blocks", "unified_schema"]


def describe_blocks(
    refs: Sequence[ObjectRef[Any]], nodes: Sequence[Sequence[str]], agents: Sequence[Agent], timeout: float
) -> list[BlockDescription]:
    """Look at every block, each where it lies if an agent is there.

    Args:
        refs: The blocks.
        nodes: For each block, the Ray node ids (hex) that have it.
        agents: The agents to ask; without any, this process looks itself.
        timeout: Seconds for all of it.
    """
    if not agents:
        return [BlockDescription.of(ray.get(ref, timeout=timeout)) for ref in refs]
    by_node = {agent.node: agent for agent in agents}
    shares: dict[str, list[int]] = defaultdict(list)
    for index, places in enumerate(nodes):
        near = next((node for node in places if node in by_node), agents[index % len(agents)].node)
        shares[near].append(index)
    calls = [by_node[node].handle.describe.remote([refs[i] for i in share]) for node, share in shares.items()]
    deadline = time.monotonic() + timeout
    found: dict[int, BlockDescription] = {}
    for share, call in zip(shares.values(), calls, strict=True):
        try:
            try:
                answer = ray.get(call, timeout=max(deadline - time.monotonic(), 0))
            except ray.exceptions.RayActorError:  # the agent was lost, which does not mean that the blocks are
                left = max(deadline - time.monotonic(), 0)
                answer = [BlockDescription.of(block) for block in ray.get([refs[i] for i in share], timeout=left)]
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except ray.exceptions.RayError as error:
            raise ExchangeError(
                f"The blocks of the Dataset could not be asked for their schema; was a node lost? {reason_of(error)}"
            ) from error
        found.update(zip(share, answer, strict=True))
    return [found[index] for index in range(len(refs))]


def unified_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the narrowest canonical schema that holds the blocks of all these schemas.

    Raises:
        UnsupportedTypeError: A column cannot cross, or its types in two blocks have nothing in common.
    """
    distinct = list(dict.fromkeys(canonical_schema(schema) for schema in schemas))
    try:
        return _with_common_metadata(
            canonical_schema(pa.unify_schemas(distinct, promote_options="permissive")), distinct
        )
    except pa.ArrowTypeError as error:
        raise UnsupportedTypeError(
            f"The blocks of the Dataset have different types for one column. Give all blocks the same type, for "
            f"example with map_batches: {error}"
        ) from error


def _with_common_metadata(unified: pa.Schema, schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Leave out what not all blocks say of a column, such as the digits of its times."""
    for index, field in enumerate(unified):
        said = [schema.field(field.name).metadata for schema in schemas if field.name in schema.names]
        if any(metadata != said[0] for metadata in said):
            unified = unified.set(index, field.remove_metadata())
    return unified
