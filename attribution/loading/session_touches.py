"""The touches of sessions: made, changed and taken away as the page views say that they are cut from."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, select, update

from attribution.loading.flags import insert_flags
from attribution.loading.merge import log_changes, nullable
from attribution.loading.result import ACCEPTED, CONFLICT
from attribution.loading.sessions import UNKNOWN, Sessions
from attribution.loading.touches import fates, insert_touches
from attribution.sorted_sets import as_set, union
from attribution.store import schema
from attribution.store.columns import Ints, Values, insert_columns, read_ints, remove, temporary
from attribution.store.keys import ERASED, find, look_up, text_hash
from attribution.store.settings import Settings
from attribution.store.touch_numbers import keep_last_touch

PAGEVIEWS: Final = "pageviews"  # the table whose imports make sessions
_PREFIX: Final = b"session:"
_RETIRED: Final = 1  # the digest of a session that is none any more: whatever comes in its place differs
_HEXADECIMAL: Final = np.frombuffer(b"0123456789abcdef", np.uint8)

batch, touch, touch_flag, touch_key = schema.batch, schema.touch, schema.touch_flag, schema.touch_key

Bools = npt.NDArray[np.bool_]


class Clicks(NamedTuple):
    """Click ids by their hashes: int64[c] ascending, and their texts."""

    hashes: Ints
    texts: pa.Array

    @classmethod
    def of(cls, hashes: Ints, texts: pa.Array) -> Clicks:
        """Take click ids in any order, repeated or not."""
        _, first = np.unique(hashes, return_index=True)
        return cls(hashes[first], texts.take(pa.array(first)))

    def with_more(self, other: Clicks) -> Clicks:
        """Return these and others."""
        if not len(other.hashes):
            return self
        hashes = np.concatenate([self.hashes, other.hashes])
        return Clicks.of(hashes, pa.concat_arrays([self.texts, other.texts]))

    def named(self, clicks: Ints) -> pa.Array:
        """Return the texts of hashes; null for 0."""
        at = np.searchsorted(self.hashes, clicks)
        return self.texts.take(pa.array(np.minimum(at, max(len(self.hashes) - 1, 0)), mask=clicks == 0))


class NewKeys:
    """The keys of touches that a store without any touch is given chunk by chunk: no look-up tells more."""

    def __init__(self) -> None:
        self._known: Ints | None = np.zeros(0, np.int64)

    @classmethod
    def of(cls, connection: Connection) -> NewKeys | None:
        """Return where to note them; None for a store that has touches."""
        return cls() if connection.execute(select(touch_key.c.n).limit(1)).first() is None else None

    def add(self, keys: Ints) -> bool:
        """Note keys; from the first that is there already on they must be looked up."""
        if self._known is None:
            return False
        both = union(self._known, keys)
        self._known = both if len(both) == len(self._known) + len(keys) else None
        return self._known is not None


def touch_ids(sessions: Ints) -> pa.Array:
    """Return the ids of the touches of sessions.

    >>> touch_ids(np.array([1, -1])).to_pylist()
    ['session:0000000000000001', 'session:ffffffffffffffff']
    """
    digits = sessions.astype(">i8").view(np.uint8).reshape(-1, 8)
    texts = np.empty((len(sessions), len(_PREFIX) + 16), np.uint8)
    texts[:, : len(_PREFIX)] = np.frombuffer(_PREFIX, np.uint8)
    texts[:, len(_PREFIX) :: 2] = _HEXADECIMAL[digits >> 4]
    texts[:, len(_PREFIX) + 1 :: 2] = _HEXADECIMAL[digits & 15]
    offsets = np.arange(len(sessions) + 1, dtype=np.int32) * texts.shape[1]
    return pa.StringArray.from_buffers(len(sessions), pa.py_buffer(offsets), pa.py_buffer(texts.tobytes()))


def keep_sessions(
    connection: Connection, settings: Settings, batch_id: int, before: Sessions, after: Sessions,
    clicks: Clicks, keys: NewKeys | None = None,
) -> None:  # fmt: skip
    """Bring the touches of some visitors' sessions up to date.

    Args:
        connection: the writer's.
        settings: the store's.
        batch_id: the import that new touches are of.
        before: the sessions that their views were until now.
        after: the sessions that they are.
        clicks: every click id of `after`.
        keys: of the touches so far, where all are of this import.
    """
    now = after.digest
    if len(before):
        order = np.argsort(before.id)
        known = look_up(before.id, np.arange(len(before)), after.id)
        same = known >= 0
        same[same] = before.digest[known[same]] == now[same]
        gone = before.take(order[~np.isin(before.id[order], after.id)])
        old = before.take(known[(known >= 0) & ~same])
        after, now = after.take(~same), now[~same]
        _retire(connection, settings, gone)
        whose = union(gone.visitor, old.visitor)
        log_changes(connection, schema.CHANGE_PERSON, whose[whose > 0])
    _store(connection, settings, batch_id, after, now, clicks, keys)


def replace_sessions(
    connection: Connection, settings: Settings, batch_id: int, possible: tuple[Ints, Ints],
    after: Sessions, clicks: Clicks,
) -> None:  # fmt: skip
    """Do what :func:`keep_sessions` does where it is not known which sessions there were.

    `possible` are ids and visitors, of whatever sessions the views can ever have been cut into.
    """
    ids, visitor = possible
    left = np.flatnonzero(~np.isin(ids, after.id))
    known = find(connection, touch_key, touch_key.c.hash, [], as_set(text_hash(touch_ids(ids[left]))))
    left = left[np.isin(text_hash(touch_ids(ids[left])), known["hash"])]
    gone = Sessions(*[np.zeros(len(left), np.int64)] * len(fields(Sessions)))
    gone = replace(gone, id=ids[left], visitor=visitor[left])
    _retire(connection, settings, gone)
    log_changes(connection, schema.CHANGE_PERSON, as_set(gone.visitor[gone.visitor > 0]))
    _store(connection, settings, batch_id, after, after.digest, clicks, None)


def _store(
    connection: Connection, settings: Settings, batch_id: int, after: Sessions, now: Ints, clicks: Clicks,
    keys: NewKeys | None,
) -> None:  # fmt: skip
    """Make the touches of sessions, and change those that are there and differ."""
    if not len(after):
        return
    ids = touch_ids(after.id)
    key = text_hash(ids)
    if keys is not None and keys.add(key):
        status = np.full(len(key), ACCEPTED, np.int8)
    else:
        status, key = fates(connection, key, now, pa.chunked_array([ids]))
    new = np.flatnonzero(status == ACCEPTED)
    rows = after.take(new)
    columns = {
        "touch_id": ids.take(pa.array(new)), "visitor": nullable(rows.visitor), **_columns(rows, clicks),
        "batch_id": batch_id,
    }  # fmt: skip
    insert_touches(connection, settings, columns, key[new], now[new], rows.stream)
    changed = np.flatnonzero(status == CONFLICT)
    _change(connection, after.take(changed), clicks, key[changed], now[changed])


def _columns(sessions: Sessions, clicks: Clicks) -> dict[str, Values]:
    """Return what touches hold besides their ids and visitors."""
    return {
        "at": sessions.at,
        "origin_id": sessions.origin,
        "page_id": nullable(sessions.page),
        "agent_id": nullable(sessions.agent),
        "click_id": clicks.named(sessions.click) if sessions.click.any() else None,
        "page_views": pa.array(sessions.views, mask=sessions.views == UNKNOWN),
        "engaged_seconds": pa.array(sessions.engaged, mask=sessions.engaged == UNKNOWN),
        "consent": sessions.consent if sessions.consent.any() else 0,
    }


def _change(connection: Connection, sessions: Sessions, clicks: Clicks, key: Ints, digest: Ints) -> None:
    """Write touches anew under their numbers; those that somebody imported under such an id stay."""
    if not len(key):
        return
    stored = _ours(connection, key)
    at = look_up(stored["key"], np.arange(len(stored["key"])), key)
    mine = np.flatnonzero(at >= 0)
    mine = mine[np.argsort(stored["n"][at[mine]])]
    sessions, at, digest = sessions.take(mine), at[mine], digest[mine]
    n = stored["n"][at]
    flagged = sessions.stream > 0
    remove(connection, touch.c.n, n)
    remove(connection, touch_flag.c.n, n)
    insert_columns(
        connection,
        touch,
        {
            "n": n, "touch_id": touch_ids(sessions.id),
            "visitor": nullable(np.where(flagged, 0, sessions.visitor)), **_columns(sessions, clicks),
            "batch_id": stored["batch"][at],
        },
    )  # fmt: skip
    insert_flags(connection, n[flagged], sessions.visitor[flagged], sessions.stream[flagged])
    _set_digests(connection, n, digest)
    log_changes(connection, schema.CHANGE_PERSON, union(sessions.visitor[sessions.visitor > 0]))


def _retire(connection: Connection, settings: Settings, gone: Sessions) -> None:
    """Take touches away whose sessions are none any more; those that the ledger names stay, as nobody's."""
    if not len(gone):
        return
    key = text_hash(touch_ids(gone.id))
    stored = _ours(connection, key)
    order = np.argsort(stored["n"])
    n, visitor = stored["n"][order], look_up(key, gone.visitor, stored["key"][order])
    named = np.isin(n, _named(connection, n))
    keep_last_touch(connection, settings)
    remove(connection, touch_flag.c.n, n)
    for column in (touch.c.n, touch_key.c.n):
        remove(connection, column, n[~named])
    stays, visitor = n[named], visitor[named]
    if not len(stays):
        return
    with temporary(connection, n=stays) as wanted:
        connection.execute(update(touch).where(touch.c.n.in_(select(wanted.c.n))).values(visitor=None))
    insert_flags(connection, stays, visitor, np.full(len(stays), schema.FLAG_REPLACED))
    _set_digests(connection, stays, np.full(len(stays), _RETIRED))


