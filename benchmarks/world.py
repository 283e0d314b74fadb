"""A company of any size as canonical files, for timing: mixed text columns, seeded, made in columns."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
DEALS_A_TOUCH = 0.05  # 50,000 won deals among 1,000,000 touches
JOURNEY = 5  # mean touches of a person who buys

_SOURCES = np.array(["google", "bing", "linkedin", "facebook", "newsletter", "partner"])
_MEDIUMS = np.array(["cpc", "cpc", "paid-social", "paid-social", "email", "referral"])
# where a visit of each source comes from; untagged visits take any of them
_REFERRERS = np.array(
    [
        "https://www.google.com/", "https://www.bing.com/", "https://www.linkedin.com/",
        "https://www.facebook.com/", "", "https://partner.example/blog",
    ]
)  # fmt: skip


def make(folder: Path, touches: int, seed: int = 1) -> Path:
    """Write touches.csv, leads.csv and deals.csv for a number of touches; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    deals = int(touches * DEALS_A_TOUCH)
    buyers = rng.poisson(JOURNEY - 1, deals) + 1
    browsing = max(touches - int(buyers.sum()), 0)
    person = np.concatenate(
        [np.repeat(np.arange(deals), buyers), deals + rng.integers(0, max(browsing // 3, 1), browsing)]
    )[:touches]
    rng.shuffle(person)
    n = len(person)
    at = rng.integers(0, DAYS * 86_400, n)
    _touches(rng, person, at, n).to_csv(folder / "touches.csv", index=False)
    _deals(folder, rng, deals, person, at)
    return folder


def _touches(rng: np.random.Generator, person: np.ndarray, at: np.ndarray, n: int) -> pd.DataFrame:
    campaign = rng.integers(0, 200, n)
    which = campaign % len(_SOURCES)  # a campaign runs on one platform
    keyword = rng.integers(0, 100, n)  # 200 x 100: some 20,000 placements
    tagged = rng.random(n) < 0.6
    clicked = tagged & (which < 2)
    hexes = pd.Series([f"{value:016x}" for value in rng.integers(0, 2**63, 2 * n)])
    c, k = campaign.astype(str), keyword.astype(str)
    page = pd.Series("https://www.acme.com/p/" + (rng.integers(0, 500, n)).astype(str).astype(object))
    tags = pd.Series(
        "?utm_source=" + _SOURCES[which].astype(object) + "&utm_medium=" + _MEDIUMS[which].astype(object)
        + "&utm_campaign=campaign+" + c.astype(object) + "&utm_term=keyword+" + k.astype(object)
    )  # fmt: skip
    click = pd.Series(np.where(clicked, "&gclid=" + hexes[:n].to_numpy(object), ""))
    url = page + pd.Series(np.where(tagged, (tags + click).to_numpy(object), ""))
    times = pd.Series(pd.to_datetime(at, unit="s", utc=True, origin=START.replace(tzinfo=None)))
    return pd.DataFrame(
        {
            "touch_id": hexes[:n].str.cat(hexes[n:].reset_index(drop=True)),
            "visitor_id": "v-" + pd.Series(person).astype(str),
            "at": times.dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "kind": "session",
            "url": url,
            "referrer": _REFERRERS[np.where(tagged, which, rng.integers(0, len(_REFERRERS), n))],
            "page_views": rng.integers(1, 12, n),
        }
    )


def _deals(folder: Path, rng: np.random.Generator, deals: int, person: np.ndarray, at: np.ndarray) -> None:
    last = np.zeros(deals, np.int64)
    mine = person < deals
    np.maximum.at(last, person[mine], at[mine])
    created = last + rng.integers(0, 86_400, deals)
    closed = created + rng.integers(86_400, 60 * 86_400, deals)

    def text(seconds: np.ndarray) -> pd.Series:
        times = pd.Series(pd.to_datetime(seconds, unit="s", utc=True, origin=START.replace(tzinfo=None)))
        return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")

    ids = pd.Series(np.arange(deals)).astype(str)
    pd.DataFrame(
        {
            "lead_id": "L-" + ids, "created_at": text(created), "visitor_id": "v-" + ids,
            "email": "person" + ids + "@company" + (pd.Series(np.arange(deals)) % 9000).astype(str) + ".com",
        }
    ).to_csv(folder / "leads.csv", index=False)  # fmt: skip
    pounds, pennies = rng.integers(100, 50_000, deals), pd.Series(rng.integers(10, 99, deals))
    pd.DataFrame(
        {
            "deal_id": "D-" + ids, "status": "won", "created_at": text(created), "closed_at": text(closed),
            "amount": pd.Series(pounds).astype(str) + "." + pennies.astype(str),
            "currency": "GBP", "lead_id": "L-" + ids,
        }
    ).to_csv(folder / "deals.csv", index=False)  # fmt: skip


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
