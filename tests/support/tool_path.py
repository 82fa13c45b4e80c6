"""A PATH like this machine's, but without some of its programs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

#: Whatever builds something. None of it may be needed where a wheel is installed and used.
BUILD_TOOLS = [
    *("ar", "as", "cpp", "ld", "ld.gold", "ld.lld"),
    *("c++", "cc", "clang", "clang++", "g++", "gcc"),
    *("cmake", "gradle", "make", "maturin", "ninja"),
    *("jar", "javac", "javah"),
    *("cargo", "rustc", "rustup"),
]


def path_without(tools: list[str], folder: Path) -> str:
    """Fill `folder` with links to every program on PATH but those named (in any version), and return it as a PATH."""
    folder.mkdir(parents=True)
    for directory in os.get_exec_path():
        for program in Path(directory).glob("*"):
            link = folder / program.name
            if not _is_one_of(program.name, tools) and not link.exists() and os.access(program, os.X_OK):
                link.symlink_to(program)
    found = [tool for tool in tools if shutil.which(tool, path=str(folder))]
    assert not found, f"still on the PATH made without them: {found}"
    return str(folder)


def _is_one_of(program: str, tools: list[str]) -> bool:
    without_target = program.removeprefix("x86_64-linux-gnu-").removeprefix("aarch64-linux-gnu-")
    name, _, version = without_target.rpartition("-")
    return without_target in tools or (version.replace(".", "").isdigit() and name in tools)
