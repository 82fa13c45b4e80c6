"""Two attempts of one task run at the same time. The result has each block of the partition once."""

from __future__ import annotations

import pytest

from support.programs import run


@pytest.mark.cluster
@pytest.mark.slow
def test_blocks_of_the_slower_attempt_are_in_no_dataset() -> None:
    outcome = run("exchange/blocks_of_the_slower_attempt_are_in_no_dataset")
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert "waited for the slow attempt: False" in lines, outcome.everything
    assert "attempts: ['0-0', '1-0', '1-1']" in lines, outcome.everything
    assert "rows: True" in lines, outcome.everything
    assert lines[-1] == "all is freed", outcome.everything
