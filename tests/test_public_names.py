"""What the package offers: what is documented, no more and no less, and at once."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import attribution
from attribution import errors

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pandas", "numpy", "pyarrow", "sqlalchemy", "scipy", "networkx", "altair", "babel")


def test_public_names_are_those_documented() -> None:
    """The table in the page of the library names each once."""
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    table = page.partition("## Every public name")[2].partition("|---|---|")[2]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)))
    assert sorted(named) == attribution.__all__
    assert len(set(named)) == len(named)


def test_public_names_are_sorted() -> None:
    """So that a new one has one place; Python's own order, capitals first."""
    assert attribution.__all__ == sorted(attribution.__all__)
    assert set(attribution.__all__) <= set(dir(attribution))


@pytest.mark.parametrize("name", attribution.__all__)
def test_a_public_name_can_be_used(name: str) -> None:
    """It is there, a class or a function of ours, and says what it is."""
    thing = getattr(attribution, name)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert thing.__module__.startswith("attribution.")
    assert inspect.getdoc(thing)


def test_other_names_are_no_attributes() -> None:
    """A misspelt name is an AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="has no attribute 'atribute'"):
        _ = attribution.atribute


def test_every_error_is_a_public_one() -> None:
    """Whoever catches the root catches everything that is raised on purpose."""
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert len(classes) > 5
    assert all(issubclass(c, attribution.AttributionEngineError) for c in classes)
    drawing = inspect.getdoc(errors) or ""
    assert [c.__name__ for c in classes if c.__name__ not in drawing] == []


@pytest.mark.parametrize(
    "code",
    [
        "import attribution",
        "import attribution.cli; attribution.cli.cli(['--help'], standalone_mode=False)",
        "import attribution.cli; attribution.cli.cli(['import', '--help'], standalone_mode=False)",
        "import attribution; attribution.AttributionEngineError",
    ],
)
def test_what_is_quick_loads_nothing_heavy(code: str) -> None:
    """`--help` answers at once: frames, Arrow and the database come when a verb needs them."""
    told = f"import sys; loaded = [m for m in {HEAVY} if m in sys.modules]; print(loaded, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_the_package_is_typed() -> None:
    """The marker travels with it."""
    assert (Path(attribution.__file__).parent / "py.typed").is_file()
