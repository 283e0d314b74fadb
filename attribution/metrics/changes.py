"""`changes`: what moved in the ledger since a moment, and why.

First postings are told in one line a run; everything posted after them (a refund, a late touch, people who
changed, a changed deal, new rules) has its own line for each conversion and model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, Connection, Select, case, cast, func, select

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.labels import UNATTRIBUTED
from attribution.ledger.reasons import CLOSED, REASONS
from attribution.metrics.answer import Answer, Row
from attribution.money import money_text
from attribution.store.columns import read_ints
from attribution.store.database import Database
from attribution.store.schema import conversion, credit_set, entry, journey_set, placement, run
from attribution.store.settings import GOALS, Settings

OTHER: Final = "(other)"
_MILLION: Final = 1_000_000
_GOALS: Final = {"won": "revenue", "created": "pipeline", "lead": "leads", "mql": "mql", "sqo": "sqo"}
_MONEY: Final = ("won", "created")  # kinds of conversion that hold money
_SUMS: Final = ("share", "value", "moved", "share_moved")
_KEYS: Final = ["run_id", "credit_set_id", "conversion_id", "reason"]
_COLUMNS: Final = {
    "posted_at": "time",
    "goal": "text",
    "key": "text",
    "model": "text",
    "reason": "text",
    "conversions": "count",
    "value": "money",
    "moved": "money",
    "share_moved": "count",
    "gained": "text",
    "lost": "text",
}


def changes(
    db: Database, since: str, *, model: str | None = None, goal: str | None = None, limit: int = 100
) -> Answer:
    """Return what has been posted since a moment.

    Args:
        db: the store.
        since: a time, a date (its first moment, in the reporting timezone) or a duration such as `7d`.
        model: the label of one model; all by default.
        goal: one goal; all by default.
        limit: how many lines to show after first postings, the largest first chosen; the rest are one line.

    Returns:
        rows `posted_at goal key model reason conversions value moved share_moved gained lost`: `value` is
        what the conversion's total changed by, `moved` what went from one touch to another, `share_moved`
        the same in conversions. Every model posts its own entries, so totals count each model once.

    Raises:
        InputError: `since` is no moment, or the limit is not positive.
        UnknownNameError: no such goal.
    """
    if goal is not None and goal not in GOALS:
        raise UnknownNameError("goal", goal, GOALS)
    if limit < 1:
        raise InputError(f"a limit of {limit} lines was asked for; allowed are 1 and more")
    with db.read() as connection:
        settings = Settings(connection)
        start = parse_since(since, settings.require("timezone"))
        currency = settings.get("reporting_currency")
        found = _Posted(connection, settings, start, model, GOALS[goal].kind if goal else None)
        rows = [*found.closed_rows(currency), *found.moved_rows(currency, limit)]
        rows.sort(key=lambda row: (row["key"] == OTHER, row["posted_at"]))  # stable: the rest is in order
        return Answer(
            verb="changes",
            store=db.label,
            as_of=clock.iso(clock.now_micros()),
            currency=currency,
            model=model,
            goal=goal,
            rows=rows,
            totals=found.totals(currency),
            warnings=found.warnings,
            columns=dict(_COLUMNS),
            title=f"Posted since {clock.iso(start)}",
        )


def parse_since(text: str, zone: str) -> int:
    """Read a moment: ISO 8601, a date, or a duration before now; returns microseconds.

    Raises:
        InputError: none of these.

    >>> parse_since("1970-01-02", "UTC") == clock.DAY
    True
    """
    text = text.strip()
    if re.fullmatch(r"[\d.]+\s*[smhdwSMHDW]", text):
        return clock.now_micros() - clock.parse_duration(text)
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return clock.day_bounds(date.fromisoformat(text), zone)[0]
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--since {text!r} is not a moment; allowed are a date such as 2025-03-01, a time such as "
            "2025-03-01T09:00:00Z, or a duration such as 7d"
        ) from None
    return clock.to_micros(moment if moment.tzinfo else moment.replace(tzinfo=clock.zone(zone)))


class _Posted:
    """The entries of some runs, added up per run, credit set, conversion and reason."""

    def __init__(
        self, connection: Connection, settings: Settings, start: int, model: str | None, kind: str | None
    ) -> None:
        self.connection = connection
        self.warnings: list[str] = []
        runs = connection.execute(select(run.c.run_id, run.c.posted_at).where(run.c.posted_at >= start))
        self.posted_at = {int(number): int(at) for number, at in runs}
        self.sets = _credit_sets(connection, settings, model, kind)
        self.closed = self._closed()
        self.lines, self.parts = self._moved()
        if not self.posted_at:
            self.warnings.append(f"nothing has been posted since {clock.iso(start)}")

    def closed_rows(self, currency: str | None) -> list[Row]:
        """Return one row for each run and credit set that posted conversions for the first time."""
        rows = []
        for line in self.closed.to_dict("records"):
            kind, label = self.sets[line["credit_set_id"]]
            head = {
                "posted_at": clock.iso(self.posted_at[line["run_id"]]),
                "goal": _GOALS[kind],
                "key": _things(line["conversions"], kind),
                "model": label,
                "reason": REASONS[CLOSED],
            }
            rows.append(head | _sums(line, currency) | {"gained": "", "lost": ""})
        return rows

    def moved_rows(self, currency: str | None, limit: int) -> list[Row]:
        """Return the largest later changes, each with the channels that gained and lost, and the rest."""
        size = self.lines["value"].abs() + self.lines["moved"]
        order = np.lexsort((np.arange(len(size)), -self.lines["share_moved"], -size))
        top = self.lines.iloc[np.sort(order[:limit])]
        rest = self.lines.iloc[np.sort(order[limit:])]
        keys = self._keys(top["conversion_id"].tolist())
        channels = _channels(self.connection)
        parts = dict(iter(self.parts[self.parts["line"].isin(top.index)].groupby("line")))
        rows = []
        for number, line in zip(top.index, top.to_dict("records"), strict=True):
            kind, label = self.sets[line["credit_set_id"]]
            gained, lost = _gains(parts[number], channels, currency if kind in _MONEY else None)
            head = {
                "posted_at": clock.iso(self.posted_at[line["run_id"]]),
                "goal": _GOALS[kind],
                "key": keys[line["conversion_id"]],
                "model": label,
                "reason": REASONS.get(line["reason"], str(line["reason"])),
            }
            rows.append(head | _sums(line, currency) | {"gained": gained, "lost": lost})
        if len(rest):
            rows.append(self._rest_row(rest, currency))
            self.warnings.append(f"{len(rest):,} smaller changes are in one line; ask for more with --limit")
        return rows

    def totals(self, currency: str | None) -> Row:
        """Return the sums over all lines."""
        parts = pd.concat([self.closed, self.lines]).reindex(columns=list(_SUMS)).fillna(0)
        return _sums({name: int(parts[name].sum()) for name in _SUMS}, currency)

    def _rest_row(self, rest: pd.DataFrame, currency: str | None) -> Row:
        last = max(self.posted_at[number] for number in rest["run_id"].unique().tolist())
        head = {"posted_at": clock.iso(last), "goal": "", "key": OTHER, "model": ""}
        sums = _sums({name: int(rest[name].sum()) for name in _SUMS}, currency)
        return head | {"reason": f"{len(rest):,} smaller"} | sums | {"gained": "", "lost": ""}

    def _closed(self) -> pd.DataFrame:
        names = ("run_id", "credit_set_id", "conversions", "share", "value")
        columns = (
            entry.c.run_id,
            entry.c.credit_set_id,
            func.count(entry.c.conversion_id.distinct()),
            _whole(entry.c.share_millionths),
            _whole(entry.c.reporting_minor),
        )
        statement = self._mine(select(*columns)).where(entry.c.reason == CLOSED)
        statement = statement.group_by(entry.c.run_id, entry.c.credit_set_id)
        ordered = statement.order_by(entry.c.run_id, entry.c.credit_set_id)
        return pd.DataFrame(read_ints(self.connection, ordered, names))

    def _moved(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Read later postings: one line a change, and its parts by touch and placement."""
        keys = [entry.c[name] for name in _KEYS]
        unrated = case((entry.c.reporting_minor.is_(None) & (entry.c.amount_minor != 0), 1), else_=0)
        columns = (
            *keys, entry.c.touch, entry.c.placement_id, _whole(entry.c.share_millionths),
            _whole(entry.c.reporting_minor), func.max(unrated),
        )  # fmt: skip
        statement = self._mine(select(*columns)).where(entry.c.reason != CLOSED)
        statement = statement.group_by(*keys, entry.c.touch, entry.c.placement_id).order_by(*keys)
        names = (*_KEYS, "touch", "placement_id", "share", "value", "unrated")
        parts = pd.DataFrame(read_ints(self.connection, statement, names))
        parts["line"] = parts.groupby(_KEYS, sort=True).ngroup().astype(np.int64)
        parts["value_size"], parts["share_size"] = parts["value"].abs(), parts["share"].abs()
        wanted = ["share", "value", "value_size", "share_size"]
        lines = parts.groupby("line")[wanted].sum().join(parts.groupby("line")[_KEYS].first())
        lines["moved"] = (lines["value_size"] - lines["value"].abs()) // 2
        lines["share_moved"] = (lines["share_size"] - lines["share"].abs()) // 2
        without = parts.loc[parts["unrated"] > 0, "conversion_id"].nunique()
        if without:
            self.warnings.append(
                f"no exchange rate for {without:,} of these conversions: their money shows as 0"
            )
        return lines, parts

    def _mine(self, statement: Select[Any]) -> Select[Any]:
        return statement.where(
            entry.c.credit_set_id.in_(list(self.sets)), entry.c.run_id.in_(list(self.posted_at))
        )

    def _keys(self, numbers: list[int]) -> dict[int, str]:
        statement = select(conversion.c.conversion_id, conversion.c.key)
        wanted = sorted(set(numbers))
        found = self.connection.execute(statement.where(conversion.c.conversion_id.in_(wanted)))
        return {int(number): str(key) for number, key in found}


