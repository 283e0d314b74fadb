"""Whatever goes wrong at the command line is one sentence on standard error, and an exit code that tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from attribution.cli import VERBS, cli
from attribution.engine import Store
from attribution.errors import StoreBusyError


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that runs the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    monkeypatch.delenv("ATTRIBUTION_DEBUG", raising=False)
    return lambda *args, **options: CliRunner().invoke(cli, list(args), **options)


def program(*args: str, cwd: Path, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as its own process."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ATTRIBUTION_")} | options
    return subprocess.run(
        [sys.executable, "-m", "attribution", *args],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip


def one_sentence(text: str) -> str:
    """Return the one line of an error, without the program's name."""
    (line,) = text.strip().splitlines()
    assert line.startswith("attribution: ")
    return line.removeprefix("attribution: ")


READING = [
    ["run"], ["report"], ["compare"], ["kpis"], ["explain", "deal", "D"], ["paths"],
    ["changes", "--since", "7d"], ["doctor"], ["config", "list"], ["config", "get", "timezone"],
]  # fmt: skip


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_verbs_that_read_refuse_a_store_that_is_not_there(
    run: Callable[..., Result], tmp_path: Path, args: list[str]
) -> None:
    """A mistyped store is told, and no empty one is made."""
    result = run(*args, "--store", "sqlite:///typo.db")
    assert result.exit_code == 2
    assert "no store at sqlite:///typo.db" in one_sentence(result.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["reprot"], "unknown verb 'reprot'; did you mean 'report'?"),
        (["report", "--frm", "2025-01-01"], "--frm"),
        (["report", "--model", "linear", "--model", "last_touch"], "attribution compare"),
        (["report", "--format", "xml"], "'xml'"),
        (["explain", "deal"], "Missing argument 'ID'"),
        (["explain", "visit", "v1"], "'visit'"),
        (["changes"], "--since"),
        (["import", "touchs", "t.csv"], "did you mean 'touches'?"),
        (["import", "touches", "missing.csv"], "missing.csv"),
        (["config", "set", "timezone", "Europe/Lodnon"], "Europe/Lodnon"),
        (["config", "set", "time_zone", "UTC"], "did you mean 'timezone'?"),
        (["--store", "mysql://x/y", "doctor"], "not a store URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_in_one_sentence(
    run: Callable[..., Result], tmp_path: Path, args: list[str], words: str
) -> None:
    """What was received, what is allowed; nothing on standard output, and no file left behind."""
    (tmp_path / "t.csv").write_text("touch_id\n")
    result = run(*args)
    assert result.exit_code == 2
    assert words in one_sentence(result.stderr)
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_bug_shows_no_trace_unless_asked(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error is one sentence with exit 70; ATTRIBUTION_DEBUG=1 adds the trace."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(Store, "open", broken)
    result = run("doctor")
    assert result.exit_code == 70
    assert "unexpected error (RuntimeError: boom); please report it" in one_sentence(result.stderr)
    result = run("doctor", env={"ATTRIBUTION_DEBUG": "1"})
    assert result.exit_code == 70
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted; nothing was changed"),
        (StoreBusyError("busy; try again"), 2, "busy; try again"),
        (PermissionError(13, "Not permitted", "file.csv"), 2, "cannot read or write file.csv: Not permitted"),
    ],
)  # fmt: skip
def test_interruption_and_trouble_of_the_machine(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    """Ctrl-C and files that cannot be read are no bugs."""

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Store, "open", broken)
    result = run("doctor")
    assert result.exit_code == code
    assert one_sentence(result.stderr.lstrip("\n")) == words


def test_broken_pipe_is_quiet(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """`attribution report | head` is no error of anybody's."""

    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(Store, "open", broken)
    result = run("doctor")
    assert result.exit_code == 141
    assert result.stderr.strip() == ""


def test_interrupted_import_names_what_is_loaded(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files before the interruption stay, and are named."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("lead_id,created_at\nL-1,2025-01-01\n")
    whole = Store.import_table

    def interrupted(self: Store, table: str, file: str, **options: object) -> object:
        if file == "b.csv":
            raise KeyboardInterrupt
        return whole(self, table, file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "import_table", interrupted)
    result = run("import", "leads", "a.csv", "b.csv")
    assert result.exit_code == 130
    assert "a.csv" in result.stdout
    assert "the files above are loaded, b.csv was not changed" in result.stderr


def test_process_exits_0_2_and_3(tmp_path: Path) -> None:
    """The same through a real process: done, refused, rows rejected."""
    (tmp_path / "leads.csv").write_text(
        "lead_id,created_at\nL-1,2025-01-01\nL-2,yesterday\n", encoding="utf-8"
    )
    version = program("--version", cwd=tmp_path)
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("attribution, version ")
    assert program("doctor", cwd=tmp_path).returncode == 2
    loaded = program("import", "leads", "leads.csv", cwd=tmp_path, ATTRIBUTION_STORE="sqlite:///own.db")
    assert loaded.returncode == 3, loaded.stderr
    assert (tmp_path / "own.db").exists()
    assert len(list((tmp_path / "rejected").iterdir())) == 1


def test_help_is_quick_because_it_loads_little() -> None:
    """The heavy libraries are imported when a verb runs, never for the help of all verbs."""
    code = (
        "import sys; from click.testing import CliRunner; from attribution.cli import VERBS, cli;"
        "[CliRunner().invoke(cli, [verb, '--help']) for verb in VERBS];"
        "print(sorted({'pandas', 'numpy', 'sqlalchemy', 'pyarrow', 'rich', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(run: Callable[..., Result], verb: str) -> None:
    """The help of a verb says what it does and shows how."""
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"Example: attribution {verb}" in " ".join(result.stdout.split())
