"""Step seven: what it cost. Clicks by day and keyword or ad, agency fees, and stands at events."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from attribution.money import minor_digits
from attribution.simulate.catalogue import EVENTS, SILENT, SLOTS, SPRING
from attribution.simulate.columns import Ints, days_text, frame, texts
from attribution.simulate.deals import amounts
from attribution.simulate.touches import SESSION, Rows
from attribution.simulate.visits import event_day, in_spring
from attribution.simulate.world import DAY, World

COLUMNS: Final = (
    "date", "cost", "currency", "kind", "channel", "source", "medium", "campaign", "ad_group", "ad",
    "keyword", "platform", "campaign_id", "ad_group_id", "impressions", "clicks",
)  # fmt: skip
_LABELS: Final = COLUMNS[5:14]

# paid on the first of every month, whole units of money for a company of the bundled size
_FEES: Final = (
    ("Paid Search", "google", "google_ads", 1800),
    ("Paid Social", "linkedin", "linkedin_ads", 1600),
    ("Organic Search", "", "", 3000),
    ("Referral", "", "", 1500),
    ("Email", "crm", "", 2200),
)
_STAND: Final = 5000


def spend_table(world: World, rng: np.random.Generator, all_rows: Rows) -> pd.DataFrame:
    """Write what was spent, in the order of days.

    The platforms count more clicks than the website sees: most visitors refuse the cookie or leave
    before the page is there, and the campaign in `SILENT` leads to a page without the tracking snippet.
    """
    slots = [*SLOTS, SILENT]
    paid = np.array([number for number, slot in enumerate(slots) if slot.click_minor])
    first_day = world.start_second // DAY
    days = world.days
    seen = np.zeros((len(slots), days), dtype=np.int64)
    visits = all_rows.take(np.flatnonzero(all_rows.kind == SESSION))
    np.add.at(seen, (visits.slot, visits.at // DAY - first_day), 1)
    seen[-1] = rng.poisson(0.42 * world.size, days)

    stray = np.full(seen.shape, 0.09 * min(1.0, world.size))
    stray[SPRING, ~in_spring((first_day + np.arange(days)) * DAY)] = 0.0
    clicked = (seen + rng.poisson(1.2 * seen + stray))[paid]
    slot, day = np.nonzero(clicked.T)[::-1]
    clicks = clicked[slot, day]
    slot = paid[slot]
    price = np.array([s.click_minor for s in slots])[slot]
    share = np.array([s.share_clicked or 1.0 for s in slots])[slot]
    cost = np.maximum(1, np.rint(clicks * price * rng.lognormal(-0.03, 0.25, len(clicks)))).astype(np.int64)
    shown = np.rint(clicks / share * rng.lognormal(0, 0.15, len(clicks))).astype(np.int64)
    impressions = np.maximum(clicks, shown)
    digits = minor_digits(world.currency)
    media = {
        "date": texts(days_text((first_day + day) * DAY)),
        "cost": amounts(cost * 10**digits // 100, np.full(len(cost), digits)),
        "currency": world.currency,
        "kind": "media",
        "channel": "",
        **{name: texts([getattr(s, name) for s in slots])[slot] for name in _LABELS},
        "impressions": texts(impressions.astype(str).tolist()),
        "clicks": texts(clicks.astype(str).tolist()),
    }
    whole = pd.concat([frame(media), _fees(world, digits)], ignore_index=True)
    return whole.sort_values("date", kind="stable", ignore_index=True)


def _fees(world: World, digits: int) -> pd.DataFrame:
    """Write the monthly fees, and one for each event."""
    made = []
    for number in range(world.days):
        today = date.fromordinal(world.start.toordinal() + number)
        if today.day == 1:
            made += [
                _row(world, digits, today, fee, channel=channel, source=source, platform=platform)
                for channel, source, platform, fee in _FEES
            ]
    for event, slot in enumerate(EVENTS):
        there = date.fromordinal(date(1970, 1, 1).toordinal() + event_day(world, event))
        stand = SLOTS[slot]
        labels = {"source": stand.source, "medium": stand.medium, "campaign": stand.campaign}
        made.append(_row(world, digits, there, _STAND, channel="Offline", **labels))
    return pd.DataFrame(made, dtype=object, columns=list(COLUMNS))


def _row(world: World, digits: int, day: date, fee: int, **labels: str) -> dict[str, str]:
    minor: Ints = np.array([max(1, round(fee * world.size)) * 10**digits])
    cost = str(amounts(minor, np.array([digits]))[0])
    return {
        **dict.fromkeys(COLUMNS, ""), "date": day.isoformat(), "cost": cost, "currency": world.currency,
        "kind": "fee", **labels,
    }  # fmt: skip
