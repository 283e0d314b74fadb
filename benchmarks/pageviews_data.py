"""Page views of any number as Parquet, for timing: `python -m benchmarks.pageviews_data FILE VIEWS`.

Seeded and made in columns. Seven visitors in ten come once; of sessions, one in eight comes by a click of
its own with a click id, one in four by a tagged link, one in four from a search engine or another site, the
rest directly; every hundredth view comes back from a payment provider. Rows are in order of time, as an
export writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Ints = npt.NDArray[np.int64]

VIEWS_A_VISITOR = 10 / 1.5
SESSIONS_A_VISITOR = 2
_START, _DAYS = 1_735_689_600, 365  # 2025-01-01 UTC
_SITE = "https://www.acme.com"
_REFERRERS = (
    "https://www.google.com/", "https://www.bing.com/", "https://chatgpt.com/", "https://t.co/",
    "https://partner.example/blog", "https://www.linkedin.com/", "https://news.example.org/",
)  # fmt: skip
_PAYMENT = "https://checkout.stripe.com/c/pay"


def make(path: Path, views: int, seed: int = 1) -> int:
    """Write page views; returns how many sessions they were made as."""
    rng = np.random.default_rng(seed)
    visitors = max(1, round(views / VIEWS_A_VISITOR))
    sessions = visitors * SESSIONS_A_VISITOR
    whose = np.concatenate([np.arange(visitors), _returning(rng, visitors, sessions - visitors)])
    begin = np.sort(rng.integers(0, _DAYS * 86_400, sessions)) + _START
    rng.shuffle(whose)
    session = np.sort(np.concatenate([np.arange(sessions), rng.integers(0, sessions, views - sessions)]))
    first = np.flatnonzero(np.diff(session, prepend=-1))
    place = np.arange(views) - np.repeat(first, np.diff(np.append(first, views)))
    at = begin[session] + place * 40 + rng.integers(0, 40, views)
    order = np.argsort(at, kind="stable")
    session, place, at = session[order], place[order], at[order]
    way = rng.choice(4, sessions, p=(0.125, 0.25, 0.25, 0.375))[session]
    table = pa.table(
        {
            "visitor_id": _visitor_ids(whose[session]),
            "at": pa.array(at * 1_000_000 + rng.integers(0, 1_000_000, views)).cast(
                pa.timestamp("us", "UTC")
            ),
            "url": _urls(rng, session, place, way),
            "referrer": _referrers(rng, place, way),
            "user_agent": _agent_column(rng, whose[session]),
        }
    )
    pq.write_table(table, path)
    return sessions


def _returning(rng: np.random.Generator, visitors: int, visits: int) -> Ints:
    """Draw who comes again: three in ten, some of them often."""
    again = max(1, visitors * 3 // 10)
    found: Ints = (rng.beta(0.7, 2, visits) * again).astype(np.int64)
    return found


def _visitor_ids(whose: Ints) -> pa.Array:
    scattered = (whose * 2_654_435_761) % 2**32
    numbers = pa.array(scattered + 10**9).cast(pa.string())
    return pc.binary_join_element_wise(numbers, pa.array(whose % 1_000_000 + _START).cast(pa.string()), ".")


def _urls(rng: np.random.Generator, session: Ints, place: Ints, way: Ints) -> pa.Array:
    pages = pa.array([f"{_SITE}/p/{i}" for i in range(2_000)])
    page = pages.take(pa.array((rng.beta(0.5, 3, len(place)) * 2_000).astype(np.int64)))
    links = pa.array(
        [
            f"?utm_source={'google' if c % 3 else 'linkedin'}&utm_medium={'cpc' if c % 3 else 'paid-social'}"
            f"&utm_campaign=campaign+{c}&utm_term=keyword+{k}"
            for c in range(100)
            for k in range(30)
        ]
    )
    tagged = (place == 0) & (way < 2)
    link = links.take(pa.array(np.where(tagged, session % len(links), 0)))
    clicked = (place == 0) & (way == 0)
    click = pc.binary_join_element_wise(
        "&gclid=EAIaIQobChMI", pa.array(session * 7_919 + 10**9).cast(pa.string()), ""
    )
    tail = pc.if_else(pa.array(tagged), link, "")
    tail = pc.binary_join_element_wise(tail, pc.if_else(pa.array(clicked), click, ""), "")
    return pc.binary_join_element_wise(page, tail, "")


def _referrers(rng: np.random.Generator, place: Ints, way: Ints) -> pa.Array:
    others = pa.array([*_REFERRERS, _PAYMENT, *(f"{_SITE}/p/{i}" for i in range(2_000))])
    n = len(place)
    inner = rng.integers(len(_REFERRERS) + 1, len(others), n)
    inner[rng.random(n) < 0.01] = len(_REFERRERS)
    outer = np.where(way == 0, 0, rng.integers(0, len(_REFERRERS), n))
    found = others.take(pa.array(np.where(place == 0, outer, inner)))
    return pc.if_else(pa.array((place == 0) & (way == 3)), pa.scalar(None, pa.string()), found)


def _agent_column(rng: np.random.Generator, whose: Ints) -> pa.Array:
    agents = [
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{build}.0"
        for system in (
            "Windows NT 10.0; Win64; x64",
            "Macintosh; Intel Mac OS X 10_15_7",
            "X11; Linux x86_64",
        )
        for major in range(100, 140)
        for build in range(20)
    ]
    agents[0] = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    return pa.array(agents).take(pa.array((whose * 31) % len(agents)))


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), int(sys.argv[2])))
