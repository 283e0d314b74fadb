"""Identifiers that name nobody, or somebody in one spelling only: said when they are imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from attribution.identifiers import BLOCKED, COLUMN_KINDS, CONTACT, PHONE, why_nobody
from attribution.store.identifiers import comparable
from attribution.store.settings import Settings

_KINDS: Final = {**COLUMN_KINDS, "merged_contact_id": CONTACT}


def unusable_in(row: Mapping[str, str], settings: Settings) -> str:
    """Say which identifiers of a row name nobody, and why: `email is 'ella', which has no @ in it`."""
    region = settings.get("region")
    return " and ".join(
        f"{name} is {row[name]!r}, which {_why(kind, row[name])}"
        for name, kind in _KINDS.items()
        if row.get(name) is not None and comparable(kind, row[name], region) is None
    )


def _why(kind: int, value: str) -> str:
    """Put what :func:`attribution.identifiers.why_nobody` finds into a sentence.

    >>> _why(PHONE, "n/a"), _why(PHONE, "00-00"), _why(PHONE, "none yet")
    ('stands for nobody', 'is zeros', 'has no number in it')
    """
    why = why_nobody(kind, value)
    if why in BLOCKED:
        return "stands for nobody"
    return f"{'has' if why.startswith('no ') else 'is'} {why}"


def phones_without_country(settings: Settings, phones: pa.ChunkedArray) -> list[str]:
    """Return a notice of telephone numbers whose country is not known, none where there are none.

    Args:
        settings: the store's: its region.
        phones: as received, of the rows that load.
    """
    if phones.null_count == len(phones):
        return []
    region = settings.get("region")
    counts = phones.drop_null().combine_chunks().value_counts()
    values, times = counts.field("values").to_pylist(), counts.field("counts")
    known = [comparable(PHONE, text, region) for text in values]
    alone = pa.array([text is not None and not text.startswith("+") for text in known], pa.bool_())
    count = pc.sum(times.filter(alone)).as_py() or 0
    if not count:
        return []
    remedy = (
        "numbers that are in stay as they are, for others set it before you import them: "
        "attribution config set region GB"
        if region is None
        else f"nor are they numbers of the region {region}"
    )
    return [
        "phone has no country, so whoever gives the same number in another spelling is somebody else; "
        f"{remedy} ({count} rows)"
    ]
