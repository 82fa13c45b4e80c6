"""The software bill of materials (SBOM): what others wrote and is inside the wheel or the jar, as CycloneDX.

What raydp only requires, such as Spark and Ray, is in the metadata of the wheel. What is compiled in would be invisible
without this. ``NOTICE`` has the licenses of the same parts.

Run as a script, ``python build_backend/raydp_parts.py JAR FILE`` writes the document of a jar.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: pyproject.toml names this file, and maturin puts it into the folder sboms of the wheel's metadata (PEP 770).
WHEEL_DOCUMENT = ROOT / "build" / "sboms" / "raydp.cdx.json"


@dataclass(frozen=True)
class Part:
    """A work of others inside the wheel or the jar.

    Attributes:
        name: Its name.
        version: Its version; empty for a specification.
        license: Its license as an SPDX expression.
        package: Its package URL without the version.
        use: What of it is inside, and where.
    """

    name: str
    version: str
    license: str
    package: str
    use: str


def wheel_parts() -> list[Part]:
    """Return what is inside the wheel, in the versions that this build uses."""
    pybind11 = Part(
        "pybind11",
        metadata.version("pybind11"),
        "BSD-3-Clause",
        "pkg:pypi/pybind11",
        "Headers, compiled into raydp/_native.",
    )
    core = Part(
        "rust-core",
        _answer("rustc", "--version").split()[1],
        "MIT OR Apache-2.0",
        "pkg:generic/rust-core",
        "Rust's core library, linked into raydp/_native.",
    )
    return [*jar_parts(), pybind11, core, *_crates()]


def jar_parts() -> list[Part]:
    """Return what is inside the jar, all of it in libraydp_jni.so. The wheel has the same library."""
    return [
        Part(
            "libstdc++",
            _libstdcxx_version(),
            "GPL-3.0-or-later WITH GCC-exception-3.1",
            "pkg:generic/libstdc%2B%2B",
            "GCC's C++ library, linked statically into the shared libraries.",
        ),
        Part(
            "arrow-c-data-interface",
            "",
            "Apache-2.0",
            "pkg:github/apache/arrow",
            "The definitions of Apache Arrow's C data interface, in native/core/arrow_c_data.h.",
        ),
    ]


def _crates() -> list[Part]:
    """Return the Rust packages that are linked, not those that only a build runs."""
    manifest = str(ROOT / "native" / "Cargo.toml")
    options = ["--locked", "--edges", "normal", "--no-dedupe", "--prefix", "none", "--format", "{p}|{l}"]
    lines = _answer("cargo", "tree", "--manifest-path", manifest, *options).splitlines()
    crates = []
    for line in dict.fromkeys(lines[1:]):  # the first one is raydp's own
        package, _, license_expression = line.partition("|")
        name, version = package.split()[:2]
        use = "Linked into raydp/_native, which calls nothing of it."
        crates.append(Part(name, version.removeprefix("v"), license_expression, f"pkg:cargo/{name}", use))
    return crates


def _libstdcxx_version() -> str:
    """Return the version of the C++ library that the compiler links. Clang links that of an installed GCC."""
    options = ["-E", "-dM", "-x", "c++", "-include", "version", "/dev/null"]
    defined = _answer(os.environ.get("CXX") or "c++", *options)
    macros: dict[str, str] = dict(re.findall(r"^#define (\w+) (.*)$", defined, re.MULTILINE))
    if "__clang__" in macros:
        return macros["_GLIBCXX_RELEASE"]
    return ".".join(macros[name] for name in ("__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__"))


def _answer(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"raydp: the list of the wheel's parts needs the answer of {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


# ---- The document ----------------------------------------------------------------------------------------


def write_for_wheel() -> None:
    """Write the document of the wheel where maturin takes it from."""
    _write(WHEEL_DOCUMENT, "pkg:pypi/raydp", wheel_parts())


def write_for_jar(jar: Path, target: Path) -> None:
    """Write the document of a jar, with the jar's hash."""
    _write(target, "pkg:maven/io.raydp/raydp", jar_parts(), hashlib.sha256(jar.read_bytes()).hexdigest())


def _write(target: Path, package: str, parts: list[Part], sha256: str = "") -> None:
    # Not at the top: ci/dev-build.sh works without these packages.
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseExpression
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    def component(part: Part) -> Component:
        address = f"{part.package}@{part.version}" if part.version else part.package
        return Component(
            name=part.name,
            version=part.version or None,
            type=ComponentType.LIBRARY,
            purl=PackageURL.from_string(address),
            bom_ref=address,
            licenses=[LicenseExpression(part.license)],
            description=part.use,
        )

    subject = component(Part("raydp", _version(), "Apache-2.0", package, "Apache Spark on Ray."))
    if sha256:
        subject.hashes = [HashType(alg=HashAlgorithm.SHA_256, content=sha256)]
    # The same contents have the same number.
    number = uuid.uuid5(uuid.NAMESPACE_URL, repr((package, _version(), sha256, parts)))
    bom = Bom(
        components=map(component, parts),
        metadata=BomMetaData(component=subject, timestamp=_build_time()),
        serial_number=number,
    )
    bom.register_dependency(subject, bom.components)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")


def _version() -> str:
    match = re.search(r'^version = "([^"]+)"', (ROOT / "native" / "Cargo.toml").read_text(), re.MULTILINE)
    if match is None:
        sys.exit('raydp: native/Cargo.toml must state the version in a line such as: version = "2.0.0"')
    return match.group(1)


def _build_time() -> datetime:
    """Return the time of this build, or the one of SOURCE_DATE_EPOCH, with which a build can be repeated exactly."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} JAR FILE")
    write_for_jar(Path(sys.argv[1]), Path(sys.argv[2]))
