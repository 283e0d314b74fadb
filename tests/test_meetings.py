"""Meetings that were held are touches of their leads, and follow their records."""

from __future__ import annotations

import io

from call_books import touches
from ledger_books import credits, load

from attribution.engine import Store

HEAD = "meeting_id,lead_id,booked_at,held_at\n"
LEAD = """lead_id,created_at,visitor_id
    L1,2025-03-01T00:00:00Z,v1
    """
DEAL = """deal_id,status,created_at,closed_at,amount,currency,lead_id
    D1,won,2025-03-20T00:00:00Z,2025-04-01T00:00:00Z,100.00,GBP,L1
    """
VISIT = """touch_id,visitor_id,at,url
    t1,v1,2025-02-01T00:00:00Z,https://acme.com/?utm_source=news&utm_medium=email
    """
KINDS = "session meeting"


def run(store: Store) -> dict[str, int]:
    """Run with meetings let in, and return what each touch of the deal got."""
    store.run(models=["linear"], goals=["revenue"], kinds=KINDS)
    return credits(store, "D1")


def test_a_meeting_that_was_held_is_a_touch(store: Store) -> None:
    """At the time when it was held, of its lead; one that was only booked is none."""
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z\nm2,L1,2025-03-02,")
    assert touches(store) == {("meeting:m1", "meeting", "lead L1", "2025-03-10T09:00:00Z", None, None)}
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z\nm2,L1,2025-03-02,")
    assert len(touches(store)) == 1


def test_meetings_take_no_money_unless_they_are_named(store: Store) -> None:
    """They are milestones in `explain`, and enter journeys with `--kinds`."""
    load(
        store, touches=VISIT, leads=LEAD, deals=DEAL,
        meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z",
    )  # fmt: skip
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 10000}
    row = store.explain("deal", "D1").rows[0]
    assert [(one["touch_id"], one["milestone"]) for one in row["touches"]] == [
        ("t1", "lead"), ("meeting:m1", "opportunity"),
    ]  # fmt: skip
    store.run(models=["linear"], goals=["revenue"], kinds=KINDS)
    assert credits(store, "D1", window="contacts session meeting") == {"t1": 5000, "meeting:m1": 5000}


def test_a_meeting_that_moves(store: Store) -> None:
    """To another day, to another lead, or off the calendar: the touch and the money follow."""
    load(
        store, touches=VISIT, leads=LEAD, deals=DEAL, meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z"
    )
    assert run(store) == {"t1": 5000, "meeting:m1": 5000}
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-04-02T09:00:00Z")  # after the closing
    assert run(store) == {"t1": 10000}
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-03-11T09:00:00Z")
    assert run(store) == {"t1": 5000, "meeting:m1": 5000}
    load(store, meetings=HEAD + "m1,L2,2025-03-02,2025-03-11T09:00:00Z")
    assert run(store) == {"t1": 10000}
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-03-11T09:00:00Z")
    assert run(store) == {"t1": 5000, "meeting:m1": 5000}
    load(store, meetings=HEAD + "m1,L1,2025-03-02,")  # it was not held after all
    assert run(store) == {"t1": 10000}
    assert {touch[2] for touch in touches(store) if touch[0] == "meeting:m1"} == {None}
    assert [one["touch_id"] for one in store.explain("deal", "D1").rows[0]["touches"]] == ["t1"]


def test_a_lead_of_whom_nothing_else_is_known(store: Store) -> None:
    """No visitor, no phone, no e-mail: the meeting is the lead's all the same."""
    load(
        store,
        leads="lead_id,created_at\nL1,2025-03-01T00:00:00Z",
        deals=DEAL,
        meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z",
    )
    assert run(store) == {"meeting:m1": 10000}


def test_the_lead_may_come_last(store: Store) -> None:
    """A meeting before its lead, the lead before its visitor's touches."""
    load(store, meetings=HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z")
    run(store)
    load(store, deals=DEAL)
    assert run(store) == {"meeting:m1": 10000}
    load(store, leads=LEAD, touches=VISIT)
    assert run(store) == {"t1": 5000, "meeting:m1": 5000}


def test_a_touch_of_that_id_stays(store: Store) -> None:
    """A user's own `meeting:m1` is theirs; the meeting is kept and told."""
    load(store, touches="touch_id,visitor_id,at,kind\nmeeting:m1,v9,2025-01-01T00:00:00Z,meeting")
    content = (HEAD + "m1,L1,2025-03-02,2025-03-10T09:00:00Z\n").encode()
    answer = store.import_table("meetings", "-", stdin=io.BytesIO(content))
    assert (answer.totals["accepted"], answer.totals["conflict"]) == (0, 1)
    assert {touch[2] for touch in touches(store)} == {"visitor v9"}
