"""Progress bars: what they draw, and when they draw nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._machine.progress import Progress

if TYPE_CHECKING:
    import pytest


def test_bytes_replace_the_rate_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("from_spark", total=4, unit=" blocks", enabled=True) as bar:
        bar.set(1, detail="retry")
        steps = capsys.readouterr().err
        bar.set(2, bytes_done=3_000_000_000, detail="retry")
        with_bytes = capsys.readouterr().err
    assert "blocks/s, retry]" in steps
    assert "2/4 blocks" in with_bytes and "3.00GB, " in with_bytes and "B/s, retry]" in with_bytes
    assert "blocks/s" not in with_bytes


def test_nothing_is_drawn_when_bars_are_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAYDP_PROGRESS", "off")
    with Progress("from_spark", enabled=True) as bar:
        bar.set(1, total=2, bytes_done=3)
    assert capsys.readouterr().err == ""
