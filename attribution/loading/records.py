"""Records with an id: leads, deals, stages, adjustments; and evidence.

The id is the idempotency key. A repeated row changes nothing; a row with new content updates the record
(or, for adjustments, is kept as a conflict). Within a file the rows of one id count in their order.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from attribution.identifiers import ACCOUNT, COLUMN_KINDS, CONTACT, EMAIL, LEAD
from attribution.loading.deal_contacts import filed_contacts, insert_contacts
from attribution.loading.evidence import FROM_LEADS, add_affiliations, add_edges, intern_sources, strongest
from attribution.loading.merge import (
    Keys,
    digest_of,
    log_changes,
    merge_rows,
    nullable,
    stored_records,
    write_records,
)
from attribution.loading.rejects import contradictions, in_words
from attribution.loading.result import ACCEPTED, DUPLICATE, REJECTED, Outcome
from attribution.loading.stand_ins import Named, named_by
from attribution.loading.unusable import phones_without_country, unusable_in
from attribution.sources.parse import Parsed
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, remove, temporary
from attribution.store.identifiers import intern_identifiers, tally_nobody
from attribution.store.keys import identifier_hash
from attribution.store.settings import Settings

_ROLES = [schema.ROLE_LEAD, schema.ROLE_CONTACT, schema.ROLE_ACCOUNT]
_LEAD_PLAIN = (
    "created_at", "created_at_end", "mql_at", "sqo_at", "disqualified_at", "requested_at", "responded_at",
    "owner", "industry", "response_outcome", "consent",
)  # fmt: skip
_DEAL_PLAIN = (
    "status", "created_at", "created_at_end", "closed_at", "amount_minor", "currency", "owner", "kind",
    "recurring_minor", "recurring_interval", "recurring_from", "recurring_until",
)  # fmt: skip


def load_leads(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store leads, and what each ties together: its e-mail, phone, visitor and account."""
    rows = parsed.columns
    digest = digest_of(rows)
    merge = merge_rows(connection, "leads", schema.lead, "lead_id", rows.column("lead_id"), digest)
    taken = rows.take(pa.array(merge.last))
    ids = {
        name: intern_identifiers(connection, settings, kind, taken.column(name))
        for name, kind in COLUMN_KINDS.items()
        if name in taken.column_names
    }
    write_records(
        connection,
        schema.lead,
        "lead_id",
        merge,
        {
            "key": taken.column("lead_id"),
            "digest": digest[merge.last],
            "identifier_id": ids["lead_id"],
            **{name: taken.column(name) for name in _LEAD_PLAIN},
            "visitor": nullable(ids["visitor_id"]),
            **{name: nullable(ids[name]) for name in ("email", "phone", "account")},
            "batch_id": batch_id,
        },
    )
    # what an earlier row of the same lead said was said: the same evidence as from two files
    _add_lead_evidence(connection, settings, rows.take(pa.array(np.flatnonzero(merge.status != DUPLICATE))))
    log_changes(connection, schema.CHANGE_LEAD, merge.ids)
    return Outcome(
        merge.status,
        warnings=[
            *_unusable_phones(taken.column("phone"), ids["phone"]),
            *phones_without_country(settings, taken.column("phone")),
        ],
        fingerprint=merge.fingerprint(digest),
    )


def _unusable_phones(given: pa.ChunkedArray, ids: Ints) -> list[str]:
    count = int((given.is_valid().to_numpy() & (ids == 0)).sum())
    return [f"phone holds no number: the leads load without it ({count} rows)"] if count else []


def _add_lead_evidence(connection: Connection, settings: Settings, rows: pa.Table) -> None:
    if rows.num_rows == 0:
        return
    at = rows.column("created_at").to_numpy().astype(np.int64)
    source = np.full(len(at), intern_sources(connection, pa.array([FROM_LEADS]))[0])
    lead = intern_identifiers(connection, settings, LEAD, rows.column("lead_id"))
    for name in ("email", "phone", "visitor_id", "account"):
        kind = COLUMN_KINDS[name]
        other = intern_identifiers(connection, settings, kind, rows.column(name), tally=True)
        add = add_affiliations if kind == ACCOUNT else add_edges
        add(connection, lead, other, at, source)


