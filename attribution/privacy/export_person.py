"""`export-person`: everything that a store holds about one person, in the clear.

Other people's values are left out: where a record or an observation about the person names somebody else, it
says so and no more. Of a browser that several people used only the person's own stretch is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection

from attribution import clock
from attribution.errors import InputError
from attribution.identifiers import KIND_NAMES
from attribution.identity.accounts import accounts_of
from attribution.identity.consent import UNKNOWN, consent_of, consent_words
from attribution.identity.resolve import resolve
from attribution.loading.tombstones import Erased
from attribution.privacy.export_evidence import (
    account_rows,
    decision_rows,
    decisions_about,
    evidence_rows,
    read_observations,
)
from attribution.privacy.export_holder import Holder, Names, Row, Sightings, iso
from attribution.privacy.export_records import Records, credit_rows
from attribution.privacy.export_rejected import rejected_rows
from attribution.privacy.export_touches import read_touches, signal_rows, touch_rows
from attribution.privacy.export_views import page_view_rows, read_views
from attribution.privacy.forget_person import NAMES, Given, find_person, read_given
from attribution.sources.fields import PURPOSES
from attribution.store.database import Database
from attribution.store.settings import Settings

SECTIONS: Final = (
    "identifiers", "evidence", "accounts", "touches", "page_views", "leads", "deals", "deal_contacts",
    "stages", "meetings", "calls", "leases", "consent_signals", "decisions", "credits", "rejected_rows",
)  # fmt: skip


@dataclass(frozen=True)
class Export:
    """What is held.

    Attributes:
        document: `held_nothing asked_for consent` and a list for each of :data:`SECTIONS`.
        notes: what else to know, in sentences.
    """

    document: Row
    notes: list[str]


def export_person(db: Database, named: Mapping[str, str]) -> Export:
    """Collect what is held about a person; nothing is changed.

    Args:
        db: the store.
        named: one or several identifiers of the person: kind (`email phone user lead contact visitor`) to
            value, in any spelling. A browser of several people means whoever has it now.

    Raises:
        InputError: nobody is named, a value names nobody, or several people are named.
    """
    if not named:
        raise InputError(
            f"nobody was named; name the person by one or several of {', '.join(NAMES)}, "
            "such as --email ella@acme.com"
        )
    with db.trial() as connection:  # evidence that no run has taken up yet counts as well
        settings = Settings(connection)
        resolve(connection, settings)
        given = read_given(connection, settings, named)
        document: Row = {
            "held_nothing": True,
            "asked_for": [{"kind": KIND_NAMES[one.kind], "value": one.value} for one in given],
            "consent": None,
            **{name: [] for name in SECTIONS},
        }
        known = {(one.kind, one.value) for one in given}
        notes = _erasures(connection, settings, given)
        person = find_person(connection, given, clock.now_micros())
        if person is not None:
            holder = Holder.of(person)
            names = _collect(connection, document, holder)
            # what stands in a shared browser's name may be somebody else's
            known -= {(one.kind, one.value) for one in given if one.number in holder.shared}
            known |= names.known_as()
            document["held_nothing"] = False
            notes += _of_browsers(holder, given)
        document["rejected_rows"] = rejected_rows(connection, known, settings.get("region"))
        document["held_nothing"] &= not document["rejected_rows"]
    return Export(document, notes)


def _collect(connection: Connection, document: Row, holder: Holder) -> Names:
    """Fill the document, and return what things are called."""
    seen = Sightings()
    observed = read_observations(connection, holder, seen)
    touches = read_touches(connection, holder, seen)
    views = read_views(connection, holder, seen)
    records = Records(connection, holder, seen)
    companies = accounts_of(connection, np.array([holder.person], np.int64)).account.tolist()
    others = {*records.mentioned, *companies}
    others |= {end for one in decisions_about(connection, holder) for end in one.ends}
    names = Names.read(connection, holder, observed, others)
    document |= {
        "consent": _consent(connection, holder),
        "evidence": evidence_rows(observed, names, holder),
        "accounts": account_rows(connection, holder, names),
        "touches": touch_rows(touches, names),
        "page_views": page_view_rows(views, names),
        **records.sections(names),
        "consent_signals": signal_rows(connection, holder, touches, names, seen),
        "decisions": decision_rows(connection, holder, names),
        "credits": credit_rows(connection, touches.n),
        "identifiers": _identifiers(holder, names, seen),
    }
    return names


def _consent(connection: Connection, holder: Holder) -> Row:
    consent = consent_of(connection, np.array([holder.person], np.int64))
    words = consent_words(consent.state[0])
    said = zip(PURPOSES, consent.state[0].tolist(), consent.since[0].tolist(), strict=True)
    return {
        name: {"state": words[name], "since": None if signal == UNKNOWN else clock.iso(at)}
        for name, signal, at in said
    }


def _identifiers(holder: Holder, names: Names, seen: Sightings) -> list[Row]:
    rows = []
    for number in holder.numbers:
        first, last = seen.times.get(number, (None, None))
        rows.append(
            {
                **names.row(number),
                "first_seen": iso(first),
                "last_seen": iso(last),
                "sources": sorted(seen.sources.get(number, ())),
                "theirs": [
                    {"since": iso(since), "until": iso(until)}
                    for since, until in holder.shared.get(number, [])
                ]
                or "always",
            }
        )
    return sorted(rows, key=lambda row: (row["kind"], row["value"]))


def _erasures(connection: Connection, settings: Settings, given: list[Given]) -> list[str]:
    erased = Erased.of(connection, settings)
    known = [one for one in given if erased is not None and erased.knows(one.kind, one.value)]
    return [
        f"somebody with this {KIND_NAMES[one.kind]} was erased before: that it was is kept, as a keyed hash"
        for one in known
    ]


def _of_browsers(holder: Holder, given: list[Given]) -> list[str]:
    return [
        f"several people used visitor {one.value}: this is about whoever has it now"
        for one in given
        if one.number in holder.shared
    ]
