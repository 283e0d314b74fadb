"""What spend says of names: which id of a platform is called what, and what the user calls otherwise.

Learned from the rows of spend that say both, of several names the one of the latest day (of one day the first
by name), then renamed by the table `spend_names`. What was learned is kept, so that an import places what it
brings without reading any spend; a run learns again where spend came in, and tells which keys changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, delete, func, or_, select

from attribution.channels.names import ANY_PLATFORM, LEVELS, Named, PlatformNames, name_key
from attribution.channels.rules import RuleSet
from attribution.sorted_sets import as_set
from attribution.store.columns import FEW, Ints, insert_columns, read_frame
from attribution.store.keys import find_texts, row_hash
from attribution.store.schema import origin, platform_name, spend, spend_name
from attribution.store.settings import Settings

_STATE: Final = "_spend_names"  # READ, or what came in since
_READ: Final = "read"
_BEHIND: Final = "behind"

# where an origin carries an id or a name of each level
_CARRIED: Final = {
    "campaign": ("campaign_id", "url_campaign_id", "utm_id", "campaign", "utm_campaign"),
    "ad_group": ("ad_group_id", "url_ad_group_id", "ad_group"),
    "ad": ("ad_id", "url_ad_id", "ad", "utm_content"),
    "keyword": ("keyword_id", "keyword", "utm_term", "url_keyword"),
}
_KEYS: Final = ["level", "platform", "key", "reported"]
_TEXTS: Final = ["level", "platform", "key", "name"]
_COLUMNS: Final = [*_KEYS, "name", "by_user"]


def fall_behind(settings: Settings) -> None:
    """Note that spend or names of spend came in: the next run learns again."""
    settings.put_raw(_STATE, _BEHIND)


def names_for(connection: Connection, origins: pd.DataFrame) -> PlatformNames | None:
    """Return the known names of whatever ids some origins carry; None where there are none.

    Args:
        connection: inside a transaction.
        origins: columns of ORIGIN_FIELDS; one without `kind` is of spend.
    """
    if connection.execute(select(platform_name.c.hash).limit(1)).scalar() is None:
        return None
    of_spend = origins["kind"].isna().to_numpy() if "kind" in origins else np.ones(len(origins), bool)
    levels, keys, reported = [], [], []
    for level, columns in _CARRIED.items():
        for column in set(columns) & set(origins.columns):
            said = origins[column].dropna().unique().tolist()
            spent = origins[column][of_spend].dropna().unique().tolist()
            keys += [str(text).strip() for text in said] + [name_key(str(text)) for text in spent]
            levels += [level] * (len(said) + len(spent))
            reported += [0] * len(said) + [1] * len(spent)
    if not keys:
        return None
    wanted = as_set(_hashes(pd.DataFrame({"level": levels, "key": keys, "reported": reported})))
    return _names(find_texts(connection, platform_name, platform_name.c.hash, _COLUMNS, wanted))


def all_names(connection: Connection) -> PlatformNames:
    """Return every name that was learned."""
    return _names(_stored(connection))


def learn(connection: Connection, settings: Settings, rules: RuleSet, *, anew: bool = False) -> pd.DataFrame:
    """Learn the names anew where spend came in since, and keep them.

    Args:
        connection: the writer's.
        settings: the store's.
        rules: they say which words mean one platform.
        anew: also where none came in, as when the rules are others.

    Returns:
        what changed: `level platform key reported` of names that are new, others or gone.
    """
    if settings.internal(_STATE) == _READ and not anew:
        return pd.DataFrame(columns=_KEYS)
    wanted, before = _learned(connection, rules), _stored(connection)
    if settings.internal(_STATE) is not None:
        settings.put_raw(_STATE, _READ)
    both = wanted.merge(before, on=_COLUMNS, how="outer", indicator="where")
    moved = both[both["where"] != "both"]
    if len(moved):
        connection.execute(delete(platform_name))
        hashes = _hashes(wanted)
        by_hash = np.lexsort((wanted["platform"].to_numpy(), hashes))
        rows = wanted.iloc[by_hash]
        numbers = {name: rows[name].to_numpy(np.int64) for name in ("reported", "by_user")}
        texts = {name: pa.array(rows[name], pa.string()) for name in ("platform", "level", "key", "name")}
        insert_columns(connection, platform_name, {"hash": hashes[by_hash], **texts, **numbers})
    return moved[_KEYS].drop_duplicates()


def carriers(connection: Connection, changed: pd.DataFrame) -> Ints:
    """Return the numbers of the origins that may carry one of some changed ids or names, sorted."""
    found = [np.empty(0, np.int64)]
    for level, columns in _CARRIED.items():
        ids = changed[(changed["level"] == level) & (changed["reported"] == 0)]["key"].unique().tolist()
        if 0 < len(ids) <= FEW:
            any_of = or_(*(origin.c[column].in_(ids) for column in columns))
            found.append(
                np.array(connection.execute(select(origin.c.origin_id).where(any_of)).scalars().all())
            )
        elif ids:
            frame = read_frame(connection, select(origin.c.origin_id, *(origin.c[c] for c in columns)))
            carries = np.logical_or.reduce([frame[column].isin(ids).to_numpy() for column in columns])
            found.append(frame["origin_id"].to_numpy(np.int64)[carries])
    if (changed["reported"] == 1).any():
        of_spend = select(origin.c.origin_id).where(origin.c.kind.is_(None))
        found.append(np.array(connection.execute(of_spend).scalars().all()))
    return as_set(np.concatenate(found).astype(np.int64))


def _learned(connection: Connection, rules: RuleSet) -> pd.DataFrame:
    """Return what spend and the user's own table say now."""
    said = _said_by_spend(connection, rules)
    renamed = _renamed_by_user(connection, rules)
    if renamed.empty:
        named = said.dropna(subset=["name"])
        return _typed(_rows(named.assign(reported=0, by_user=0)))
    user = {(level, platform, key): name for level, platform, key, name in _rows(renamed, _TEXTS)}
    rows = [(level, platform, key, 1, name, 1) for (level, platform, key), name in user.items()]
    for level, platform, key, name in _rows(said, _TEXTS):
        said_by_user = next(
            (
                user[level, whose, text]
                for text in (name_key(key), name_key(name or ""))
                for whose in (platform, ANY_PLATFORM)
                if (level, whose, text) in user
            ),
            None,
        )
        if said_by_user or name:
            rows.append((level, platform, key, 0, said_by_user or name, int(said_by_user is not None)))
    return _typed(rows)


