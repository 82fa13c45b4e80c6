"""Ctrl-C that ends a program is shown as one line."""

from __future__ import annotations

import re
import signal

from support import programs


def test_a_program_that_ctrl_c_ends_shows_one_line_with_its_place() -> None:
    outcome = programs.run("machine/interrupted")
    assert outcome.code == -signal.SIGINT, outcome.everything
    assert re.fullmatch(r"raydp: interrupted at \S+interrupted\.py, line 11\n", outcome.errors), outcome.everything
