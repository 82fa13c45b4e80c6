"""Where raydp reaches into Ray's private parts. Each use says why, and what would replace it.

Those of Ray Train are in :mod:`raydp._ray.train_internals`. Everything is imported on demand: importing
:mod:`ray.data` takes a second, and agents and programs without Datasets do not need it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raydp._ray.dataset_logs import quiet_datasets
from raydp._ray.pandas_blocks import with_dense_columns
from raydp.errors import ClusterError, ExchangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from ray import ObjectRef
    from ray.data import Dataset
    from ray.data.dataset import MaterializedDataset

__all__ = [
    "PLACEHOLDER",
    "Blocks",
    "abandon_cluster",
    "arrow_table",
    "blocks_of_dataset",
    "call_before_shutdown",
    "cluster_status",
    "current_cluster_file",
    "dataset_of_blocks",
    "execution_callback",
    "finished_tasks",
    "has_started_cluster",
    "is_client_connected",
    "is_worker_process",
    "limit_automatic_start",
    "outlast_termination",
    "quieten_from_spark",
    "referenced",
    "report_errors_to_living_heads",
    "session_directory",
    "without_placeholder",
    "without_starting_ray",
]

_THREADS = "raydp-"
"""How the names of all threads of raydp begin."""
_in_body = threading.local()
_ABORT_SECONDS = 3
"""How long after SIGTERM Ray aborts a process."""


PLACEHOLDER = "__bsp_stub"
"""Name of the column that :func:`without_placeholder` removes. Ray's module for it takes a second to import."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a Dataset, in order: Arrow tables or pandas frames.

    Attributes:
        refs: One reference per block.
        rows: Rows per block; ``None``: unknown.
        sizes: Bytes per block; ``None``: unknown.
        schemas: Arrow schema per block; ``None``: the block must be read for it.
        declared: What Ray Data or the user says of all blocks, or ``None``. It may be the schema of one block only, so
            it is needed only if no block has columns.
    """

    refs: list[ObjectRef[Any]]
    rows: Sequence[int | None]
    sizes: Sequence[int | None]
    schemas: Sequence[pa.Schema | None]
    declared: pa.Schema | None

    @classmethod
    def of_refs(cls, refs: Sequence[ObjectRef[Any]], declared: pa.Schema | None) -> Blocks:
        """Return blocks of which only the references are known."""
        unknown = [None] * len(refs)
        return cls(list(refs), unknown, unknown, unknown, _visible(declared))


def dataset_of_blocks(
    refs: Sequence[ObjectRef[Any]], rows: Sequence[int], sizes: Sequence[int], schema: pa.Schema
) -> MaterializedDataset[Any]:
    """Make a Dataset from blocks whose rows and sizes are known.

    Why: ``ray.data.from_arrow_refs`` runs one task per reference to get what is known already
    (3.5 s for 2,000 blocks). A ``from_arrow_refs`` that takes metadata would replace it.

    Args:
        refs: References to ``pyarrow.Table`` objects.
        rows: Rows of each.
        sizes: Bytes of each.
        schema: The Arrow schema of all of them.
    """
    from ray.data import DataContext
    from ray.data._internal.execution.interfaces import BlockEntry, RefBundle
    from ray.data._internal.logical.interfaces import LogicalPlan
    from ray.data._internal.logical.operators import FromArrow
    from ray.data._internal.stats import DatasetStats
    from ray.data.block import BlockMetadataWithSchema
    from ray.data.dataset import MaterializedDataset

    metadata = [
        BlockMetadataWithSchema(num_rows=count, size_bytes=size, exec_stats=None, input_files=None, schema=schema)
        for count, size in zip(rows, sizes, strict=True)
    ]
    context = DataContext.get_current().copy()
    stats = DatasetStats(metadata={"FromArrow": list(metadata)}, parent=None)  # as Ray names it
    tables: list[Any] = list(refs)
    source = FromArrow(tables, metadata)
    dataset: MaterializedDataset[Any] = MaterializedDataset(LogicalPlan(source, context), context, stats)
    # As Dataset.materialize does: without it, each look at the blocks starts Ray Data's executor, to run nothing.
    entries = tuple(BlockEntry(ref, one) for ref, one in zip(tables, metadata, strict=True))
    dataset._cache.set_bundle(source, RefBundle(entries, schema=schema, owns_blocks=False))
    dataset._cache.set_stats(stats)
    return dataset


@quiet_datasets()
def blocks_of_dataset(dataset: Dataset) -> Blocks:
    """Execute a Dataset if it was not executed yet, and return its blocks.

    Why: the references come with rows and bytes, which Spark needs to plan well. The public
    ``to_arrow_refs`` runs a task per block and copies pandas blocks. A public iterator over blocks and
    their metadata would replace it. It must not start Ray Data's executor for blocks that are in the store already:
    that takes 20 ms and ten log lines, and keeps 25 kB of this process's memory for good.
    """
    from ray.data._internal.logical.interfaces import SourceOperator
    from ray.data._internal.logical.operators import AbstractFrom

    source = dataset._logical_plan.dag
    stored = source.output_data() if isinstance(source, SourceOperator) else None
    # These operators describe each block by itself. All others say the same of every block: what the first one is.
    described = isinstance(source, AbstractFrom)
    refs: list[Any] = []
    rows: list[int | None] = []
    sizes: list[int | None] = []
    schemas: list[pa.Schema | None] = []
    declared: pa.Schema | None = None
    for bundle in dataset.iter_internal_ref_bundles() if stored is None else stored:
        if any(part is not None for part in bundle.slices or ()):
            raise ExchangeError("Ray Data returned parts of blocks. Call materialize() on the Dataset first.")
        schema = _visible(bundle.schema)
        declared = declared or schema
        for entry in bundle.blocks:
            refs.append(entry.ref)
            rows.append(entry.metadata.num_rows)
            sizes.append(entry.metadata.size_bytes)
            schemas.append(schema if described else None)
    if not declared:
        found = dataset.schema(fetch_if_missing=False)
        declared = None if found is None else _visible(found.base_schema)
    return Blocks(refs, rows, sizes, schemas, declared)


def _visible(schema: Any) -> pa.Schema | None:
    return without_placeholder(schema) if isinstance(schema, pa.Schema) else None


def without_placeholder(schema: pa.Schema) -> pa.Schema:
    """Return the schema of a block without the column that Ray Data adds to blocks that have none.

    Why: Arrow's tables cannot have rows without columns, and that column must not show up in Spark. A public accessor
    for the visible columns of a block would replace it.
    """
    index = schema.get_field_index(PLACEHOLDER)
    return schema if index < 0 else schema.remove(index)


def execution_callback() -> type[Any]:
    """Return the base of the classes that Ray Data calls while it executes a Dataset. Why: it has no public name."""
    from ray.data._internal.execution.execution_callback import ExecutionCallback

    return ExecutionCallback


def finished_tasks(executor: Any) -> int:
    """Return how many tasks an execution of a Dataset has finished. Why: as for :func:`execution_callback`."""
    return sum(operator.metrics.num_tasks_finished for operator in executor._topology)


def arrow_table(block: object) -> pa.Table:
    """Return a block of a Dataset as a table; it is copied only if it is a pandas frame.

    Why: a column of a pandas block can hold values that ``pyarrow.Table.from_pandas`` rejects (tensors, objects).
    Ray's own accessor, a developer API, converts them.
    """
    if isinstance(block, pa.Table):
        return block
    import pandas as pd
    from ray.data.block import BlockAccessor

    dense = with_dense_columns(block) if isinstance(block, pd.DataFrame) else block
    table = BlockAccessor.for_block(dense).to_arrow()
    if not isinstance(table, pa.Table):
        raise ExchangeError(f"Ray returned a block of an unknown type: {type(table).__name__}")
    return table


def referenced(objects: Iterable[str]) -> set[str]:
    """Return the objects (ids, hex) to which anything in the cluster, or its lineage, still refers.

    Why: what Spark keeps to recompute lost blocks (plans, shuffle files) must be dropped with the last reference to
    the blocks, which may be in another process. A callback for objects that go out of scope would replace it.
    """
    from ray._private.worker import global_worker

    worker: Any = global_worker
    if not worker.connected:
        return set()  # the blocks went with the cluster
    counts: dict[bytes, Any] = worker.core_worker.get_all_reference_counts()
    return {one for one in objects if one.encode() in counts}


def cluster_status(timeout: float) -> tuple[Any, bytes | None]:
    """Return what Ray's control service (GCS) knows of nodes and demand, and the report of Ray's first autoscaler.

    Why: an executor that no node can hold now may still get one from the autoscaler, and only the autoscaler knows.
    This is what ``ray status`` reads. A public function that tells whether a demand can be met would replace this.

    Args:
        timeout: Seconds to wait for the answers.

    Returns:
        A ``GetClusterStatusReply``, with the state of Ray's second autoscaler, and the JSON text of the first one;
        ``None`` if that does not run.

    Raises:
        ClusterError: The GCS does not answer, or this process is not connected to a cluster.
    """
    from ray._private import ray_constants
    from ray._private.worker import global_worker
    from ray.core.generated import autoscaler_pb2
    from ray.exceptions import RayError

    worker: Any = global_worker
    messages: Any = autoscaler_pb2
    if not worker.connected:
        raise ClusterError("This process is not connected to a Ray cluster")
    try:
        status = messages.GetClusterStatusReply.FromString(worker.gcs_client.get_cluster_status(timeout_s=timeout))
        if status.autoscaling_state.autoscaler_state_version > 0:
            return status, None
        key = ray_constants.DEBUG_AUTOSCALING_STATUS.encode()
        return status, worker.gcs_client.internal_kv_get(key, None, timeout=timeout)
    except (RayError, RuntimeError, AttributeError) as error:  # also if it is disconnected meanwhile
        raise ClusterError(f"The Ray cluster does not answer. Check that it runs (`ray status`). {error}") from error


def has_started_cluster() -> bool:
    """Tell whether this process has started its Ray. Why: Ray does not say it; ``ray.runtime_context`` could."""
    from ray._private.worker import global_worker

    return bool(getattr(global_worker.node, "head", False))


def session_directory() -> str:
    """Return the folder of the Ray session on this node (its ``logs`` are in it).

    Why: Ray's Java worker unpacks its 41 MB library again unless it knows where the node has it, and an error about
    an executor quotes its log. A public accessor in ``ray.runtime_context`` would replace it.
    """
    from ray._private.worker import global_worker

    node: Any = global_worker.node
    return str(node.get_session_dir_path())


def current_cluster_file() -> Path:
    """Return the file with the address of the cluster that ``ray start`` has started, which ``ray.init()`` joins.

    Why: raydp gives a cluster that it starts a private folder, and must know whether it will start one. A parameter of
    ``ray.init`` that only counts for a new cluster would replace it.
    """
    from ray._common.utils import get_ray_address_file

    return Path(get_ray_address_file(None))


def is_client_connected() -> bool:
    """Tell whether this process uses Ray Client. Why: ``ray.is_initialized()`` is true then; an accessor could tell."""
    from ray.util.client import ray as client

    return bool(client.is_connected())


def is_worker_process() -> bool:
    """Tell whether Ray has started this process, to run tasks or an actor. Why: only the worker knows its mode."""
    from ray._private import worker

    return bool(worker.global_worker.mode == worker.WORKER_MODE)


def quieten_from_spark() -> None:
    """Keep ``ray.data.from_spark(df)`` from warning of an argument that nobody gave. Idempotent.

    Why: its own default for the deprecated ``parallelism`` counts as given. Another default in Ray would replace this.
    """
    from ray.data import read_api

    module: Any = read_api
    original = module._get_num_output_blocks
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def number_of_blocks(parallelism: int | None = -1, *args: Any, **kwargs: Any) -> Any:
        return original(-1 if parallelism is None else parallelism, *args, **kwargs)

    module._get_num_output_blocks = number_of_blocks


def call_before_shutdown(end: Callable[[], None]) -> None:
    """Call a function each time that the program calls ``ray.shutdown()``, before this process leaves its cluster.

    Why: the driver JVM is connected to the same cluster. If a cluster that ``ray.init`` started ends first, the JVM
    waits a minute for it, crashes at times, and Ray then ends the process. A callback of Ray would replace this.
    """
    import ray

    original = ray.shutdown

    @functools.wraps(original)
    def shutdown(*args: Any, **kwargs: Any) -> None:
        end()
        original(*args, **kwargs)

    ray.shutdown = shutdown


def outlast_termination() -> None:
    """Let a process take its time to end after SIGTERM.

    Why: Ray's core reports the signal with a handler that aborts the process 3 s later, whatever it does then. The
    application would not be stopped in order, and the exit code would be that of a crash. An option would replace this.
    """
    seconds_left = signal.alarm(0)
    if seconds_left > _ABORT_SECONDS:  # the program's own
        signal.alarm(seconds_left)


def report_errors_to_living_heads(answers: Callable[[str], bool]) -> None:
    """Show an error that ends the program at once, also if Ray's head is gone; idempotent.

    Why: Ray shows such an error after it has reported it to the head, for which it waits until it ends the program. The
    error would never be seen. A limit of that wait would replace this.

    Args:
        answers: Tells whether the head at an address answers.
    """
    import ray
    from ray._private import worker

    original = sys.excepthook
    if original is not worker.custom_excepthook:
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        is_lost = ray.is_initialized() and not answers(ray.get_runtime_context().gcs_address)
        (worker.normal_excepthook if is_lost else original)(kind, error, trace)

    sys.excepthook = show


class _AutomaticStart:
    """Whether a call to Ray may start a cluster: not in threads of raydp, nor below :func:`without_starting_ray`."""

    def __init__(self, is_enabled: object) -> None:
        self._is_enabled = is_enabled

    def __bool__(self) -> bool:
        is_ours = threading.current_thread().name.startswith(_THREADS) or getattr(_in_body, "depth", 0) > 0
        return bool(self._is_enabled) and not is_ours


def limit_automatic_start() -> None:
    """Have raydp's own calls to Ray fail after ``ray.shutdown()``, instead of starting a cluster; idempotent.

    Why: nearly every function of Ray calls ``ray.init()`` if the process is not connected. A background thread that
    comes too late would start a cluster that the program never asked for. An option per call would replace this.
    """
    from ray._private import auto_init_hook

    module: Any = auto_init_hook
    if not isinstance(module.enable_auto_connect, _AutomaticStart):
        module.enable_auto_connect = _AutomaticStart(module.enable_auto_connect)


@contextlib.contextmanager
def without_starting_ray() -> Iterator[None]:
    """Have calls to Ray in the body of a ``with`` fail, instead of starting a cluster, if there is none."""
    _in_body.depth = getattr(_in_body, "depth", 0) + 1
    try:
        yield
    finally:
        _in_body.depth -= 1


def abandon_cluster() -> None:
    """Keep a forked child from shutting its parent's Ray down when the child ends.

    Why: Ray's at-exit functions run in a forked child as well. They tell the raylet, over the connection that the child
    shares with its parent, that the driver leaves, and end the processes of a cluster that the parent started. Ray's
    native objects crash or hang when the child frees them, because their threads exist in the parent only. A Ray that
    notices a fork would replace this.
    """
    from ray._private import state, worker

    atexit.unregister(worker.shutdown)
    connected: Any = worker.global_worker
    node: Any = worker._global_node
    if node is not None:
        node.all_processes.clear()
    natives = [getattr(connected, name, None) for name in ("core_worker", "gcs_client")]
    for native in [*natives, getattr(state.state, "_global_state_accessor", None)]:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(native))
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # not in musl
        # The last function that is registered is called first: the child ends with its exit code, after Python has shut
        # down and before the destructors of Ray's library.
        libc.on_exit(libc._exit, None)
