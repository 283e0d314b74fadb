"""An outsider's models: installed for real, found by name, run on a store; bad ones say what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from ledger_books import load

from attribution.engine import Store
from attribution.errors import InputError, ModelError, UnknownNameError
from attribution.models.registry import get_model
from attribution.testing import check_model

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "examples" / "model_plugin"
TOUCHES = """touch_id,visitor_id,at,kind,channel
t1,v1,2025-01-02T10:00:00Z,session,Organic Search
t2,v1,2025-01-03T10:00:00Z,form,Email
t3,v2,2025-01-04T10:00:00Z,session,Organic Search
"""
LEADS = """lead_id,created_at,visitor_id
L1,2025-01-03T11:00:00Z,v1
"""
DEALS = """deal_id,status,created_at,closed_at,amount,currency,lead_id
D1,won,2025-01-05T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP,L1
"""
SETTINGS = """
kinds = ["session", "form"]
goals = "revenue"
models = ["linear", {name = "engagement", effort = {form = 3}, fade = 1, ignore = ["Paid Search", "Direct"]}]
model = "engagement:ignore=Paid Search;Direct,effort=form=3,fade=1"
"""


def python(*args: str, cwd: Path, path: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python in its own process, with what was installed at a path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATTRIBUTION_")}
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd, env=environment | {"PYTHONPATH": str(path)}, input=stdin, capture_output=True, text=True,
        check=False, encoding="utf-8",
    )  # fmt: skip


COMMANDS = """
import json, sys
from click.testing import CliRunner
from attribution.cli import cli
for arguments in json.load(sys.stdin):
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, (arguments, result.output)
    print(json.dumps(result.stdout))
"""


def attribution(*commands: list[str], cwd: Path, path: Path) -> list[str]:
    """Run command lines, all in one process that knows the plug-in; each must succeed."""
    done = python("-c", COMMANDS, cwd=cwd, path=path, stdin=json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def install(source: Path, target: Path) -> None:
    """Install a package into a folder of its own, from what is on this machine."""
    if find_spec("pip") is None:
        pytest.skip("this environment has no pip to install the example with")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--quiet"]
    done = python(
        "-m", "pip", "--disable-pip-version-check", "install", *options, "--target", str(target), str(source),
        cwd=source, path=target,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example; its package is installed in the folder `installed` beside it."""
    copy = tmp_path_factory.mktemp("example") / "model_plugin"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    install(copy, copy.parent / "installed")
    return copy


@pytest.fixture(scope="module")
def installed(example: Path) -> Path:
    """The folder in which the example is installed."""
    return example.parent / "installed"


def test_the_example_passes_its_own_tests(example: Path, installed: Path) -> None:
    """Among them every check of the kit, for both models and other parameters."""
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=example, path=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert not {"failed", "skipped"} & set(done.stdout.split())


def test_the_example_is_found_by_name_and_keeps_the_contract(tmp_path: Path, installed: Path) -> None:
    """As any script would ask."""
    script = """
import attribution as at
from attribution.testing import check_model
for name in ("engagement", "conversion_rate"):
    assert name in at.list_models()
    print(name, len(check_model(at.get_model(name))) > 10, type(at.get_model(name)).__module__)
"""
    done = python("-c", script, cwd=tmp_path, path=installed)
    assert done.stdout.splitlines() == [
        "engagement True attribution_engagement.engagement",
        "conversion_rate True attribution_engagement.conversion_rate",
    ], done.stderr


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a store of one won deal: a visit, a form; and somebody who only came by."""
    with Store.open(f"sqlite:///{tmp_path / 'attribution.db'}") as store:
        load(store, touches=TOUCHES, leads=LEADS, deals=DEALS)
    return tmp_path


def values(answer: str) -> dict[str, str]:
    """Return the value of each channel in a report."""
    return {row["channel"]: row["value"] for row in json.loads(answer)["rows"]}


def test_models_of_an_outsider_are_run_and_reported(shop: Path, installed: Path) -> None:
    """The rule: a visit 1 x 0.5, the form 2 x 1. Learned, with a prior of one journey of the rate 1/2:

    Email was in one journey, which converted: 3/4. Organic Search was in two, of which one did: 1/2.
    """
    rule, learning = "engagement:effort=form=2,fade=0.5", "conversion_rate:prior=1"
    kinds = ["--kinds", "session,form"]
    _, first, second = attribution(
        ["run", "--model", rule, "--model", learning, "--goal", "revenue", *kinds],
        ["report", "--model", rule, "--format", "json", *kinds],
        ["report", "--model", learning, "--format", "json", *kinds],
        cwd=shop, path=installed,
    )  # fmt: skip
    assert values(first) == {"Email": "800.00", "Organic Search": "200.00"}
    assert values(second) == {"Email": "600.00", "Organic Search": "400.00"}


def test_a_configuration_file_names_an_outsiders_model(shop: Path, installed: Path) -> None:
    """With its parameters, blanks among them, as a table and as a text; what is kept can be set again."""
    (shop / "attribution.toml").write_text(SETTINGS)
    kept = "linear engagement:effort=form=3,fade=1,ignore=Paid%20Search;Direct"
    label = "engagement:ignore=Paid Search;Direct,effort=form=3.0,fade=1.0"
    _, listed, _, _, report, comparison = attribution(
        ["config", "--file", "attribution.toml"],
        ["config", "get", "models", "--format", "csv"],
        ["config", "set", "models", kept],
        ["run"],
        ["report", "--format", "json"],
        ["compare", "--format", "json"],
        cwd=shop, path=installed,
    )  # fmt: skip
    assert kept in listed
    assert values(report) == {"Email": "750.00", "Organic Search": "250.00"}
    assert json.loads(comparison)["rows"][0][label] == "750.00"
    with Store.open(f"sqlite:///{shop / 'attribution.db'}") as store:
        # reports read the ledger, so they outlive the package; only a run needs the model
        assert {row["channel"]: row["value"] for row in store.report(model=label).rows} == values(report)
        with pytest.raises(UnknownNameError, match="unknown model 'engagement'"):
            store.run()


MODEL = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from attribution.models.base import AttributionModel

@dataclass(frozen=True, kw_only=True)
class Mine(AttributionModel):
    name: ClassVar[str] = "mine"
    def _weights(self, journeys):
        return np.ones(journeys.n_touches)
"""


