"""Which of very many names is called most like another one."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.names import name_key
from attribution.sources.batch import text_bytes

_FEW: Final = 200  # names that are compared letter by letter
_ALIKE: Final = 0.5
_NEAR: Final = 2
_CODES: Final = 1 << 16


class _Trigrams(NamedTuple):
    """Three bytes each, as numbers below 2**16; `starts` of each name."""

    codes: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.int64]


class NearNames:
    """Names to look among, in the form in which they compare.

    >>> names = NearNames(pa.array(["Spring Sale", "spring%20sale", "Brand"]))
    >>> names.known(pa.array(["SPRING+SALE", "Autumn"])).to_pylist(), names.nearest("spring_sale_25")
    ([True, False], ('Spring Sale',))
    """

    def __init__(self, names: pa.Array) -> None:
        keys = name_keys(names)
        order = pc.sort_indices(
            pa.table({"key": keys, "name": names}), sort_keys=[("key", "ascending"), ("name", "ascending")]
        )
        keys, names = keys.take(order), names.take(order)
        differs = np.ones(len(keys), bool)  # of names that compare equal the first is shown
        if len(keys) > 1:
            differs[1:] = pc.not_equal(keys[1:], keys[:-1]).to_numpy(zero_copy_only=False)
        self._keys, self._names = keys.filter(pa.array(differs)), names.filter(pa.array(differs))

    def known(self, names: pa.Array) -> pa.Array:
        """Tell which names are among them (bool)."""
        return pc.is_in(name_keys(names), value_set=self._keys)

    def nearest(self, name: str) -> tuple[str, ...]:
        """Return at most two of them, the nearest first; none where none is half alike."""
        key = name_key(name)
        among = self._candidates(key)
        found = dict(
            zip(self._keys.take(among).to_pylist(), self._names.take(among).to_pylist(), strict=True)
        )
        return tuple(found[near] for near in get_close_matches(key, found, n=_NEAR, cutoff=_ALIKE))

    def _candidates(self, key: str) -> pa.Array:
        """Return the places of the few names that share the most with a key."""
        if len(self._keys) <= _FEW:
            return pa.array(np.arange(len(self._keys)))
        wanted = np.zeros(_CODES, np.bool_)
        wanted[_trigrams(pa.array([key], pa.string())).codes] = True
        wanted[0] = False
        shared = np.add.reduceat(wanted[self._trigrams.codes], self._trigrams.starts, dtype=np.int32)
        alike = 2 * shared / (self._lengths + len(key.encode()))
        least = np.partition(alike, -_FEW)[-_FEW]
        more, same = np.flatnonzero(alike > least), np.flatnonzero(alike == least)
        return pa.array(np.r_[more, same[: _FEW - len(more)]])

    @cached_property
    def _lengths(self) -> npt.NDArray[np.int64]:
        return np.asarray(pc.binary_length(self._keys).to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def _trigrams(self) -> _Trigrams:
        return _trigrams(self._keys)


def _trigrams(keys: pa.Array) -> _Trigrams:
    """Cut names into what three bytes there are one after another, their ends included; 0 between names."""
    ended = pc.binary_join_element_wise("\n", keys, "\n", "", "")
    lengths = pc.binary_length(ended).to_numpy(zero_copy_only=False).astype(np.int64)
    letters = text_bytes(ended).astype(np.uint16)
    codes = np.zeros(len(letters), np.uint16)
    codes[:-2] = (letters[:-2] << 11) ^ (letters[1:-1] << 5) ^ letters[2:]
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    last = starts + lengths
    codes[last - 1] = codes[last - 2] = 0
    return _Trigrams(codes, starts)


def name_keys(names: pa.Array) -> pa.Array:
    """Return the form in which names compare (:func:`attribution.channels.names.name_key`), of each.

    >>> name_keys(pa.array(["Spring+Sale", " Brand  UK", "Straße"])).to_pylist()
    ['spring sale', 'brand uk', 'strasse']
    """
    # nearly all names have none of what makes it more than small letters and single blanks
    plain = pc.match_substring_regex(names, r"^[!-$&-*,-~]+( [!-$&-*,-~]+)*$").fill_null(False)
    small = pc.utf8_lower(names)
    others = pa.array(
        [name_key(name or "") for name in names.filter(pc.invert(plain)).to_pylist()], pa.string()
    )
    return pc.replace_with_mask(small, pc.invert(plain), others)
