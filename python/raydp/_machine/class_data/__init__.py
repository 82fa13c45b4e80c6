"""Class-data archives: JVMs start in a fraction of the time when they map the classes that they load ready-made.

The first application of an installation has those of this machine made when it has ended (``background``), or
``python -m raydp archive`` makes them (``making``), from lists of the classes that a small application loads, which
``ci/class-lists.sh`` writes; every application that is started afterwards finds them (``archives``). The technique is
the JDK's own, see https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html.
"""

from __future__ import annotations

from raydp._machine.class_data.archives import Role, driver_options, find_archive
from raydp._machine.class_data.background import archive_in_background

__all__ = ["Role", "archive_in_background", "driver_options", "find_archive"]
