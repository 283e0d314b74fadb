"""A made company: its tables, the truth behind them, and how they are written to files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attribution.errors import InputError, UnknownNameError
from attribution.simulate.world import World


@dataclass(frozen=True)
class Simulated:
    """A made company.

    Attributes:
        tables: the canonical input tables by name, every value a text, "" where it is missing.
        truth: a row a channel: `channel`, `lead_log_odds` and `win_log_odds` (thousandths), `touches`,
            `expected_without_minor`, `contribution_minor` (minor units of the reporting currency).
        answers: a row a touch: `touch_id`, `person`, `channel`, `campaign`.
        lead_people: a row a lead: `lead_id`, `person`.
        expected_minor: the expected revenue of new business, with every effect.
        baseline_minor: the same with none.
    """

    world: World
    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    answers: pd.DataFrame
    lead_people: pd.DataFrame
    expected_minor: int
    baseline_minor: int

    def write(self, directory: str | Path, fmt: str = "csv") -> list[Path]:
        """Write the tables into a folder, one file a table; the same company gives the same bytes.

        Args:
            directory: made if need be; files of these names are replaced.
            fmt: csv, csv.gz, jsonl or parquet.

        Returns:
            The files, in the order of the tables.

        Raises:
            UnknownNameError: another format.
            InputError: the folder cannot be made or written to.
        """
        if fmt not in _WRITERS:
            raise UnknownNameError("format", fmt, _WRITERS)
        folder = Path(directory)
        files = [folder / f"{name}.{fmt}" for name in self.tables]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file, table in zip(files, self.tables.values(), strict=True):
                _WRITERS[fmt](table, file)
        except OSError as error:
            raise InputError(
                f"cannot write to {folder}: {error.strerror}; name a folder that you may write to"
            ) from None
        return files


def _csv(table: pd.DataFrame, file: Path) -> None:
    table.to_csv(file, index=False, lineterminator="\n", encoding="utf-8")


def _csv_gz(table: pd.DataFrame, file: Path) -> None:
    # no name and no time in the header, which would differ from run to run
    with file.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write(table.to_csv(index=False, lineterminator="\n").encode("utf-8"))


def _jsonl(table: pd.DataFrame, file: Path) -> None:
    lines = table.to_json(orient="records", lines=True, force_ascii=False)
    file.write_text(lines, encoding="utf-8", newline="\n")


def _parquet(table: pd.DataFrame, file: Path) -> None:
    columns = {str(name): pa.array(table[name].tolist(), pa.string()) for name in table.columns}
    pq.write_table(pa.table(columns), file)


_WRITERS: Final[dict[str, Callable[[pd.DataFrame, Path], None]]] = {
    "csv": _csv,
    "csv.gz": _csv_gz,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
