"""`doctor`: what is wrong with the data, how bad it is, and what to do about it.

Every check answers, also when all is well, so that silence never means that nobody looked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from attribution import clock
from attribution.metrics import (
    doctor_calls,
    doctor_clicks,
    doctor_flags,
    doctor_identity,
    doctor_models,
    doctor_money,
    doctor_records,
    doctor_spend,
    doctor_untouched,
)
from attribution.metrics.answer import Answer
from attribution.metrics.findings import SEVERITIES, Finding, Look
from attribution.store.database import Database
from attribution.store.settings import RAN_AT

Check = Callable[[Look], list[Finding]]

# in the order in which an analyst mends: what did not load, what does not fit together, what it costs
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("rejected_rows", doctor_records.rejected_rows),
    ("conflicts", doctor_records.conflicts),
    ("data_end", doctor_records.data_end),
    ("dangling_references", doctor_records.dangling_references),
    ("adjustment_currency", doctor_records.adjustment_currency),
    ("deals_without_people", doctor_records.deals_without_people),
    ("closed_before_created", doctor_records.closed_before_created),
    ("flagged_touches", doctor_flags.flagged_touches),
    ("urls_without_host", doctor_flags.urls_without_host),
    ("clicks_without_visit", doctor_clicks.clicks_without_visit),
    ("placeholders", doctor_identity.placeholders),
    ("phones_without_country", doctor_identity.phones_without_country),
    ("unused_evidence", doctor_identity.unused_evidence),
    ("shared_identifiers", doctor_identity.shared_identifiers),
    ("shared_browsers", doctor_identity.shared_browsers),
    ("large_people", doctor_identity.large_people),
    ("idle_decisions", doctor_identity.idle_decisions),
    ("domains", doctor_identity.domains),
    ("calls_of_nobody", doctor_calls.calls_of_nobody),
    ("overlapping_leases", doctor_calls.overlapping_leases),
    ("pending_changes", doctor_money.pending_changes),
    ("conservation", doctor_money.conservation),
    ("unattributed_revenue", doctor_untouched.unattributed_revenue),
    ("leads_without_touch", doctor_untouched.leads_without_touch),
    ("no_rate", doctor_money.no_rate),
    ("spend_unmatched", doctor_money.spend_unmatched),
    ("spend_twice", doctor_spend.spend_twice),
    ("fits", doctor_models.fits),
)

NOT_RUN: Final = (
    "nothing has been run yet: what is said of credits, rates and unattributed revenue "
    "holds after: attribution run"
)


def doctor(db: Database, more: Sequence[tuple[str, Check]] = ()) -> Answer:
    """Look for what is wrong with the data.

    Args:
        db: the store.
        more: checks of what stands above, by name.

    Returns:
        rows `check severity count detail hint`, in the order of :data:`CHECKS`, then `more`; `severity` is
        `ok`, `notice`, `warning` or `error`, and `totals` counts the rows of each.
    """
    rows = []
    with db.read() as connection:
        look = Look(connection)
        for name, check in (*CHECKS, *more):
            found = check(look) or [Finding("ok", 0, "nothing found")]
            rows += [{"check": name, **finding._asdict()} for finding in found]
        currency = look.settings.get("reporting_currency")
        lookback, scope = look.settings.require("lookback"), look.settings.require("scope")
    severities = Counter(row["severity"] for row in rows)
    return Answer(
        verb="doctor",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        currency=currency,
        lookback=lookback,
        scope=scope,
        rows=rows,
        totals={name: severities[name] for name in SEVERITIES},
        warnings=[] if look.settings.internal(RAN_AT) else [NOT_RUN],
        columns={"check": "text", "severity": "text", "count": "count", "detail": "text", "hint": "text"},
        title="What is wrong with the data",
    )
