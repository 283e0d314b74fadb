"""What pages say of tables, settings, figures and rejections is what the code does."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_current(generate: ModuleType) -> None:
    """`python docs/generate.py` would change nothing, and every part stands in a page."""
    texts = [page.read_text(encoding="utf-8") for page in generate.pages()]
    assert [generate.render(text) for text in texts] == texts
    assert set(re.findall(r"<!-- generated: (\w+)(?: \w+)? -->", "".join(texts))) == set(generate.PARTS)


def test_no_column_is_described_that_is_not_there(generate: ModuleType) -> None:
    """Sentences about columns that went away go away."""
    tables = generate.TABLES.values()
    plain = {column.name for table in tables for column in table.columns}
    full = {f"{table.name}.{column.name}" for table in tables for column in table.columns}
    assert set(generate._MEANS) <= plain | full
    assert set(generate._ABOUT) == set(generate.TABLES)


def test_every_rejection_code_is_explained() -> None:
    """The codes in the page are those that the code can give."""
    given = {
        code
        for folder in ("sources", "loading")
        for path in (ROOT / "attribution" / folder).rglob("*.py")
        for code in _codes(ast.parse(path.read_text(encoding="utf-8")))
    }
    page = (DOCS / "input-tables.md").read_text(encoding="utf-8")
    section = page.partition("\n## Rows that do not load")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == given


def _codes(tree: ast.AST) -> set[str]:
    """Return the texts that look like a code, in the calls and tuples that make rejections."""
    makers = {
        "Problem",
        "Fault",
        "Rejection",
        "add",
        "_by_distinct",
        "_whole",
        "in_words",
        "conflicts",
        "_Strange",
    }
    found = set()
    for node in ast.walk(tree):
        arguments: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            arguments = node.args if name in makers else []
        elif isinstance(node, ast.Tuple):
            arguments = node.elts if len(node.elts) == 2 and isinstance(node.elts[1], ast.JoinedStr) else []
        for argument in arguments:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found |= (
                    {argument.value} if re.fullmatch(r"[a-z]+(_[a-z]+)+|conflict", argument.value) else set()
                )
    return found
