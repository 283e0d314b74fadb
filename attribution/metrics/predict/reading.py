"""The past of a store, out of the database."""

from __future__ import annotations

from datetime import date as Day

import numpy as np
from sqlalchemy import Connection, select

from attribution import clock
from attribution.errors import InputError
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.predict.features import open_at
from attribution.metrics.predict.months import month_ends, usual_horizon
from attribution.metrics.predict.past import Past
from attribution.metrics.predict.records import latest, read_records
from attribution.metrics.predict.ways_out import ended
from attribution.metrics.selection import Selection, find_credits, select_credits, select_journeys
from attribution.store.schema import credit_set


def any_credits(connection: Connection) -> Selection:
    """Return a credit set of revenue: whichever model spreads it, its sum is what deals were worth.

    Raises:
        InputError: none was ever run.
    """
    journeys = select_journeys(connection, goal="revenue")
    labels = select(credit_set.c.label).where(credit_set.c.journey_set_id == journeys.journey_set_id)
    for label in connection.execute(labels.order_by(credit_set.c.credit_set_id)).scalars().all():
        found = find_credits(connection, journeys, label)
        if found is not None:
            return found
    return select_credits(connection, goal="revenue")  # says what to run


def read_past(
    connection: Connection, credited: Selection, months: int | None, day: Day | None = None,
    dimensions: Dimensions | None = None,
) -> Past:  # fmt: skip
    """Read the past of a store.

    Args:
        connection: inside a transaction.
        credited: a credit set of revenue.
        months: ahead; None: the usual ones.
        day: what is known at its end; None: at the last run.
        dimensions: which hold leads and deals already.

    Raises:
        InputError: the day lies after the last run.
    """
    zone = credited.journeys.timezone
    as_of = credited.journeys.as_of
    if day is not None:
        first, last = clock.day_bounds(day, zone)
        if first > as_of:
            raise InputError(
                f"--as-of {day} lies after the last run, at {clock.iso(as_of)}; name a day up to it, or "
                "run again"
            )
        as_of = min(last, as_of)
    of = dimensions or Dimensions(connection, ())
    created = of.leads["created"].to_numpy(np.int64)
    first = int(created.min(initial=as_of))
    ends = month_ends(first, as_of, zone)
    records = read_records(connection, of, credited, np.r_[ends, as_of])
    ran_at = credited.journeys.as_of
    ahead = months or usual_horizon(records, as_of)
    return Past(records, ends, as_of, ahead, zone, latest(records, ran_at), ran_at)


def told(past: Past) -> list[str]:
    """Say what predictions leave out."""
    found = []
    if "industry" in past.left_out:
        found.append(
            "industry is left out of predictions: it is filled in more often of leads that were won than of "
            "open ones, so it was written afterwards"
        )
    if "deals" in past.left_out:
        found.append(
            "open deals are left out of predictions: more than nine in ten of all deals are won, so they "
            "enter the CRM once they are"
        )
    if past.amounts_count:
        own = int((past.open_amounts(open_at(past.records, past.as_of))[0] > 0).sum())
        if own:
            found.append(
                f"{own:,} open leads are expected at their chance times the amount of their open deal, as it "
                "was last imported; it has no history, so the reliability is of predictions without it"
            )
    elif (past.records.deals["minor"] > 0).any() and "deals" not in past.left_out:
        found.append(
            "amounts of open deals are left out: only those of the last import are known, and records after "
            "the day asked about are in the store"
        )
    day = ended(past)
    if day is not None:
        found.append(
            f"the last record of leads and deals is of {day}: what came after is taken for nothing; predict "
            f"as of then with --as-of {day}"
        )
    if past.records.unrated:
        found.append(
            f"{past.records.unrated:,} won deals without a rate are no examples; import rates, then run again"
        )
    return found
