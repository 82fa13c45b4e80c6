"""Check whether Spark on Ray can run on a machine, and say how to fix what is broken.

* ``software``: checks of Java, jars, packages and native libraries.
* ``machine``: checks of memory, addresses and folders.
* ``restrictions``: checks of what the system may refuse: files, threads, memory files, native code.
* ``examination``: which checks ``python -m raydp doctor`` runs, and which of them every application start runs.
* ``nodes``: runs the checks on the other machines of a cluster. Only this module needs Ray.
* ``findings``: the result of a check.
"""

from __future__ import annotations

from raydp._doctor.examination import examine, preflight
from raydp._doctor.findings import Finding, Level
from raydp._doctor.machine import check_address
from raydp._doctor.restrictions import check_folder_of_code

__all__ = ["Finding", "Level", "check_address", "check_folder_of_code", "examine", "preflight"]
