"""The Ray cluster of an application: how to join it, and what the driver JVM must know to join it, too."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import time
from pathlib import Path

import ray
from ray.util import get_node_ip_address

from raydp._machine.console import tell
from raydp._machine.ray_token import protect_token, provide_token
from raydp._ray import internals as _ray_internals
from raydp._ray.session_folder import folder_for_new_cluster, private_folder, protect_session, will_find_cluster
from raydp.errors import ClusterError, InvalidArgumentError

__all__ = ["RayCluster", "answers", "gcs_address", "join_cluster", "node_addresses", "node_resources"]

_PROBE_TIMEOUT_SECONDS = 5.0
_ANSWER_TIMEOUT_SECONDS = 2.0
_PROBE_INTERVAL_SECONDS = 0.25
_COMING_BACK_SECONDS = 3.0
_MASTER_URL = re.compile(r"ray:(?P<host>\[[0-9a-fA-F:]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5})")


@dataclasses.dataclass(frozen=True)
class RayCluster:
    """The cluster that this process is connected to.

    Attributes:
        address: ``HOST:PORT`` of its global control service (GCS).
        namespace: Namespace of this process's job; the application's actors live in it.
        node_address: IP address of this process's node.
        session_directory: Folder of the cluster's session on this node.
        job_id: Id of this process's job (hex); another one after it has left the cluster and joined again.
        raylet: ``HOST:PORT`` of the raylet of this process's node.
    """

    address: str
    namespace: str
    node_address: str
    session_directory: str
    job_id: str = ""
    raylet: str = ""

    def is_joined(self) -> bool:
        """Tell whether this process is still connected to this cluster, as the same job."""
        if not ray.is_initialized():
            return False
        here = ray.get_runtime_context()
        return (here.gcs_address, here.get_job_id()) == (self.address, self.job_id)

    def can_be_called(self) -> bool:
        """Tell whether this process is connected to the cluster, and no process of Ray's that it needs is lost.

        Ray does not bound its calls to a cluster that is gone. It ends the process if one goes on while it disconnects.
        """
        return self.is_joined() and self.find_loss(patience=0.0) is None

    @property
    def log_folder(self) -> Path:
        """The folder of Ray's logs on this node."""
        return Path(self.session_directory, "logs")

    def answers(self) -> bool:
        """Tell whether something still listens at the address. Bounded by 2 s."""
        return answers(self.address)

    def find_loss(self, *, patience: float = _COMING_BACK_SECONDS) -> str | None:
        """Return which of Ray's processes has ended, for a message; ``None`` if none has.

        One that is frozen, busy or cut off still counts as there: nobody refuses connections to it.

        Args:
            patience: Seconds in which a process may come back, such as a head with fault tolerance.
        """
        deadline = time.monotonic() + patience
        while (loss := self._find_loss()) is not None and time.monotonic() < deadline:
            time.sleep(_PROBE_INTERVAL_SECONDS)
        return loss

    def _find_loss(self) -> str | None:
        if isinstance(_try_to_connect(self.address), ConnectionRefusedError):
            return f"the head of the Ray cluster (its GCS) has ended, nothing listens at {self.address}"
        if self.raylet and isinstance(_try_to_connect(self.raylet), ConnectionRefusedError):
            return f"the raylet of this machine's Ray node has ended, nothing listens at {self.raylet}"
        return None


def join_cluster(master: str) -> RayCluster:
    """Connect this process to Ray if it is not connected yet.

    Args:
        master: ``ray`` for the cluster that the process is connected to (or that ``ray.init()``
            finds or starts), or ``ray:HOST:PORT`` for the cluster with this GCS address.

    Raises:
        InvalidArgumentError: The master URL is malformed, or the process is connected to another cluster.
        ClusterError: There is no Ray cluster at the address, or other users can replace files that it loads.
    """
    requested = gcs_address(master)
    if _ray_internals.is_client_connected():
        raise ClusterError(
            "This process is connected through Ray Client (ray://...), which cannot exchange data through shared "
            "memory. Run the program on a node of the cluster, or submit it with `ray job submit`"
        )
    readable = protect_token()
    if ray.is_initialized():
        _refuse_lost_cluster()
    else:
        _connect(requested)
        protect_token()  # Ray may have created it now
    if readable is not None:
        tell(
            "other users of this machine could read Ray's token. Now only this user can. If somebody may have read it, "
            f"delete it; Ray creates another one when it starts next. File: {readable}"
        )
    protect_session(Path(_ray_internals.session_directory()))
    address = ray.get_runtime_context().gcs_address
    if requested is not None and not _same_address(requested, address):
        raise InvalidArgumentError(
            "The master URL names another Ray cluster than the one that this process is connected to. Use the master "
            f"'ray', or call ray.shutdown() first. Master: {master}; connected to: {address}"
        )
    return RayCluster(
        address=address,
        namespace=ray.get_runtime_context().namespace,
        node_address=get_node_ip_address(),
        session_directory=_ray_internals.session_directory(),
        job_id=ray.get_runtime_context().get_job_id(),
        raylet=_raylet_address(),
    )