def announce(folder: Path, code: str, name: str = "mine", value: str = "outside:Mine") -> Path:
    """Put a package where Python finds it, as an installer would have left it."""
    info = folder / "outside_models-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "outside.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[attribution.models]\n{name} = {value}\n")
    return folder


@pytest.mark.parametrize(
    ("code", "name", "value", "words"),
    [
        ("import no_such_thing", "mine", "outside:Mine",
         "model 'mine' of outside:Mine cannot be imported (ModuleNotFoundError: No module named "
         "'no_such_thing'); "
         "install what it lacks, or uninstall outside-models"),
        ("def broken(:", "mine", "outside:Mine", "cannot be imported (SyntaxError"),
        ("1 / 0", "mine", "outside:Mine", "cannot be imported (ZeroDivisionError: division by zero)"),
        (MODEL, "mine", "outside:Other", "cannot be imported (AttributeError"),
        (MODEL, "mine", "not a reference", "cannot be imported (AttributeError"),
        (MODEL, "yours", "outside:Mine",
         "must be an AttributionModel whose name is 'yours'; its name is 'mine'"),
        (MODEL.replace("    name:", "    title:"), "mine", "outside:Mine",
         "must be an AttributionModel whose name is 'mine'; its name is None"),
        ("Mine = print", "mine", "outside:Mine",
         "must be an AttributionModel whose name is 'mine'; it is <built-in function print>"),
        (MODEL.replace("_weights", "weights"), "mine", "outside:Mine",
         "whose name is 'mine'; it lacks _weights"),
        (MODEL.replace("    def", "    depth: 'Deep' = 1\n    def"), "mine", "outside:Mine",
         "its parameters' types cannot be read (name 'Deep' is not defined)"),
        (MODEL.replace('"mine"', '"linear"'), "linear", "outside:Mine",
         "two models are named 'linear'; uninstall or rename outside:Mine of outside-models "
         "(the other is a built-in one)"),
    ],
)  # fmt: skip
def test_a_bad_package_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, name: str, value: str, words: str
) -> None:
    """What it is, what it should be and which package it is in."""
    monkeypatch.syspath_prepend(announce(tmp_path / "packages", code, name, value))
    monkeypatch.delitem(sys.modules, "outside", raising=False)
    with pytest.raises(ModelError) as error:
        get_model(name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_good_package_is_announced_like_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So the sentences above are about what was changed in it."""
    monkeypatch.syspath_prepend(announce(tmp_path / "packages", MODEL))
    monkeypatch.delitem(sys.modules, "outside", raising=False)
    assert check_model(get_model("mine"))


def test_a_bad_package_stops_a_run_with_a_sentence(shop: Path) -> None:
    """Exit code 2, no trace, and nothing posted."""
    path = announce(shop / "packages", "1 / 0")
    done = python("-m", "attribution", "run", "--model", "mine", cwd=shop, path=path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("attribution: model 'mine' of outside:Mine cannot be imported (ZeroDivisionError")
    with (
        Store.open(f"sqlite:///{shop / 'attribution.db'}") as store,
        pytest.raises(InputError, match="nothing has"),
    ):
        store.report()
