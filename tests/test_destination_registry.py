"""Destinations by name: what comes along keeps the rules, what others add is found or told what is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from attribution.destinations import registry
from attribution.destinations.access import TOKEN
from attribution.destinations.destination import Destination
from attribution.destinations.registry import destination_names, get_destination
from attribution.errors import InputError, UnknownNameError

OUTSIDE = """
from attribution.destinations.destination import Destination


class Mine(Destination):
    name = "mine"
    label = "Mine"
    base_url = "https://mine.test"

    def requests(self, conversions):
        return iter(())

    def outcomes(self, request, reply):
        return []
"""


def announce(folder: Path, code: str, name: str = "mine") -> Path:
    """Put a package where Python finds it, as an installer would have left it."""
    info = folder / "outside_destinations-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "outside_destination.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-destinations\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\n{name} = outside_destination:Mine\n"
    )
    return folder


@pytest.mark.parametrize("name", destination_names())
def test_what_comes_along_keeps_the_rules(name: str) -> None:
    """Found by its own name, sent safely, and each thing it needs is explained."""
    found = get_destination(name)
    assert found.name == name
    assert found.base_url.startswith("https://") or name in ("file", "webhook")  # theirs is a setting
    assert not found.base_url.endswith("/")
    assert found.most >= 1
    needs = (*found.settings, *found.secrets)
    assert len({need.name for need in needs}) == len(needs)
    assert all(need.about for need in needs)
    assert [need.name for need in found.settings if need.secret] == []
    assert [need.name for need in found.secrets if not need.secret] == []


@pytest.mark.parametrize("name", destination_names())
def test_what_lets_a_request_in_is_what_people_are_asked_for(name: str) -> None:
    """Each header and parameter has one name: of a setting, of a secret, or of what a login gives."""
    kind = get_destination(name)
    asked = {need.name for need in (*kind.settings, *kind.secrets)}
    for way in kind.access.ways:
        used = [re.findall(r"\{(.*?)\}", text) for text in (*way.headers.values(), *way.params.values())]
        assert [len(names) for names in used] == [1] * len(used)
        known = asked | ({TOKEN} if way.login is not None else set())
        assert {names[0] for names in used} <= known
        assert set(way.secrets) <= {need.name for need in kind.secrets if not need.required}
        assert way.login is None or set(way.login.form) <= asked


def test_names_and_labels_differ() -> None:
    labels = [get_destination(name).label for name in destination_names()]
    assert len(set(labels)) == len(labels)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(UnknownNameError, match="meta"):
        get_destination("metta")


def test_an_outsiders_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(announce(tmp_path, OUTSIDE))
    monkeypatch.delitem(sys.modules, "outside_destination", raising=False)
    assert destination_names()[-1] == "mine"
    found = get_destination("mine")
    assert issubclass(found, Destination)
    assert found.label == "Mine"


def test_what_comes_along_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(announce(tmp_path, OUTSIDE.replace('"mine"', '"meta"'), "meta"))
    assert get_destination("meta").__module__ == "attribution.destinations.meta"
    assert destination_names().count("meta") == 1


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("import no_such_thing", "mine", "cannot be imported (ModuleNotFoundError"),
        ("1 / 0", "mine", "or uninstall outside-destinations"),
        (
            "Mine = print",
            "mine",
            "must be a Destination whose name is 'mine'; it is <built-in function print>",
        ),
        (OUTSIDE, "yours", "whose name is 'yours'; its name is 'mine'"),
        (OUTSIDE.replace("def outcomes", "def replies"), "mine", "it lacks outcomes"),
    ],
)
def test_a_bad_package_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, name: str, words: str
) -> None:
    monkeypatch.syspath_prepend(announce(tmp_path, code, name))
    monkeypatch.delitem(sys.modules, "outside_destination", raising=False)
    with pytest.raises(InputError) as error:
        get_destination(name)
    assert words in str(error.value)
