"""Tell the training workers of TensorFlow each other's addresses.

Ray Train's own ``TensorflowConfig`` does the same, but importing it imports TensorFlow: in Ray Train's controller,
which does not need it, and in each worker before raydp can choose what TensorFlow logs.
"""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

import ray
from ray.train.backend import Backend, BackendConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["addressing_trainer"]


def addressing_trainer(trainer: type[Any]) -> type[Any]:
    """Return a trainer of Ray Train whose workers know each other's addresses.

    Args:
        trainer: Ray Train's ``DataParallelTrainer``.
    """

    class Addressing(trainer):  # type: ignore[misc]  # Ray has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, backend_config=_Addresses(), **options)

    return Addressing


class _Addresses(BackendConfig):
    """Sets ``TF_CONFIG``, from which ``tf.distribute.MultiWorkerMirroredStrategy`` knows its workers."""

    @property
    def backend_cls(self) -> type[Backend]:
        return _AddressesBackend


class _AddressesBackend(Backend):
    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:  # noqa: ARG002
        addresses = worker_group.execute(_find_address)
        ray.get(
            [
                worker_group.execute_single_async(rank, _set_addresses, addresses, rank)
                for rank in range(len(worker_group))
            ]
        )


def _find_address() -> str:
    """Return this worker's address, with a port that is free now."""
    host = ray.util.get_node_ip_address()
    is_ipv6 = ":" in host
    with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET) as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    return f"[{host}]:{port}" if is_ipv6 else f"{host}:{port}"


def _set_addresses(addresses: Sequence[str], rank: int) -> None:
    cluster = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": rank}}
    os.environ["TF_CONFIG"] = json.dumps(cluster)
