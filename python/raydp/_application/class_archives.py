"""Caches the classes of the JVMs after an application, unless its settings say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._configuration import registry
from raydp._machine.class_data import archive_in_background
from raydp._machine.console import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._machine.java import Java

__all__ = ["archive_classes"]


def archive_classes(java: Java, settings: Mapping[str, str]) -> None:
    """Start the background job after the first application of this installation, and tell the user."""
    if settings.get(registry.EXECUTOR_CLASS_DATA_ARCHIVE.key) or not registry.ARCHIVE_CLASSES.get(settings):
        return
    if archive_in_background(java) and registry.BANNER.get(settings):
        tell(
            "caching Java's classes in a one-time background job of low priority, for faster starts "
            f"(set {registry.ARCHIVE_CLASSES.key}=false to turn it off)"
        )
