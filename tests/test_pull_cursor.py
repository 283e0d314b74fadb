"""How far a pull came is stored with its rows: a stop at any place loses nothing and doubles nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hubspot_portal import PORTAL, TOKEN, Portal
from loopback import CLOSED, Asked, Loopback, Patience, loopback
from sqlalchemy import select

from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.pulls import hubspot
from attribution.pulls import pull as loop
from attribution.pulls.cursors import Cursor, Key, OvertakenError, advance, read_cursor
from attribution.pulls.pull import StreamResult, pull
from attribution.store import schema

CONTACTS = Key("hubspot", str(PORTAL), "contacts")


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Six contacts, one a day, pulled two at a time."""
    monkeypatch.setattr(hubspot, "_CONTACTS", 2)
    made = Portal()
    for day in range(1, 7):
        made.contact(day, f"2026-02-0{day}T10:00:00Z")
    return made


@pytest.fixture
def server(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The portal at an address."""
    with loopback(portal) as running:
        monkeypatch.setenv("ATTRIBUTION_HUBSPOT_TOKEN", TOKEN)
        monkeypatch.setenv("ATTRIBUTION_HUBSPOT_BASE_URL", running.url)
        yield running


def pulled(store: Store, **options: Any) -> StreamResult:
    """Pull the contacts."""
    (result,) = pull(store.db, "hubspot", only=["contacts"], waits=Patience().waits(), **options)
    return result


def leads(store: Store) -> list[str]:
    """The contacts in the store."""
    with store.db.read() as connection:
        return sorted(connection.execute(select(schema.lead.c.key)).scalars())


def asked_from(server: Loopback) -> list[str]:
    """From which instants was searched, as days of February."""
    starts = [a.body["filterGroups"][0]["filters"][0]["value"] for a in server.asked if "search" in a.path]
    return [str((int(start) - 1769904000000) / 86_400_000 + 1)[:4] for start in starts]


def cursor(store: Store) -> Cursor:
    """How far the contacts came."""
    with store.db.read() as connection:
        return read_cursor(connection, CONTACTS)


def test_pages_are_walked_by_time_and_never_by_offset(
    store: Store, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each begins with the last of the one before, which is known by its id."""
    result = pulled(store)
    assert (result.pages, result.records, result.counts["accepted"]) == (5, 6, 12)  # leads, identities
    assert leads(store) == ["1", "2", "3", "4", "5", "6"]
    found = cursor(store)
    assert (found.upto, found.since, found.pages, found.records) == (
        "2026-02-06T10:00:00.000000Z", None, 5, 6,
    )  # fmt: skip


def test_a_page_that_is_not_stored_leaves_its_cursor_where_it_was(
    store: Store, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens in its transaction; the next pull goes on from there."""
    calls = []

    def fails_at_the_third(*arguments: Any, **options: Any) -> Cursor:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return advance(*arguments, **options)

    monkeypatch.setattr(loop, "advance", fails_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        pulled(store)
    assert leads(store) == ["1", "2", "3"]
    assert cursor(store).upto == "2026-02-03T10:00:00.000000Z"

    server.asked.clear()
    result = pulled(store)
    assert asked_from(server)[0] == "3.40"  # ten minutes before ten o'clock of the third
    assert leads(store) == ["1", "2", "3", "4", "5", "6"]
    assert (result.counts["accepted"], result.counts["duplicate"]) == (6, 2)


def test_a_platform_that_goes_away_in_the_middle_loses_nothing(store: Store, server: Loopback) -> None:
    """What came before is kept, and told as such."""
    real = server.platform

    def goes_away(asked: Any) -> Any:
        return CLOSED if len([path for path in server.paths() if "search" in path]) > 2 else real(asked)

    server.platform = goes_away
    result = pulled(store)
    assert result.state == "failed"
    assert "HubSpot goes on failing (the connection broke" in result.notes[0]
    assert leads(store) == ["1", "2", "3"]
    server.platform = real
    assert pulled(store).state == "done"
    assert leads(store) == ["1", "2", "3", "4", "5", "6"]


def test_what_changed_is_pulled_and_what_did_not_is_not(
    store: Store, server: Loopback, portal: Portal
) -> None:
    """The last one again, since another may have changed at the same instant."""
    pulled(store)
    portal.contact(2, "2026-02-10T10:00:00Z", phone="+442079460018")
    server.asked.clear()
    result = pulled(store)
    assert (result.records, result.counts["updated"], result.counts["accepted"]) == (2, 1, 1)
    assert (result.start, result.upto) == ("2026-02-06T09:50:00.000000Z", "2026-02-10T10:00:00.000000Z")


def test_since_reaches_back_and_never_over_a_gap(store: Store, server: Loopback) -> None:
    """A day after the cursor would leave out what lies between; the cursor never goes back."""
    first = pulled(store, since="2026-02-05")
    assert leads(store) == ["5", "6"]
    assert first.start == "2026-02-05T00:00:00.000000Z"
    assert pulled(store, since="2026-02-28").start == "2026-02-06T09:50:00.000000Z"
    back = pulled(store, since="2026-02-03")
    assert leads(store) == ["3", "4", "5", "6"]
    assert back.upto == "2026-02-06T10:00:00.000000Z"
    assert cursor(store).since == "2026-02-03T00:00:00.000000Z"


def test_many_that_changed_at_one_instant_are_all_pulled(
    store: Store, server: Loopback, portal: Portal
) -> None:
    """More than a page: a list that was uploaded. They are read in the order of their ids."""
    for number in range(20, 27):
        portal.contact(number, "2026-02-04T12:00:00.123Z")
    assert pulled(store).state == "done"
    assert leads(store) == sorted([*"123456", *map(str, range(20, 27))])


def test_a_pull_that_was_overtaken_stops_and_writes_nothing(
    store: Store, server: Loopback, portal: Portal
) -> None:
    """Its page may be older than what the other one stored meanwhile."""
    real, others = server.platform, []

    def interrupted(asked: Any) -> Any:
        answer = real(asked)
        if "search" in asked.path and not others:
            others.append(1)
            portal.contact(1, "2026-02-09T10:00:00Z", email="new@example.com")
            others.append(pulled(store))
        return answer

    server.platform = interrupted
    result = pulled(store)
    assert (others[1].state, result.state, result.pages) == ("done", "overtaken", 0)
    assert "another pull went on from here" in result.notes[0]
    assert len(leads(store)) == 6
    assert cursor(store).upto == "2026-02-09T10:00:00.000000Z"


def test_two_pulls_at_once_lose_and_double_nothing(
    sqlite_store: Store, server: Loopback, portal: Portal
) -> None:
    """Whoever comes second stops, and what is stored is what one of them would have stored."""
    for number in range(10, 40):
        portal.contact(number, f"2026-02-07T10:{number}:00Z")
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: pulled(sqlite_store), range(2)))
    assert {result.state for result in results} <= {"done", "overtaken"}
    assert pulled(sqlite_store).state == "done"
    assert leads(sqlite_store) == sorted(portal.records["contacts"])
    found = cursor(sqlite_store)
    assert found.upto == "2026-02-07T10:39:00.000000Z"


def test_a_pull_that_is_killed_goes_on_where_it_was(
    sqlite_store: Store, server: Loopback, portal: Portal
) -> None:
    """For real: the process is gone while it waits for its third page."""
    real = server.platform
    processes: list[subprocess.Popen[bytes]] = []

    def kills(asked: Asked) -> Any:
        if len([path for path in server.paths() if "search" in path]) == 3:
            processes[0].send_signal(signal.SIGKILL)
        return real(asked)

    server.platform = kills
    script = (
        "import sys; from attribution.pulls import hubspot; hubspot._CONTACTS = 2; "
        "from attribution.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "pull", "hubspot", "--store", sqlite_store.db.label]
    processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert processes[0].wait(60) == -signal.SIGKILL
    server.platform = real
    assert leads(sqlite_store) == ["1", "2", "3"]
    assert cursor(sqlite_store).upto == "2026-02-03T10:00:00.000000Z"
    assert pulled(sqlite_store).counts["duplicate"] == 2
    assert leads(sqlite_store) == ["1", "2", "3", "4", "5", "6"]


def test_a_cursor_only_moves_for_who_read_it(store: Store) -> None:
    """And only onwards."""
    with store.db.write() as connection:
        first = advance(connection, CONTACTS, Cursor(), cursor="2026-02-02", since=None, records=3)
        second = advance(connection, CONTACTS, first, cursor="2026-02-01", since="2026-01-01", records=1)
        assert (second.upto, second.since, second.pages, second.records) == ("2026-02-02", None, 2, 4)
        with pytest.raises(OvertakenError):
            advance(connection, CONTACTS, first, cursor="2026-02-03", since=None, records=1)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"only": ["deal"]}, UnknownNameError, "unknown stream of hubspot 'deal'; did you mean 'deals'"),
        ({"since": "yesterday"}, InputError, "'yesterday' is no day; allowed is YYYY-MM-DD"),
        ({"since": "2026-02-30"}, InputError, "is no day"),
        ({"since": "2999-03-01"}, InputError, "is in the future"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    sqlite_store: Store, options: Any, kind: type[Exception], says: str
) -> None:
    """Before anything is asked."""
    with pytest.raises(kind, match=says):
        pull(sqlite_store.db, "hubspot", **options)


def test_an_unknown_source_is_told(sqlite_store: Store) -> None:
    """With the nearest."""
    with pytest.raises(UnknownNameError, match="unknown source 'hubspto'; did you mean 'hubspot'"):
        pull(sqlite_store.db, "hubspto")
