"""The JDK behind the ``java`` of the tests, which may be a script."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

from raydp._machine.java import find_java

__all__ = ["java_home"]


@functools.cache
def java_home() -> Path:
    """Return the folder of the JDK."""
    command = [str(find_java().executable), "-XshowSettings:properties", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"^ *java\.home = (.+)$", done.stderr, re.MULTILINE)
    assert found is not None, done.stderr
    return Path(found[1])
