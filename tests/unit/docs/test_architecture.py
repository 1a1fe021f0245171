"""docs/architecture.md names modules, functions and layers that exist."""

import ast
import re
import tomllib
from pathlib import Path

from tests.support.python_source import parsed

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGE = ROOT / "operator" / "infomaniak_operator"
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}


def _names(path: Path) -> set[str]:
    """What a module defines: functions, classes, and methods as ``Class.method``."""
    found = set()
    for node in parsed(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{each.name}" for each in methods}
    return found


ALL = set().union(*(_names(path) for path in MODULES.values()))


def test_every_module_and_package_named_exists() -> None:
    named = set(re.findall(r"`([\w/<>]+\.py)[`: ]", PAGE)) | set(re.findall(r"`([a-z_]+/(?:[a-z_]+/)*)`", PAGE))
    named = {each for each in named if "<" not in each and not each.startswith(("tests/", "examples/", "docs/"))}
    assert len(named) > 25
    for each in named:
        if each.endswith("/"):
            assert (PACKAGE / each).is_dir(), each
        else:
            assert any(f"/{name}".endswith(f"/{each}") for name in MODULES), each


def test_every_function_and_class_named_exists() -> None:
    named = set(re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", PAGE)) | set(re.findall(r"\.py` `([a-z_]+)`", PAGE))
    named -= {"Ready", "Synced"}  # conditions
    assert len(named) > 30
    assert named - ALL == set()


def test_the_picture_has_the_layers_that_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["infomaniak_operator.reconcile"]]
    assert " --> ".join(layers) in PAGE
