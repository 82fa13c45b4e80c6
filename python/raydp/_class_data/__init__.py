"""Class-data archives: JVMs start in a fraction of the time when they map the classes that they load ready-made.

``python -m raydp archive`` makes those of this machine, once (``training`` runs a small application to see what is
loaded); every application that is started afterwards finds them (``archives``). The technique is the JDK's own, see
https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html.
"""

from __future__ import annotations

from raydp._class_data.archives import Role, driver_options, find_archive

__all__ = ["Role", "driver_options", "find_archive"]