def node_resources() -> dict[str, dict[str, float]]:
    """Return what each living node of the cluster has, by the names of Ray's resources; by the ids of the nodes."""
    return {node["NodeID"]: dict(node["Resources"]) for node in ray.nodes() if node["Alive"]}


def node_addresses() -> dict[str, str]:
    """Return the IP address of each living node of the cluster by its id (hex)."""
    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


def gcs_address(master: str) -> str | None:
    """Return the ``HOST:PORT`` that a master URL names, if it names one.

    Raises:
        InvalidArgumentError: The master URL is malformed, or is one for Ray Client.
    """
    if master == "ray":
        return None
    if master.startswith("ray://"):
        raise InvalidArgumentError(
            "ray:// is the scheme of Ray Client and not a Spark master. Use 'ray' for the cluster that this process is "
            f"connected to, or 'ray:HOST:PORT' with the cluster's GCS address (port 6379 by default). Master: {master}"
        )
    match = _MASTER_URL.fullmatch(master)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise InvalidArgumentError(
            f"This Spark master URL is malformed. Use 'ray' or 'ray:HOST:PORT' with a GCS address. Master: {master}"
        )
    return f"{match['host']}:{match['port']}"


def _connect(address: str | None) -> None:
    if address is not None:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_TIMEOUT_SECONDS).close()
        except OSError as error:
            raise ClusterError(
                "No Ray cluster answers at this address. Check that it runs there (`ray status`), that the port is its "
                f"GCS port, and that no firewall blocks it. Address: {address}; error: {error}"
            ) from error
    provide_token(private_folder, create=address is None and not will_find_cluster())
    sessions = folder_for_new_cluster() if address is None else None
    try:
        ray.init(address=address, _temp_dir=None if sessions is None else os.fspath(sessions))
    except KeyboardInterrupt:
        ray.shutdown()  # ends the processes that it has started so far
        raise
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = address or "the address that RAY_ADDRESS or a running local cluster names"
        raise ClusterError(
            "Ray cannot be reached. Check that the cluster runs (`ray status`) and has this version of Ray. If it "
            "requires a token, set RAY_AUTH_MODE=token and provide the token. To start Ray on this machine instead, "
            f"unset RAY_ADDRESS. Address: {where}; error: {error}"
        ) from error


def answers(address: str) -> bool:
    """Tell whether something listens at an address. Bounded by 2 s."""
    return _try_to_connect(address) is None


def _refuse_lost_cluster() -> None:
    """Raise an error if the cluster that this process is connected to is gone: Ray's calls would hang."""
    head = RayCluster(ray.get_runtime_context().gcs_address, "", "", "")
    loss = head.find_loss()
    if loss is None:  # otherwise nobody could tell where the raylet listens
        loss = dataclasses.replace(head, raylet=_raylet_address()).find_loss()
    if loss is not None:
        raise ClusterError(
            f"This process is connected to a Ray cluster that is gone: {loss}. Call ray.shutdown() first; after that, "
            "raydp.init_spark(...) connects to another cluster or starts one"
        )


def _raylet_address() -> str:
    own = ray.get_runtime_context().get_node_id()
    for node in ray.nodes():
        if node["NodeID"] == own:
            return f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
    return ""


def _try_to_connect(address: str) -> OSError | None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_TIMEOUT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _same_address(first: str, second: str) -> bool:
    if first == second:
        return True
    (first_host, _, first_port), (second_host, _, second_port) = first.rpartition(":"), second.rpartition(":")
    if first_port != second_port:
        return False
    try:
        hosts = [{info[4][0] for info in socket.getaddrinfo(h.strip("[]"), None)} for h in (first_host, second_host)]
    except OSError:
        return False
    return bool(hosts[0] & hosts[1]) or all(_is_here(group) for group in hosts)


def _is_here(addresses: set[str | int]) -> bool:
    return any(str(address).startswith("127.") or address in ("::1", get_node_ip_address()) for address in addresses)
