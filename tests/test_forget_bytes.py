"""After `forget` nothing is left of a person, byte by byte, and no total moves: on the bundled company."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from erasure import FIXTURES, GOALS, LEARNING, MODELS, figures, files_that_hold, fill, held, known
from sqlalchemy import create_engine, func, select, text

from attribution.demo import TABLES
from attribution.engine import Store
from attribution.ledger.check import check_conservation
from attribution.metrics.answer import Answer
from attribution.store import schema
from attribution.store.identifiers import spelled

# a buyer with two e-mails; one who became a lead and never bought; one whom a telephone ties
BUYER = "nadianovak1150@gmail.com"
BAD_ROWS = """lead_id,created_at,email,visitor_id
L-BAD-1,yesterday,Nadia.Novak1150+news@GMail.com,
L-BAD-2,yesterday,,{visitor}
L-BAD-3,yesterday,somebody.else@example.com,
"""


@dataclass
class Story:
    """What happened to a store, step by step."""

    store: Store
    folder: Path
    values: set[str] = field(default_factory=set)
    hashes: set[int] = field(default_factory=set)
    people: list[str] = field(default_factory=list)
    receipts: list[Answer] = field(default_factory=list)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)
    posted: dict[str, int] = field(default_factory=dict)
    again: dict[str, dict[str, int]] = field(default_factory=dict)
    ever: dict[str, int] = field(default_factory=dict)

    def look(self, when: str) -> None:
        """Note the figures, and what is held of the people."""
        self.seen[when] = figures(self.store)
        self.left[when] = held(self.store, self.values, self.hashes)

    def run(self, when: str, **options: Any) -> None:
        """Run everything, and note how many entries that posted."""
        answer = self.store.run(models=MODELS, goals=GOALS, **options)
        self.posted[when] = answer.totals["entries"]


def _never_bought(store: Store) -> str:
    """Return the e-mail of a lead's person with several touches and no deal."""
    who, other, contact = schema.membership.alias(), schema.membership.alias(), schema.contact
    bought = select(who.c.person_id).join(
        schema.deal_contact, schema.deal_contact.c.identifier_id == who.c.identifier_id
    )
    statement = (
        select(contact.c.value)
        .join(who, who.c.identifier_id == contact.c.identifier_id)
        .join(other, other.c.person_id == who.c.person_id)
        .join(schema.touch, schema.touch.c.visitor == other.c.identifier_id)
        .where(who.c.person_id.not_in(bought), contact.c.value.contains("@"))
        .group_by(contact.c.value)
        .having(func.count() > 4)
        .order_by(contact.c.value)
        .limit(1)
    )
    with store.db.read() as connection:
        return str(connection.execute(statement).scalar_one())


