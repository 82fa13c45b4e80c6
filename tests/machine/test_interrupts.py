"""Ctrl-C that ends a program is shown as one line, and is not lost."""

from __future__ import annotations

import re
import signal

from support import programs


def test_a_program_that_ctrl_c_ends_shows_one_line_with_its_place() -> None:
    outcome = programs.run("machine/interrupted")
    assert outcome.code == -signal.SIGINT, outcome.everything
    assert re.fullmatch(r"raydp: interrupted at \S+interrupted\.py, line 15\n", outcome.errors), outcome.everything


def test_a_connection_that_is_lost_on_the_way_out_is_no_other_end() -> None:
    lost = programs.run("machine/interrupted", "lost")
    assert lost.code == 1, lost.everything
    assert re.fullmatch(r"raydp: interrupted at \S+interrupted\.py, line 20\n", lost.errors), lost.everything
    mistake = programs.run("machine/interrupted", "mistake")
    assert "interrupted at" not in mistake.errors and "ValueError: of the program" in mistake.errors, mistake.everything


def test_a_ctrl_c_that_comes_in_a_finalizer_is_raised_after_it() -> None:
    outcome = programs.run("machine/interrupted_finalizers")
    assert outcome.output.split("\n") == ["lost for now", "interrupted", "lost for now", "interrupted", ""]
    assert outcome.code == 0 and outcome.errors == "", outcome.everything