def _credit_sets(
    connection: Connection, settings: Settings, model: str | None, kind: str | None
) -> dict[int, tuple[str, str]]:
    """Return credit set -> (kind of conversion, model); another window than the configured one is named."""
    statement = select(
        credit_set.c.credit_set_id, credit_set.c.label, journey_set.c.kind, journey_set.c.lookback,
        journey_set.c.scope, journey_set.c.kinds,
    ).join(journey_set, journey_set.c.journey_set_id == credit_set.c.journey_set_id)  # fmt: skip
    if model is not None:
        statement = statement.where(credit_set.c.label == model)
    if kind is not None:
        statement = statement.where(journey_set.c.kind == kind)
    usual = [settings.require(name) for name in ("lookback", "scope", "kinds")]
    found = {}
    for number, label, of, *window in connection.execute(statement.order_by(credit_set.c.credit_set_id)):
        own = "" if window == usual else f" ({', '.join(w.replace(' ', '+') for w in window)})"
        found[int(number)] = (str(of), f"{label}{own}")
    return found


def _gains(parts: pd.DataFrame, channels: Mapping[int, str], currency: str | None) -> tuple[str, str]:
    """Write what each channel gained and lost: money, or parts of a conversion where it has none."""
    name = "value" if currency else "share"
    by = parts[name].groupby(parts["placement_id"].map(channels)).sum()

    def text(amount: int) -> str:
        return money_text(abs(amount), currency) if currency else f"{abs(amount) / _MILLION:.3g}"

    gained = ", ".join(f"{channel} +{text(amount)}" for channel, amount in by.items() if amount > 0)
    lost = ", ".join(f"{channel} -{text(amount)}" for channel, amount in by.items() if amount < 0)
    return gained, lost


def _channels(connection: Connection) -> dict[int, str]:
    found = connection.execute(select(placement.c.placement_id, placement.c.channel))
    return {int(n): str(channel) for n, channel in found} | {0: UNATTRIBUTED}


def _sums(line: Mapping[Any, Any], currency: str | None) -> Row:
    def money(minor: int) -> str:
        return money_text(minor, currency) if currency else "0.00"

    return {
        "conversions": _count(line["share"]),
        "value": money(line["value"]),
        "moved": money(line.get("moved", 0)),
        "share_moved": _count(line.get("share_moved", 0)),
    }


def _count(millionths: int) -> float | int:
    whole, rest = divmod(int(millionths), _MILLION)
    return int(millionths) / _MILLION if rest else whole


def _whole(column: Any) -> Any:
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _things(count: int, kind: str) -> str:
    noun = "deal" if kind in _MONEY else "lead"
    return f"{count:,} {noun}{'s' * (count != 1)}"
