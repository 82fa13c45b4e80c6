"""What executors request from Ray besides cores and memory: GPUs, fractions of a CPU, custom resources, a node."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster


def test_gpus_shares_and_custom_resources() -> None:
    outcome = programs.run("lifecycle/gpus_shares_and_custom_resources")
    assert outcome.code == 0, outcome.everything
    lines = outcome.output.splitlines()
    assert lines[0] == "gpus: [('gpu', ('0',)), ('gpu', ('1',))]", outcome.everything
    assert lines[1] == "used: {'CPU': 1.0, 'GPU': 2.0, 'disk': 2.0, 'licence': 0.5}", outcome.everything
    assert lines[2] == "node: 0.021", "two executors and the AppMaster; " + outcome.everything
    assert lines[3].endswith("Resource: CPU; amount: 1.5"), outcome.everything
    assert lines[4].startswith("refused: This setting must be a number of at least 0"), outcome.everything
