"""A secret that a process was started with is nowhere in its environment once it is taken."""

from __future__ import annotations

import subprocess
import sys

from support import programs

PROGRAM = """
import os, pathlib, subprocess
from raydp._machine.own_environment import take_secret
print(take_secret("A_SECRET"), "A_SECRET" in os.environ)
shown = pathlib.Path("/proc/self/environ").read_bytes()
print(b"A_SECRET=" in shown, b"12345" in shown, b"ANOTHER=other" in shown)
print("A_SECRET" in subprocess.run(["env"], capture_output=True, text=True).stdout)
"""


def test_a_secret_that_is_taken_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=programs.environment({"A_SECRET": "12345", "ANOTHER": "other"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["12345 False", "False False True", "False"], done