def _said_by_spend(connection: Connection, rules: RuleSet) -> pd.DataFrame:
    """Return each id of a platform with its newest name, None where no row of spend names it."""
    fields = [name for level in LEVELS for name in (f"{level}_id", level)]
    latest = (
        select(spend.c.origin_id, func.max(spend.c.day).label("day")).group_by(spend.c.origin_id).subquery()
    )
    numbered = or_(*(origin.c[f"{level}_id"].is_not(None) for level in LEVELS))
    rows = read_frame(
        connection,
        select(latest.c.day, origin.c.platform, origin.c.source, *(origin.c[name] for name in fields))
        .join_from(latest, origin, origin.c.origin_id == latest.c.origin_id)
        .where(numbered),
    )
    words = rows["platform"].where(rows["platform"].notna(), rows["source"])
    codes, distinct = pd.factorize(words)
    platforms = [rules.platform_of(str(word)) for word in distinct]
    rows["whose"] = np.array([*platforms, ANY_PLATFORM], dtype=object)[codes]
    found = []
    for level in LEVELS:
        part = rows[["whose", "day", f"{level}_id", level]].dropna(subset=[f"{level}_id"])
        part = part.set_axis(["platform", "day", "key", "name"], axis=1).assign(level=level)
        for column in ("key", "name"):
            part[column] = part[column].str.strip()
        # the newest name of all; a row without one says nothing
        part = part.assign(nameless=part["name"].isna())
        part = part.sort_values(["nameless", "day", "name"], ascending=[True, False, True], kind="stable")
        found.append(part.drop_duplicates(["platform", "key"])[_TEXTS])
    joined = pd.concat(found, ignore_index=True)
    return joined.where(joined.notna(), None)


def _renamed_by_user(connection: Connection, rules: RuleSet) -> pd.DataFrame:
    """Return what the user says that names of spend are, by the form in which names compare."""
    table = spend_name.c
    rows = read_frame(connection, select(table.level, table.platform, table.reported, table.name))
    rows["platform"] = [
        rules.platform_of(str(word)) if word else ANY_PLATFORM for word in rows["platform"].tolist()
    ]
    rows["key"] = [name_key(str(text)) for text in rows["reported"].tolist()]
    rows = rows.sort_values(["level", "platform", "key", "name"])  # of two for one the first by name
    return rows.drop_duplicates(["level", "platform", "key"])[_TEXTS]


def _stored(connection: Connection) -> pd.DataFrame:
    rows = connection.execute(select(*(platform_name.c[name] for name in _COLUMNS))).all()
    return _typed([tuple(row) for row in rows])


def _rows(frame: pd.DataFrame, names: Sequence[str] = _COLUMNS) -> list[tuple[Any, ...]]:
    return list(zip(*(frame[name].tolist() for name in names), strict=True))


def _typed(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=_COLUMNS, dtype=object)
    return frame.astype({"reported": np.int64, "by_user": np.int64})


def _names(frame: pd.DataFrame) -> PlatformNames:
    names: tuple[dict[tuple[str, str, str], Named], ...] = ({}, {})
    for level, platform, key, reported, name, by_user in _rows(frame):
        names[int(reported)][level, platform, key] = Named(name, bool(by_user))
    return PlatformNames(*names)


def _hashes(frame: pd.DataFrame) -> Ints:
    columns = {name: pa.array(frame[name], pa.string()) for name in ("level", "key")}
    return row_hash({"reported": frame["reported"].to_numpy(np.int64), **columns}, len(frame))
