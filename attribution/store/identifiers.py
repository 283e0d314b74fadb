"""Identifiers in the store: each once, e-mails and phones found by a hash under the store's own key.

What an e-mail or a phone is in the clear stands in `contact` alone, which `forget` empties; whoever reads the
other tables, or a copy of them without the settings, cannot try addresses until one fits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, FromClause, func, select, update

from attribution.channels.hosts import registrable_domain
from attribution.identifiers import (
    ACCOUNT,
    BLOCKED,
    CONTACT,
    EMAIL,
    LONGEST,
    PHONE,
    VISITOR,
    ZEROS,
    normalise,
    why_nobody,
)
from attribution.mailboxes import FREE_MAIL, ROLE_MAILBOXES, amended, companies_of, role_mailboxes_among
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_frame, temporary
from attribution.store.keys import find, identifier_hash, intern, look_up, one_text_hash, text_hash
from attribution.store.settings import Settings

KEYED: Final = (EMAIL, PHONE)
A_ROLES: Final = 1  # the trait of an e-mail that several people read
A_STAND_IN: Final = 1  # the trait of what stands in the place of a visitor or lead that was erased
A_PROVIDERS: Final = 1  # the trait of an account that is called like a mail provider: nobody's company
_HOST: Final = re.compile(r"(?:https?://|//)?[\w-]+(?:\.[\w-]+)+\.?(?::\d+)?(?:[/?#]\S*)?")
_KEY: Final = "_identity_key"
_MARKED: Final = "_marked_with"  # what the traits and companies of e-mails were told by

contact, identifier, passed_over = schema.contact, schema.identifier, schema.passed_over


def spelled(table: FromClause = identifier) -> ColumnElement[str]:
    """Return the text of an identifier (or of an alias of that table), wherever it stands."""
    clear = select(contact.c.value).where(contact.c.identifier_id == table.c.identifier_id)
    return func.coalesce(table.c.value, clear.scalar_subquery())


def hashes(settings: Settings, kind: int, values: pa.Array) -> Ints:
    """Hash normalised identifiers of one kind as the store knows them: int64[n]; makes the key if need be."""
    if kind not in KEYED:
        return identifier_hash(kind, values)
    text = settings.internal(_KEY)
    if text is None:
        text = secrets.token_hex(32)
        settings.put_raw(_KEY, text)
    key, person = bytes.fromhex(text), bytes([kind])
    digests = b"".join(
        hashlib.blake2b(value, digest_size=8, key=key, person=person).digest()
        for value in values.cast(pa.binary()).to_pylist()
    )
    return np.frombuffer(digests, "<i8").astype(np.int64)


def comparable(kind: int, value: str, region: str | None = None) -> str | None:
    """Return a value as identifiers are compared; a company's site or host becomes the domain it registered.

    So a company that a CRM knows by its site is the one whose domain its people's e-mails have.

    >>> comparable(ACCOUNT, "https://www.Acme.com/about"), comparable(ACCOUNT, "Marsh  Interiors ")
    ('acme.com', 'marsh interiors')
    """
    known = normalise(kind, value, region)
    if kind != ACCOUNT or known is None:
        return known
    domain = registrable_domain(known) if _HOST.fullmatch(known) else None
    return domain or " ".join(known.split())


def intern_identifiers(
    connection: Connection,
    settings: Settings,
    kind: int,
    values: pa.Array | pa.ChunkedArray,
    *,
    tally: bool = False,
) -> Ints:
    """Number identifiers of one kind, normalised first.

    Args:
        connection: the writer's.
        settings: the store's: its key, the region of phone numbers, the rules for e-mails.
        kind: of identifier.
        values: as received.
        tally: keep count of those that name nobody; `doctor` tells of them.

    Returns:
        int64[n]; 0 where the value is missing or nothing is left of it.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    ids = np.zeros(len(values), np.int64)
    if values.null_count == len(values):
        return ids
    encoded = values.dictionary_encode()
    given = encoded.dictionary
    if kind == VISITOR:  # a visitor's key is ours: compared as it is, unless it stands for nobody
        known = pc.if_else(_blocked(given), None, given)
    else:
        region = settings.get("region")
        known = pa.array([comparable(kind, text, region) for text in given.to_pylist()], pa.string())
    present = np.flatnonzero(np.asarray(known.is_valid()))
    usable = known.take(pa.array(present))
    numbers = np.zeros(len(given), np.int64)
    numbers[present] = _intern(connection, settings, kind, usable)
    there = np.asarray(values.is_valid())
    ids[there] = numbers[pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)[there]]
    if tally and len(present) < len(given):
        tally_nobody(connection, kind, values, ids == 0)
    return ids


def _intern(connection: Connection, settings: Settings, kind: int, known: pa.Array) -> Ints:
    columns: dict[str, Any] = {} if kind in KEYED else {"value": known}
    if kind == CONTACT:
        columns["trait"] = pa.array(systems_of(known))
    if kind in (EMAIL, ACCOUNT):  # now, not when rows are asked for: companies are numbered first
        columns |= _marks(connection, settings, kind, known)

    def rows(new: Ints) -> dict[str, Any]:
        return {"kind": kind} | {name: values.take(pa.array(new)) for name, values in columns.items()}

    numbers, new = intern(connection, identifier, "identifier_id", hashes(settings, kind, known), rows)
    if kind in KEYED:
        clear = {"identifier_id": numbers[new], "value": known.take(pa.array(new))}
        insert_columns(connection, contact, clear)
    return numbers


def systems_of(contacts: pa.Array) -> Ints:
    """Return a hash of the CRM that each contact is from: `hubspot` of `hubspot:12`; one without is one."""
    named = pc.if_else(
        pc.match_substring(contacts, ":"), pc.replace_substring_regex(contacts, ":.*$", ""), ""
    )
    return text_hash(named)


