"""The parts of the Python package import each other in one direction. Reads the sources; imports inside functions and
for type checkers count as well."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from support.frameworks import framework_names

PACKAGE = Path(__file__).parents[2] / "python" / "raydp"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "_native"}),
    frozenset({"_machine", "_configuration"}),
    frozenset({"_ray", "_spark"}),
    frozenset({"_exchange", "_doctor", "_deployments", "mpi"}),
    frozenset({"_application", "_attachment"}),
    frozenset({"_standalone"}),
    frozenset({"_session"}),
    frozenset({"_legacy", "_submission"}),
    frozenset({"_estimators"}),
    frozenset({*framework_names(), "ml", "tune"}),
    frozenset({"context", "spark", "utils", "estimator", "versions", "__main__"}),
    frozenset({""}),
)
"""From bottom to top. A part imports parts of lower layers only, and none of its own layer. ``""`` is raydp itself."""


def modules() -> dict[str, Path]:
    """Return the files of all modules by their names below ``raydp``; a folder's name stands for its ``__init__``."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
        for path in [*PACKAGE.rglob("*.py"), *PACKAGE.glob("*.pyi")]
    }


def imports(source: str, known: dict[str, Path]) -> set[str]:
    """Return the modules of raydp that a source imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    ours = {name.removeprefix("raydp").removeprefix(".") for name in names if name.split(".")[0] == "raydp"}
    return {name if name in known else name.rpartition(".")[0] for name in ours}


def test_parts_import_only_lower_layers() -> None:
    known = modules()
    layer_of = {part: index for index, layer in enumerate(LAYERS) for part in layer}
    parts = {name.split(".")[0] for name in known}
    assert parts == set(layer_of), "each part of the package has a layer, and each layer's parts exist"
    wrong = [
        f"{path.relative_to(PACKAGE)} imports raydp.{imported}"
        for name, path in known.items()
        for imported in sorted(imports(path.read_text(), known))
        if (part := imported.split(".")[0]) != name.split(".")[0] and layer_of[part] >= layer_of[name.split(".")[0]]
    ]
    assert wrong == []


def test_folders_import_each_other_in_no_circle() -> None:
    known = modules()
    graph: dict[str, set[str]] = {}
    for path in known.values():
        folder = path.parent
        for imported in imports(path.read_text(), known):
            target = known[imported].parent
            # A folder and the folders in it use each other.
            if not target.is_relative_to(folder) and not folder.is_relative_to(target):
                graph.setdefault(str(folder.relative_to(PACKAGE)), set()).add(str(target.relative_to(PACKAGE)))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"folders import each other in a circle: {error.args[1]}") from None


def test_the_exchange_knows_no_application() -> None:
    known = modules()
    exchange = {name: imports(path.read_text(), known) for name, path in known.items() if name.startswith("_exchange")}
    above = ("_application", "_session", "_deployments")
    assert {name: found for name, found in exchange.items() if any(one.startswith(above) for one in found)} == {}


def test_imports_of_every_kind_are_seen() -> None:
    source = """
import raydp
from raydp.errors import SessionError
from raydp import errors
if TYPE_CHECKING:
    from raydp._spark.gateway import GatewayProcess
def late():
    import raydp._ray.cluster
    from raydp._ray import placement as p
    from rayon import other
"""
    found = imports(source, modules())
    assert found == {"", "errors", "_spark.gateway", "_ray.cluster", "_ray.placement"}
