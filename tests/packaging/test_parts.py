"""NOTICE and the software bills of materials of the wheel and the jar: they list the third-party code in both."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]


def in_metadata(wheel: Path) -> dict[str, str]:
    """Return the files of the folder .dist-info, by their path in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" in name]
        return {name.partition("/")[2]: archive.read(name).decode() for name in names}


def in_jar(distributions: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and the content of the document that is next to the jar."""
    (file,) = (ROOT / "dist").glob("*.json")
    return file.name, json.loads(file.read_text())


def versions(document: dict[str, Any]) -> dict[str, str | None]:
    """The components of a document."""
    return {component["name"]: component.get("version") for component in document["components"]}


@pytest.fixture(scope="module")
def wheel_document(distributions: Any) -> dict[str, Any]:
    """The one document in the wheel."""
    files = in_metadata(distributions.wheel)
    assert [name for name in files if name.startswith("sboms/")] == ["sboms/raydp.cdx.json"]
    text = files["sboms/raydp.cdx.json"]
    assert str(ROOT) not in text  # nothing of the machine that built it
    assert "file:" not in text
    document: dict[str, Any] = json.loads(text)
    return document


def compilers(library: bytes, tmp_path: Path) -> str:
    """What the compilers wrote into a shared library."""
    file = tmp_path / "library.so"
    file.write_bytes(library)
    return subprocess.run(["readelf", "-p", ".comment", file], capture_output=True, text=True, check=True).stdout


def test_the_wheels_document_has_the_versions_that_are_inside(
    distributions: Any, wheel_document: dict[str, Any], tmp_path: Path
) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        (module,) = (name for name in archive.namelist() if re.search(r"/_native\.cpython-.*\.so$", name))
        written = compilers(archive.read(module), tmp_path)
    lock = tomllib.loads((ROOT / "native" / "Cargo.lock").read_text())["package"]
    crates = {one["name"]: one["version"] for one in lock if one["name"] in {"libc", "pyo3-ffi"}}
    (gcc,) = set(re.findall(r"GCC: \(.*\) ([\d.]+)", written))
    (rust,) = set(re.findall(r"rustc version ([\d.]+)", written))
    assert versions(wheel_document) == {
        **crates,
        "arrow-c-data-interface": None,
        "libstdc++": gcc,
        "pybind11": metadata.version("pybind11"),
        "rust-core": rust,
    }
    subject = wheel_document["metadata"]["component"]
    assert subject["purl"] == f"pkg:pypi/raydp@{parse_wheel_filename(distributions.wheel.name)[1]}"


def test_the_jars_document_has_the_versions_that_are_inside(distributions: Any, tmp_path: Path) -> None:
    name, document = in_jar(distributions)
    assert name == f"{distributions.jar.stem}-cyclonedx.json"
    with zipfile.ZipFile(distributions.jar) as archive:
        (library,) = (archive.read(one) for one in archive.namelist() if one.endswith(".so"))
    (gcc,) = set(re.findall(r"GCC: \(.*\) ([\d.]+)", compilers(library, tmp_path)))
    assert versions(document) == {"arrow-c-data-interface": None, "libstdc++": gcc}
    digest = hashlib.sha256(distributions.jar.read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_the_documents_are_valid(distributions: Any, wheel_document: dict[str, Any]) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    for document in (wheel_document, in_jar(distributions)[1]):
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
        assert document["metadata"]["timestamp"]


def test_the_notice_is_in_the_wheel_and_the_jar_and_names_each_part(
    distributions: Any, wheel_document: dict[str, Any]
) -> None:
    notice = (ROOT / "NOTICE").read_text()
    assert in_metadata(distributions.wheel)["licenses/NOTICE"] == notice
    with zipfile.ZipFile(distributions.jar) as archive:
        assert archive.read("META-INF/NOTICE").decode() == notice
    titles = re.findall(r"^-{80}\n(.*)\n-{80}$", notice, re.MULTILINE)
    named = sorted(name for title in titles for name in title.split(", "))
    assert named == sorted(versions(wheel_document))
    license_of_pybind11 = next(file for file in metadata.files("pybind11") or () if file.name == "LICENSE").read_text()
    assert license_of_pybind11 in notice
