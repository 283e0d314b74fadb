"""Checks of the ledger and of what money is missing from it: unposted, unrated, unmatched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import func, select

from attribution.channels.names import name_key
from attribution.identity.resolve import is_behind
from attribution.ledger.check import check_conservation
from attribution.ledger.rates import Rates
from attribution.metrics.findings import Finding, Look, listed
from attribution.metrics.spend import Reports
from attribution.metrics.spend_unmatched import HINT, money, unmatched
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
)

_RUN: Final = "attribution run"
_NAMES: Final = 10  # campaigns to name
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
    found = []
    if count:
        found.append(
            Finding("notice", count, "touches and changed records since the last run", f"run: {_RUN}")
        )
    if is_behind(look.connection, look.settings):
        text = "evidence of who is who, or a setting of its rules, since people were last resolved"
        found.append(Finding("notice", 1, text, f"run: {_RUN}"))
    return found


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
    """Name what cost money and no touch has: campaigns, and what campaigns are placed under elsewhere."""
    reports = Reports(look.connection)
    media: dict[tuple[int, str], int] = {}
    for currency in sorted(look.connection.execute(select(spend.c.currency).distinct()).scalars()):
        rows = reports.rows(currency)
        sums = rows[rows["media"]].groupby("placement_id")["minor"].sum()
        media |= {(int(str(place)), currency): int(minor) for place, minor in sums.items()}
    lost = unmatched(look.connection, media)
    found = []
    if lost.campaigns:
        told = f"{money(lost.minor)} went to campaigns that no touch has: {lost.told(_NAMES)}"
        found.append(
            Finding("warning", len(lost.campaigns), told, f"compare with the tags of the pages; {HINT}")
        )
    named = {name_key(one.campaign) for one in lost.campaigns}
    return found + _placed_apart(look, media, named)


def _placed_apart(look: Look, media: Mapping[tuple[int, str], int], named: set[str]) -> list[Finding]:
    """Name placements that cost money and meet no touch by channel, source, medium and campaign together."""
    columns = [placement.c[name] for name in _NAMED]
    touched = (
        select(*columns).distinct().join(origin, origin.c.placement_id == placement.c.placement_id)
        .where(origin.c.kind.is_not(None))
    )  # fmt: skip
    matched = _matcher({_key(row) for row in look.connection.execute(touched)})
    placements = {
        int(number): names
        for number, *names in look.connection.execute(select(placement.c.placement_id, *columns))
    }
    apart: dict[str, dict[str, int]] = {}
    for (place, currency), minor in media.items():
        names = placements[place]
        if any(names) and minor and not matched(_key(names)) and name_key(names[3] or "") not in named:
            own = apart.setdefault(" / ".join(filter(None, names)), {})
            own[currency] = own.get(currency, 0) + minor
    if not apart:
        return []
    total: dict[str, int] = {}
    for own in apart.values():
        for currency, minor in own.items():
            total[currency] = total.get(currency, 0) + minor
    dearest = sorted(apart, key=lambda name: (-max(apart[name].values()), name))
    return [
        Finding(
            "notice",
            len(apart),
            f"{money(total)} stands where no touch does, such as "
            + listed(f"{name}: {money(apart[name])}" for name in dearest),
            "cut by channel, source or medium it meets no value; give it the source and medium of its links",
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
