"""Records with an id: leads, deals, stages, adjustments, meetings.

The id is the idempotency key. A repeated row changes nothing; a row with new content updates the record
(or, for adjustments, is kept as a conflict). Within a file the rows of one id count in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, select

from attribution.identifiers import ACCOUNT, COLUMN_KINDS, EMAIL, LEAD
from attribution.loading.evidence import add_edges, intern_sources
from attribution.loading.rejects import contradictions, in_words
from attribution.loading.result import (
    ACCEPTED,
    CONFLICT,
    DUPLICATE,
    REJECTED,
    UPDATED,
    Outcome,
    Status,
)
from attribution.sources.parse import Parsed
from attribution.sources.tables import get_table
from attribution.store import schema
from attribution.store.columns import (
    Ints,
    Values,
    insert_columns,
    next_id,
    read_frame,
    read_ints,
    remove,
    temporary,
)
from attribution.store.dimensions import intern_identifiers
from attribution.store.keys import identifier_hash, row_hash
from attribution.store.settings import Settings

_Keys = np.ndarray[tuple[int], np.dtype[np.object_]]
_ROLES = [schema.ROLE_LEAD, schema.ROLE_CONTACT, schema.ROLE_ACCOUNT]
_FEW_KEYS = 2_000  # up to here records are looked up one by one, beyond by reading all keys
_LEAD_PLAIN = (
    "created_at", "created_at_end", "mql_at", "sqo_at", "disqualified_at", "requested_at", "responded_at",
    "owner", "industry", "response_outcome", "consent",
)  # fmt: skip
_DEAL_PLAIN = (
    "status", "created_at", "created_at_end", "closed_at", "amount_minor", "currency", "owner", "kind",
    "recurring_minor", "recurring_interval", "recurring_from", "recurring_until",
)  # fmt: skip


@dataclass(frozen=True)
class _Merge:
    """How a file's rows meet what is stored."""

    status: Status  # fate of each row
    last: Ints  # the rows whose content is to be stored, one for each new or changed key
    ids: Ints  # their record numbers
    known: np.ndarray[tuple[int], np.dtype[np.bool_]]  # which of them replace a stored record

    def fingerprint(self, digest: Ints) -> int:
        """Sum up the content that is stored (it wraps)."""
        return int(digest[self.last].sum())


def _merge(
    connection: Connection,
    name: str,
    table: Table,
    number: str,
    keys: pa.ChunkedArray | pa.Array,
    digest: Ints,
) -> _Merge:
    """Decide the fate of each row, as if the rows were taken one by one and as the input table says."""
    update = get_table(name).on_change == "update"
    codes, names = pd.factorize(keys.to_pandas().to_numpy(object))
    ids, stored_digest = _stored(connection, table, number, names)
    there = ids > 0

    order = np.argsort(codes, kind="stable")  # rows of one key side by side, in file order
    code, mine = codes[order], digest[order]
    starts = np.r_[True, code[1:] != code[:-1]]
    if update:  # each row against the one before it
        before = np.r_[np.int64(0), mine[:-1]]
        fresh = starts & ~there[code]
        before = np.where(starts, stored_digest[code], before)
    else:  # each row against the first, or against what is stored
        first = mine[np.maximum.accumulate(np.where(starts, np.arange(len(code)), 0))]
        fresh = starts & ~there[code]
        before = np.where(there[code], stored_digest[code], first)
    status = np.full(len(codes), UPDATED if update else CONFLICT, np.int8)
    status[order[mine == before]] = DUPLICATE
    status[order[fresh]] = ACCEPTED

    if update:
        ends = np.r_[starts[1:], True]
        final = order[ends]  # in the order of codes
        write = ~there | (digest[final] != stored_digest)
    else:
        final = order[starts]
        write = ~there
    ids[~there] = np.arange(int((~there).sum())) + (
        next_id(connection, table.c[number]) if (~there).any() else 0
    )
    return _Merge(status, final[write], ids[write], there[write])


