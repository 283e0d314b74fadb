"""Checks of spend that came twice: the same campaign and day in exports with other columns."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import select

from attribution.channels.names import LEVELS
from attribution.metrics.findings import Finding, Look, listed
from attribution.metrics.spend import IDS, Reports
from attribution.store.columns import read_ints
from attribution.store.schema import spend

_ONE_KIND: Final = "stay with one kind of report for each platform"
_SAYS: Final = (*LEVELS, "network", *IDS)


def spend_twice(look: Look) -> list[Finding]:
    """Name campaigns of which two imports told the same day and level in other columns.

    Other ids, networks or names above the level say the same money in another way, which counts once. Rows
    that say a source, medium or channel of their own may be of other money: they are added up.
    """
    statement = select(spend.c.day, spend.c.origin_id, spend.c.batch_id).where(spend.c.kind == "media")
    rows = pd.DataFrame(read_ints(look.connection, statement, ("day", "origin_id", "batch")))
    origins = Reports(look.connection).origins
    said = origins[list(_SAYS)].to_numpy(np.int64) != 0
    depth = np.max((said[:, : len(LEVELS)] * np.arange(1, len(LEVELS) + 1)), axis=1, initial=0)
    at = np.searchsorted(origins["origin_id"].to_numpy(np.int64), rows["origin_id"])
    told = rows.assign(
        depth=depth[at],
        columns=(said << np.arange(len(_SAYS))).sum(axis=1)[at],
        own=origins["own"].to_numpy(np.int64)[at],
        **{name: origins[name].to_numpy(np.int64)[at] for name in ("partition", "campaign", *_SAYS[1:])},
    )[(origins["is_platform"].to_numpy(bool) & (depth > 0))[at]]
    campaign = ["day", "partition", "campaign", "depth"]
    once = _differing(told, campaign, "columns")
    added = _differing(told, [*campaign, *_SAYS[1:]], "own")
    return [
        *_found(
            origins, added, "warning",
            "campaigns of which a day came in two imports, one of them with a source, medium or channel of "
            "its own, and is added up",
            f"if it is the same money, import one of the files again with a cost of 0, and {_ONE_KIND}",
        ),
        *_found(
            origins, once, "notice",
            "campaigns of which a day came in exports with other columns and counts once", _ONE_KIND,
        ),
    ]  # fmt: skip


def _differing(told: pd.DataFrame, same: list[str], other: str) -> pd.DataFrame:
    """Return rows that agree in `same` and not in `other`, where each way came with an import of its own."""
    ways = told.groupby([*same, other], as_index=False)["batch"].min()
    imports = ways.groupby(same, as_index=False)["batch"].nunique()
    found: pd.DataFrame = imports[imports["batch"] > 1].merge(told.drop(columns="batch"), on=same)
    return found


def _found(origins: pd.DataFrame, rows: pd.DataFrame, severity: str, what: str, hint: str) -> list[Finding]:
    if rows.empty:
        return []
    first = rows.groupby(["partition", "campaign"], as_index=False)["day"].min()
    names = origins[origins["called"].notna()].groupby(["partition", "campaign"])[["called", "whose"]].min()
    shown = first.join(names, on=["partition", "campaign"]).sort_values(["day", "called", "whose"])
    texts = [
        f"{called if isinstance(called, str) else 'a campaign without a name'} on {day} ({whose})"
        for called, day, whose in zip(
            shown["called"], shown["day"].to_numpy().astype("datetime64[D]"), shown["whose"], strict=True
        )
    ]
    return [Finding(severity, len(first), f"{what}: {listed(texts)}", hint)]
