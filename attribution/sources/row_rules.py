"""Rules that look at several columns of a row: what a won deal needs, who a touch belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.sources.checked import Mask, given, mask_of
from attribution.sources.tables import LOGGED, TOUCH_IDENTIFIERS

IDENTIFIERS = ("visitor_id", "email", "phone", "user_id", "lead_id", "contact_id", "account")
_NOBODY = f"visitor_id is missing, and so are {', '.join(TOUCH_IDENTIFIERS)}"
_ANALYTICS = 0b11
_DENIED = 0b10

Columns = dict[str, pa.Array]


@dataclass(frozen=True)
class Fault:
    """Rows that break a rule, with a stable code and the whole sentence."""

    mask: Mask
    code: str
    message: str


Rule = Callable[[Columns], list[Fault]]


def analytics_denied(consent: pa.Array) -> Mask:
    """Tell whose consent (packed bits) denies analytics."""
    denied: Mask = (consent.to_numpy(zero_copy_only=False) & _ANALYTICS) == _DENIED
    return denied


def _touches(columns: Columns) -> list[Fault]:
    # whoever logged a click knows the click, and not the visitor
    logged = mask_of(pc.is_in(columns["kind"], pa.array(LOGGED))) & given(columns["click_id"])
    message = (
        f"{_NOBODY}; none may be given only where consent denies analytics and in a click or an impression "
        "that has a click_id, so add one or set consent to analytics:denied"
    )
    nobody = Fault(_of_nobody(columns) & ~logged, "missing_value", message)
    return [nobody, _currency_missing(columns, "cost")]


def _pageviews(columns: Columns) -> list[Fault]:
    message = (
        f"{_NOBODY}; none may be given only where consent denies analytics, so add one or set consent to "
        "analytics:denied"
    )
    return [Fault(_of_nobody(columns), "missing_value", message)]


def _of_nobody(columns: Columns) -> Mask:
    nobody = ~given(columns["visitor_id"]) & ~analytics_denied(columns["consent"])
    for name in TOUCH_IDENTIFIERS:
        nobody &= ~given(columns[name])
    return nobody


def _identities(columns: Columns) -> list[Fault]:
    count = np.sum([given(columns[name]) for name in IDENTIFIERS], axis=0)
    message = f"fewer than two identifiers are given; a row ties two or more of {', '.join(IDENTIFIERS)}"
    merged = given(columns["merged_contact_id"])
    alone = merged & ~given(columns["contact_id"])
    return [
        Fault(
            alone, "missing_value", "contact_id is missing; it is the contact that merged_contact_id became"
        ),
        Fault(~merged & (count < 2), "too_few_identifiers", message),
    ]


def _deals(columns: Columns) -> list[Fault]:
    status = columns["status"]
    won = mask_of(pc.equal(status, "won"))
    closed = won | mask_of(pc.equal(status, "lost"))
    kept = ~mask_of(pc.equal(status, "deleted"))  # of what is deleted the id is enough
    recurring = given(columns["recurring_amount"])
    faults = [
        Fault(
            closed & ~given(columns["closed_at"]),
            "missing_value",
            "closed_at is missing; a won or lost deal needs one",
        ),
        Fault(won & ~given(columns["amount"]), "missing_value", "amount is missing; a won deal needs one"),
        _currency_missing(columns, "amount"),
        _currency_missing(columns, "recurring_amount"),
        Fault(
            recurring & ~given(columns["recurring_interval"]),
            "missing_value",
            "recurring_interval is missing; a recurring_amount needs month, quarter or year",
        ),
    ]
    return [replace(fault, mask=fault.mask & kept) for fault in faults]


def _names_somebody(columns: Columns) -> list[Fault]:
    nobody = ~given(columns["lead_id"]) & ~given(columns["contact_id"]) & ~given(columns["email"])
    message = "lead_id, contact_id and email are missing; give one of them"
    return [Fault(nobody, "missing_value", message)]


def _leases(columns: Columns) -> list[Fault]:
    backwards = mask_of(pc.less(columns["released_at"], columns["leased_at"]))
    message = "released_at lies before leased_at; mend the times"
    return [Fault(backwards, "released_before_leased", message)]


def _currency_missing(columns: Columns, amount: str) -> Fault:
    return Fault(
        given(columns[amount]) & ~given(columns["currency"]),
        "missing_value",
        f"currency is missing; a row with {amount} needs one, such as EUR, GBP or USD",
    )


RULES: dict[str, Rule] = {
    "touches": _touches, "pageviews": _pageviews, "identities": _identities, "deals": _deals,
    "deal_contacts": _names_somebody, "meetings": _names_somebody, "leases": _leases,
}  # fmt: skip
