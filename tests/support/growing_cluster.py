"""A Ray cluster that its autoscaler lets grow and shrink, all on this machine."""

from __future__ import annotations

import os
import time
from typing import Any

from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID, FakeMultiNodeProvider
from ray.cluster_utils import AutoscalingCluster

__all__ = ["DELAY", "GrowingCluster", "Nodes"]

DELAY = "RAYDP_TEST_NODE_DELAY"
"""Variable of the autoscaler's environment: how many seconds a node takes to be created."""


_WITHOUT_CONTENT: dict[str, Any] = {
    **{key: {} for key in ("auth", "docker", "file_mounts")},
    **{key: [] for key in ("cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands")},
    **{f"{of}setup_commands": [] for of in ("", "head_", "worker_")},
    **{f"{of}_start_ray_commands": [] for of in ("head", "worker")},
    "file_mounts_sync_continuously": False,
}


class GrowingCluster(AutoscalingCluster):  # type: ignore[misc]
    """Ray's own cluster for tests, whose configuration is here since Ray's wheel lacks the file that it is read from.

    Its ``start`` and ``shutdown`` end every Ray process that they see: use it in a PID namespace of its own.
    """

    def _generate_config(
        self, head_resources: dict[str, Any], worker_node_types: dict[str, Any], **others: Any
    ) -> dict[str, Any]:
        others.pop("autoscaler_v2")
        head = {"resources": dict(head_resources), "node_config": {}, "max_workers": 0}
        return {
            **_WITHOUT_CONTENT,
            "cluster_name": "growing",
            "max_workers": 8,
            "upscaling_speed": 1.0,
            "provider": {
                "type": "external",
                "module": f"{__name__}.{Nodes.__name__}",
                "launch_multiple": True,
                "head_node_id": FAKE_HEAD_NODE_ID,
            },
            "head_node_type": "ray.head.default",
            "available_node_types": {**worker_node_types, "ray.head.default": head},
            **others,
        }


class Nodes(FakeMultiNodeProvider):  # type: ignore[misc]
    """Starts nodes as processes with the memory of this machine, not that of their type."""

    def create_node_with_resources_and_labels(
        self, node_config: Any, tags: Any, count: int, resources: dict[str, float], labels: Any
    ) -> Any:
        """Start nodes; the base class takes memory for a custom resource, which Ray refuses."""
        time.sleep(float(os.environ[DELAY]))  # as a cloud does
        others = {name: amount for name, amount in resources.items() if name != "memory"}
        return super().create_node_with_resources_and_labels(node_config, tags, count, others, labels)
