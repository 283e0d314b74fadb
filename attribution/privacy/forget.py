"""`forget`: a person goes, on request; what was counted and credited stays as it was.

Clear values, hashes and ids go from every table, in one transaction, and from the files beside the store. The
person's conversions are frozen, a stand-in keeps touches and records together for the figures, and tombstones
keep an old file from bringing the person back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, delete, select

from attribution import clock
from attribution.identifiers import EMAIL, LEAD, PHONE
from attribution.identity.decisions import EXCLUDE, record
from attribution.identity.graph import Demotion
from attribution.identity.resolve import resolve
from attribution.loading import tombstones
from attribution.loading.evidence import resolve_again
from attribution.privacy import forget_stand_in
from attribution.privacy.forget_clicks import clicks_of, empty_clicks
from attribution.privacy.forget_deliveries import forget_deliveries
from attribution.privacy.forget_files import sweep_files
from attribution.privacy.forget_freeze import freeze
from attribution.privacy.forget_person import Given, Person, find_person, read_given
from attribution.privacy.forget_receipt import Receipt
from attribution.privacy.forget_rows import Rows
from attribution.privacy.forget_shared import notes_of_shared
from attribution.privacy.forget_text import Traces, scrub, sweep_rejected
from attribution.privacy.forget_touches import anonymise, read_touches, remove_unused, rename_in_journeys
from attribution.privacy.forget_views import remove_views
from attribution.sorted_sets import difference
from attribution.store import schema
from attribution.store.columns import Ints, read_ints
from attribution.store.database import Database, overwrite_deleted
from attribution.store.identifiers import hashes
from attribution.store.settings import Settings

Progress = Callable[[str, int, int | None], None]

_DUE: Final = "_rewrite_due"  # tables of an erasure, whose traces may still be in free pages of the files
_WHY: Final = "several people's, of whom one was erased"

demoted_edge, edge, identifier = schema.demoted_edge, schema.edge, schema.identifier


def forget(
    db: Database, named: Mapping[str, str], *, dry_run: bool = False, progress: Progress | None = None
) -> Receipt:
    """Erase a person.

    Args:
        db: the store.
        named: one or several identifiers of the person: kind (`email phone user lead contact visitor`) to
            value, in any spelling.
        dry_run: find out what would go, and change nothing.
        progress: called as the work goes on.

    Returns:
        What went, and where. Of somebody whom the store does not know nothing goes, but an old file will not
        bring them either.

    Raises:
        InputError: nobody is named, a value names nobody, or several people are named.
        StoreError: the store cannot be written; nothing was removed.
    """

    def tell(what: str) -> None:
        if progress is not None:
            progress(what, 0, None)

    receipt = Receipt()
    folder = db.path.parent if db.path is not None else Path.cwd()
    with db.trial() if dry_run else db.write() as connection:
        overwrite_deleted(connection)
        settings = Settings(connection)
        tell("resolving identities")
        resolve(connection, settings)
        given = read_given(connection, settings, named)
        now = clock.now_micros()
        person = find_person(connection, given, now)
        known = {(one.kind, one.value) for one in given}
        if person is not None:
            tell("removing")
            pairs = zip(person.known["kind"].tolist(), person.known["value"].tolist(), strict=True)
            known |= {(int(kind), value) for kind, value in pairs if value is not None}
            known -= _kept(given, person)
            _erase(connection, settings, person, receipt)
        _forget_refusals(connection, settings, known, receipt)
        tell("looking through texts and files")
        traces = Traces(known, settings.get("region"))
        sweep_rejected(connection, traces, receipt)
        imported = scrub(connection, traces, receipt)
        sweep_files(folder, traces, receipt, imported, dry_run=dry_run)
        receipt.is_held = person is not None
        receipt.tombstones = tombstones.lay(connection, settings, known, now)
        due = settings.internal(_DUE)
        touched = {line.where for line in receipt.lines} & schema.metadata.tables.keys()
        if touched and not dry_run:
            due = " ".join(sorted({*touched, "conversion", *(due or "").split()}))
            settings.put_raw(_DUE, due)
    if due and not dry_run:
        tell("writing the store anew")
        _rewrite(db, due.split(), receipt)
    return receipt


def _forget_refusals(
    connection: Connection, settings: Settings, known: set[tuple[int, str]], receipt: Receipt
) -> None:
    """Remove what was said under identifiers that the store keeps no row of: a denial is kept by its hash."""
    refusal = schema.refusal
    for kind in sorted({kind for kind, _ in known}):
        values = pa.array(sorted(value for of_kind, value in known if of_kind == kind), pa.string())
        mine = refusal.c.identifier_hash.in_(hashes(settings, kind, values).tolist())
        receipt.add(refusal.name, "removed", connection.execute(delete(refusal).where(mine)).rowcount)


def _kept(given: list[Given], person: Person) -> set[tuple[int, str]]:
    """Return what a request names and somebody else has at other times: it stays theirs."""
    shared = set(person.shared.identifier.tolist())
    return {(one.kind, one.value) for one in given if one.number in shared}


def _erase(connection: Connection, settings: Settings, person: Person, receipt: Receipt) -> None:
    receipt.notes += notes_of_shared(connection, person)
    touches = read_touches(connection, person)
    clicks = clicks_of(connection, person, touches)
    seen = remove_views(connection, settings, person, receipt)
    receipt.frozen = freeze(connection, settings, person, touches)
    forget_deliveries(connection, receipt)
    hubs = _hubs(connection, person)
    stand_in = None
    if len(touches) or len(person.shared.identifier) or _is_counted(connection, person):
        stand_in = forget_stand_in.make(connection, settings, person)
        anonymise(connection, touches, stand_in.visitor, receipt)
        rename_in_journeys(connection, touches, person.number, stand_in.visitor)
    empty_clicks(connection, touches["n"].to_numpy(np.int64), clicks, receipt)
    companies = forget_stand_in.read_membership(connection, person)
    logins = forget_stand_in.read_logins(connection, person)
    rows = Rows(connection, settings, person, stand_in, receipt)
    rows.records()
    rows.calls()
    rows.evidence()
    remove_unused(connection, touches, seen, receipt)
    if stand_in is not None:
        forget_stand_in.tie(connection, settings, person, stand_in, companies, logins)
    resolve(connection, settings)
    _keep_hubs(connection, settings, hubs, receipt)
    if len(person.shared.identifier):
        receipt.notes.append(
            "a browser of theirs was somebody else's at other times: its id stays, for that person"
        )


def _is_counted(connection: Connection, person: Person) -> bool:
    """Tell whether a figure may rest on what a person is known by."""
    gone = person.identifiers.tolist()
    return bool(len(person.of_kind(LEAD))) or any(
        connection.execute(select(column).where(column.in_(gone)).limit(1)).first() is not None
        for column in (
            schema.deal_contact.c.identifier_id, schema.contact_of_deal.c.identifier_id,
            schema.meeting.c.holder, schema.affiliation.c.identifier_id, schema.call.c.caller,
            schema.call.c.visitor, schema.journey_touch.c.person_id,
        )
    )  # fmt: skip


def _hubs(connection: Connection, person: Person) -> Ints:
    """Return the switchboards and shared mailboxes that evidence names beside a person."""
    found = [
        read_ints(
            connection,
            select(other)
            .join(demoted_edge, demoted_edge.c.edge_id == edge.c.edge_id)
            .join(identifier, identifier.c.identifier_id == other)
            .where(
                one.in_(person.identifiers.tolist()),
                demoted_edge.c.reason == Demotion.SHARED,
                identifier.c.kind.in_((EMAIL, PHONE)),
                identifier.c.trait == 0,
            ),
            ["i"],
        )["i"]
        for one, other in ((edge.c.a, edge.c.b), (edge.c.b, edge.c.a))
    ]
    return difference(np.concatenate(found), person.identifiers)


def _keep_hubs(connection: Connection, settings: Settings, hubs: Ints, receipt: Receipt) -> None:
    """Let what was several people's tie nobody, also where one of them fewer makes them few."""
    for hub in hubs.tolist():
        theirs = (edge.c.a == hub) | (edge.c.b == hub)
        tied = connection.execute(select(edge.c.edge_id).where(theirs).limit(1)).first()
        unused = (
            select(edge.c.edge_id)
            .join(demoted_edge, demoted_edge.c.edge_id == edge.c.edge_id)
            .where(theirs, demoted_edge.c.reason == Demotion.SHARED)
        )
        if tied is None or connection.execute(unused.limit(1)).first() is not None:
            continue
        record(connection, EXCLUDE, hub, None, at=clock.now_micros(), who="attribution forget", why=_WHY)
        resolve_again(connection, np.array([hub]))
        receipt.notes.append(
            "a telephone or mailbox that several people shared with the person goes on tying nobody, by a "
            "decision: see attribution identity decisions"
        )
    resolve(connection, settings)


def _rewrite(db: Database, tables: Sequence[str], receipt: Receipt) -> None:
    """Leave nothing of what was deleted in the store's files."""
    problem = db.reclaim(tables)
    if problem is not None:
        receipt.notes.append(
            f"{problem}; until then traces may be in the store's files: repeat `attribution forget` for that"
        )
        return
    with db.write() as connection:
        setting = schema.setting
        connection.execute(setting.delete().where(setting.c.name == _DUE))
