"""Conversions: what there is to credit, computed from deals, leads, adjustments and rates.

A conversion keeps its row (and its number) when it stops being one: a deal that leaves `won` stays, inactive
and worth 0, so that its entries have something to add up to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sqlalchemy import Column, Connection, Select, and_, delete, func, literal, null, select

from attribution.errors import InputError
from attribution.ledger.rates import Rates, days_in_zone
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, next_id, read_frame, temporary
from attribution.store.settings import Settings

KINDS = ("won", "created", "lead", "mql", "sqo")
_KEPT = ("at", "active", "currency", "value_minor", "reporting_minor")
_FEW = 2_000  # up to here adjustments are looked up by deal, beyond by reading all of them

adjustment, conversion, deal, lead = schema.adjustment, schema.conversion, schema.deal, schema.lead


@dataclass(frozen=True)
class Conversions:
    """Conversions of one kind, and the steps in which each one's value came about.

    Step 0 of a conversion is its value at `at`; each adjustment adds a step, in order of time. The values of
    a step are what the conversion is worth from then on; amounts that lack a rate have `has_rate` false.
    """

    ids: Ints  # int64[C]
    objects: Ints
    at: Ints
    active: npt.NDArray[np.bool_]
    frozen: npt.NDArray[np.bool_]  # whose journey and split stand, whatever becomes known
    value_minor: Ints  # net of all adjustments
    reporting_minor: Ints  # 0 where there is no rate
    has_rate: npt.NDArray[np.bool_]
    step_of: Ints  # int64[S], index of the conversion
    step_rank: Ints  # 0, 1, ... within the conversion
    step_at: Ints
    step_value_minor: Ints
    step_reporting_minor: Ints

    def __len__(self) -> int:
        return len(self.ids)


def refresh(connection: Connection, settings: Settings, kind: str, objects: Ints | None) -> Conversions:
    """Compute conversions anew and keep their rows up to date.

    Args:
        connection: the writer's.
        settings: the store's; the reporting currency must be known by now.
        kind: one of KINDS.
        objects: deal or lead numbers, or None for all.
    """
    frame = _read(connection, kind, objects)
    steps = _steps(connection, kind, frame)
    steps["reporting_minor"], steps["has_rate"] = _convert(connection, settings, frame, steps)
    ids = _keep_rows(connection, kind, frame, steps)
    last = steps.drop_duplicates("conversion", keep="last")
    return Conversions(
        ids=ids,
        objects=frame["object_id"].to_numpy(np.int64),
        at=frame["at"].to_numpy(np.int64),
        active=frame["active"].to_numpy(np.bool_),
        frozen=frame["frozen"].to_numpy(np.bool_),
        value_minor=last["value_minor"].to_numpy(np.int64),
        reporting_minor=last["reporting_minor"].to_numpy(np.int64),
        has_rate=last["has_rate"].to_numpy(np.bool_),
        step_of=steps["conversion"].to_numpy(np.int64),
        step_rank=np.asarray(steps.groupby("conversion").cumcount(), np.int64),
        step_at=steps["at"].to_numpy(np.int64),
        step_value_minor=steps["value_minor"].to_numpy(np.int64),
        step_reporting_minor=steps["reporting_minor"].to_numpy(np.int64),
    )


def reporting_currency(connection: Connection, settings: Settings) -> str | None:
    """Return the reporting currency, fixing it at the first run that has money to report.

    Raises:
        InputError: several currencies are in use and none was chosen.
    """
    name = settings.get("reporting_currency")
    if name is not None:
        return name
    codes: Counter[str] = Counter()
    for table in (deal, schema.spend):
        counted = select(table.c.currency, func.count()).where(table.c.currency.is_not(None))
        for code, rows in connection.execute(counted.group_by(table.c.currency)):
            codes[code] += rows
    ranked = sorted(codes, key=lambda code: (-codes[code], code))
    if len(codes) > 1:
        raise InputError(
            f"deals and spend are in several currencies ({', '.join(ranked)}); import `rates` of all "
            f"but one, and choose that one with: attribution config set reporting_currency {ranked[0]}"
        )
    for code in ranked:
        settings.set("reporting_currency", code)
    return next(iter(ranked), None)


def _read(connection: Connection, kind: str, objects: Ints | None) -> pd.DataFrame:
    """Read what is, or once was, a conversion: object_id, key, at, active, currency, amount_minor."""
    statement, number = _candidates(kind)
    if objects is None:
        frame = read_frame(connection, statement)
    else:
        with temporary(connection, wanted=as_set(objects)) as wanted:
            frame = read_frame(connection, statement.where(number.in_(select(wanted.c.wanted))))
    known = _known(connection, kind, objects)
    frame = frame.merge(known, on="object_id", how="left")
    is_one = frame["active"].astype(bool)
    frame = frame[is_one | frame["conversion_id"].notna()].reset_index(drop=True)
    is_one = frame["active"].astype(bool)
    # one that was a conversion and is none now keeps its time and currency, and is worth nothing
    for name in ("at", "currency"):
        frame[name] = frame[name].astype(object).where(is_one, frame[f"{name}_known"])
    frame["amount_minor"] = frame["amount_minor"].astype(object).where(is_one, 0).fillna(0)
    frame["active"] = is_one
    frame["frozen"] = frame["frozen"] == 1
    return frame


def _candidates(kind: str) -> tuple[Select[Any], Column[Any]]:
    if kind in ("won", "created"):
        at = deal.c.closed_at if kind == "won" else deal.c.created_at_end
        active = deal.c.status == "won"
        if kind == "created":
            active = and_(deal.c.created_at_end.is_not(None), deal.c.status != "deleted")
        return select(
            deal.c.deal_id.label("object_id"), deal.c.key, at.label("at"), active.label("active"),
            deal.c.currency, deal.c.amount_minor,
        ), deal.c.deal_id  # fmt: skip
    at = {"lead": lead.c.created_at_end, "mql": lead.c.mql_at, "sqo": lead.c.sqo_at}[kind]
    return select(
        lead.c.lead_id.label("object_id"), lead.c.key, at.label("at"), at.is_not(None).label("active"),
        null().label("currency"), literal(0).label("amount_minor"),
    ), lead.c.lead_id  # fmt: skip


def _known(connection: Connection, kind: str, objects: Ints | None) -> pd.DataFrame:
    """Read the rows as they are stored; what may change is called `..._known`."""
    statement = select(
        conversion.c.conversion_id,
        conversion.c.object_id,
        conversion.c.frozen,
        *(conversion.c[name].label(f"{name}_known") for name in _KEPT),
    ).where(conversion.c.kind == kind)
    if objects is None:
        return read_frame(connection, statement)
    with temporary(connection, wanted=as_set(objects)) as wanted:
        return read_frame(connection, statement.where(conversion.c.object_id.in_(select(wanted.c.wanted))))


def _steps(connection: Connection, kind: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the values that each conversion went through: conversion (index), at, value_minor."""
    base = pd.DataFrame(
        {
            "conversion": np.arange(len(frame)),
            "at": frame["at"].to_numpy(np.int64),
            "value_minor": frame["amount_minor"].to_numpy(np.int64),
        }
    )
    if kind != "won" or frame.empty:
        return base
    statement = select(
        adjustment.c.deal_key,
        adjustment.c.at,
        adjustment.c.amount_minor,
        adjustment.c.currency,
        adjustment.c.key,
    )
    if len(frame) <= _FEW:
        statement = statement.where(adjustment.c.deal_key.in_(frame["key"].tolist()))
    adjusted = read_frame(connection, statement)
    if adjusted.empty:
        return base
    won = pd.DataFrame(
        {
            "deal_key": frame["key"], "currency": frame["currency"], "closed_at": base["at"],
            "conversion": base["conversion"],
        }
    )[frame["active"].to_numpy()]  # fmt: skip
    # an adjustment in another currency than its deal's cannot be added up; doctor names it
    changes = adjusted.merge(won, on=["deal_key", "currency"])
    # what happened before the deal closed is part of what it closed at
    changes["at"] = np.maximum(changes["at"].to_numpy(np.int64), changes["closed_at"].to_numpy(np.int64))
    changes = changes.sort_values(["at", "key"])[["conversion", "at", "amount_minor"]]
    changes = changes.rename(columns={"amount_minor": "value_minor"})
    steps = pd.concat([base, changes]).sort_values("conversion", kind="stable").reset_index(drop=True)
    steps["value_minor"] = steps.groupby("conversion")["value_minor"].cumsum().astype(np.int64)
    return steps


