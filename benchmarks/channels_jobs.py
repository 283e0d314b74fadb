"""A job of :mod:`benchmarks.channels`: `python -m benchmarks.channels_jobs JOB ROWS SETS`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.channels.classify import classify
from attribution.channels.origin import ORIGIN_FIELDS
from attribution.sources.urls import click_id_kinds, parse_urls, referrer_hosts
from attribution.store.keys import distinct, row_hash
from benchmarks.measure import tell

SOURCES = ("google", "bing", "facebook", "newsletter", "linkedin", "partner-site", "reddit", "podcast")
MEDIUMS = ("cpc", "organic", "paid_social", "email", "referral", "display", "CPM")
CLICKS = ("gclid", "fbclid", "msclkid", "li_fat_id")
REFERRERS = ("https://www.google.co.uk/", "https://m.facebook.com/x", "https://chatgpt.com/", "")


def visits(rows: int, sets: int) -> tuple[pa.Array, pa.Array]:
    """Make distinct landing URLs and their referrers, with so many sets of tags and referrers among them.

    A quarter each: tagged; tagged and clicked; clicked, with the platform's ids; a referrer and nothing else.
    """
    rng = np.random.default_rng(7)
    number = rng.permutation(rows) % sets
    frame = pd.DataFrame({
        "path": pd.Series(np.arange(rows)).astype(str), "n": pd.Series(number).astype(str),
        "source": np.array(SOURCES, object)[number % len(SOURCES)],
        "medium": np.array(MEDIUMS, object)[number % len(MEDIUMS)],
        "click": np.array(CLICKS, object)[number // 4 % len(CLICKS)],
        "id": pd.Series(rng.integers(0, 2**62, rows)).astype(str),
    })  # fmt: skip
    base = "https://www.acme.com/p/" + frame["path"]
    tags = "utm_source=" + frame["source"] + "&utm_medium=" + frame["medium"]
    tags += "&utm_campaign=Spring+Sale%20" + frame["n"] + "&utm_content=ad" + frame["n"]
    click = frame["click"] + "=Cj0K" + frame["id"]
    numbered = "campaignid=" + frame["n"] + "&adgroupid=" + frame["n"] + "&network=g&" + click
    kind = number % 4
    urls = (base + "?" + tags).where(kind == 0, base + "?" + tags + "&" + click)
    urls = urls.where(kind < 2, base + "?" + numbered).where(kind < 3, base)
    referrers = pd.Series(np.array(REFERRERS, object)[number % len(REFERRERS)])
    referrers = referrers.where(kind < 3, "https://blog-" + frame["n"] + ".example.org/post")
    return pa.array(urls, pa.string()), pa.array(referrers.where(referrers != "", None), pa.string())


def place(urls: pa.Array, referrers: pa.Array) -> dict[str, Any]:
    """Read and place visits as an import does: each distinct origin once."""
    read = parse_urls(urls)
    columns = dict(read.fields)
    columns |= {"click_id_kinds": click_id_kinds(read.kind_bits), "landing_host": read.host}
    columns |= {"referrer_host": referrer_hosts(referrers), "kind": pa.repeat("session", len(urls))}
    origins = pa.table({name: columns[name] for name in ORIGIN_FIELDS if name in columns})
    codes, first = distinct(row_hash({n: origins.column(n) for n in origins.column_names}, len(urls)))
    placed = classify(origins.take(pa.array(first)).to_pandas(), own_domains=("acme.com",))
    channels = Counter(placed["channel"].to_numpy()[codes].tolist())
    return {"origins": len(first), "channels": len(channels), "placed": sum(channels.values())}


def split(urls: pa.Array) -> dict[str, Any]:
    """Split URLs and queries with Python's own library, and place nothing."""
    found = 0
    for url in urls.to_pylist():
        found += len(parse_qs(urlsplit(url).query))
    return {"parameters": found}


def main() -> None:
    """Do one job on one core and tell of it."""
    job, rows, sets = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    urls, referrers = visits(rows, sets)
    place(urls[:1_000], referrers[:1_000])  # tables are read once
    tell((lambda: split(urls)) if job == "urllib" else (lambda: place(urls, referrers)))


if __name__ == "__main__":
    main()
