"""Class-data archives: a JVM starts faster if it maps an archive of classes instead of loading them.

* ``background``: starts a process that creates this machine's archives after its first application has ended.
* ``making``: creates the archives. ``python -m raydp archive`` runs it.
* ``archives``: finds the archives of this machine, for every application that starts later.

The archives contain the classes that a small application loads. ``ci/class-lists.sh`` writes the lists next to this
file. This is the JDK's class data sharing, see
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html.
"""

from __future__ import annotations

from raydp._machine.class_data.archives import Role, driver_options, find_archive
from raydp._machine.class_data.background import archive_in_background

__all__ = ["Role", "archive_in_background", "driver_options", "find_archive"]
