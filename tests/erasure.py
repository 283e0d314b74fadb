"""The bundled company in a store of either kind, and a search through everything that is left of a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Text, select, text

from attribution.demo import SETTINGS, TABLES
from attribution.engine import Store
from attribution.identifiers import KIND_NAMES
from attribution.metrics.answer import Answer
from attribution.metrics.kpi_catalogue import choose
from attribution.store import schema
from attribution.store.identifiers import spelled

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
MODELS = [
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based", "w_shaped",
    "markov", "shapley_rate",
]  # fmt: skip
LEARNING = ["markov", "shapley_rate"]
GOALS = ["revenue", "deals", "pipeline", "leads"]


def fill(store: Store) -> None:
    """Import the bundled company, all tables."""
    store.config_update(dict(SETTINGS))
    for table in TABLES:
        store.import_table(table, FIXTURES / f"{table}.csv")


def known(store: Store, email: str) -> tuple[set[str], set[int]]:
    """Return all values and hashes that a person is known by."""
    who, one = schema.membership, schema.identifier
    with store.db.read() as connection:
        number = connection.execute(
            select(who.c.person_id)
            .join(schema.contact, schema.contact.c.identifier_id == who.c.identifier_id)
            .where(schema.contact.c.value == email)
        ).scalar_one()
        rows = connection.execute(
            select(one.c.kind, spelled(one), one.c.hash)
            .join(who, who.c.identifier_id == one.c.identifier_id)
            .where(who.c.person_id == number)
        ).all()
    assert {KIND_NAMES[kind] for kind, _, _ in rows} >= {"email", "visitor"}
    return {str(value) for _, value, _ in rows}, {int(number) for _, _, number in rows}


def held(store: Store, values: set[str], hashes: set[int]) -> list[tuple[str, str, Any]]:
    """Return table, column and content of every cell that holds one of some values or hashes."""
    small = {value.lower() for value in values}
    found = []
    with store.db.read() as connection:
        for table in schema.metadata.sorted_tables:
            for column in table.columns:
                cells = connection.execute(select(column).where(column.is_not(None))).scalars().all()
                if isinstance(column.type, Text):
                    everything = "\n".join(map(str, cells)).lower()
                    there = {value for value in small if value in everything}
                    bad = [cell for cell in cells if any(value in str(cell).lower() for value in there)]
                else:
                    bad = [cell for cell in cells if int(cell) in hashes]
                found += [(table.name, column.name, cell) for cell in bad]
    return found


def files_that_hold(store: Store, folder: Path, values: set[str]) -> list[str]:
    """Return the files of a store, and beside it, whose bytes hold one of some values."""
    return [
        str(path)
        for path in [*folder.rglob("*"), *_relations(store)]
        if path.is_file() and any(value.encode() in path.read_bytes() for value in values)
    ]


def _relations(store: Store) -> Iterator[Path]:
    """Yield the files of a PostgreSQL database's tables and indexes, where they can be reached."""
    if store.db.dialect != "postgresql":
        return
    with store.db.engine.connect() as connection:
        folder = Path(connection.execute(text("SHOW data_directory")).scalar_one())
        number = connection.execute(
            text("SELECT oid FROM pg_database WHERE datname = current_database()")
        ).scalar_one()
    yield from (folder / "base" / str(number)).iterdir()


def figures(store: Store) -> dict[str, Any]:
    """Return what reports say: by channel under every model and goal, compared, and the KPIs."""
    with store.snapshot() as seen:  # what all of them read is read once
        return _figures(seen)


def _figures(store: Store) -> dict[str, Any]:
    def plain(answer: Answer) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        return answer.rows, answer.totals

    # deals and leads are columns of what is told of revenue, under each model; of their own, one model's
    asked = [(goal, model) for goal in ("revenue", "pipeline") for model in MODELS]
    asked += [("deals", "linear"), ("leads", "linear")]
    found: dict[str, Any] = {
        f"{goal} {model}": plain(store.report("channel", model=model, goal=goal)) for goal, model in asked
    }
    for goal in ("deals", "leads", "pipeline"):
        found[f"compare {goal}"] = plain(store.compare("channel", models=MODELS, goal=goal))
    found["by landing page"] = plain(store.report("landing_page"))
    found["by kind"] = plain(store.report("touch_kind"))
    found["by touch"] = plain(store.report("channel", date="touch", end="2025-06-30"))
    found["compare"] = plain(store.compare("channel", models=MODELS))
    # a visitor who is held no more is counted no more, what they did is; lifetimes grow with every run
    left_out = ("visitors", "new_visitors", "customer_lifetime_value", "cltv_article", "benchmark")
    kept = [kpi.name for kpi in choose(()) if kpi.name not in left_out]
    found["kpis"] = plain(store.kpis(names=kept))
    found["kpis by account"] = plain(store.kpis("account", names=kept))
    found["cohort"] = plain(store.kpis("channel", names=kept, basis="cohort"))
    found["paths"] = plain(store.paths())
    return found
