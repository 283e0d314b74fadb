"""The loop that sends: take what is due, tell it, write down what became of it.

What is about to be sent is marked and committed first, with a time after which its sender counts as gone: a
kill, a cut connection or a full disk leaves it marked, and it is sent again, with the same transaction id, by
which the destination knows what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd
from sqlalchemy import Connection, update

from attribution import clock
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination
from attribution.errors import PullError
from attribution.outbox.lot import Delivered, Lot, take
from attribution.outbox.queue import Line, of_line
from attribution.outbox.records import conversions_of
from attribution.outbox.standing import superseded
from attribution.outbox.states import State
from attribution.outbox.telling import Sender, Telling
from attribution.pulls.http import Waits
from attribution.store.database import Database
from attribution.store.schema import delivery

_AT_ONCE: Final = 10_000  # what is read together
_REQUESTS, _FEWEST = 20, 1_000  # that are taken together

Progress = Callable[[str, int, int | None], None]
Records = Callable[[Connection, pd.DataFrame], list[Conversion]]  # deliveries as what is told


def deliver(
    db: Database,
    destination: Destination,
    line: Line,
    sender: Sender,
    *,
    limit: int | None = None,
    since: int | None = None,
    retry: bool = False,
    progress: Progress | None = None,
    records: Records = conversions_of,
    waits: Waits | None = None,
) -> Delivered:
    """Send what is due to a destination.

    Args:
        db: the store.
        destination: which writes requests and reads replies.
        line: whose deliveries.
        sender: takes requests there.
        limit: how many at most; what cannot be sent at all does not count.
        since: microseconds; conversions before it are left alone.
        retry: what waits for its time is told now.
        progress: called with what is done, how much, and of how many.
        records: makes of deliveries what is told.
        waits: how to wait where a request fails in passing; None: it is left to the next time.
    """
    done, left, last = Delivered(), limit, 0
    telling = Telling(destination, sender, waits)
    most = min(max(_FEWEST, _REQUESTS * destination.most), _AT_ONCE)
    _reconsider(db, line, retry)
    while not telling.closed and (left is None or left > 0):
        rows, lease = take(db, line, most, last, since)
        if not len(rows):
            break
        last = int(rows["delivery_id"].max())
        with db.read() as connection:
            conversions = records(connection, rows)
        ids = rows["delivery_id"].tolist()
        keys = {id(one): key for one, key in zip(conversions, ids, strict=True)}
        attempts = dict(zip(ids, rows["attempts"].tolist(), strict=True))
        # whose sender was gone before it came to them never left
        left_us = (rows["state"] == State.SENT) & rows["sent_at"].notna()
        doubtful = set(rows.loc[left_us, "delivery_id"].tolist())
        lot = Lot(db, lease, keys, attempts, sender.clean, done, set(ids), doubtful)
        sent = _tell(destination, telling, lot, lot.refuse(destination, conversions)[:left])
        done.told += sent
        left = None if left is None else left - sent
        if progress is not None:
            progress(f"told {destination.label}", sum(done.counts.values()), None)
    done.closed, done.shut_out = telling.closed, telling.shut_out
    return done


def _reconsider(db: Database, line: Line, retry: bool) -> None:
    """Queue again what could not be sent the last time: consent may have come in.

    What was told anew since, with another value, is not told with the old one.
    """
    with db.write() as connection:
        connection.execute(
            update(delivery)
            .where(of_line(line), delivery.c.state == State.HELD, ~superseded())
            .values(state=str(State.QUEUED), attempts=0, due_at=clock.now_micros(), settled_at=None)
        )
        if retry:
            waits = delivery.c.due_at > clock.now_micros()
            connection.execute(
                update(delivery)
                .where(of_line(line), delivery.c.state == State.QUEUED, waits)
                .values(due_at=clock.now_micros())
            )


def _tell(destination: Destination, telling: Telling, lot: Lot, conversions: Sequence[Conversion]) -> int:
    """Send some deliveries, and write down what became of each; what was not told is given back.

    Returns:
        How many were told.
    """
    mine = {lot.keys[id(one)] for one in conversions}
    lot.begin(mine)
    under_way: set[int] = set()
    try:
        for request in destination.requests(conversions):
            if telling.closed:
                break
            under_way = {lot.keys[id(one)] for one in request.conversions}
            for told in telling.tell(request, lot.hold):
                lot.write(told)
            under_way = set()
    except PullError:  # no token is to be had: nothing of this request was told
        lot.give_back()
        raise
    except KeyboardInterrupt:
        lot.give_back(but=under_way)
        raise
    told_now = len(mine - lot.untold)
    lot.give_back()
    return told_now
