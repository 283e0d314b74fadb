"""The demo: a year of a believable company, from files to a report, in a folder of one's own."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.store.settings import Settings

Progress = Callable[[str, int, int | None], None]

# any order works; this one tells the story
TABLES: Final = (
    "touches", "identities", "leads", "deals", "stages", "adjustments", "spend", "meetings",
    "tracking_numbers", "leases", "calls", "email_stats", "social_stats", "rates",
)  # fmt: skip
STORE: Final = "demo.db"  # not the name of anybody's real store
PAGE: Final = "report.html"
_MARK: Final = "_demo"
SETTINGS: Final = {"reporting_currency": "GBP", "timezone": "Europe/London", "region": "GB"}


def demo(directory: str | Path, *, progress: Progress | None = None) -> tuple[list[Answer], Path]:
    """Make a store from the bundled fixtures, run everything and write `report.html`.

    Args:
        directory: made if need be; the `demo.db` and `report.html` of an earlier demo are made anew.
        progress: called as the work goes on.

    Returns:
        The answers to print, and where the report is.

    Raises:
        InputError: the folder cannot be made or written to, or holds files that no demo made.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_earlier(folder)
    except OSError as error:
        raise InputError(
            f"cannot make the demo in {folder}: {error.strerror}; name a folder that you may write to"
        ) from None
    with Store.open(f"sqlite:///{folder / STORE}") as store, as_file(_fixtures()) as fixtures:
        with store.db.write() as connection:
            Settings(connection).put_raw(_MARK, "yes")
        store.config_update(dict(SETTINGS))
        imported = [
            store.import_table(table, fixtures / f"{table}.csv", progress=progress) for table in TABLES
        ]
        posted = store.run(progress=progress)
        if progress is not None:
            progress("drawing the report", 0, None)
        page = store.report_html(folder / PAGE, title="Demo: a year of a B2B company")
        answers = [
            _one(imported),
            posted,
            store.report("channel"),
            store.compare("channel"),
            store.kpis(),
            store.explain("deal", "D-ella"),
        ]
    return answers, page


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier demo made here, and refuse to touch anything else."""
    store, page = folder / STORE, folder / PAGE
    if store.exists():
        with Store.open(f"sqlite:///{store}") as opened, opened.db.read() as connection:
            ours = Settings(connection).internal(_MARK) is not None
        if not ours:
            raise InputError(f"{store} was not made by a demo; name another folder: attribution demo DIR")
    elif page.exists():
        raise InputError(f"{page} was not made by a demo; name another folder: attribution demo DIR")
    for name in (STORE, f"{STORE}-wal", f"{STORE}-shm", PAGE):
        (folder / name).unlink(missing_ok=True)


def _fixtures() -> Any:  # importlib's Traversable moved between Python versions
    """Find the bundled files: inside the package when installed, beside it in a checkout."""
    inside = files("attribution.demo") / "fixtures"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "fixtures"


def _one(imported: list[Answer]) -> Answer:
    """Put the counts of all tables into one table."""
    first = imported[0]
    rows = [{**row, "file": Path(row["file"]).name} for answer in imported for row in answer.rows]
    totals = {name: sum(row[name] for row in rows) for name in first.totals}
    return Answer(
        verb="import", store=first.store, as_of=first.as_of, rows=rows, totals=totals,
        columns=first.columns, title="Imported",
        warnings=[text for answer in imported for text in answer.warnings],
    )  # fmt: skip
