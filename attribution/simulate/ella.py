"""Ella, whose story the documentation tells: a search, a newsletter, a call, and a deal two months later."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.money import money_text
from attribution.simulate.catalogue import SITE
from attribution.simulate.columns import frame, local
from attribution.simulate.mess import append
from attribution.simulate.world import DAY, World

_PHONE: Final = "+442079460018"
_NUMBER: Final = "+448081570110"  # as her session alone was shown it
_FALLBACK: Final = "+448081570199"  # as everybody is when all others are taken
_MINUTE: Final = 60


def add_ella(world: World, tables: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add Ella to the tables, in place.

    Returns:
        Her rows of the answers, and of the leads' people.
    """
    search = _at(world, 36, 19, 42)
    mail = _at(world, 65, 11, 5)
    month = int(np.datetime64(mail[:10], "M").astype(np.int64)) % 12
    newsletter = f"newsletter-q{month // 3 + 1}"
    common = {"visitor_id": "v-ella", "consent": "granted"}
    touches = [
        {
            "touch_id": "ella-1",
            "at": search,
            "kind": "session",
            "url": f"{SITE}/blog/what-is-attribution",
            "referrer": "https://www.google.com/",
            "page_views": "3",
            "engaged_seconds": "140",
        },
        {
            "touch_id": "ella-2",
            "at": mail,
            "kind": "session",
            "url": f"{SITE}/pricing?utm_source=newsletter&utm_medium=email&utm_campaign={newsletter}",
            "page_views": "2",
            "engaged_seconds": "75",
        },
    ]
    append(tables, "touches", [{**touch, **common} for touch in touches])
    call = _at(world, 65, 11, 9)
    tables |= _call_tables(world, mail, call)
    append(tables, "leads", [_lead(world, call)])
    append(tables, "deals", [_deal(world)])
    answers = [
        ("ella-1", "ella", "Organic Search", ""),
        ("ella-2", "ella", "Email", newsletter),
    ]
    return (
        pd.DataFrame(answers, dtype=object, columns=["touch_id", "person", "channel", "campaign"]),
        pd.DataFrame([("L-ella", "ella")], dtype=object, columns=["lead_id", "person"]),
    )


def _call_tables(world: World, shown: str, call: str) -> dict[str, pd.DataFrame]:
    """Return the number that the page showed to her session, to whom it was shown when, and her call."""
    numbers = {"tracking_number": [_NUMBER, _FALLBACK], "pool": ["site", "site"], "fallback": ["no", "yes"]}
    lease = {"tracking_number": _NUMBER, "visitor_id": "v-ella", "leased_at": shown}
    lease["released_at"] = _at(world, 65, 11, 35)
    rung = {"call_id": "ella", "at": call, "tracking_number": _NUMBER, "caller": _PHONE}
    rung |= {"duration_seconds": "312", "answered": "yes"}
    return {
        "tracking_numbers": frame(numbers),
        "leases": frame({name: [value] for name, value in lease.items()}),
        "calls": frame({name: [value] for name, value in rung.items()}),
    }


def _lead(world: World, call: str) -> dict[str, str]:
    return {
        "lead_id": "L-ella",
        "created_at": _at(world, 65, 11, 31),
        "phone": _PHONE,
        "account": "Marsh Interiors",
        "owner": "sofia",
        "industry": "Retail",
        "mql_at": _at(world, 69, 10),
        "sqo_at": _at(world, 80, 10),
        "requested_at": call,
        "responded_at": call,
        "response_outcome": "reached",
        "consent": "granted",
    }


def _deal(world: World) -> dict[str, str]:
    return {
        "deal_id": "D-ella",
        "status": "won",
        "created_at": _at(world, 87, 10),
        "closed_at": _at(world, 127, 15, 20),
        "amount": money_text(500_000, "GBP") if world.currency == "GBP" else "5000",
        "currency": world.currency,
        "lead_id": "L-ella",
        "account": "Marsh Interiors",
        "owner": "sofia",
        "kind": "new",
    }


def _at(world: World, day: int, hour: int, minute: int = 0) -> str:
    """Write a time of Ella's, counted from the world's start in UTC."""
    seconds = world.start_second + day * DAY + (hour * 60 + minute) * _MINUTE
    return local(np.array([seconds]), np.zeros(1, dtype=np.int64))[0]