def _stored(connection: Connection, table: Table, number: str, names: _Keys) -> tuple[Ints, Ints]:
    """Return the number (0 where it is new) and the digest of the stored record of each name."""
    statement = select(table.c.key, table.c[number], table.c.digest)
    if len(names) <= _FEW_KEYS:
        statement = statement.where(table.c.key.in_(names.tolist()))
    frame = read_frame(connection, statement)
    at = pd.Index(frame["key"], dtype=object).get_indexer(names)
    # at is -1 where a name is missing, which picks the 0 at the end; a reindex would round digests to floats
    numbers, digests = (np.append(frame[name].to_numpy(np.int64), 0)[at] for name in (number, "digest"))
    return numbers, digests


def _write(
    connection: Connection, table: Table, number: str, merge: _Merge, columns: Mapping[str, Values]
) -> None:
    """Store new records and replace changed ones, under their old numbers."""
    remove(connection, table.c[number], merge.ids[merge.known])
    insert_columns(connection, table, {number: merge.ids, **columns})


def _digest(columns: pa.Table) -> Ints:
    return row_hash({name: columns.column(name) for name in columns.column_names}, columns.num_rows)


def _nullable(ids: Ints) -> pa.Array:
    return pa.array(ids, mask=ids == 0)


def _log_changes(connection: Connection, kind: int, refs: Ints) -> None:
    insert_columns(connection, schema.change, {"kind": kind, "ref": refs})


def load_leads(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store leads, and what each ties together: its e-mail, phone, visitor and account."""
    rows = parsed.columns
    digest = _digest(rows)
    merge = _merge(connection, "leads", schema.lead, "lead_id", rows.column("lead_id"), digest)
    taken = rows.take(pa.array(merge.last))
    ids = {
        name: intern_identifiers(connection, kind, taken.column(name), settings.get("region"))
        for name, kind in COLUMN_KINDS.items()
        if name in taken.column_names
    }
    _write(
        connection,
        schema.lead,
        "lead_id",
        merge,
        {
            "key": taken.column("lead_id"),
            "digest": digest[merge.last],
            "identifier_id": ids["lead_id"],
            **{name: taken.column(name) for name in _LEAD_PLAIN},
            "visitor": _nullable(ids["visitor_id"]),
            **{name: _nullable(ids[name]) for name in ("email", "phone", "account")},
            "batch_id": batch_id,
        },
    )
    # what an earlier row of the same lead said was said: the same evidence as from two files
    _add_lead_evidence(connection, settings, rows.take(pa.array(np.flatnonzero(merge.status != DUPLICATE))))
    _log_changes(connection, schema.CHANGE_LEAD, merge.ids)
    return Outcome(
        merge.status,
        warnings=_unusable_phones(taken.column("phone"), ids["phone"]),
        fingerprint=merge.fingerprint(digest),
    )


def _unusable_phones(given: pa.ChunkedArray, ids: Ints) -> list[str]:
    count = int((given.is_valid().to_numpy() & (ids == 0)).sum())
    return [f"phone holds no number: the leads load without it ({count} rows)"] if count else []


def _add_lead_evidence(connection: Connection, settings: Settings, rows: pa.Table) -> None:
    if rows.num_rows == 0:
        return
    at = rows.column("created_at").to_numpy().astype(np.int64)
    source = np.full(len(at), intern_sources(connection, pa.array(["CRM lead"]))[0])
    region = settings.get("region")
    lead = intern_identifiers(connection, LEAD, rows.column("lead_id"), region)
    for name in ("email", "phone", "visitor_id", "account"):
        other = intern_identifiers(connection, COLUMN_KINDS[name], rows.column(name), region)
        add_edges(connection, lead, other, at, source)


def load_deals(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store deals and their contacts: the lead, the e-mails, or the account where there is neither."""
    rows = parsed.columns
    digest = _digest(rows)
    merge = _merge(connection, "deals", schema.deal, "deal_id", rows.column("deal_id"), digest)
    taken = rows.take(pa.array(merge.last))
    region = settings.get("region")
    lead = intern_identifiers(connection, LEAD, taken.column("lead_id"), region)
    account = intern_identifiers(connection, ACCOUNT, taken.column("account"), region)
    _write(
        connection,
        schema.deal,
        "deal_id",
        merge,
        {
            "key": taken.column("deal_id"),
            "digest": digest[merge.last],
            **{name: taken.column(name) for name in _DEAL_PLAIN},
            "lead": _nullable(lead),
            "account": _nullable(account),
            "batch_id": batch_id,
        },
    )
    remove(connection, schema.deal_contact.c.deal_id, merge.ids[merge.known])
    _insert_contacts(connection, merge.ids, lead, account, taken.column("emails"), region)
    _log_changes(connection, schema.CHANGE_DEAL, merge.ids)
    return Outcome(merge.status, fingerprint=merge.fingerprint(digest))


def _insert_contacts(
    connection: Connection,
    deals: Ints,
    lead: Ints,
    account: Ints,
    emails: pa.ChunkedArray,
    region: str | None,
) -> None:
    # no address holds a comma: a list that was written with commas is a list all the same
    split = pc.split_pattern_regex(pc.fill_null(emails.combine_chunks(), ""), "[;,]")
    of_deal = deals[pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)]
    text = pc.utf8_trim_whitespace(pc.list_flatten(split))
    given = np.asarray(pc.not_equal(text, ""))
    contact = intern_identifiers(connection, EMAIL, text.filter(pa.array(given)), region)
    of_deal = of_deal[given]
    alone = (account > 0) & (lead == 0) & ~np.isin(deals, of_deal)
    frame = pd.DataFrame(
        {
            "deal_id": np.concatenate([deals[lead > 0], of_deal, deals[alone]]),
            "identifier_id": np.concatenate([lead[lead > 0], contact, account[alone]]),
            "role": np.repeat(_ROLES, [int((lead > 0).sum()), len(contact), int(alone.sum())]),
        }
    ).drop_duplicates(["deal_id", "identifier_id"])
    insert_columns(
        connection, schema.deal_contact, {str(name): frame[name].to_numpy(np.int64) for name in frame}
    )


