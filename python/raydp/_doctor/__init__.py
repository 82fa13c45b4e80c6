"""Looks at a machine before anything is started on it: what is needed, what is there, how to mend it.

``software`` looks at Java, jars, packages and libraries, ``machine`` at memory, addresses and folders; ``examination``
says which of it ``python -m raydp doctor`` prints and which of it is cheap enough to be part of every start. ``nodes``
has the other machines of a cluster look at themselves; it alone needs Ray.
"""

from __future__ import annotations

from raydp._doctor.examination import examine, preflight
from raydp._doctor.findings import Finding, Level
from raydp._doctor.machine import check_address

__all__ = ["Finding", "Level", "check_address", "examine", "preflight"]
