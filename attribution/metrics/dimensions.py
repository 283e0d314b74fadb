"""What figures are cut by: marketing dimensions of a touch's placement, plain ones of the CRM record.

Names that differ only in case, blanks or their URL encoding are one value, shown in its first spelling.
Numbers come out of the database by placement, page, origin or record; :class:`Dimensions` maps those keys
to the groups that were asked for, so that text is handled once per distinct value and never per entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, func, select

from attribution.channels.names import LEVELS, name_key
from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.errors import InputError, UnknownNameError
from attribution.labels import NOT_SET, OTHER, UNATTRIBUTED
from attribution.metrics import facts
from attribution.store.columns import Ints
from attribution.store.database import remembered
from attribution.store.schema import email_stat, origin, page, placement, social_stat

MARKETING: Final = (*PLACEMENT_FIELDS, "landing_page", "touch_kind")
PLAIN: Final = ("deal_kind", "owner", "industry", "account")
ALL: Final = (*MARKETING, *PLAIN)

Where = Sequence[tuple[str, str]]


def parse_by(by: str | Iterable[str], allowed: Sequence[str] = ALL) -> tuple[str, ...]:
    """Read dimensions given as one text with commas, or as several.

    Raises:
        UnknownNameError: not among the allowed ones.

    >>> parse_by("channel, source")
    ('channel', 'source')
    """
    given = [by] if isinstance(by, str) else list(by)
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    for name in names:
        if name not in allowed:
            raise UnknownNameError("dimension", name, allowed)
    return tuple(dict.fromkeys(names))


def parse_where(where: Iterable[str]) -> list[tuple[str, str]]:
    """Read conditions such as `channel=Email` into pairs.

    Raises:
        InputError: no `=` in it.
        UnknownNameError: no such dimension.

    >>> parse_where(["channel=Email", "owner = Ann Lee"])
    [('channel', 'Email'), ('owner', 'Ann Lee')]
    """
    pairs = []
    for text in [where] if isinstance(where, str) else where:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(
                f"--where {text!r} has no value; write it as DIMENSION=VALUE, such as channel=Email"
            )
        if name.strip() not in ALL:
            raise UnknownNameError("dimension", name.strip(), ALL)
        pairs.append((name.strip(), value.strip()))
    return pairs


@dataclass(frozen=True)
class Component:
    """The dimensions that hang on one key: for each key its group, -1 where a condition leaves it out.

    Keys that are in no table (a touch without a page) count as `missing`.
    """

    dims: tuple[str, ...]
    names: list[tuple[str, ...]]
    ids: Ints  # sorted
    groups: Ints
    missing: int

    def of(self, keys: Ints) -> Ints:
        """Return the group of each key."""
        if not len(self.ids) or not len(keys):
            return np.full(len(keys), self.missing, np.int64)
        low, high = int(self.ids[0]), int(self.ids[-1])
        if high - low < 4 * len(self.ids) + 1_000_000:  # dense keys: a table is ten times as fast as a search
            table = np.full(high - low + 2, self.missing, np.int64)
            table[self.ids - low] = self.groups
            found: Ints = table[np.where((keys >= low) & (keys <= high), keys - low, high - low + 1)]
            return found
        at = np.minimum(np.searchsorted(self.ids, keys), len(self.ids) - 1)
        return np.where(self.ids[at] == keys, self.groups[at], self.missing)


@dataclass
class _Groups:
    """Groups as they are met: values are compared by key and shown in their commonest spelling."""

    dims: tuple[str, ...]  # shown ones
    wanted: dict[str, set[str]]  # dimension -> allowed keys
    names: list[tuple[str, ...]] = field(default_factory=list)
    _codes: dict[tuple[str, ...], int] = field(default_factory=dict)
    spellings: dict[str, dict[str, str]] = field(default_factory=dict)

    def group(self, values: Mapping[str, str | None]) -> int:
        """Return the group of a set of values, -1 where a condition leaves it out."""
        kept, keys = True, []
        for dim, value in values.items():
            shown = NOT_SET if value is None or not value.strip() else " ".join(value.split())
            key = name_key(shown)
            self.spellings.setdefault(dim, {}).setdefault(key, shown)
            if dim in self.wanted and key not in self.wanted[dim]:
                kept = False
            if dim in self.dims:
                keys.append((dim, key))
        if not kept:
            return -1
        code = self._codes.setdefault(tuple(key for _, key in keys), len(self.names))
        if code == len(self.names):
            self.names.append(tuple(self.spellings[dim][key] for dim, key in keys))
        return code

    def _choose_spellings(self, frame: pd.DataFrame) -> None:
        """Show a value in its commonest spelling, whatever was imported first."""
        for dim in frame.columns:
            counts = Counter(frame[dim].dropna().tolist())
            for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0].swapcase())):
                shown = " ".join(value.split())
                self.spellings.setdefault(dim, {}).setdefault(name_key(shown), shown)

    def component(self, ids: Ints, frame: pd.DataFrame, missing: str | None) -> Component:
        """Group a table of values, one row a key; `missing` is what keys outside it show."""
        dims = list(frame.columns)
        self._choose_spellings(frame[ids >= 0])  # what is left of a placement is no further use of its names
        # once per distinct set of values: records are many, owners few
        distinct = frame.drop_duplicates(ignore_index=True)
        columns = [distinct[dim].tolist() for dim in dims]
        groups = [self.group(dict(zip(dims, row, strict=True))) for row in zip(*columns, strict=True)]
        rest = self.group(dict.fromkeys(dims, missing))
        if len(distinct) < len(frame):
            groups = frame.merge(distinct.assign(group=groups), on=dims, how="left")["group"].tolist()
        order = np.argsort(ids, kind="stable")
        codes = np.array(groups, np.int64).reshape(-1)
        return Component(self.dims, self.names, ids[order], codes[order], rest)


class Dimensions:
    """The groups of one question: `by` some dimensions, `where` others have given values.

    Args:
        connection: where placements, pages and records are read.
        by: dimensions of :data:`ALL`, in the order to show them.
        where: (dimension, value) pairs; the same dimension twice means either value.
    """

    def __init__(self, connection: Connection, by: Sequence[str], where: Where = ()) -> None:
        self._connection = connection
        self.by = tuple(by)
        self.where = tuple(where)
        self._wanted: dict[str, set[str]] = {}
        for dim, value in where:
            self._wanted.setdefault(dim, set()).add(name_key(value))
        self._used = {*self.by, *self._wanted}
        self.warnings: list[str] = []
        self._statistics: _Groups | None = None  # of rows that name nothing but a source and a campaign
        self._touch = self._touch_components()
        self._plain = self._plain_components() if self.plain else {}
        # groups by component, touch components first: the digits of a combined group
        self._names = {key: component.names for key, component in self._touch.items()}
        self._names |= {dim: spaces["deal"].names for dim, spaces in self._plain.items()}
        if np.prod([float(len(names)) for names in self._names.values()]) > 2**62:
            raise InputError(f"{len(self.by)} dimensions have too many combinations; ask for fewer with --by")

    @property
    def plain(self) -> list[str]:
        """The dimensions asked for that hang on the CRM record."""
        return [dim for dim in PLAIN if dim in self._used]

    @property
    def marketing(self) -> list[str]:
        """The dimensions asked for that need a model's credit."""
        return [dim for dim in MARKETING if dim in self._used]

    @property
    def not_of_spend(self) -> list[str]:
        """The dimensions asked for that spend does not carry."""
        return [dim for dim in ALL if dim in self._used and dim not in PLACEMENT_FIELDS]

    @property
    def touch_keys(self) -> tuple[str, ...]:
        """The key columns of a touch that the groups need: of placement_id, page_id, origin_id."""
        return tuple(self._touch)

    def touch_groups(self, keys: Mapping[str, Ints], rows: int) -> Ints:
        """Return the part of the group that hangs on touches, -1 where a condition leaves it out.

        Args:
            keys: one array for each of `touch_keys`; 0 = unattributed.
            rows: their length.
        """
        return self._combine({name: c.of(keys[name]) for name, c in self._touch.items()}, rows)

    def spend_groups(self, placements: Ints, rest: npt.NDArray[np.bool_]) -> Ints:
        """Return the group of each row of spend, -1 where a condition leaves it out.

        Args:
            placements: int64[n].
            rest: bool[n], what exceeds finer rows: it shows `(other)` where those say more.
        """
        keys = np.where(rest & self._shows_rest, -placements, placements)
        return self.touch_groups({"placement_id": keys}, len(keys))

    def named_groups(self, frame: pd.DataFrame) -> Ints:
        """Return the group of each row of statistics, -1 where a condition leaves it out.

        Args:
            frame: `source` and `campaign`, or one of them; the dimensions asked for are among its columns.
        """
        groups, dims = self._statistics, [dim for dim in frame.columns if dim in self._used]
        if groups is None or not dims:
            return np.zeros(len(frame), np.int64)
        distinct = frame[dims].drop_duplicates(ignore_index=True)
        rows = zip(*(distinct[dim].tolist() for dim in dims), strict=True)
        codes = [groups.group(dict(zip(dims, row, strict=True))) for row in rows]
        found = frame[dims].merge(distinct.assign(group=codes), on=dims, how="left")["group"]
        return found.to_numpy(np.int64)

    def record_groups(self, kind: str, object_ids: Ints) -> Ints:
        """Return the part of the group that hangs on records, -1 where a condition leaves it out.

        Args:
            kind: of conversion: won and created are deals, the others are leads.
            object_ids: deal_id or lead_id.
        """
        space = "deal" if kind in ("won", "created") else "lead"
        parts = {dim: spaces[space].of(object_ids) for dim, spaces in self._plain.items()}
        return self._combine(parts, len(object_ids))

    @staticmethod
    def add(touch_groups: Ints, record_groups: Ints) -> Ints:
        """Join the two parts of a group."""
        out: Ints = np.where((touch_groups < 0) | (record_groups < 0), -1, touch_groups + record_groups)
        return out

    def names(self, group: int) -> dict[str, str]:
        """Return what a group shows in each dimension of `by`."""
        shown: dict[str, str] = {}
        for key, names in self._names.items():
            group, code = divmod(group, max(len(names), 1))
            if names:
                dims = self._touch[key].dims if key in self._touch else self._plain[key]["deal"].dims
                shown |= dict(zip(dims, names[code], strict=True))
        return {dim: shown[dim] for dim in self.by}

    def all_as(self, text: str) -> dict[str, str]:
        """Return one text for every dimension, such as `(no rate)`."""
        return dict.fromkeys(self.by, text)

    @cached_property
    def leads(self) -> pd.DataFrame:
        """Every lead (:func:`attribution.metrics.facts.leads`)."""
        return remembered(self._connection, "leads", lambda: facts.leads(self._connection))

    @cached_property
    def deals(self) -> pd.DataFrame:
        """Every deal (:func:`attribution.metrics.facts.deals`)."""
        return remembered(self._connection, "deals", lambda: facts.deals(self._connection, self.leads))

    def _combine(self, parts: Mapping[str, Ints], rows: int) -> Ints:
        """Write one group per component as the digits of one number, in the order of `_names`."""
        out = np.zeros(rows, np.int64)
        left_out = np.zeros(rows, bool)
        weight = 1
        for key, names in self._names.items():
            if key in parts:
                out += parts[key] * weight
                left_out |= parts[key] < 0
            weight *= max(len(names), 1)
        return np.where(left_out, -1, out)

    def _touch_components(self) -> dict[str, Component]:
        tables = {
            "placement_id": (PLACEMENT_FIELDS, self._placements),
            "page_id": (("landing_page",), self._pages),
            "origin_id": (("touch_kind",), self._kinds),
        }
        found = {}
        for key, (dims, read) in tables.items():
            used = [dim for dim in dims if dim in self._used]
            if not used:
                continue
            groups = _Groups(tuple(d for d in used if d in self.by), self._wanted)
            nowhere = pd.DataFrame([[0, *[UNATTRIBUTED] * len(used)]], columns=[key, *used], dtype=object)
            frame = pd.concat([read(used), nowhere], ignore_index=True)  # id 0: credit that no touch has
            found[key] = groups.component(frame[key].to_numpy(np.int64), frame[used], None)
            if self._used <= {"source", "campaign"}:
                self._statistics = groups
                for names in (self._read(select(*columns).distinct()) for columns in self._named_columns()):
                    self.named_groups(names)  # their groups are known before any is combined
            self._check(groups)
        return found

    def _named_columns(self) -> list[list[Any]]:
        """Return the columns of the tables of statistics that name what was asked for."""
        known = ([social_stat.c.source, social_stat.c.campaign], [email_stat.c.campaign])
        return [
            [column for column in columns if column.name in self._used]
            for columns in known
            if self._used <= {column.name for column in columns}
        ]

    @property
    def _shows_rest(self) -> bool:
        return not self._used.isdisjoint(LEVELS)

    def _placements(self, dims: list[str]) -> pd.DataFrame:
        columns = [placement.c.placement_id, *(placement.c[dim] for dim in dims)]
        frame = self._read(select(*columns).order_by(placement.c.placement_id))
        return pd.concat([frame, self._rests(dims)], ignore_index=True) if self._shows_rest else frame

    def _rests(self, dims: list[str]) -> pd.DataFrame:
        """Return the placements of spend again, as what finer rows leave of them: by negative numbers."""
        levels = [placement.c[level].label(f"level {i}") for i, level in enumerate(LEVELS)]
        columns = [placement.c.placement_id, *(placement.c[dim] for dim in dims), *levels]
        of_spend = select(origin.c.placement_id).where(origin.c.kind.is_(None))  # touches have one
        frame = self._read(
            select(*columns).where(placement.c.placement_id.in_(of_spend)).order_by(placement.c.placement_id)
        )
        finer = np.ones(len(frame), bool)
        for i, level in reversed(list(enumerate(LEVELS))):
            finer &= frame[f"level {i}"].isna().to_numpy()
            if level in dims:
                frame.loc[finer, level] = OTHER
        frame["placement_id"] = -frame["placement_id"]
        return frame[["placement_id", *dims]]

    def _pages(self, _dims: list[str]) -> pd.DataFrame:
        name = func.coalesce(page.c.host, "") + func.coalesce(page.c.path, "")
        return self._read(select(page.c.page_id, name.label("landing_page")).order_by(page.c.page_id))

    def _kinds(self, _dims: list[str]) -> pd.DataFrame:
        kind = func.coalesce(origin.c.kind, "session").label("touch_kind")
        return self._read(select(origin.c.origin_id, kind).order_by(origin.c.origin_id))

    def _read(self, statement: object) -> pd.DataFrame:
        result = self._connection.execute(statement)  # type: ignore[call-overload]
        return pd.DataFrame(list(map(tuple, result)), columns=list(result.keys()), dtype=object)

    def _plain_components(self) -> dict[str, dict[str, Component]]:
        found = {}
        for dim in self.plain:
            groups = _Groups((dim,) if dim in self.by else (), self._wanted)
            leads = self.leads
            of_lead = leads[[dim]] if dim in leads else pd.DataFrame({dim: [None] * len(leads)}, dtype=object)
            deal_ids, lead_ids = (self.deals["deal_id"], leads["lead_id"])
            found[dim] = {
                "deal": groups.component(deal_ids.to_numpy(np.int64), self.deals[[dim]], None),
                "lead": groups.component(lead_ids.to_numpy(np.int64), of_lead, None),
            }
            self._check(groups)
        return found

    def _check(self, groups: _Groups) -> None:
        """Tell of a condition that nothing can meet: it is probably misspelt."""
        for dim, value in self.where:
            known = groups.spellings.get(dim)
            if known is None or name_key(value) in known:
                continue
            near = get_close_matches(name_key(value), known, n=1)
            hint = f"; did you mean {known[near[0]]!r}?" if near else ""
            self.warnings.append(f"no {dim} is called {value!r}{hint}")
