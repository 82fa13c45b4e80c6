"""Jars of raydp that say that they are another build, or for another Spark; jars of applications in Java."""

from __future__ import annotations

import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["change_manifest", "java_application"]


def change_manifest(jar: Path, target: Path, **attributes: str) -> None:
    """Write a copy of a jar with other attributes in its manifest, such as ``Implementation_Version``."""
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(jar) as old, zipfile.ZipFile(partial, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "META-INF/MANIFEST.MF":
                for name, value in attributes.items():
                    pattern = rf"(?m)^{name.replace('_', '-')}: .*?(\r?)$"
                    content, count = re.subn(
                        pattern.encode(), rf"{name.replace('_', '-')}: {value}\1".encode(), content
                    )
                    assert count == 1, (name, content)
            new.writestr(entry, content)
    partial.replace(target)  # a JVM may have the old file open


def java_application(source: Path, folder: Path, spark: Path) -> Path:
    """Compile one source file with the jars of a Spark; return the jar of the application, whose class is its name."""
    classes = folder / "classes"
    subprocess.run(
        ["javac", "--release", "17", "-d", str(classes), "-cp", f"{spark}/jars/*", str(source)], check=True, timeout=120
    )
    path = folder / f"{source.stem.lower()}.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nMain-Class: {source.stem}\n")
        for file in classes.iterdir():
            archive.write(file, file.name)
    return path