def _set_digests(connection: Connection, n: Ints, digest: Ints) -> None:
    with temporary(connection, n=n, digest=digest) as new:
        connection.execute(update(touch_key).where(touch_key.c.n == new.c.n).values(digest=new.c.digest))


def _ours(connection: Connection, key: Ints) -> dict[str, Ints]:
    """Return `key n batch` of those touches that page views made and that nobody was erased of."""
    stored = find(connection, touch_key, touch_key.c.hash, ["n", "digest"], key, exact=True)
    there = stored["digest"] != ERASED
    with temporary(connection, key=stored["hash"][there], n=stored["n"][there]) as wanted:
        return read_ints(
            connection,
            select(wanted.c.key, touch.c.n, touch.c.batch_id)
            .join_from(wanted, touch, touch.c.n == wanted.c.n)
            .join(batch, batch.c.batch_id == touch.c.batch_id)
            .where(batch.c.table_name == PAGEVIEWS),
            ["key", "n", "batch"],
        )


def _named(connection: Connection, numbers: Ints) -> Ints:
    """Return which touches a journey or an entry of the ledger names."""
    found = [np.zeros(0, np.int64)]
    with temporary(connection, n=numbers) as wanted:
        for column in (schema.journey_touch.c.touch, schema.entry.c.touch):
            statement = select(column).where(column.in_(select(wanted.c.n))).distinct()
            found.append(read_ints(connection, statement, ["n"])["n"])
    return union(*found)
