"""Which people a deal has, as files of their own say it: before its row or after it, the result is the same.

What the rows say is kept by the deal's id (`contact_of_deal`). Those of deals that are there stand among the
deal's contacts too, beside whom its own row names.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, select

from attribution.identifiers import CONTACT, EMAIL, LEAD
from attribution.loading.merge import digest_of, log_changes, merge_rows, stored_records, write_records
from attribution.loading.rejects import in_words
from attribution.loading.result import ACCEPTED, DUPLICATE, REJECTED, UPDATED, Outcome
from attribution.sources.parse import Parsed
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, remove, temporary
from attribution.store.identifiers import intern_identifiers
from attribution.store.keys import row_hash
from attribution.store.settings import Settings

_TABLE: Final = "deal_contacts"
NAMED_BY: Final = {"lead_id": LEAD, "contact_id": CONTACT, "email": EMAIL}

contact, contact_of_deal, deal = schema.deal_contact, schema.contact_of_deal, schema.deal


def load_deal_contacts(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store the contacts of deals, and add them to the deals that are there."""
    rows = parsed.columns
    numbers = np.column_stack(
        [
            intern_identifiers(connection, settings, kind, rows.column(name), tally=True)
            for name, kind in NAMED_BY.items()
        ]
    )
    row, column = np.nonzero(numbers)  # a row may name somebody in several ways: each is a contact
    identifier = numbers[row, column]
    told = rows.select(["deal_id", "role"]).take(pa.array(row))
    primary = pc.fill_null(rows.column("is_primary"), 0).take(pa.array(row)).combine_chunks()
    told = told.append_column("is_primary", primary)  # not to say it is to say no
    deal_key = told.column("deal_id").combine_chunks()
    keys = pc.binary_join_element_wise(deal_key, pa.array(identifier).cast(pa.string()), "\x1f")
    # who it is stands in the key: a digest of an address would tell whether somebody was here
    digest = row_hash({name: told.column(name) for name in told.column_names}, len(row))
    number = "contact_of_deal_id"
    merge = merge_rows(connection, _TABLE, contact_of_deal, number, keys, digest)
    taken = told.take(pa.array(merge.last))
    primary = taken.column("is_primary").combine_chunks()
    write_records(
        connection,
        contact_of_deal,
        number,
        merge,
        {
            "key": keys.take(pa.array(merge.last)),
            "digest": digest[merge.last],
            "deal_key": taken.column("deal_id"),
            "identifier_id": identifier[merge.last],
            "role": taken.column("role"),
            "is_primary": primary,
            "batch_id": batch_id,
        },
    )
    _add_to_deals(
        connection,
        taken.column("deal_id").to_pandas().to_numpy(object),
        identifier[merge.last],
        primary.to_numpy(zero_copy_only=False).astype(np.int64),
    )
    status = np.full(rows.num_rows, DUPLICATE, np.int8)
    for fate in (UPDATED, ACCEPTED):  # of several contacts of a row the newest decides
        status[row[merge.status == fate]] = fate
    nobody = ~numbers.any(axis=1)
    status[nobody] = REJECTED
    new = (status == ACCEPTED) | (status == UPDATED)
    return Outcome(
        status,
        rejected=in_words(
            _TABLE,
            rows.filter(pa.array(nobody)),
            parsed.lines[nobody],
            "too_few_identifiers",
            lambda _: "no identifier is usable; give a contact_id, an email or a lead_id of somebody",
        ),
        fingerprint=int(digest_of(rows)[new].sum()),
    )


def _add_to_deals(connection: Connection, deal_keys: Any, identifier: Ints, primary: Ints) -> None:
    """Add contacts to the deals that are there; an account stands for a deal's people no longer."""
    codes, names = pd.factorize(deal_keys)
    known, _ = stored_records(connection, deal, "deal_id", names)
    of_deal = known[codes] if len(names) else np.zeros(0, np.int64)
    there = of_deal > 0
    if not there.any():
        return
    deals = np.sort(known[known > 0])
    stored = pd.DataFrame(_stored(connection, deals))
    stored = stored[stored["role"] != schema.ROLE_ACCOUNT]
    more = pd.DataFrame({"deal_id": of_deal[there], "identifier_id": identifier[there]})
    more = more.assign(role=schema.ROLE_CONTACT, is_primary=primary[there])
    remove(connection, contact.c.deal_id, deals)
    insert_contacts(connection, pd.concat([more, stored]))
    log_changes(connection, schema.CHANGE_DEAL, deals)


def insert_contacts(connection: Connection, rows: pd.DataFrame) -> None:
    """Let deals that have no contacts have these.

    Args:
        connection: the writer's.
        rows: `deal_id identifier_id role is_primary`; of several rows of one contact the smallest role and
            the first `is_primary` count.
    """
    grouped = rows.groupby(["deal_id", "identifier_id"], as_index=False)
    columns = grouped.agg(role=("role", "min"), is_primary=("is_primary", "first"))
    insert_columns(connection, contact, {str(name): columns[name].to_numpy(np.int64) for name in columns})


def filed_contacts(connection: Connection, deals: Ints) -> pd.DataFrame:
    """Return whom files name as contacts of stored deals: `deal_id identifier_id role is_primary`."""
    filed, columns = contact_of_deal, ["deal_id", "identifier_id", "is_primary"]
    if connection.execute(select(filed.c.contact_of_deal_id).limit(1)).first() is None:
        return pd.DataFrame({name: np.zeros(0, np.int64) for name in [*columns, "role"]})
    with temporary(connection, wanted=deals) as wanted:
        found = read_ints(
            connection,
            select(deal.c.deal_id, filed.c.identifier_id, filed.c.is_primary)
            .join(wanted, wanted.c.wanted == deal.c.deal_id)
            .join(filed, filed.c.deal_key == deal.c.key),
            columns,
        )
    return pd.DataFrame(found).assign(role=schema.ROLE_CONTACT)


def _stored(connection: Connection, deals: Ints) -> dict[str, Ints]:
    names = ["deal_id", "identifier_id", "role", "is_primary"]
    with temporary(connection, wanted=deals) as wanted:
        statement: Select[Any] = select(*(contact.c[name] for name in names))
        return read_ints(connection, statement.join(wanted, wanted.c.wanted == contact.c.deal_id), names)
