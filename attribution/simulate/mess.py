"""Step nine: what real exports look like: robots, refused consent, rows twice, rows that no reader takes."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.simulate.catalogue import SITE
from attribution.simulate.columns import codes, frame, local, texts, utc
from attribution.simulate.world import DAY, World

_ROBOTS: Final = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
BAD_ROWS: Final = 11


def add_mess(world: World, rng: np.random.Generator, tables: dict[str, pd.DataFrame]) -> None:
    """Spoil the tables, in place, as people and tools do; `BAD_ROWS` rows can be read by nobody."""
    touches = tables["touches"]
    # an export that overlaps the one before: the same row again, right behind itself
    again = np.sort(rng.choice(len(touches), max(1, len(touches) // 390), replace=False))
    order = np.sort(np.concatenate([np.arange(len(touches)), again]))
    tables["touches"] = touches.iloc[order].reset_index(drop=True)
    append(tables, "touches", _robots(world) + _refused(world))
    if len(tables["deals"]):
        append(tables, "deals", [dict(tables["deals"].iloc[0])])
    for table, rows in _bad_rows(world).items():
        append(tables, table, rows)


def _robots(world: World) -> list[dict[str, str]]:
    at = world.start_second + (world.days * np.arange(1, 11) // 12) * DAY + 3 * 3600
    times = local(at, np.zeros(10, dtype=np.int64))
    return [
        {
            "touch_id": f"t-bot-{number + 1}",
            "visitor_id": f"bot-{name}",
            "at": times[number],
            "kind": "session",
            "url": f"{SITE}/",
            "user_agent": _ROBOTS[number % 2],
        }
        for number, name in enumerate(codes(np.arange(10), world.seed + 1))
    ]


def _refused(world: World) -> list[dict[str, str]]:
    """Visits of people who refused: the visit is kept, whose it was is not."""
    at = world.start_second + (world.days * np.arange(1, 26) // 27) * DAY + 10 * 3600
    return [
        {
            "touch_id": f"t-refused-{number}",
            "at": when,
            "kind": "session",
            "url": f"{SITE}/pricing",
            "referrer": "https://www.google.com/",
            "consent": "denied",
        }
        for number, when in enumerate(local(at, np.zeros(25, dtype=np.int64)), start=1)
    ]


def _bad_rows(world: World) -> dict[str, list[dict[str, str]]]:
    """Rows that say nothing certain: a naive time, an unknown currency, a thousands separator, ..."""
    middle = world.start_second + world.days // 2 * DAY + 10 * 3600
    good, day = utc(np.array([middle]))[0], utc(np.array([middle]))[0][:10]
    naive = good.replace("T", " ").removesuffix("Z")
    deal = {
        "status": "won",
        "created_at": good,
        "closed_at": day,
        "account": "Typing Errors Ltd",
        "kind": "new",
    }
    spent = {"date": day, "kind": "media"}
    return {
        "touches": [
            {"touch_id": "t-bad-1", "visitor_id": "v-bad", "at": naive, "kind": "session", "url": f"{SITE}/"},
            {"touch_id": "t-bad-2", "visitor_id": "v-bad", "at": good, "kind": "visit"},
            {"touch_id": "t-bad-3", "visitor_id": "v-bad", "at": "yesterday", "kind": "session"},
            {"touch_id": "t-bad-4", "at": good, "kind": "session", "consent": "granted"},
        ],
        "leads": [{"lead_id": "L-bad-1", "created_at": naive, "email": "someone@valewick-labs.co.uk"}],
        "deals": [
            {"deal_id": "D-bad-1", **deal, "amount": "1,234.50", "currency": world.currency},
            {"deal_id": "D-bad-2", **deal, "amount": "900", "currency": "XQZ"},
            {"deal_id": "D-bad-3", **deal, "amount": "", "currency": world.currency},
        ],
        "adjustments": [
            {"adjustment_id": "A-bad-1", "deal_id": "D-0001", "at": good, "amount": "£50",
             "currency": world.currency, "reason": "typed by hand"}
        ],
        "spend": [
            {**spent, "cost": "1,234.50", "currency": world.currency, "source": "bing", "medium": "cpc",
             "campaign": "bing-search-uk", "platform": "microsoft_ads"},
            {**spent, "cost": "12", "currency": "XQZ", "source": "linkedin", "medium": "paid-social",
             "campaign": "li-whitepaper", "platform": "linkedin_ads"},
        ],
    }  # fmt: skip


def append(tables: dict[str, pd.DataFrame], name: str, rows: list[dict[str, str]]) -> None:
    columns = tables[name].columns
    made = {column: texts([row.get(column, "") for row in rows]) for column in columns}
    tables[name] = pd.concat([tables[name], frame(made)], ignore_index=True)
