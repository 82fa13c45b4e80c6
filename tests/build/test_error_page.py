"""The page of errors explains each public error, with causes and fixes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from raydp import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "errors.md"
# The text below each heading.
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", errors.__all__)
def test_each_error_has_causes_and_fixes(name: str) -> None:
    section = SECTIONS[name]
    assert not section.lstrip().startswith("|"), "a sentence says what it is"
    header, _, *rows = [line for line in section.splitlines() if line.startswith("|")]
    assert header == "| Cause | Fix |" and rows
    assert all(cause.strip() and fix.strip() for cause, fix in (row.strip("|").split("|") for row in rows))


def test_the_page_has_no_other_errors_and_is_linked() -> None:
    assert {name for name in SECTIONS if name.endswith("Error")} == set(errors.__all__)
    assert "docs/errors.md" in (ROOT / "README.md").read_text("utf-8")


def test_the_tree_has_every_error() -> None:
    tree = errors.__doc__ or ""
    assert {name for name in errors.__all__ if name not in tree} == set()
