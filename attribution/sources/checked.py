"""The result of parsing one column: values, and what is wrong with which rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """Rows (`mask`) that share one fault; `says` is what follows "COLUMN is 'RECEIVED'; "."""

    mask: Mask
    code: str
    says: str


@dataclass(frozen=True)
class Checked:
    """Parsed values, one per row and null where missing or wrong, with their problems."""

    values: pa.Array
    problems: list[Problem] = field(default_factory=list)


def mask_of(array: pa.Array) -> Mask:
    """Turn a boolean Arrow array into numpy, null counting as False."""
    mask: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def given(array: pa.Array) -> Mask:
    """Tell which rows hold a value."""
    if array.null_count == 0:
        return np.ones(len(array), dtype=bool)
    mask: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return mask


def distinct(array: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Split a text array into one code per row (-1 = null) and its distinct values."""
    encoded = array.dictionary_encode()
    codes: npt.NDArray[np.int32] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, encoded.dictionary


def spread(codes: npt.NDArray[np.int32], values: pa.Array) -> pa.Array:
    """Undo :func:`distinct`: one value per row, null where the code is -1."""
    missing = codes < 0
    return values.take(pa.array(codes, mask=missing if missing.any() else None))


def numbers(values: npt.NDArray[np.generic], valid: Mask) -> pa.Array:
    """Make an Arrow array from numpy values, null where not valid."""
    return pa.array(values, mask=None if valid.all() else ~valid)
