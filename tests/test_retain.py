"""`retain`: visitors never identified go, daily counts stay, and no figure of a report moves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from dumps import dump, names, rows
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import entries, load, net, wipe
from sqlalchemy import update
from worlds import examples, import_world, worlds

from attribution import clock
from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError
from attribution.privacy.retain import start_of_day
from attribution.store import schema
from attribution.store.keys import ERASED

# ann is known (a lead), v1 to v3 are strangers, one touch has nobody
TOUCHES = """
touch_id,visitor_id,at,url,user_agent,consent,cost,currency
k1,v-ann,2024-01-01T10:00:00Z,https://acme.com/known,Firefox,granted,,
a1,v1,2024-01-01T10:00:00Z,https://acme.com/old?utm_source=google&utm_medium=cpc,Netscape,granted,1.50,GBP
a2,v1,2024-01-01T23:59:59.999999Z,https://acme.com/old?utm_source=google&utm_medium=cpc,Netscape,,0.25,GBP
a3,v1,2024-01-02T00:00:00Z,https://acme.com/old?utm_source=google&utm_medium=cpc,Firefox,,,
a4,v2,2024-01-01T12:00:00Z,https://acme.com/old?utm_source=google&utm_medium=cpc,Firefox,,2.00,EUR
a5,v2,2025-06-01T00:00:00Z,https://acme.com/known,Firefox,,,
a6,v3,2024-01-01T12:00:00Z,https://acme.com/old,Firefox,,,
a7,,2024-01-01T12:00:00Z,https://acme.com/old,Firefox,denied,,
"""
LEADS = "lead_id,created_at,visitor_id,email\nL1,2024-01-05,v-ann,ann@x.test"
DEALS = """
deal_id,status,created_at,closed_at,amount,currency,lead_id
D,won,2024-01-06,2024-02-01T10:00:00Z,1000.00,GBP,L1
"""
RATES = "date,currency,rate\n2024-01-01,EUR,0.85"
NOW = "2025-07-01T12:00:00Z"


def fill(store: Store) -> None:
    """Load the tables, and run them."""
    store.config_set("reporting_currency", "GBP")
    load(store, touches=TOUCHES, leads=LEADS, deals=DEALS, rates=RATES)
    store.run(models=["linear"])


def removed(store: Store, anonymous: str = "400d", *, dry_run: bool = False) -> dict[str, int]:
    """Retain, and return what went."""
    with freeze_time(NOW):
        answer = store.retain(anonymous=anonymous, dry_run=dry_run)
    return {row["what"]: row["removed"] for row in answer.rows}


def placed(store: Store) -> list[tuple[object, ...]]:
    """Return the daily counts as (day, source, touches, visitors)."""
    return [(row["day"], row["source"], row["touches"], row["visitors"]) for row in store.touch_counts().rows]


COUNTS = [
    ("2024-01-01", "(direct)", 2, 1),  # v3, and the touch without a visitor
    ("2024-01-01", "google", 3, 2),
    ("2024-01-02", "google", 1, 1),
]


def test_strangers_go_and_daily_counts_stay(store: Store) -> None:
    """v1 and v3 are gone; v2 was here lately too; known people keep all they have."""
    fill(store)
    assert removed(store) == {
        "touches": 6,
        "visitors": 2,
        "page_views": 0,
        "pages": 1,
        "user_agents": 1,
        "leases": 0,
        "refusals": 0,
    }
    assert rows(store, "touch", "touch_id") == [("a5",), ("k1",)]
    assert "v1" not in names(store).values()
    assert {"v2", "v-ann", "L1", "ann@x.test"} <= set(names(store).values())
    assert rows(store, "page", "path") == [("/known",)]
    assert rows(store, "agent", "user_agent") == [("Firefox",)]
    assert placed(store) == COUNTS


def test_a_dry_run_counts_and_changes_nothing(store: Store) -> None:
    """The same figures, and the store is what it was."""
    fill(store)
    before = dump(store)
    assert removed(store, dry_run=True)["touches"] == 6
    assert dump(store) == before


def test_a_day_goes_when_all_of_it_is_old(store: Store) -> None:
    """The days are those of the reporting timezone: nobody is counted twice by two retentions."""
    fill(store)
    store.config_set("timezone", "America/New_York")
    with freeze_time("2024-01-12T02:00:00Z"):  # the 11th in New York: ten days ago was the first
        assert store.retain(anonymous="10d").totals == {"touches": 0, "before": "2024-01-01T05:00:00Z"}
    with freeze_time("2024-01-12T05:00:00Z"):
        assert store.retain(anonymous="10d").totals == {"touches": 6, "before": "2024-01-02T05:00:00Z"}
    assert placed(store) == [("2024-01-01", "(direct)", 2, 1), ("2024-01-01", "google", 4, 2)]


def test_a_clock_change_does_not_move_a_day() -> None:
    """The day begins where its zone says."""
    noon = clock.day_bounds(clock.from_micros(0).date(), "UTC")[0]
    assert start_of_day(noon, "UTC") == 0
    at = 1711846800_000_000  # 31 March 2024, 01:00 UTC: clocks go forward in Berlin
    assert clock.iso(start_of_day(at, "Europe/Berlin")) == "2024-03-30T23:00:00Z"


def test_counts_add_up_over_several_retentions(store: Store) -> None:
    """What is imported late is added to its day."""
    fill(store)
    removed(store)
    load(
        store,
        touches="""
        touch_id,visitor_id,at,url
        b1,v9,2024-01-01T10:00:00Z,https://acme.com/old?utm_source=google&utm_medium=cpc
        """,
    )
    assert removed(store)["touches"] == 1
    assert placed(store) == [COUNTS[0], ("2024-01-01", "google", 4, 3), COUNTS[2]]
    assert removed(store) == dict.fromkeys(
        ("touches", "visitors", "page_views", "pages", "user_agents", "leases", "refusals"), 0
    )


def test_the_old_file_again_brings_nobody_back(store: Store) -> None:
    """Every row is a duplicate; that of a removed touch also where it says something else now."""
    fill(store)
    removed(store)
    load(store, touches=TOUCHES)
    load(store, touches="touch_id,visitor_id,at\na1,v1,2024-09-09T00:00:00Z")
    assert rows(store, "touch", "touch_id") == [("a5",), ("k1",)]
    assert sum(digest == ERASED for (digest,) in rows(store, "touch_key", "digest")) == 6


def test_a_number_is_never_given_twice(store: Store) -> None:
    """The last touches go: what comes next must be seen by runs that have read as far as them."""
    fill(store)
    last = max(n for (n,) in rows(store, "touch", "n"))
    removed(store, "1d")
    assert rows(store, "touch", "touch_id") == [("k1",)]
    load(store, touches="touch_id,visitor_id,at\nk2,v-ann,2024-01-20T10:00:00Z")
    assert rows(store, "touch", "n", "touch_id")[1] == (last + 1, "k2")
    store.run(models=["linear"])
    assert {entry.touch for entry in entries(store)} >= {"k1", "k2"}


def test_whoever_anything_names_stays(store: Store) -> None:
    """Evidence that does not count, a company, a lead's earlier visitor, a call, a lease, a decision."""
    visitors = ("edge", "company", "lead", "call", "lease", "decision", "nobody")
    load(
        store,
        touches="touch_id,visitor_id,at\n" + "".join(f"{v},v-{v},2024-01-01\n" for v in visitors),
        identities="visitor_id,email,account,at\nv-edge,info@x.test,,2024-01-01\nv-company,,x.com,2024-01-01",
        leads="lead_id,created_at,visitor_id\nL1,2024-01-01,v-lead",
    )
    number = {text: n for n, text in names(store).items()}
    load(store, leads="lead_id,created_at,visitor_id\nL1,2024-01-01,")
    with store.db.write() as connection:
        record = {"key": "1", "digest": 0, "tracking_number": "+4420", "batch_id": 1}
        connection.execute(schema.call.insert().values(**record, at=0, visitor=number["v-call"]))
        leased = {"leased_at": clock.to_micros(clock.now()), "visitor": number["v-lease"]}
        connection.execute(schema.lease.insert().values(**record, **leased))
        connection.execute(
            schema.decision.insert().values(
                verb="exclude", a=number["v-decision"], at=0, who="ops", why="a test machine"
            )
        )
    assert removed(store) == {
        "touches": 1,
        "visitors": 1,
        "page_views": 0,
        "pages": 0,
        "user_agents": 0,
        "leases": 0,
        "refusals": 0,
    }
    assert [touch for (touch,) in rows(store, "touch", "touch_id")] == sorted(visitors[:-1])


