"""Interning of what touches and spend share: origins with their placements, pages, agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, bindparam, select, update

from attribution.channels.classify import classify
from attribution.channels.names import PlatformNames
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.channels.rules import RuleSet
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.channel_settings import rule_set, rules_version
from attribution.store.columns import Ints, insert_columns, read_frame
from attribution.store.keys import find_texts, intern, row_hash
from attribution.store.platform_names import all_names, carriers, learn, names_for
from attribution.store.settings import Settings

NO_DIMENSIONS: Final = "no dimension given"
_CLASSIFIED: Final = "_classified_with"  # rules version and own sites that origins were placed by


def texts(values: pd.Series) -> pa.Array:
    """Turn a frame's column into Arrow text, whatever stands for missing in it into null."""
    return pa.array(values.astype(object).where(values.notna(), None), pa.string())


def intern_origins(connection: Connection, hashes: Ints, origins: pa.Table, settings: Settings) -> Ints:
    """Number distinct origins, classifying those that the store has not seen.

    Args:
        connection: the writer's.
        hashes: int64[n], :func:`attribution.store.keys.row_hash` over ORIGIN_FIELDS.
        origins: n rows with (some of) the columns ORIGIN_FIELDS.
        settings: the store's; `own_domains` matters to the rules.

    Returns:
        int64[n] origin ids.
    """
    if settings.internal(_CLASSIFIED) is None:  # the first origins: nothing was placed by other rules
        settings.put_raw(_CLASSIFIED, _classification(settings))

    def rows(new: Ints) -> dict[str, pa.Array | Ints]:
        taken = origins.take(new)
        frame = taken.to_pandas(types_mapper=lambda _: pd.ArrowDtype(pa.string())).astype(object)
        frame = frame.where(frame.notna(), None)
        names = names_for(connection, frame)
        placed = place(frame, own_domains(settings), store_rules(settings), names)
        return {
            "placement_id": intern_placements(connection, placed),
            "rule": texts(placed["rule"]),
            **{name: taken.column(name) for name in ORIGIN_FIELDS if name in taken.column_names},
        }

    return intern(connection, schema.origin, "origin_id", hashes, rows)[0]


def _classification(settings: Settings) -> str:
    """Name what placements depend on besides the origins themselves."""
    return f"{channel_rules_version(settings)} {' '.join(own_domains(settings))}"


_RULE_SETTINGS: Final = ("channel_rules", "handback_hosts", "sources")


def store_rules(settings: Settings) -> RuleSet:
    """Return the channel rules: those of the package with the store's own."""
    return rule_set(*map(settings.get, _RULE_SETTINGS))


def channel_rules_version(settings: Settings) -> str:
    """Name the channel rules: the package's version, and a mark of the store's own, as in `1+9f2c01ab`."""
    return rules_version(*map(settings.get, _RULE_SETTINGS))


def own_domains(settings: Settings) -> Sequence[str]:
    """Return the store's own sites."""
    return (settings.get("own_domains") or "").split()


def place(
    origins: pd.DataFrame,
    own: Sequence[str],
    rules: RuleSet | None = None,
    names: PlatformNames | None = None,
) -> pd.DataFrame:
    """Classify origins; one that says nothing at all (spend without dimensions) stays without a channel."""
    placed = classify(origins, own_domains=own, rules=rules, names=names)
    blank = origins.isna().all(axis=1)  # a touch always has a kind
    placed.loc[blank, list(PLACEMENT_FIELDS)] = None
    placed.loc[blank, "rule"] = NO_DIMENSIONS
    return placed


def intern_placements(connection: Connection, placed: pd.DataFrame) -> Ints:
    """Number placements (columns PLACEMENT_FIELDS)."""
    columns = {name: texts(placed[name]) for name in PLACEMENT_FIELDS}
    hashes = row_hash(columns, len(placed))
    return intern(
        connection,
        schema.placement,
        "placement_id",
        hashes,
        lambda new: {name: values.take(pa.array(new)) for name, values in columns.items()},
    )[0]


def intern_pages(connection: Connection, hashes: Ints, pages: pa.Table) -> Ints:
    """Number pages (columns landing_host, landing_path, query)."""
    names = {"host": "landing_host", "path": "landing_path", "query": "query"}
    return intern(
        connection,
        schema.page,
        "page_id",
        hashes,
        lambda new: {ours: pages.column(theirs).take(pa.array(new)) for ours, theirs in names.items()},
    )[0]


class Moved(NamedTuple):
    """Origins that a reclassification placed elsewhere, by the channels before and after."""

    before: str | None
    after: str | None
    origins: int


def reclassify(connection: Connection, settings: Settings, *, everything: bool = False) -> list[Moved]:
    """Place origins anew where what decides changed since the last time.

    All of them where the rules or the store's own sites did (or where `everything` is asked for), those that
    carry an id or a name where what spend calls that did. Touches are not touched; where touches stand
    elsewhere now, runs look at every conversion again, since models may depend on channels.

    Returns:
        what moved, most origins first.
    """
    state, rules = _classification(settings), store_rules(settings)
    before = settings.internal(_CLASSIFIED)
    everything = everything or before != state
    changed = learn(connection, settings, rules, anew=everything)
    if before != state:
        settings.put_raw(_CLASSIFIED, state)
    if everything:
        origins = read_frame(connection, select(schema.origin))
    elif len(changed):
        names = ["placement_id", "rule", *ORIGIN_FIELDS]
        found = find_texts(
            connection, schema.origin, schema.origin.c.origin_id, names, carriers(connection, changed)
        )
        origins = found.reset_index(drop=True)
    else:
        return []
    if origins.empty:
        return []
    placed = place(origins[list(ORIGIN_FIELDS)], own_domains(settings), rules, all_names(connection))
    return _put(connection, origins, placed)


def _put(connection: Connection, origins: pd.DataFrame, placed: pd.DataFrame) -> list[Moved]:
    """Write placements and rules that differ from those that origins have."""
    numbers, old = intern_placements(connection, placed), origins["placement_id"].to_numpy(np.int64)
    is_moved = numbers != old
    others = np.flatnonzero(is_moved | (placed["rule"].to_numpy() != origins["rule"].to_numpy()))
    if len(others) == 0:
        return []
    connection.execute(
        update(schema.origin)
        .where(schema.origin.c.origin_id == bindparam("number"))
        .values(placement_id=bindparam("placement"), rule=bindparam("why")),
        [
            {
                "number": int(origins["origin_id"].iloc[i]),
                "placement": int(numbers[i]),
                "why": placed["rule"].iloc[i],
            }
            for i in others.tolist()
        ],
    )
    if (is_moved & origins["kind"].notna().to_numpy()).any():  # where only spend moved, no credit does
        insert_columns(connection, schema.change, {"kind": schema.CHANGE_ALL, "ref": np.zeros(1, np.int64)})
    if not is_moved.any():
        return []
    channels = find_texts(
        connection, schema.placement, schema.placement.c.placement_id, ["channel"], as_set(old[is_moved])
    ).set_index("placement_id")["channel"]
    pairs = pd.DataFrame(
        {
            "before": channels.reindex(old[is_moved]).to_numpy(object),
            "after": placed["channel"][is_moved].to_numpy(),
        }
    )
    counts = Counter(zip(pairs["before"].tolist(), pairs["after"].tolist(), strict=True))
    moved = [Moved(before, after, count) for (before, after), count in counts.items()]
    return sorted(moved, key=lambda one: (-one.origins, one.before or "", one.after or ""))
