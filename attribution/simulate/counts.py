"""Step eight: what tools count without knowing anybody: mailings, posts, and the rates of exchange."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.simulate.catalogue import NURTURE, SLOTS
from attribution.simulate.columns import Ints, days_text, frame, texts
from attribution.simulate.world import DAY, World

# likes, comments, shares and clicks of one weekly post, for a company of the bundled size
_POSTS: Final = {"linkedin": (37, 6, 5, 13), "facebook": (10, 2, 2, 3), "reddit": (7, 1, 1, 4)}


def email_table(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Write the mailings: the newsletter every other Tuesday, the nurture mails every Tuesday."""
    first = world.start_second // DAY
    tuesday = first + (5 - first) % 7 + 7 * np.arange(world.days // 7 + 1)  # day 5 was a Tuesday
    tuesday = tuesday[tuesday < first + world.days]
    month = (tuesday * DAY).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    list_size = np.rint((1000 + np.cumsum(rng.integers(5, 30, len(tuesday)))) * world.size).astype(np.int64)
    frames = []
    for name in [SLOTS[number].campaign for number in NURTURE]:
        sent = rng.poisson(np.maximum(1, list_size * 0.117))
        frames.append(
            _mailing(rng, tuesday, texts([name] * len(tuesday)), sent, list_size, (0.34, 0.04, 0.012))
        )
    even = np.arange(0, len(tuesday), 2)
    names = texts([f"newsletter-q{quarter + 1}" for quarter in (month[even] // 3).tolist()])
    sent = np.rint(list_size[even] * 0.985).astype(np.int64)
    frames.append(_mailing(rng, tuesday[even], names, sent, list_size[even], (0.34, 0.026, 0.014)))
    return pd.concat(frames, ignore_index=True).sort_values(["date", "campaign"], ignore_index=True)


def _mailing(
    rng: np.random.Generator,
    day: Ints,
    names: object,
    sent: Ints,
    list_size: Ints,
    shares: tuple[float, float, float],
) -> pd.DataFrame:
    delivered = rng.binomial(sent, 0.975)
    opened, clicked, joined = shares
    counts = {
        "sent": sent,
        "delivered": delivered,
        "opens": rng.binomial(delivered, opened),
        "clicks": rng.binomial(delivered, clicked),
        "forwards": rng.binomial(delivered, 0.006),
        "subscribes": rng.binomial(delivered, joined),
        "unsubscribes": rng.binomial(delivered, 0.003),
        "list_size": list_size,
    }
    written = {name: texts(values.astype(str).tolist()) for name, values in counts.items()}
    return frame({"date": texts(days_text(day * DAY)), "campaign": names, **written})


def social_table(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Write the reactions to one post a week on each network."""
    day = world.start_second // DAY + np.arange(0, world.days, 7)
    frames = []
    for source, means in _POSTS.items():
        counts = [texts(rng.poisson(mean * world.size, len(day)).astype(str).tolist()) for mean in means]
        columns = dict(zip(("likes", "comments", "shares", "clicks"), counts, strict=True))
        head = {"date": texts(days_text(day * DAY)), "source": source, "campaign": "always-on"}
        frames.append(frame({**head, **columns}))
    return pd.concat(frames, ignore_index=True).sort_values("date", kind="stable", ignore_index=True)


def rate_table(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Write the second currency's rate on working days, from a week before the start."""
    day = world.start_second // DAY + np.arange(-7, world.days)
    day = day[(day + 3) % 7 < 5]
    wander = np.zeros(len(day))
    for number, step in enumerate(rng.normal(0, 0.0016, len(day))[1:], start=1):
        wander[number] = wander[number - 1] * 0.97 + step  # it comes back to the world's own rate
    rates = [f"{rate:.5f}" for rate in (float(world.second_rate) * (1 + wander)).tolist()]
    head = {"date": texts(days_text(day * DAY)), "currency": world.second_currency}
    return frame({**head, "rate": texts(rates)})
