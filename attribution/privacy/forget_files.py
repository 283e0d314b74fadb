"""Files beside the store that name somebody: ours are mended, others are told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from attribution.loading.rejects import file_name
from attribution.privacy.forget_receipt import Receipt
from attribution.privacy.forget_text import Traces

_OURS: Final = re.compile(r"(\d{6,})-([a-z_]+)-.*\.csv")
_COLUMNS: Final = ["line", "code", "message", "raw"]
_TEXTS: Final = (
    ".csv", ".graphml", ".htm", ".html", ".json", ".jsonl", ".log", ".md", ".ndjson", ".svg", ".toml", ".tsv",
    ".txt", ".xml", ".yaml", ".yml",
)  # fmt: skip
_LARGEST: Final = 256 * 2**20


def sweep_files(
    folder: Path, traces: Traces, receipt: Receipt, imported: Mapping[int, str], *, dry_run: bool
) -> None:
    """Take somebody out of `rejected/`, and name the other files beside the store that hold them.

    Args:
        folder: of the store; of a server's, where imports were typed.
        traces: of the person.
        receipt: is added to.
        imported: what files that name the person were called, by the number of their import.
        dry_run: count only.
    """
    for path in sorted((folder / "rejected").glob("*.csv")):
        found = _OURS.fullmatch(path.name)
        if found is None:
            continue
        try:
            number, table = int(found[1]), found[2]
            removed = _mend(path, table, traces, dry_run=dry_run)
            is_named = number in imported and path.name == file_name(number, table, imported[number])
            if is_named and path.exists() and not dry_run:
                path.rename(path.with_name(file_name(number, table, "erased")))
        except (OSError, ValueError) as error:
            receipt.notes.append(
                f"{path} could not be mended ({error}); remove it: the store has the other rows"
            )
            continue
        where = f"rejected/{file_name(number, table, 'erased') if is_named else path.name}"
        receipt.add(where, "rows that did not load removed", removed)
        receipt.add(where, "the file's name named the person", int(is_named))
    for path in sorted(folder.glob("*")):
        if _names(path, traces):
            receipt.add(
                traces.scrubbed_name(path.name),
                "names the person: not ours, so mend or remove it yourself",
                1,
            )


def _mend(path: Path, table: str, traces: Traces, *, dry_run: bool) -> int:
    """Remove rows of a file of ours; a file without any row goes. Returns how many."""
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    if list(rows.columns) != _COLUMNS:
        return 0
    texts = zip(rows["message"].tolist(), rows["raw"].tolist(), strict=True)
    gone = pd.Series([traces.in_row(table, message, raw) for message, raw in texts], dtype=bool)
    if dry_run or not gone.any():
        return int(gone.sum())
    if gone.all():
        path.unlink()
    else:
        mended = path.with_suffix(".mended")
        mended.write_text(rows[~gone].to_csv(index=False), encoding="utf-8", newline="")
        os.replace(mended, path)
    return int(gone.sum())


def _names(path: Path, traces: Traces) -> bool:
    try:
        if not path.is_file():
            return False
        if traces.scrubbed_name(path.name) != path.name:
            return True
        is_text = path.suffix.lower() in _TEXTS and path.stat().st_size <= _LARGEST
        return is_text and traces.in_bytes(path.read_bytes())
    except OSError:
        return False