def _visitor_of(store: Store, email: str) -> str:
    values, _ = known(store, email)
    with store.db.read() as connection:
        names = connection.execute(select(spelled()).where(schema.identifier.c.kind == 1)).scalars()
        return min(values & set(names))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The bundled company, three people of it erased, runs, refits, and all old files again."""
    folder = tmp_path_factory.mktemp("company")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)  # a server's `rejected/` lies where imports were typed
    url = f"sqlite:///{folder / 'store.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        url = _new_database(server, request.getfixturevalue("postgres_template"))
    try:
        with Store.open(url) as store:
            yield _told(store, folder)
    finally:
        patch.undo()


def _new_database(server: str, template: str) -> str:
    name = f"forget_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    before, _, after = server.partition("@/")
    return f"{before}@/{name}?{after.partition('?')[2]}"


def _told(store: Store, folder: Path) -> Story:
    story = Story(store, folder)
    fill(store)
    story.run("first")
    story.people = [BUYER, _never_bought(store)]
    for email in story.people:
        values, hashes = known(store, email)
        story.values |= values
        story.hashes |= hashes
    story.values.add("+442079460018")  # Ella called
    story.values |= {"v-ella", "L-ella"}
    (folder / "bad.csv").write_text(BAD_ROWS.format(visitor=_visitor_of(store, BUYER)))
    store.import_table("leads", folder / "bad.csv")
    (folder / "bad.csv").unlink()
    touches = (FIXTURES / "touches.csv").read_text().splitlines()
    mine = next(line for line in touches if _visitor_of(store, BUYER) in line)
    (folder / "other.csv").write_text(f"{touches[0]}\n{mine.replace('session', 'event')}\n")
    store.import_table("touches", folder / "other.csv")
    (folder / "other.csv").unlink()
    (folder / "notes.txt").write_text("call nadianovak1150@GMAIL.com back")
    story.ever = {"touches": _count(store, schema.touch), "leads": _count(store, schema.lead)}
    story.look("before")
    assert story.left["before"]
    _settle(store)
    story.left["files before"] = files_that_hold(store, folder, story.values)
    dry = store.forget(email=BUYER, dry_run=True)
    story.look("dry run")
    story.receipts = [
        dry,
        *(store.forget(email=email) for email in story.people),
        store.forget(lead="L-ella"),
    ]
    story.look("forgotten")
    story.left["files"] = files_that_hold(store, folder, story.values)
    story.run("run")
    story.look("run")
    story.run("full", full=True)
    story.look("full")
    store.model_fit(LEARNING, goals=GOALS)
    story.look("fit")
    for table in TABLES:
        answer = store.import_table(table, FIXTURES / f"{table}.csv")
        story.again[table] = answer.totals
    story.run("again", full=True)
    story.look("again")
    story.left["files again"] = files_that_hold(store, folder, story.values)
    return story


def _settle(store: Store) -> None:
    """Have a server write what it knows to its files, samples of columns too."""
    if store.db.dialect == "postgresql":
        with store.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
            connection.execute(text("CHECKPOINT"))


def _count(store: Store, table: Any) -> int:
    with store.db.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.parametrize("when", ["forgotten", "run", "full", "fit", "again"])
def test_no_table_holds_the_person(story: Story, when: str) -> None:
    """No value and no hash, in no column of no table, also when all old files were imported again."""
    assert story.left[when] == []


@pytest.mark.parametrize("when", ["dry run", "forgotten", "run", "full", "fit", "again"])
def test_totals_stand(story: Story, when: str) -> None:
    """Every figure is the same to the cent, under every model, after every run and refit."""
    for name, figure in story.seen["before"].items():
        assert story.seen[when][name] == figure, (when, name)


def test_no_file_holds_the_person(story: Story) -> None:
    """Not the database with its log, not `rejected/`; what is not ours is told, and left alone."""
    assert len(story.left["files before"]) >= 3  # the search finds what there is
    assert [Path(path).name for path in story.left["files"]] == []
    assert [Path(path).name for path in story.left["files again"]] == []
    assert (story.folder / "notes.txt").read_text().startswith("call")
    (told,) = [row for row in story.receipts[1].rows if row["where"] == "notes.txt"]
    assert "not ours" in told["what"]


def test_rejected_rows_of_others_stay(story: Story) -> None:
    """Three rows did not load, and two were of the person, in another spelling and by a visitor's id."""
    rows = {row["where"]: row["rows"] for row in story.receipts[1].rows}
    (name,) = [where for where in rows if where.startswith("rejected/") and "leads-bad" in where]
    assert rows[name] == 2
    assert "somebody.else@example.com" in (story.folder / name).read_text()
    assert rows["rejected_row"] == 3  # and the conflict, whose file held nothing else
    assert not list((story.folder / "rejected").glob("*touches-other.csv"))


def test_a_dry_run_tells_the_same(story: Story) -> None:
    """The same receipt; afterwards everything is still there."""
    dry, done = story.receipts[:2]
    assert dry.rows == done.rows
    assert dry.totals == done.totals
    assert story.left["dry run"] == story.left["before"]


def test_nothing_is_posted(story: Story) -> None:
    """Not by the erasure, and not by the runs after it, nor when the files came again."""
    assert story.posted["first"] > 0
    assert [story.posted[when] for when in ("run", "full", "again")] == [0, 0, 0]
    with story.store.db.read() as connection:
        assert check_conservation(connection) == []


def test_old_files_bring_nobody_back(story: Story) -> None:
    """Their rows are repetitions; deals lose their contacts once more, which is an update that says less."""
    assert {table: counts["accepted"] for table, counts in story.again.items()} == dict.fromkeys(TABLES, 0)
    assert story.again["deals"]["updated"] == 3
    others = {table: counts["updated"] for table, counts in story.again.items() if table != "deals"}
    assert others == dict.fromkeys(others, 0)
    assert _count(story.store, schema.touch) == story.ever["touches"]
    assert _count(story.store, schema.lead) == story.ever["leads"]


def test_deals_are_still_explained(story: Story) -> None:
    """By touches that are nobody's any more."""
    (row,) = story.store.explain("deal", "D-ella").rows
    assert [one["kind"] for one in row["touches"]] == ["session", "session", "call"]
    assert all(one["touch_id"].startswith("erased-") for one in row["touches"])
    assert {one["value"].partition("-")[0] for one in row["identifiers"]} == {"erased"}


def test_whoever_was_erased_is_unknown(story: Story) -> None:
    """Asked again, nothing is held of them; the tombstone is laid anew."""
    answer = story.store.forget(email=BUYER)
    assert [row["where"] for row in answer.rows] == ["notes.txt"]
    assert answer.totals == {"conversions_frozen": 0, "tombstones": 1}
    assert "nothing is held" in answer.warnings[0]
