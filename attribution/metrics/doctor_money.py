"""Checks of the ledger and of what money is missing from it: unposted, unrated, unmatched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, cast, func, select, union

from attribution.ledger.check import check_conservation
from attribution.ledger.rates import Rates
from attribution.metrics.dimensions import name_key
from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.money import money_text
from attribution.store.columns import read_ints
from attribution.store.schema import (
    change,
    conversion,
    credit_set,
    origin,
    placement,
    run,
    spend,
    touch,
    touch_count,
)

_RUN: Final = "attribution run"
_NAMED: Final = ("channel", "source", "medium", "campaign")  # how spend and touches meet at the coarsest


def pending_changes(look: Look) -> list[Finding]:
    """Tell what has been imported since the last run."""
    if look.connection.execute(select(func.max(run.c.run_id))).scalar() is None:
        return [Finding("notice", 1, "nothing has been run in this store yet", f"run: {_RUN}")]
    seen = select(func.max(credit_set.c.seen_touch), func.max(credit_set.c.seen_change))
    touches, changes = look.connection.execute(seen).one()
    newest = look.connection.execute(select(func.coalesce(func.max(touch.c.n), 0))).scalar_one()
    logged = look.count(select(change.c.change_id).where(change.c.change_id > (changes or 0)))
    count = max(int(newest) - (touches or 0), 0) + logged
    if not count:
        return []
    return [Finding("notice", count, "touches and changed records since the last run", f"run: {_RUN}")]


def conservation(look: Look) -> list[Finding]:
    """Check that the entries of every conversion add up to it."""
    wrong = check_conservation(look.connection)
    if not wrong:
        return []
    examples = listed(
        f"{one.kind} {one.key} under {one.model} holds {one.entries_minor} of {one.value_minor} minor units"
        for one in wrong
    )
    return [Finding("error", len(wrong), examples, "please report this; `attribution run --full` posts anew")]


def no_rate(look: Look) -> list[Finding]:
    """Name currencies whose conversions or spend have no exchange rate of their day or the week before."""
    into = look.settings.get("reporting_currency")
    hint = "import `rates` (units of the reporting currency for one unit), dated at most 7 days before"
    lost = (
        select(conversion.c.currency, func.count(), func.min(conversion.c.key))
        .where(
            conversion.c.active == 1,
            conversion.c.kind == "won",
            conversion.c.reporting_minor.is_(None),
            conversion.c.currency.is_not(None),
        )
        .group_by(conversion.c.currency)
        .order_by(conversion.c.currency)
    )
    found = [
        Finding("warning", int(count), f"deals in {currency} without a rate, such as {key}", hint)
        for currency, count, key in look.connection.execute(lost)
    ]
    if into is None:
        return found
    for currency in sorted(look.connection.execute(select(spend.c.currency).distinct()).scalars()):
        if currency != into:
            found += _spend_without_rate(look, currency, into, hint)
    return found


def _spend_without_rate(look: Look, currency: str, into: str, hint: str) -> list[Finding]:
    statement = select(spend.c.day, func.count()).where(spend.c.currency == currency).group_by(spend.c.day)
    days = read_ints(look.connection, statement, ("day", "rows"))
    _, known = Rates(look.connection, currency, into).convert(
        np.ones(len(days["day"]), np.int64), days["day"]
    )
    rows = int(days["rows"][~known].sum())
    return [Finding("warning", rows, f"spend rows in {currency} without a rate", hint)] if rows else []


def spend_unmatched(look: Look) -> list[Finding]:
    """Name placements that cost money and that no touch has: their value looks like nothing."""
    columns = [placement.c[name] for name in _NAMED]
    touched = (
        select(*columns).distinct().join(origin, origin.c.placement_id == placement.c.placement_id)
        .where(origin.c.origin_id.in_(union(select(touch.c.origin_id), select(touch_count.c.origin_id))))
    )  # fmt: skip
    known = {_key(row) for row in look.connection.execute(touched)}
    paid = (
        select(*columns, spend.c.currency, cast(func.sum(spend.c.cost_minor), BigInteger))
        .join_from(spend, origin, origin.c.origin_id == spend.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
        .where(spend.c.kind == "media")
        .group_by(*columns, spend.c.currency)
        .order_by(func.sum(spend.c.cost_minor).desc(), *columns)
    )
    rows = look.connection.execute(paid).all()
    matched = _matcher(known)
    lost = [row for row in rows if not matched(_key(row[: len(_NAMED)]))]
    if not lost:
        return []
    sums: dict[str, int] = {}
    for *_, currency, minor in lost:
        sums[currency] = sums.get(currency, 0) + int(minor)
    money = " and ".join(f"{money_text(minor, code)} {code}" for code, minor in sorted(sums.items()))
    names = [
        f"{' / '.join(filter(None, names))}: {money_text(minor, currency)} {currency}"
        for *names, currency, minor in lost[: EXAMPLES + 1]
    ]
    return [
        Finding(
            "warning",
            len(lost),
            f"{money} went to campaigns that no touch names, such as {listed(names)}",
            "compare the campaign names of the spend file with the tags of the landing pages",
        )
    ]


def _key(names: Any) -> tuple[str, ...]:
    return tuple(name_key(name or "") for name in names)


def _matcher(known: set[tuple[str, ...]]) -> Callable[[tuple[str, ...]], bool]:
    """Return whether any known placement agrees with a spend row in all that the row says.

    Spend by campaign names no source: it meets every touch of the campaign.
    """
    by_said: dict[tuple[int, ...], set[tuple[str, ...]]] = {}

    def matched(names: tuple[str, ...]) -> bool:
        said = tuple(i for i, name in enumerate(names) if name)
        if said not in by_said:
            by_said[said] = {tuple(one[i] for i in said) for one in known}
        return tuple(names[i] for i in said) in by_said[said]

    return matched
