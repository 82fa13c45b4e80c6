"""The executors' end of the exchange, without a JVM: ``Client`` and ``connect`` of ``native/testing``."""

from __future__ import annotations

import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "build" / "testing"
if not list(_FOLDER.glob("raydp_native_testing*.so")):
    message = f"the native test client is not built; run 'bash ci/dev-build.sh testing'. Looked in: {_FOLDER}"
    raise ModuleNotFoundError(message)
sys.path.append(str(_FOLDER))

from raydp_native_testing import Client, connect  # noqa: E402  (found through the line above)

__all__ = ["Client", "connect"]
