"""Referrer spam: hosts that send requests with themselves as the referrer, so that people look them up.

The list is ``spam_referrers.txt``; a host covers its subdomains.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.hosts import clean_host

_DATE: Final = re.compile(r"Made on (\d{4}-\d\d-\d\d)")


class SpamList(NamedTuple):
    """The list and the date that it is of."""

    version: str
    hosts: frozenset[str]


@cache
def spam_list() -> SpamList:
    """Return the package's list of spam hosts.

    >>> "semalt.com" in spam_list().hosts, len(spam_list().version)
    (True, 10)
    """
    lines = files(__package__).joinpath("spam_referrers.txt").read_text(encoding="utf-8").splitlines()
    dated = _DATE.search("\n".join(line for line in lines if line.startswith("#")))
    assert dated is not None  # the head of the file
    return SpamList(dated[1], frozenset(line.strip() for line in lines if line and not line.startswith("#")))


@lru_cache(65_536)
def is_spam(host: str) -> bool:
    """Tell whether a referrer's host is one of the list, or a subdomain of one.

    >>> is_spam("semalt.semalt.com"), is_spam("notsemalt.com")
    (True, False)
    """
    labels = clean_host(host).split(".")
    hosts = spam_list().hosts
    return any(".".join(labels[start:]) in hosts for start in range(len(labels) - 1))


def spam_among(hosts: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Tell which hosts are spam: bool[n]; each distinct one is looked at once.

    >>> spam_among(pa.array(["www.darodar.com", None, "google.com"])).tolist()
    [True, False, False]
    """
    array = hosts.combine_chunks() if isinstance(hosts, pa.ChunkedArray) else hosts
    encoded = array.dictionary_encode()
    found = np.array([*(is_spam(host) for host in encoded.dictionary.to_pylist()), False], np.bool_)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)  # -1 takes the last
    among: npt.NDArray[np.bool_] = found[codes]
    return among
