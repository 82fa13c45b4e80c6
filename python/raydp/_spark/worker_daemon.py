"""PySpark's daemon, with workers that die with it.

Spark forks Python workers from one daemon per executor. If an executor is killed, the daemon sees
the end of its standard input and exits, but a worker in the middle of a task keeps running as an
orphan. Here each forked worker asks the kernel to kill it together with its parent.

The daemon must not ask for that: its parent is a *thread* of the executor's JVM, and the
kernel would send the signal when that thread ends.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# PySpark offers spark.python.daemon.module, but no callback in a forked worker. An option of PySpark to end
# workers with their daemon would replace this module.
from pyspark import daemon

from raydp._machine.parent_death import die_with_parent

if TYPE_CHECKING:
    import socket

_start_worker = daemon.worker
_daemon_pid = os.getpid()


def _worker_that_dies_with_the_daemon(sock: socket.socket, authenticated: bool) -> int:  # noqa: FBT001
    die_with_parent(_daemon_pid)
    return _start_worker(sock, authenticated)


if __name__ == "__main__":
    daemon.worker = _worker_that_dies_with_the_daemon
    daemon.manager()
