"""Sentences about what waits for which resource, and what the cluster's nodes have of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from raydp._ray.outlook import NodeAmounts

__all__ = ["describe_amounts", "describe_nodes", "missing_resources"]

_MOST_NODES = 4
_SLACK = 1e-6


def describe_amounts(amounts: Mapping[str, float]) -> str:
    """Return amounts of resources for a message: ``CPU 2, memory 1408 MiB``."""
    return ", ".join(_describe(name, amount) for name, amount in sorted(amounts.items()) if amount > 0)


def missing_resources(demand: Mapping[str, float], nodes: Sequence[NodeAmounts], *, of_total: bool) -> list[str]:
    """Return the names of the resources that keep a process from every node.

    Args:
        demand: What one process demands.
        nodes: The living nodes.
        of_total: Compare with all that a node has, not with what is free.
    """
    short = [_short(demand, node.total if of_total else node.free) for node in nodes]
    if not short or not all(short):
        return sorted(name for name, amount in demand.items() if amount > 0) if not short else []
    everywhere = set.intersection(*short)
    return sorted(everywhere or set.union(*short))


def describe_nodes(demand: Mapping[str, float], nodes: Sequence[NodeAmounts], *, of_total: bool) -> str:
    """Return what the nodes have of the resources of a demand, for a message."""
    if not nodes:
        return "there is no node"
    names = sorted(name for name, amount in demand.items() if amount > 0)

    def describe(node: NodeAmounts) -> str:
        if of_total:
            return f"{node.address}: {_list(names, lambda name: _describe(name, node.total.get(name, 0.0)))}"
        return f"{node.address}: {_list(names, lambda name: _describe_share(name, node))}"

    def size(node: NodeAmounts) -> list[float]:
        return [-(node.total if of_total else node.free).get(name, 0.0) for name in names]

    large = [node for node in nodes if not _short(demand, node.total)]  # the others cannot hold one anyway
    shown = sorted(large or nodes, key=size)[:_MOST_NODES]
    more = len(nodes) - len(shown)
    return "; ".join(map(describe, shown)) + (f"; and {more} more" if more else "")


def _short(demand: Mapping[str, float], has: Mapping[str, float]) -> set[str]:
    return {name for name, amount in demand.items() if amount > has.get(name, 0.0) + _SLACK}


def _list(names: Sequence[str], describe: Callable[[str], str]) -> str:
    return ", ".join(map(describe, names))


def _describe(name: str, amount: float) -> str:
    return f"memory {amount / (1 << 20):.0f} MiB" if name == "memory" else f"{name} {amount:g}"


def _describe_share(name: str, node: NodeAmounts) -> str:
    free, total = node.free.get(name, 0.0), node.total.get(name, 0.0)
    if name == "memory":
        return f"memory {free / (1 << 20):.0f} of {total / (1 << 20):.0f} MiB"
    return f"{name} {free:g} of {total:g}"