def _marks(connection: Connection, settings: Settings, kind: int, values: pa.Array) -> dict[str, pa.Array]:
    """Return trait and company of e-mail addresses, or the trait of accounts."""
    providers = _providers(settings)
    if settings.internal(_MARKED) is None:
        settings.put_raw(_MARKED, _marking(settings))
    if kind == ACCOUNT:
        is_providers = np.asarray(pc.is_in(values, value_set=pa.array(sorted(providers), pa.string())))
        return {"trait": pa.array(np.where(is_providers, A_PROVIDERS, 0))}
    is_role = np.asarray(role_mailboxes_among(values, _roles(settings)))
    companies = intern_identifiers(connection, settings, ACCOUNT, companies_of(values, providers))
    return {
        "trait": pa.array(np.where(is_role, A_ROLES, 0)),
        "company": pa.array(companies, mask=companies == 0),
    }


def _marking(settings: Settings) -> str:
    """Name the lists that marks depend on: those of this version with what the store adds."""
    return _name_of(_providers(settings), _roles(settings))


@lru_cache(maxsize=8)
def _name_of(*lists: frozenset[str]) -> str:
    return " ".join(f"{one_text_hash(' '.join(sorted(words))):x}" for words in lists)


def _providers(settings: Settings) -> frozenset[str]:
    return amended(FREE_MAIL, settings.get("free_mail") or "")


def _roles(settings: Settings) -> frozenset[str]:
    return amended(ROLE_MAILBOXES, settings.get("role_mailboxes") or "")


def are_marks_behind(settings: Settings) -> bool:
    """Tell whether roles, providers and companies were told by other lists than those of today."""
    return settings.internal(_MARKED) not in (None, _marking(settings))


def mark_again(connection: Connection, settings: Settings) -> bool:
    """Tell roles, providers and companies anew where those lists changed; returns whether any moved."""
    if not are_marks_behind(settings):
        return False
    settings.put_raw(_MARKED, _marking(settings))
    columns = (identifier.c.identifier_id, identifier.c.trait, identifier.c.company)
    # whoever was erased has no text any more, and belongs to the company that was known
    emails = select(*columns, contact.c.value).join(
        contact, contact.c.identifier_id == identifier.c.identifier_id
    )
    told = {EMAIL: emails, ACCOUNT: select(*columns, identifier.c.value)}
    moved = pd.concat(
        _moved(connection, settings, kind, read_frame(connection, statement.where(identifier.c.kind == kind)))
        for kind, statement in told.items()
    )
    if moved.empty:
        return False
    columns_ = {name: moved[name].to_numpy(np.int64) for name in ("identifier_id", "trait", "company")}
    with temporary(connection, **columns_) as new:
        connection.execute(
            update(identifier)
            .where(identifier.c.identifier_id == new.c.identifier_id)
            .values(trait=new.c.trait, company=func.nullif(new.c.company, 0))
        )
    return True


def _moved(connection: Connection, settings: Settings, kind: int, known: pd.DataFrame) -> pd.DataFrame:
    """Return `identifier_id trait company` (0: none) of those that have others now."""
    known = known.assign(company=known["company"].fillna(0)).astype({"trait": np.int64, "company": np.int64})
    if known.empty:
        return known
    marks = _marks(connection, settings, kind, pa.array(known["value"], pa.string()))
    company = marks.get("company", pa.nulls(len(known), pa.int64()))
    now = known.assign(
        trait=marks["trait"].to_numpy(), company=company.fill_null(0).to_numpy(zero_copy_only=False)
    )
    return now[(now["trait"] != known["trait"]) | (now["company"] != known["company"])]


def find_identifiers(connection: Connection, settings: Settings, kind: int, values: Collection[str]) -> Ints:
    """Return the numbers of identifiers as received; 0 where the store knows of none."""
    region = settings.get("region")
    known = [comparable(kind, value, region) for value in values]
    numbers = np.zeros(len(known), np.int64)
    if kind in KEYED and settings.internal(_KEY) is None:
        return numbers  # there is no key, so no e-mail and no phone either
    usable = [i for i, text in enumerate(known) if text is not None]
    wanted = hashes(settings, kind, pa.array([known[i] for i in usable], pa.string()))
    found = find(connection, identifier, identifier.c.hash, ["identifier_id"], as_set(wanted), exact=True)
    numbers[usable] = look_up(found["hash"], found["identifier_id"], wanted, missing=0)
    return numbers


def tally_nobody(
    connection: Connection, kind: int, values: pa.Array | pa.ChunkedArray, which: npt.NDArray[np.bool_]
) -> None:
    """Keep count of values (bool[n] `which`) that name nobody; `doctor` tells of them."""
    nobody = values.filter(pa.array(which)).drop_null()
    counts: Counter[str] = Counter()
    for one in nobody.value_counts().to_pylist():
        counts[why_nobody(kind, one["values"])] += one["counts"]
    for value, count in counts.items():
        mine = (passed_over.c.kind == kind) & (passed_over.c.value == value)
        more = update(passed_over).where(mine).values(count=passed_over.c.count + count)
        if not connection.execute(more).rowcount:
            insert_columns(connection, passed_over, {"kind": [kind], "value": [value], "count": [count]})


def _blocked(values: pa.Array) -> pa.Array:
    """Tell which values name nobody; :func:`attribution.identifiers.is_blocked` for a million of them."""
    placeholder = pc.is_in(pc.utf8_lower(values), value_set=pa.array(sorted(BLOCKED)))
    nothing = pc.match_substring_regex(values, ZEROS)
    return pc.or_(pc.or_(placeholder, nothing), pc.greater(pc.utf8_length(values), LONGEST))
