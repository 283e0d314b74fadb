"""Imports go down only: a model never sees the store, and nothing sees the command line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import attribution

PACKAGE = Path(attribution.__file__).parent

# bottom to top; what stands on one line may import each other
LAYERS = [
    [
        "errors",
        "money",
        "clock",
        "identifiers",
        "defaults",
        "labels",
        "notation",
        "sorted_sets",
        "drawing",
        "outsiders",
    ],
    ["channels"],
    ["mailboxes"],
    ["sources"],
    ["store"],
    ["loading"],
    ["identity"],
    ["journeys"],
    ["models"],
    ["trust"],
    ["ledger"],
    ["frames"],
    ["library"],
    ["privacy"],
    ["metrics"],
    ["report"],
    ["pulls"],
    ["destinations"],
    ["outbox"],
    ["engine"],
    ["simulate", "demo"],
    ["cli"],
    ["testing", "__main__"],  # nothing stands on these
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# a model sees journeys only; journeys are columns here, and only reading them knows the store
STORELESS = (
    "models", "trust", "journeys.columns", "journeys.build", "journeys.window", "journeys.milestones",
    "journeys.dimensions", "library", "frames",
)  # fmt: skip

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"  # the public names come from everywhere
)


def tree(module: str) -> ast.Module:
    """Parse a module."""
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """Yield the modules of ours that a module imports, within functions too, without the package's name."""
    for node in ast.walk(tree(module)):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.partition(".")[2] for name in names if name.startswith("attribution."))


def layer(module: str) -> str:
    """Return the top-level part of a module's name."""
    return module.partition(".")[0]


def test_every_module_has_a_layer() -> None:
    """A new folder is placed on purpose."""
    assert {layer(module) for module in MODULES} == RANK.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """No module imports from a layer above its own."""
    upward = [name for name in imported(module) if RANK[layer(name)] > RANK[layer(module)]]
    assert upward == [], f"{module} imports {', '.join(upward)}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(STORELESS)])
def test_models_never_see_the_store(module: str) -> None:
    """Not directly; what they import is held to the same rule by its own case."""
    assert [name for name in imported(module) if layer(name) in {"store", "loading", "sources"}] == []


def test_one_module_makes_connections() -> None:
    """Transactions, pragmas and the writer's lock are in one place."""
    makers = [
        module
        for module in MODULES
        if any(isinstance(node, ast.Name) and node.id == "create_engine" for node in ast.walk(tree(module)))
    ]
    assert makers == ["store.database"]
