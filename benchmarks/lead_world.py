"""A made-up company whose leads are won by a known law: by channel, by stage, and by how long they wait.

A lead becomes a marketing qualified one with its channel's chance, after some days; then a deal, after more
days; which is decided after still more, and won with its channel's chance. All waits are exponential, so that
what a lead is worth depends on its channel, its stage and its age alone. Many of the others are disqualified.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from attribution.engine import Store

CHANNELS: Final = ("Email", "Paid Search", "Referral")
QUALIFIED: Final = np.array([0.3, 0.5, 0.7])
WON: Final = np.array([0.25, 0.4, 0.7])
AMOUNT: Final = np.array([100.0, 200.0, 400.0])
SPREAD: Final = 0.5  # of the logarithm of an amount
TO_MQL, TO_DEAL, TO_CLOSE, TO_GO = 10.0, 15.0, 25.0, 40.0
GONE: Final = 0.8  # of those never qualified
START: Final = pd.Timestamp("2023-01-01", tz="UTC")
Floats = np.ndarray[Any, np.dtype[np.float64]]


def world(
    n_leads: int, days: int, seed: int, *, stray: float | None = None, hope: float = 1.0
) -> pd.DataFrame:
    """Return leads with what becomes of them: days since START, infinite where it never happens.

    Args:
        n_leads, days, seed: how many, over how long, and which ones.
        stray: open deals tell an amount (`quoted`), off by so much (the standard deviation of its logarithm).
        hope: it is so many times too high.
    """
    rng = np.random.default_rng(seed)
    channel = rng.integers(0, 3, n_leads)
    created = np.sort(rng.uniform(0, days, n_leads))
    qualified = rng.random(n_leads) < QUALIFIED[channel]
    mql = np.where(qualified, created + rng.exponential(TO_MQL, n_leads), np.inf)
    began = mql + rng.exponential(TO_DEAL, n_leads)
    closed = began + rng.exponential(TO_CLOSE, n_leads)
    gone = ~qualified & (rng.random(n_leads) < GONE)
    made = pd.DataFrame(
        {
            "lead_id": [f"L-{number:05d}" for number in range(n_leads)],
            "channel": channel,
            "created": created,
            "mql": mql,
            "began": began,
            "closed": closed,
            "won": rng.random(n_leads) < WON[channel],
            "gone": np.where(gone, created + rng.exponential(TO_GO, n_leads), np.inf),
            "amount": np.rint(AMOUNT[channel] * np.exp(rng.normal(-(SPREAD**2) / 2, SPREAD, n_leads))),
        }
    )
    if stray is None:
        return made
    off = np.exp(np.random.default_rng(seed + 1).normal(-(stray**2) / 2, stray, n_leads))
    return made.assign(quoted=(made["amount"] * off * hope).round(2), stray=stray, hope=hope)


def tables(made: pd.DataFrame, until: float) -> dict[str, pd.DataFrame]:
    """Write what is known after so many days as canonical tables."""
    made = made[made["created"] <= until]

    def at(days: pd.Series[float]) -> list[str]:
        known = [day if day <= until else None for day in days.tolist()]
        return [
            "" if day is None else (START + pd.Timedelta(days=day)).isoformat(timespec="microseconds")
            for day in known
        ]

    visitor = "v" + made["lead_id"]
    leads = pd.DataFrame(
        {
            "lead_id": made["lead_id"], "created_at": at(made["created"]), "visitor_id": visitor,
            "mql_at": at(made["mql"]), "disqualified_at": at(made["gone"]),
        }
    )  # fmt: skip
    touches = pd.DataFrame(
        {
            "touch_id": "t" + made["lead_id"], "visitor_id": visitor, "at": at(made["created"]),
            "channel": [CHANNELS[code] for code in made["channel"].tolist()],
        }
    )  # fmt: skip
    begun = made[made["began"] <= until]
    decided = (begun["closed"] <= until).to_numpy(bool)
    won = begun["won"].to_numpy(bool)
    amount = np.where(decided & won, begun["amount"].map("{:.2f}".format), "")
    if "quoted" in begun:
        amount = np.where(decided, amount, begun["quoted"].map("{:.2f}".format))
    deals = pd.DataFrame(
        {
            "deal_id": "D" + begun["lead_id"],
            "status": np.where(decided, np.where(won, "won", "lost"), "open"),
            "created_at": at(begun["began"]),
            "closed_at": at(begun["closed"]),
            "amount": amount,
            "currency": np.where(amount == "", "", "GBP"),
            "lead_id": begun["lead_id"],
        }
    )
    return {"leads": leads, "touches": touches, "deals": deals}


def fill(store: Store, made: pd.DataFrame, until: float, folder: Path, order: tuple[str, ...] = ()) -> None:
    """Import what is known after so many days, and run it."""
    found = tables(made, until)
    store.config_set("reporting_currency", "GBP")
    for name in order or tuple(found):
        path = folder / f"{name}.csv"
        found[name].to_csv(path, index=False)
        answer = store.import_table(name, path)
        assert answer.totals["rejected"] == 0, answer.warnings
    store.run(models=["last_touch"], goals=["revenue", "leads"])


def worth(made: pd.DataFrame, now: float, ahead: float, futures: int = 2000) -> pd.DataFrame:
    """Return the leads open after so many days, what each is worth and what each brings within some more.

    Worth is what is truly expected of it; a `quoted` amount of a deal that is open is known.
    """
    there = (made["created"] <= now) & (made["gone"] > now) & ~(made["closed"] <= now)
    made = made[there]
    channel = made["channel"].to_numpy()
    n = len(made)
    age = now - made["created"].to_numpy()
    stage = (made["mql"] <= now).to_numpy().astype(int) + (made["began"] <= now).to_numpy()
    # a lead that waits longer is ever less one that will qualify
    will = QUALIFIED[channel] * np.exp(-age / TO_MQL)
    wont = (1 - QUALIFIED[channel]) * (1 - GONE + GONE * np.exp(-age / TO_GO))
    chance = np.where(stage == 0, will / (will + wont), 1.0)
    rng = np.random.default_rng(1)
    within = np.zeros(n)
    for _ in range(futures):
        wait = rng.exponential(TO_CLOSE, n)
        wait += np.where(stage < 2, rng.exponential(TO_DEAL, n), 0)
        wait += np.where(stage < 1, rng.exponential(TO_MQL, n), 0)
        within += wait <= ahead
    value = chance * within / futures * WON[channel] * np.where(stage == 2, _mean(made), AMOUNT[channel])
    soon = (made["closed"] <= now + ahead) & made["won"]
    return pd.DataFrame(
        {
            "lead_id": made["lead_id"], "stage": stage, "channel": channel, "worth": value,
            "brought": np.where(soon, made["amount"], 0.0),
        }
    )  # fmt: skip


def _mean(made: pd.DataFrame) -> Floats:
    """Return the mean amount of deals, of those that tell one given that: both are lognormal."""
    mean = AMOUNT[made["channel"].to_numpy()]
    if "quoted" not in made:
        return mean
    of_law, of_told = SPREAD**2, made["stray"].to_numpy() ** 2
    told = np.log(made["quoted"].to_numpy() / made["hope"].to_numpy()) + of_told / 2
    part = of_law / (of_law + of_told)
    middle = (1 - part) * (np.log(mean) - of_law / 2) + part * told
    return np.asarray(np.exp(middle + (1 - part) * of_law / 2))