def _convert(
    connection: Connection, settings: Settings, frame: pd.DataFrame, steps: pd.DataFrame
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Convert every step at the rate of the conversion's own day."""
    into = settings.get("reporting_currency")
    reporting = np.zeros(len(steps), np.int64)
    has_rate = np.ones(len(steps), np.bool_)
    if into is None:
        return reporting, has_rate
    of = steps["conversion"].to_numpy()
    values = steps["value_minor"].to_numpy(np.int64)
    currencies = frame["currency"].astype(object).to_numpy()[of]
    days = days_in_zone(frame["at"].to_numpy(np.int64), settings.require("timezone"))[of]
    # a deal that was created without an amount has no currency, and is worth 0 in any
    for code in pd.unique(currencies[~pd.isna(currencies)]):
        rows = np.flatnonzero(currencies == code)
        reporting[rows], has_rate[rows] = Rates(connection, code, into).convert(values[rows], days[rows])
    return reporting, has_rate


def _keep_rows(connection: Connection, kind: str, frame: pd.DataFrame, steps: pd.DataFrame) -> Ints:
    """Insert new conversions and replace those that changed; returns the number of each."""
    last = steps.drop_duplicates("conversion", keep="last").reset_index(drop=True)
    reporting = last["reporting_minor"].astype(object).where(last["has_rate"], None)
    now = pd.DataFrame(
        {
            "at": frame["at"], "active": frame["active"].astype(np.int64), "currency": frame["currency"],
            "value_minor": last["value_minor"], "reporting_minor": reporting,
        }
    )  # fmt: skip
    known = frame["conversion_id"].notna().to_numpy()
    changed = np.zeros(len(frame), np.bool_)
    for name in _KEPT:
        mine, theirs = now[name].astype(object), frame[f"{name}_known"].astype(object)
        changed |= ~((mine == theirs) | (mine.isna() & theirs.isna())).to_numpy()
    ids = np.array(frame["conversion_id"].fillna(0), np.int64)
    if not known.all():
        ids[~known] = np.arange(int((~known).sum())) + next_id(connection, conversion.c.conversion_id)
    if (known & changed).any():
        with temporary(connection, wanted=ids[known & changed]) as gone:
            connection.execute(
                delete(conversion).where(conversion.c.conversion_id.in_(select(gone.c.wanted)))
            )
    write = ~known | changed
    insert_columns(
        connection,
        conversion,
        {
            "conversion_id": ids[write],
            "kind": kind,
            "object_id": frame["object_id"].to_numpy(np.int64)[write],
            "key": frame["key"][write].tolist(),
            "frozen": pa.array(
                np.ones(int(write.sum()), np.int64), mask=~frame["frozen"].to_numpy(bool)[write]
            ),
            **{name: now[name].to_numpy(np.int64)[write] for name in ("at", "active", "value_minor")},
            "currency": _plain(now["currency"][write]),
            "reporting_minor": _plain(now["reporting_minor"][write]),
        },
    )
    return ids


def _plain(values: pd.Series) -> list[object]:
    return [None if value is None or value != value else value for value in values.tolist()]
