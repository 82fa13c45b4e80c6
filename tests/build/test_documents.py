"""Documents name only files, headings and code that exist."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "bench" / "README.md",
    *(path for path in [ROOT / "tests" / "README.md"] if path.exists()),
]
GLOSSARY = ROOT / "docs" / "glossary.md"
SOURCES = {".py", ".pyi", ".java", ".scala", ".cc", ".h"}

LINK = re.compile(r"\]\(([^()\s]+)\)|<img src=\"([^\"]+)\"")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PATH = re.compile(r"^(?:\.ci|bench|build_backend|ci|docs|examples|jvm|native|python|tests)/[\w./*{},-]+$")
NAME = re.compile(r"^(?:\w+\.)*[A-Za-z_]\w+$")
# Parts of a path that stand for any name.
PLACEHOLDERS = re.compile(r"NAME|<|…")
# Files that a build creates.
BUILT = {"python/raydp/jars/raydp.jar"}


def broken_links(document: Path, text: str) -> list[str]:
    """Return the relative links of a document whose file or heading does not exist."""
    targets = (first or second for first, second in LINK.findall(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target) and is_broken(document, text, target)]


def is_broken(document: Path, text: str, target: str) -> bool:
    """Whether the file or the heading of a relative link does not exist."""
    name, _, heading = target.partition("#")
    path = document.parent / name
    if name and not path.exists():
        return True
    return bool(heading) and heading not in headings(path.read_text("utf-8") if name else text)


def headings(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def missing_paths(text: str) -> list[str]:
    """Return the paths of this repository in code spans and code blocks of a document that do not exist."""
    words = (word.strip("`'\"(),;:") for span in CODE.findall(text) for word in span.split())
    paths = {word for word in words if PATH.match(word) and not PLACEHOLDERS.search(word)}
    found = (path.rstrip(".") for path in itertools.chain.from_iterable(map(alternatives, sorted(paths))))
    return [path for path in found if path not in BUILT and not exists(path)]


def alternatives(path: str) -> list[str]:
    """Return what a path with ``{one,other}`` stands for."""
    braces = re.search(r"\{([^{}]*)\}", path)
    if braces is None:
        return [path]
    return [
        name
        for word in braces[1].split(",")
        for name in alternatives(path[: braces.start()] + word + path[braces.end() :])
    ]


def exists(path: str) -> bool:
    """Whether a path exists; ``*`` stands for any name and ``...`` for any folders."""
    pattern = path.rstrip("/").replace("/.../", "/**/")
    return any(ROOT.glob(pattern)) if "*" in pattern else (ROOT / pattern).exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    assert broken_links(document, text) == []
    assert missing_paths(text) == []


def test_glossary_names_code_that_exists() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in tracked.split("\0") if Path(name).suffix in SOURCES]
    words = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in paths if path.exists())))
    rows = [line.split("|")[3] for line in GLOSSARY.read_text("utf-8").splitlines() if line.count("|") == 4]
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row) if NAME.match(name)]
    assert len(names) > 20
    assert [name for name in names if name.rpartition(".")[2] not in words] == []


def test_broken_links_and_paths_are_found() -> None:
    text = "# A *title*, with `code`\n[ok](README.md#read-on) [ok](#a-title-with-code) [no](docs/none.md) [no](#b)"
    assert broken_links(ROOT / "x.md", text) == ["docs/none.md", "#b"]
    assert broken_links(ROOT / "x.md", '[no](README.md#three-commands) <img src="docs/images/none.png">') == [
        "README.md#three-commands",
        "docs/images/none.png",
    ]
    text = "`ci/none.sh`, `python/raydp/NAME/none.py`, `native/core/*_test.cc`\n```\npytest tests/none -k x\n```\n"
    assert missing_paths(text) == ["ci/none.sh", "tests/none"]
    assert missing_paths("`python/raydp/{xgboost,none}/` and `jvm/.../io/raydp/none/`") == [
        "jvm/.../io/raydp/none/",
        "python/raydp/none/",
    ]