def test_numbers_leased_long_ago_name_nobody(store: Store) -> None:
    """A number is leased to every visitor where numbers are shown to each: nobody called, so it goes too."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2024-01-01\nt2,v2,2024-01-01",
        leases="""
        tracking_number,visitor_id,leased_at,released_at
        +442079460100,v1,2024-01-01T10:00:00Z,2024-01-01T11:00:00Z
        +442079460100,v2,2024-01-01T12:00:00Z,
        +442079460100,v2,2025-06-30T12:00:00Z,
        +442079460100,v3,2024-01-02T12:00:00Z,
        """,
    )
    assert removed(store) == {
        "touches": 1, "visitors": 2, "page_views": 0, "pages": 0, "user_agents": 0, "leases": 2,
        "refusals": 0,
    }  # fmt: skip
    assert set(names(store).values()) == {"v2"}


def test_what_a_journey_refers_to_stays(store: Store) -> None:
    """A touch in the ledger stays, whatever became of the evidence; its visitor stays with it."""
    fill(store)
    with store.db.write() as connection:
        for table in (schema.edge, schema.membership):
            connection.execute(table.delete())
        connection.execute(update(schema.lead).values(visitor=None))
    assert removed(store)["touches"] == 6
    assert rows(store, "touch", "touch_id") == [("a5",), ("k1",)]
    assert "v-ann" in names(store).values()


def test_costs_of_removed_touches_stay_in_the_reports(store: Store) -> None:
    """1.50 + 0.25 GBP and 2.00 EUR at 0.85: 3.45 GBP was spent, before and after."""
    fill(store)
    questions = [{}, {"start": "2024-01-01", "end": "2024-01-01"}, {"currency": "EUR"}]
    before = [store.report("source", model="linear", **question).rows for question in questions]
    assert {row["source"]: row["spend"] for row in before[0]}["google"] == "3.45"
    checks = store.doctor().rows
    removed(store)
    assert [store.report("source", model="linear", **question).rows for question in questions] == before
    assert store.doctor().rows == checks
    assert rows(store, "touch_cost", "currency", "cost_minor") == [("EUR", 200), ("GBP", 175)]


def test_campaigns_of_removed_touches_are_not_called_unmatched(store: Store) -> None:
    """Spend went to google, and touches named it: also when they are gone."""
    fill(store)
    load(store, spend="date,cost,currency,source,medium\n2024-01-01,5.00,GBP,google,cpc")

    def unmatched() -> list[dict[str, object]]:
        return [row for row in store.doctor().rows if row["check"] == "spend_unmatched"]

    before = unmatched()
    removed(store)
    assert unmatched() == before


def test_old_refusals_of_strangers_go_too(store: Store) -> None:
    """Who is known keeps what they said."""
    fill(store)
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        r1,v-ann,2024-03-01,denied
        r2,nobody,2024-03-01,denied
        r3,nobody,2025-06-20,denied
        """,
    )
    assert removed(store)["refusals"] == 1
    assert len(rows(store, "refusal", "hash")) == 2


