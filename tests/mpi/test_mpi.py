"""MPI jobs with a real mpirun: ranks talk over MPI and with Ray, and whatever goes wrong ends the job with an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import ray

from raydp.errors import ClusterError, InvalidArgumentError, MissingRequirementError, MpiError
from raydp.mpi import MPIType, create_mpi_job
from raydp.mpi.flavors import detect_type
from raydp.mpi.mailbox import Mailbox
from support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raydp.mpi import MPIJob, MPIJobContext, WorkerContext

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # ranks cannot import the tests


def sum_of_ranks(context: WorkerContext) -> int:
    """Add the ranks' numbers up with MPI itself, through the library that openmpi-bin brings.

    Where all ranks are on one machine, MPI listens on nothing for that.
    """
    import ctypes

    def listening() -> set[Any]:
        return {one.laddr for one in psutil.Process().net_connections("tcp") if one.status == psutil.CONN_LISTEN}

    listening_for_ray = listening()
    mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)

    def constant(name: str) -> Any:
        return ctypes.byref(ctypes.c_char.in_dll(mpi, name))

    assert mpi.MPI_Init(None, None) == 0
    mine, total = ctypes.c_int(context.world_rank + 1), ctypes.c_int(0)
    kind, operation, world = constant("ompi_mpi_int"), constant("ompi_mpi_op_sum"), constant("ompi_mpi_comm_world")
    assert mpi.MPI_Allreduce(ctypes.byref(mine), ctypes.byref(total), 1, kind, operation, world) == 0
    assert listening() == listening_for_ray
    assert mpi.MPI_Finalize() == 0
    return total.value


def prepared(context: MPIJobContext) -> str:
    context.add_env("RAYDP_TEST_WORD", "open sesame")
    exports = " ".join(f"-x {name}" for name in context.forwarded)
    return f"mpirun --allow-run-as-root {exports} -H {context.hosts[0]}:2 -N {context.num_procs_per_node}"


@pytest.fixture(scope="module")
def job(ray_cluster: Any) -> Iterator[MPIJob]:
    with create_mpi_job("test", 2, 1, 2, mpi_script_prepare_fn=prepared) as job:
        yield job


def test_ranks_import_their_program_once(job: MPIJob) -> None:
    """Otherwise Python prints a RuntimeWarning in each rank."""
    assert job.run(lambda _: "raydp.mpi.rank" in sys.modules) == [False, False]


def test_each_rank_runs_the_functions_in_turn(job: MPIJob) -> None:
    assert job.run(lambda context: (context.job_id, context.world_rank, context.world_size)) == [
        ("test", 0, 2),
        ("test", 1, 2),
    ]
    assert job.run(sum_of_ranks) == [3, 3]
    assert job.run(lambda _: os.environ["RAYDP_TEST_WORD"]) == ["open sesame"] * 2
    assert job.run(lambda _: os.environ["OMP_NUM_THREADS"]) == ["1"] * 2
    assert job.run(lambda _: os.environ["UCX_TLS"]) == ["self,sm"] * 2
    assert job.run(lambda _: [name for name in os.environ if "RAYDP_MPI_TOKEN" in name]) == [[], []]
    numbers = ray.put(list(range(100_000)))
    assert job.run(lambda context: sum(ray.get(numbers)[context.world_rank :: 2])) == [2499950000, 2500000000]
    assert job.get_rank_addresses() == [ray.util.get_node_ip_address()] * 2


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss (Debian: iproute2)")
def test_other_machines_cannot_connect_to_mpirun(job: MPIJob) -> None:
    job.start()
    (mpirun,) = [one for one in psutil.Process().children() if one.name() == "mpirun"]
    sockets = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    addresses = [line.split()[3].rpartition(":")[0] for line in sockets if f"pid={mpirun.pid}," in line]
    assert addresses
    for address in addresses:  # behind the % is the device to which a socket is limited
        assert address.endswith("%lo") or address in ("127.0.0.1", "[::1]"), sockets


def test_cores_are_taken_while_the_job_runs(job: MPIJob) -> None:
    groups = [group for group in ray.util.placement_group_table().values() if group["state"] == "CREATED"]
    assert {"CPU": 2.0} in [bundle for group in groups for bundle in group["bundles"].values()]


def alive_after(seconds: float, processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return which live on after so long; those that nobody has waited for yet do not."""
    _, left = psutil.wait_procs([one for one in processes if one.is_running()], timeout=seconds)
    return [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.promised("MPIJob.run", "MpiError")
@pytest.mark.promised("MPIJob.get_rank_addresses", "MpiError")
def test_what_goes_wrong_ends_the_job_and_it_can_be_started_again(job: MPIJob) -> None:
    def fail(context: WorkerContext) -> None:
        if context.world_rank == 1:
            raise ValueError("no such luck")
        import threading

        threading.Event().wait(300)  # as for a message of the other rank

    pids = [psutil.Process(pid) for pid in job.run(lambda _: os.getpid())]
    job.start()  # again: the same job
    with pytest.raises(MpiError, match=r"rank 1 of 2; the job was stopped(.|\n)*no such luck"):
        job.run(fail)
    assert alive_after(60, pids) == []
    with pytest.raises(MpiError, match="call start first"):
        job.get_rank_addresses()
    job.start()
    with pytest.raises(MpiError, match=r"A rank ended before the function did(.|\n)*exit code: 9"):
        job.run(lambda _: os._exit(9))
    job.start()
    with pytest.raises(MpiError, match=r"did not end in all ranks in time(.|\n)*timeout: 0.5 s"):
        job.run(wait, timeout=0.5)
    job.start()


def wait(context: WorkerContext) -> None:
    import threading

    threading.Event().wait(300)


@pytest.mark.cluster
def test_a_killed_driver_takes_its_ranks_along() -> None:
    mark = uuid.uuid4().hex
    process = programs.start(
        "mpi/a_killed_driver_takes_its_ranks_along",
        env={"RAYDP_TEST_MARK": mark},
    )
    assert process.stdout is not None
    waiting = 0
    while waiting < 2 and (line := process.stdout.readline()):
        waiting += line.count("a rank waits")  # mpirun may put both into one line
    assert waiting == 2
    ranks = [one for one in programs.marked_processes(mark) if "raydp.mpi.rank" in " ".join(programs.words_of(one))]
    assert len(ranks) >= 2
    process.kill()
    process.wait(60)
    assert programs.await_none(mark) == []


@pytest.mark.promised("MPIJob.start", "MissingRequirementError", "InvalidArgumentError", "ClusterError", "MpiError")
def test_ranks_that_do_not_come_up(job: MPIJob) -> None:
    job.stop()  # with a Spark session of other tests, it has the cluster's last cores
    failing = create_mpi_job("test", 1, 1, 1, mpi_script_prepare_fn=lambda _: ["false"])
    with pytest.raises(MpiError, match=r"mpirun failed(.|\n)*exit code: 1"):
        failing.start()
    failing.stop()
    with pytest.raises(MissingRequirementError, match="Not found: no-such-mpirun"):
        create_mpi_job("test", 1, 1, 1, mpi_script_prepare_fn=lambda _: "no-such-mpirun -N 1").start()
    with pytest.raises(ClusterError, match=r"The MPI processes found no free resources.*1 x {CPU: 50}"):
        create_mpi_job("test", 1, 50, 1, timeout=0.5).start()
    with pytest.raises(InvalidArgumentError, match=r"another MPI than mpi_type.*INTEL_MPI.*OPEN_MPI"):
        create_mpi_job("test", 1, 1, 1, mpi_type="intel_mpi").start()


def test_a_missing_mpirun_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingRequirementError, match="apt-get install openmpi-bin"):
        create_mpi_job("test", 1, 1, 1).start()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("mpirun (Open MPI) 4.1.4", MPIType.OPEN_MPI),
        ("Intel(R) MPI Library for Linux* OS, Version 2021.12", MPIType.INTEL_MPI),
        ("HYDRA build details:", MPIType.MPICH),
        ("version 3", None),
    ],
)
def test_implementations_are_told_apart(tmp_path: Path, words: str, kind: MPIType | None) -> None:
    program = tmp_path / "mpirun"
    program.write_text(f"#!/bin/sh\necho '{words}'\n")
    program.chmod(0o755)
    if kind is not None:
        assert detect_type(str(program)) is kind
    else:
        with pytest.raises(MissingRequirementError, match=r"none of Open MPI.*version 3"):
            detect_type(str(program))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"job_name": ""}, "job_name"),
        ({"world_size": 0}, "world_size"),
        ({"num_cpus_per_process": True}, "num_cpus_per_process"),
        ({"num_processes_per_node": 3}, "multiple of num_processes_per_node; got: 2 and 3"),
        ({"timeout": 0}, "timeout"),
        ({"mpi_type": "lam"}, "'openmpi', 'intel_mpi', 'mpich'; got: 'lam'"),
        ({"placement_group": 3}, "placement_group must be"),
    ],
)
@pytest.mark.promised("create_mpi_job", "InvalidArgumentError")
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    given = {"job_name": "test", "world_size": 2, "num_cpus_per_process": 1, "num_processes_per_node": 2, **changes}
    with pytest.raises(InvalidArgumentError, match=words):
        create_mpi_job(**given)


def test_the_mailbox_wants_the_token() -> None:
    import asyncio

    async def try_without() -> None:
        mailbox = Mailbox("secret", 1)
        for attempt in (mailbox.join("guess", 0, "here"), mailbox.next("guess", 0, 0), mailbox.call("guess", b"")):
            with pytest.raises(PermissionError, match="token"):
                await attempt
        await mailbox.join("secret", 0, "here")
        with pytest.raises(ValueError, match="already joined"):
            await mailbox.join("secret", 0, "there")
        assert await mailbox.await_ranks("secret") == ["here"]

    asyncio.run(try_without())
