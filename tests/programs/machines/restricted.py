"""A program of machines/test_restrictions.py: starts in child processes, to which the system refuses something."""

import ctypes
import os
import platform
import resource
import struct
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import ray

import raydp
from raydp.__main__ import main
from support.scripting import begin_part, say

libc = ctypes.CDLL(None, use_errno=True)

NEW_MOUNTS, NEW_USER, NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
NO_EXEC, RECURSIVE, PRIVATE = 8, 1 << 14, 1 << 18
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2


def check(result):
    assert result == 0, os.strerror(ctypes.get_errno())


def few_files(limit=256):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def temporary_folder_without_code():
    check(libc.unshare(NEW_MOUNTS))
    check(libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None))
    check(libc.mount(b"none", sys.argv[1].encode(), b"tmpfs", NO_EXEC, None))
    tempfile.tempdir = sys.argv[1]


def no_memory_files():
    """Install a filter for system calls, as a container's profile does."""
    number = {"x86_64": 319, "aarch64": 279}[platform.machine()]
    load, equal, answer = 0x20, 0x15, 0x06
    refuse, allow = 0x00050000 | 1, 0x7FFF0000  # with EPERM
    code = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, refuse), (answer, 0, 0, allow)]
    instructions = b"".join(struct.pack("HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    check(libc.prctl(SECCOMP, FILTER, program, 0, 0))


def few_threads(limit=400):
    check(libc.unshare(NEW_USER))  # the limit does not count for root
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("12345 0 1")
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))


def only_ipv6():
    """Enter a network whose only addresses are those of IPv6."""
    check(libc.unshare(NEW_NETWORK))
    for command in ("link set lo up", "address delete 127.0.0.1/8 dev lo", "address add fd00::1/64 dev lo nodad"):
        subprocess.run(["ip", *command.split()], check=True)


def in_child(name, *restrictions, then):
    begin_part(name)
    child = os.fork()
    if child == 0:
        try:
            for restriction in restrictions:
                restriction()
            then()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def start():
    try:
        raydp.init_spark("restricted", 1, 1, "600m")
    except raydp.errors.MissingRequirementError as error:
        say("refused:", error)
    say("Ray started:", ray.is_initialized())


def warn():
    from raydp._doctor import preflight

    sys.stderr = sys.stdout
    preflight({})
    preflight({})


RESTRICTIONS = [few_files, temporary_folder_without_code, no_memory_files, few_threads]
for one in [*RESTRICTIONS, only_ipv6]:
    in_child(one.__name__, one, then=start)
in_child("doctor", *RESTRICTIONS, then=lambda: say("code", main(["doctor"])))
in_child("tight", lambda: few_files(3000), lambda: few_threads(16000), then=warn)
