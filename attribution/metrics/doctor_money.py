"""Checks of the ledger and of what money is missing from it: unposted, unrated, unmatched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from attribution.channels.names import name_key
from attribution.identity.resolve import is_behind
from attribution.ledger.check import check_conservation
from attribution.ledger.rates import Rates
from attribution.metrics.findings import Finding, Look, listed
from attribution.metrics.near_names import name_keys
from attribution.metrics.spend import Reports
from attribution.metrics.spend_unmatched import HINT, money, unmatched
from attribution.sorted_sets import as_set
from attribution.store.columns import read_ints
from attribution.store.keys import row_hash
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

Mask = npt.NDArray[np.bool_]

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
    rows = Reports(look.connection).rows(into=look.settings.get("reporting_currency"))
    sums = rows[rows["media"]].groupby(["placement_id", "currency"])["minor"].sum()
    media = dict(zip(sums.index.tolist(), sums.tolist(), strict=True))
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
    rows = look.connection.execute(select(placement.c.placement_id, *columns)).all()
    places = np.array([row[0] for row in rows], np.int64)
    of_touches = select(origin.c.placement_id).where(origin.c.kind.is_not(None))
    touched = np.isin(places, read_ints(look.connection, of_touches, ("place",))["place"])
    of_spend = np.isin(places, [place for (place, _), minor in media.items() if minor])
    keys = [
        pc.fill_null(name_keys(pa.array([row[i] for row in rows], pa.string())), "")
        for i in range(1, len(_NAMED) + 1)
    ]
    alone = of_spend & ~_met(keys, of_spend, touched)
    alone &= ~pc.is_in(keys[-1], value_set=pa.array(named, pa.string())).to_numpy(zero_copy_only=False)
    names = {rows[i][0]: " / ".join(filter(None, rows[i][1:])) for i in np.flatnonzero(alone).tolist()}
    apart: dict[str, dict[str, int]] = {}
    for (place, currency), minor in media.items():
        if place in names and names[place] and minor:
            own = apart.setdefault(names[place], {})
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


def _met(keys: list[pa.Array], of_spend: Mask, touched: Mask) -> Mask:
    """Tell which placements of spend agree with one of touches in all that they say.

    Spend by campaign names no source: it meets every touch of the campaign. Names are given as they compare,
    those that are not said as empty texts.
    """
    said = np.column_stack([pc.not_equal(key, "").to_numpy(zero_copy_only=False) for key in keys])
    pattern = (said << np.arange(len(keys))).sum(axis=1)
    met = np.zeros(len(pattern), np.bool_)
    for one in as_set(pattern[of_spend]).tolist():
        hashes = row_hash({str(i): key for i, key in enumerate(keys) if one >> i & 1}, len(pattern))
        met |= of_spend & (pattern == one) & np.isin(hashes, hashes[touched])
    return met