def test_models_that_learn_are_told_of(store: Store) -> None:
    """Strangers' journeys led nowhere: the next fit misses them, and so do longer lookbacks."""
    fill(store)
    store.config_update({"models": "linear markov", "lookback": "none"})
    with freeze_time(NOW):
        first, second = store.retain(anonymous="400d").warnings
        assert store.retain(anonymous="400d").warnings == []
    assert first.startswith("markov learned from these visitors too")
    assert second == (
        "the lookback is none: journeys of visitors who become known yet begin 400d back at most"
    )


def test_a_duration_is_needed(store: Store) -> None:
    """What is no duration removes nothing."""
    fill(store)
    with pytest.raises(InputError, match="'soon' is not a duration"):
        store.retain(anonymous="soon")
    assert len(rows(store, "touch", "n")) == 8


def test_nothing_of_a_stranger_is_left_in_the_file(tmp_path: Path) -> None:
    """SQLite's files are searched byte by byte; they are smaller than before."""
    path = tmp_path / "store.db"
    with Store.open(f"sqlite:///{path}") as store:
        many = "".join(f"t{i},stranger-{i:05d},2024-01-01,https://acme.com/p{i}\n" for i in range(4000))
        load(store, touches="touch_id,visitor_id,at,url\n" + many)
        store.db.reclaim()
        size = path.stat().st_size
        removed(store)
        left = b"".join(file.read_bytes() for file in tmp_path.glob("store.db*"))
        assert b"stranger-" not in left
        assert path.stat().st_size < 0.6 * size