def load_stages(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store stage history: one time for each stage of a lead or deal, the latest file's."""
    del settings
    rows = parsed.columns
    digest = _digest(rows)
    # (object, id, stage) is the key; joined by a character that no id can hold
    joined = pc.binary_join_element_wise(
        rows.column("object"), rows.column("id"), rows.column("stage"), "\x1f"
    )
    merge = _merge(connection, "stages", schema.stage, "stage_id", joined, digest)
    taken = rows.take(pa.array(merge.last))
    _write(
        connection,
        schema.stage,
        "stage_id",
        merge,
        {
            "key": joined.take(pa.array(merge.last)),
            "digest": digest[merge.last],
            "object": taken.column("object"),
            "object_key": taken.column("id"),
            "stage": taken.column("stage"),
            "at": taken.column("at"),
            "batch_id": batch_id,
        },
    )
    _log_staged(connection, taken)
    return Outcome(merge.status, fingerprint=merge.fingerprint(digest))


def _log_staged(connection: Connection, stages: pa.Table) -> None:
    """Log the deals and leads whose history these rows are: milestones may rest on other touches now."""
    for name, table, kind in (
        ("deal", schema.deal, schema.CHANGE_DEAL), ("lead", schema.lead, schema.CHANGE_LEAD),
    ):  # fmt: skip
        rows = stages.filter(pc.equal(stages.column("object"), name))
        keys = rows.column("id").unique().to_numpy(zero_copy_only=False)
        numbers, _ = _stored(connection, table, f"{name}_id", keys)
        _log_changes(connection, kind, numbers[numbers > 0])
        if name == "lead":
            _log_changes(connection, schema.CHANGE_DEAL, _deals_naming(connection, keys[numbers == 0]))


def _deals_naming(connection: Connection, leads: _Keys) -> Ints:
    """Return the deals that name one of these leads, whose records are not there (yet)."""
    identifier, contact = schema.identifier, schema.deal_contact
    with temporary(connection, hash=identifier_hash(LEAD, pa.array(leads, pa.string()))) as wanted:
        found = (
            select(contact.c.deal_id)
            .join(identifier, identifier.c.identifier_id == contact.c.identifier_id)
            .join(wanted, wanted.c.hash == identifier.c.hash)
        )
        return read_ints(connection, found.distinct(), ["deal"])["deal"]


def load_adjustments(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store adjustments; one that contradicts a stored one is kept as a conflict."""
    del settings
    rows = parsed.columns
    digest = _digest(rows)
    merge = _merge(
        connection, "adjustments", schema.adjustment, "adjustment_id", rows.column("adjustment_id"), digest
    )
    taken = rows.take(pa.array(merge.last))
    _write(
        connection,
        schema.adjustment,
        "adjustment_id",
        merge,
        {
            "key": taken.column("adjustment_id"),
            "digest": digest[merge.last],
            "deal_key": taken.column("deal_id"),
            **{name: taken.column(name) for name in ("at", "amount_minor", "currency", "reason")},
            "batch_id": batch_id,
        },
    )
    _log_changes(connection, schema.CHANGE_ADJUSTMENT, merge.ids)
    conflicts = contradictions("adjustments", parsed, merge.status)
    return Outcome(merge.status, conflicts, fingerprint=merge.fingerprint(digest))


def load_meetings(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store meetings with leads."""
    rows = parsed.columns
    digest = _digest(rows)
    merge = _merge(connection, "meetings", schema.meeting, "meeting_id", rows.column("meeting_id"), digest)
    taken = rows.take(pa.array(merge.last))
    _write(
        connection,
        schema.meeting,
        "meeting_id",
        merge,
        {
            "key": taken.column("meeting_id"),
            "digest": digest[merge.last],
            "lead": intern_identifiers(connection, LEAD, taken.column("lead_id"), settings.get("region")),
            "booked_at": taken.column("booked_at"),
            "held_at": taken.column("held_at"),
            "batch_id": batch_id,
        },
    )
    return Outcome(merge.status, fingerprint=merge.fingerprint(digest))


def load_identities(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store evidence rows: a row's identifiers are tied to the strongest among them."""
    del batch_id
    rows = parsed.columns
    at = rows.column("at").to_numpy().astype(np.int64)
    named = pc.fill_null(rows.column("source").combine_chunks(), "")
    label = pc.if_else(
        pc.equal(named, ""), "identities", pc.binary_join_element_wise("identities", named, ": ")
    )
    source = intern_sources(connection, label)
    region = settings.get("region")
    ids = {
        kind: intern_identifiers(connection, kind, rows.column(name), region)
        for name, kind in COLUMN_KINDS.items()  # in this order: the strongest kind first
    }
    strongest = np.zeros(len(at), np.int64)
    for values in ids.values():
        strongest = np.where(strongest == 0, values, strongest)
    fresh = np.zeros(len(at), np.bool_)
    for values in ids.values():
        fresh |= add_edges(connection, strongest, values, at, source)
    status = np.where(fresh, ACCEPTED, DUPLICATE).astype(np.int8)
    # `n/a` is no phone number: what ties nothing must not pass for a repeated row
    alone = sum((values > 0).astype(np.int8) for values in ids.values()) < 2
    status[alone] = REJECTED
    rejected = in_words(
        "identities",
        rows.filter(pa.array(alone)),
        parsed.lines[alone],
        "too_few_identifiers",
        lambda row: (
            f"fewer than two identifiers are usable (phone is {row.get('phone')!r}, which holds no number); "
            "give another identifier or mend it"
        ),
    )
    return Outcome(status, rejected=rejected, fingerprint=int(_digest(rows)[status == ACCEPTED].sum()))
