"""The rows of somebody who is erased: removed, or given to a stand-in where figures rest on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, Table, and_, delete, exists, false, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from attribution.identifiers import LEAD
from attribution.loading.evidence import lower_watermarks, remove_edges, resolve_again
from attribution.loading.tombstones import anonymous_ids
from attribution.privacy.forget_person import Person
from attribution.privacy.forget_receipt import Receipt
from attribution.privacy.forget_stand_in import StandIn
from attribution.sorted_sets import as_set, difference, union
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, remove, temporary
from attribution.store.keys import ERASED, find, find_texts
from attribution.store.settings import Settings

filed = schema.contact_of_deal
affiliation, call, contact, deal, decision, edge, identifier, lead, lease, meeting, membership, stage = (
    schema.affiliation, schema.call, schema.deal_contact, schema.deal, schema.decision, schema.edge,
    schema.identifier, schema.lead, schema.lease, schema.meeting, schema.membership, schema.stage,
)  # fmt: skip

_Then = Callable[[Column[int], Column[int]], ColumnElement[bool]]  # of an identifier and an instant
_LEAD_KINDS = ("lead", "mql", "sqo")


class Rows:
    """Takes somebody out of the tables; the receipt tells of each."""

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        person: Person,
        stand_in: StandIn | None,
        receipt: Receipt,
    ) -> None:
        self._connection, self._settings = connection, settings
        self._person, self._stand_in, self._receipt = person, stand_in, receipt
        self._gone = person.identifiers.tolist()

    # --- records ------------------------------------------------------------------------------------

    def records(self) -> None:
        """Give leads, deals, stages and meetings to stand-ins."""
        if self._stand_in is not None:
            self._leads(self._stand_in)
            self._deals(self._stand_in)
            self._stages(self._stand_in)
            self._meetings(self._stand_in)
        blank = 0
        for column in (lead.c.visitor, lead.c.email, lead.c.phone):
            blank += self._update(lead, column.in_(self._gone), **{column.name: None, "digest": ERASED})
        self._receipt.add("lead", "e-mail, phone or visitor taken out", blank)

    def _leads(self, stand_in: StandIn) -> None:
        own = find_texts(
            self._connection, lead, lead.c.identifier_id, ["lead_id"], self._person.of_kind(LEAD)
        )
        for number, lead_id in own[["identifier_id", "lead_id"]].itertuples(index=False, name=None):
            name = stand_in.called[int(number)]
            self._update(
                lead, lead.c.lead_id == lead_id, key=name, digest=ERASED,
                identifier_id=int(stand_in.instead_of(np.array([number]))[0]),
            )  # fmt: skip
            known = schema.conversion
            mine = and_(known.c.kind.in_(_LEAD_KINDS), known.c.object_id == lead_id)
            self._update(known, mine, key=name)
        self._receipt.add("lead", "id taken out; times, owner, industry and company stay", len(own))

    def _deals(self, stand_in: StandIn) -> None:
        named = find(
            self._connection, contact, contact.c.identifier_id, ["deal_id", "role", "is_primary"],
            self._person.identifiers, exact=True,
        )  # fmt: skip
        led = find_texts(self._connection, deal, deal.c.lead, ["deal_id"], self._person.identifiers)
        for number, deal_id in led[["lead", "deal_id"]].itertuples(index=False, name=None):
            by = int(stand_in.instead_of(np.array([number]))[0])
            self._update(deal, deal.c.deal_id == deal_id, lead=by)
        deals = union(named["deal_id"], led["deal_id"].to_numpy(np.int64))
        for part in _parts(deals):
            # what the row said is not known any more, so the next file that says it is an update
            self._update(deal, deal.c.deal_id.in_(part), digest=ERASED)
        self._remove(contact, contact.c.identifier_id.in_(self._gone))
        rows = pd.DataFrame(named | {"identifier_id": stand_in.instead_of(named["identifier_id"])})
        by_contact = rows.groupby(["deal_id", "identifier_id"], as_index=False)
        merged = by_contact.agg(role=("role", "min"), is_primary=("is_primary", "max"))
        insert_columns(
            self._connection, contact, {str(name): merged[name].to_numpy(np.int64) for name in merged}
        )
        self._receipt.add("deal_contact", "contacts taken out", len(named["deal_id"]))
        self._receipt.add("deal", "lead or contact taken out", len(deals))
        self._filed(stand_in)

    def _filed(self, stand_in: StandIn) -> None:
        """Give what files of contacts said to stand-ins; several ways to name the person become one row."""
        found = find_texts(
            self._connection, filed, filed.c.identifier_id, ["contact_of_deal_id", "deal_key", "is_primary"],
            self._person.identifiers,
        )  # fmt: skip
        found["by"] = stand_in.instead_of(found["identifier_id"].to_numpy(np.int64))
        found["is_primary"] = found.groupby(["deal_key", "by"])["is_primary"].transform("max")
        kept = found.drop_duplicates(["deal_key", "by"])
        gone = found.drop(kept.index)["contact_of_deal_id"].to_numpy(np.int64)
        remove(self._connection, filed.c.contact_of_deal_id, gone)
        columns = ["contact_of_deal_id", "deal_key", "by", "is_primary"]
        for number, deal_key, by, primary in kept[columns].itertuples(index=False, name=None):
            self._update(
                filed, filed.c.contact_of_deal_id == int(number), identifier_id=int(by), role=None,
                is_primary=int(primary), key=f"{deal_key}\x1f{by}", digest=ERASED,
            )  # fmt: skip
        self._receipt.add("contact_of_deal", "contact and role taken out", len(found))

    def _stages(self, stand_in: StandIn) -> None:
        names = self._names(LEAD)
        rows = self._connection.execute(
            select(stage.c.stage_id, stage.c.object_key, stage.c.stage).where(
                stage.c.object == "lead", stage.c.object_key.in_(list(names))
            )
        ).all()
        for number, key, name in rows:
            other = stand_in.called[names[key]]
            self._update(
                stage, stage.c.stage_id == number, object_key=other, digest=ERASED,
                key="\x1f".join(("lead", other, name)),
            )  # fmt: skip
        self._receipt.add("stage", "lead taken out", len(rows))

    def _meetings(self, stand_in: StandIn) -> None:
        found = find_texts(
            self._connection, meeting, meeting.c.holder, ["meeting_id"], self._person.identifiers
        )
        keys = anonymous_ids(len(found))
        for (number, meeting_id), key in zip(
            found[["holder", "meeting_id"]].itertuples(index=False, name=None), keys, strict=True
        ):
            by = int(stand_in.instead_of(np.array([number]))[0])
            self._update(meeting, meeting.c.meeting_id == meeting_id, holder=by, key=key, digest=ERASED)
        self._receipt.add("meeting", "id and who it was with taken out", len(found))

    def _names(self, kind: int) -> dict[str, int]:
        known = self._person.known
        mine = known[known["kind"] == kind]
        return dict(zip(mine["value"].tolist(), mine["identifier_id"].tolist(), strict=True))

    # --- calls --------------------------------------------------------------------------------------

    def calls(self) -> None:
        """Take callers and visitors out of calls, and remove leases."""
        with self._shared() as then:
            mine = then(lease.c.visitor, lease.c.leased_at)
            self._removed(lease, or_(lease.c.visitor.in_(self._gone), mine))
            by = self._stand_in.visitor if self._stand_in is not None else None
            theirs = or_(
                call.c.caller.in_(self._gone), call.c.visitor.in_(self._gone), then(call.c.visitor, call.c.at)
            )
            calls = self._update(call, theirs, caller=by, visitor=None, digest=ERASED)
        self._receipt.add("call", "caller and visitor taken out; time and number called stay", calls)

    @contextmanager
    def _shared(self) -> Iterator[_Then]:
        """Give, for a `with` block, the condition that a browser of several people was the person's then."""
        shared = self._person.shared
        if not len(shared.identifier):
            yield lambda whose, at: false()
            return
        # a family's browser may have changed hands a thousand times: too many conditions for one statement
        columns = {"identifier": shared.identifier, "since": shared.since, "until": shared.until}
        with temporary(self._connection, **columns) as stretch:

            def then(whose: Column[int], at: Column[int]) -> ColumnElement[bool]:
                own = exists().where(
                    stretch.c.identifier == whose, stretch.c.since <= at, stretch.c.until > at
                )
                return and_(whose.in_(as_set(shared.identifier).tolist()), own)  # few, and found by an index

            yield then

    # --- evidence -----------------------------------------------------------------------------------

    def evidence(self) -> None:
        """Remove what ties the person together, who decided about it, and at last what it is known by."""
        sources = self._edges()
        with self._shared() as then:
            mine = then(affiliation.c.identifier_id, affiliation.c.at)
            linked = or_(affiliation.c.identifier_id.in_(self._gone), mine)
            found = read_ints(
                self._connection, select(affiliation.c.evidence_source_id).where(linked).distinct(), ["s"]
            )
            self._removed(affiliation, linked)
        lower_watermarks(self._connection, self._settings)
        self._removed(decision, or_(decision.c.a.in_(self._gone), decision.c.b.in_(self._gone)))
        self._removed(schema.touch_holder, schema.touch_holder.c.identifier_id.in_(self._gone))
        self._removed(membership, membership.c.person_id == self._person.number)
        self._removed(membership, membership.c.identifier_id.in_(self._gone))
        self._refusals()
        self._removed(
            schema.contact, schema.contact.c.identifier_id.in_(self._gone), "e-mails and phones removed"
        )
        self._removed(identifier, identifier.c.identifier_id.in_(self._gone))
        self._unused_sources(union(sources, found["s"]))
        if len(self._person.shared.identifier):  # whose it was at the other times
            resolve_again(self._connection, as_set(self._person.shared.identifier))

    def _edges(self) -> Ints:
        mine = or_(edge.c.a.in_(self._gone), edge.c.b.in_(self._gone))
        columns = ["a", "b", "at", "evidence_source_id"]
        edges = read_ints(self._connection, select(*(edge.c[name] for name in columns)).where(mine), columns)
        demoted = schema.demoted_edge
        unused = select(demoted.c.edge_id).join(edge, edge.c.edge_id == demoted.c.edge_id).where(mine)
        count = len(read_ints(self._connection, unused, ["i"])["i"])
        remove_edges(self._connection, self._settings, *edges.values())
        self._receipt.add("edge", "removed", len(edges["a"]))
        self._receipt.add("demoted_edge", "removed", count)
        return as_set(edges["evidence_source_id"])

    def _refusals(self) -> None:
        refusal = schema.refusal
        hashes = select(identifier.c.hash).where(identifier.c.identifier_id.in_(self._gone))
        with self._shared() as then:
            own = select(refusal.c.hash).join(identifier, identifier.c.hash == refusal.c.identifier_hash)
            mine = own.where(then(identifier.c.identifier_id, refusal.c.at))
            self._removed(refusal, or_(refusal.c.identifier_hash.in_(hashes), refusal.c.hash.in_(mine)))

    def _unused_sources(self, candidates: Ints) -> None:
        used = [
            find(self._connection, table, table.c.evidence_source_id, [], candidates, exact=True)
            for table in (edge, affiliation)
        ]
        unused = difference(candidates, np.concatenate([part["evidence_source_id"] for part in used]))
        source = schema.evidence_source
        remove(self._connection, source.c.evidence_source_id, unused)
        self._receipt.add("evidence_source", "removed: nobody else's", len(unused))

    # --- how ----------------------------------------------------------------------------------------

    def _update(self, table: Table, which: ColumnElement[bool], **values: object) -> int:
        return self._connection.execute(update(table).where(which).values(**values)).rowcount

    def _remove(self, table: Table, which: ColumnElement[bool]) -> int:
        return self._connection.execute(delete(table).where(which)).rowcount

    def _removed(self, table: Table, which: ColumnElement[bool], what: str = "removed") -> None:
        self._receipt.add(table.name, what, self._remove(table, which))


def _parts(numbers: Ints, size: int = 10_000) -> Iterable[list[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size].tolist()