def load_deals(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store deals and their contacts: the lead, the e-mails, or the account where there is neither."""
    rows = parsed.columns
    digest = digest_of(rows)
    merge = merge_rows(connection, "deals", schema.deal, "deal_id", rows.column("deal_id"), digest)
    taken = rows.take(pa.array(merge.last))
    lead = intern_identifiers(connection, settings, LEAD, taken.column("lead_id"), tally=True)
    account = intern_identifiers(connection, settings, ACCOUNT, taken.column("account"), tally=True)
    erased = named_by(connection, settings, merge.ids[merge.known])
    lead = erased.leads(merge.ids, lead)
    write_records(
        connection,
        schema.deal,
        "deal_id",
        merge,
        {
            "key": taken.column("deal_id"),
            "digest": digest[merge.last],
            **{name: taken.column(name) for name in _DEAL_PLAIN},
            "lead": nullable(lead),
            "account": nullable(account),
            "batch_id": batch_id,
        },
    )
    remove(connection, schema.deal_contact.c.deal_id, merge.ids[merge.known])
    _insert_contacts(connection, settings, merge.ids, lead, account, taken.column("emails"), erased)
    log_changes(connection, schema.CHANGE_DEAL, merge.ids)
    return Outcome(merge.status, fingerprint=merge.fingerprint(digest))


def _insert_contacts(
    connection: Connection,
    settings: Settings,
    deals: Ints,
    lead: Ints,
    account: Ints,
    emails: pa.ChunkedArray,
    erased: Named,
) -> None:
    # no address holds a comma: a list that was written with commas is a list all the same
    split = pc.split_pattern_regex(pc.fill_null(emails.combine_chunks(), ""), "[;,]")
    of_deal = deals[pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)]
    text = pc.utf8_trim_whitespace(pc.list_flatten(split))
    given = np.asarray(pc.not_equal(text, ""))
    contact = intern_identifiers(connection, settings, EMAIL, text.filter(pa.array(given)), tally=True)
    of_deal = of_deal[given]
    filed = filed_contacts(connection, deals)
    named = np.concatenate([of_deal, erased.deal, filed["deal_id"]])
    alone = (account > 0) & (lead == 0) & ~np.isin(deals, named)
    roles = np.repeat(_ROLES, [int((lead > 0).sum()), len(contact), int(alone.sum())])
    frame = pd.DataFrame(
        {
            "deal_id": np.concatenate([deals[lead > 0], of_deal, deals[alone], erased.deal]),
            "identifier_id": np.concatenate([lead[lead > 0], contact, account[alone], erased.contact]),
            "role": np.concatenate([roles, erased.role]),
        }
    )
    insert_contacts(connection, pd.concat([filed, frame.assign(is_primary=0)]))


def load_stages(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store stage history: one time for each stage of a lead or deal, the latest file's."""
    del settings
    rows = parsed.columns
    digest = digest_of(rows)
    # (object, id, stage) is the key; joined by a character that no id can hold
    joined = pc.binary_join_element_wise(
        rows.column("object"), rows.column("id"), rows.column("stage"), "\x1f"
    )
    merge = merge_rows(connection, "stages", schema.stage, "stage_id", joined, digest)
    taken = rows.take(pa.array(merge.last))
    write_records(
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
        numbers, _ = stored_records(connection, table, f"{name}_id", keys)
        log_changes(connection, kind, numbers[numbers > 0])
        if name == "lead":
            log_changes(connection, schema.CHANGE_DEAL, _deals_naming(connection, keys[numbers == 0]))


def _deals_naming(connection: Connection, leads: Keys) -> Ints:
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
    digest = digest_of(rows)
    merge = merge_rows(
        connection, "adjustments", schema.adjustment, "adjustment_id", rows.column("adjustment_id"), digest
    )
    taken = rows.take(pa.array(merge.last))
    write_records(
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
    log_changes(connection, schema.CHANGE_ADJUSTMENT, merge.ids)
    conflicts = contradictions("adjustments", parsed, merge.status)
    return Outcome(merge.status, conflicts, fingerprint=merge.fingerprint(digest))


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
    ids = {
        kind: intern_identifiers(connection, settings, kind, rows.column(name))
        for name, kind in COLUMN_KINDS.items()  # in this order: the strongest kind first
    }
    head = strongest(ids.values())
    fresh = add_affiliations(connection, head, ids[ACCOUNT], at, source)
    for kind, values in ids.items():
        if kind != ACCOUNT:
            fresh |= add_edges(connection, head, values, at, source)
    merged = intern_identifiers(connection, settings, CONTACT, rows.column("merged_contact_id"))
    fresh |= add_edges(connection, ids[CONTACT], merged, at, source)
    status = np.where(fresh, ACCEPTED, DUPLICATE).astype(np.int8)
    for name, kind in COLUMN_KINDS.items():  # a repeated row is counted once
        tally_nobody(connection, kind, rows.column(name), fresh & (ids[kind] == 0))
    # `n/a` is no phone number: what ties nothing must not pass for a repeated row
    alone = sum((values > 0).astype(np.int8) for values in (*ids.values(), merged)) < 2
    status[alone] = REJECTED
    rejected = in_words(
        "identities",
        rows.filter(pa.array(alone)),
        parsed.lines[alone],
        "too_few_identifiers",
        lambda row: (
            f"fewer than two identifiers are usable: {unusable_in(row, settings)}; "
            "give another identifier or mend it"
        ),
    )
    return Outcome(
        status,
        rejected=rejected,
        warnings=phones_without_country(settings, rows.column("phone").filter(pa.array(status == ACCEPTED))),
        fingerprint=int(digest_of(rows)[status == ACCEPTED].sum()),
    )