def test_ledgers_do_not_move(store: Store) -> None:
    """Random companies: after a retention the next full run posts nothing and reports say the same."""

    @examples(store, sqlite=8, postgresql=2)
    @given(worlds(), st.sampled_from(("30d", "400d", "600d")))
    def holds(world: dict[str, list[dict[str, str]]], age: str) -> None:
        wipe(store)
        store.config_set("reporting_currency", "GBP")
        import_world(store, world)
        store.run(models=["linear", "first_touch"])
        before, count = net(store), len(entries(store))
        total = len(rows(store, "touch", "n"))
        gone = removed(store, age)["touches"]
        kept = sum(touches for (touches,) in rows(store, "touch_count", "touches"))
        assert len(rows(store, "touch", "n")) + kept == total
        assert kept == gone
        store.run(models=["linear", "first_touch"], full=True)
        assert (net(store), len(entries(store))) == (before, count)
        import_world(store, world)
        assert len(rows(store, "touch", "n")) + kept == total

    holds()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went, as a table and as JSON; the counts; and what is refused."""
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///attribution.db") as store:
        fill(store)
    runner = CliRunner()
    with freeze_time(NOW):
        dry = runner.invoke(cli, ["retain", "--anonymous", "400d", "--dry-run"])
        assert (dry.exit_code, "Would be removed" in dry.stdout) == (0, True)
        assert "dry run, nothing was removed" in dry.stderr
        done = runner.invoke(cli, ["retain", "--anonymous", "400d", "--format", "json"])
    answer = json.loads(done.stdout)
    assert answer["verb"] == "retain"
    assert answer["rows"][0] == {"what": "touches", "removed": 6}
    assert answer["totals"] == {"touches": 6, "before": "2024-05-27T00:00:00Z"}
    counts = runner.invoke(cli, ["retain", "--counts", "--format", "csv"])
    assert counts.stdout.splitlines()[0] == "day,kind,channel,source,medium,campaign,touches,visitors"
    assert len(counts.stdout.splitlines()) == 4
    for wrong in (["retain"], ["retain", "--anonymous", "400d", "--counts"]):
        refused = runner.invoke(cli, wrong)
        assert refused.exit_code == 2
        assert "give either --anonymous AGE, such as 400d, or --counts" in refused.output
