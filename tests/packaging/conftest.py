"""What ci/package.sh left in dist/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Distributions:
    """The three files of a release."""

    wheel: Path
    sdist: Path
    jar: Path


@pytest.fixture(scope="session")
def distributions() -> Distributions:
    """The files in dist/; that they are of this checkout is for ci/test.sh to see to, which packs first."""
    found = [sorted((ROOT / "dist").glob(pattern)) for pattern in ("*.whl", "*.tar.gz", "*.jar")]
    assert [len(files) for files in found] == [1, 1, 1], f"run ci/package.sh: dist/ holds {found}"
    return Distributions(*(files[0] for files in found))
