"""Hosts and source names: which source a host belongs to, and which domain it is a part of.

The table is ``sources.csv``; the public-suffix list is the snapshot that ships with ``tldextract``. Nothing
here ever goes to the network, and nothing raises on an odd host: what is not known is None.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

_CACHED: Final = 65_536  # distinct hosts kept; a large site sees some ten thousand

_APP_ROOTS: Final = frozenset(("ai", "app", "co", "com", "io", "me", "net", "org", "ru"))


@cache
def _extractor(private: bool) -> Callable[[str], Any]:
    # imported when the first host is asked about: it takes a quarter of a second, and most commands ask none
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=private)


def _suffixes(host: str) -> Any:
    """Split a host; private suffixes count: a.github.io and b.github.io belong to two people."""
    return _extractor(True)(host)


def _icann_suffixes(host: str) -> Any:
    return _extractor(False)(host)


@dataclass(frozen=True, slots=True)
class Source:
    """A known source: the key it was found by, its name in lower case, its category, its search parameters.

    Categories: search, social, video, shopping, ai, mail, other. A search parameter is the name of a query
    parameter or, between slashes, a pattern of the path.
    """

    key: str
    name: str
    category: str
    search_parameters: tuple[str, ...] = ()


@cache
def source_table() -> Mapping[str, Source]:
    """Return the package's table of sources by key (host, app or bare name; ``google.*`` is any country).

    >>> source_table()["chatgpt.com"].category
    'ai'
    """
    text = files(__package__).joinpath("sources.csv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    rows = csv.DictReader(lines)
    return MappingProxyType(
        {r["key"]: Source(r["key"], r["name"], r["category"], _split(r["search_parameters"])) for r in rows}
    )


def _split(parameters: str) -> tuple[str, ...]:
    return tuple(parameters.split())


@cache
def _path_keys() -> Mapping[str, list[tuple[str, Source]]]:
    """Keys with a path (``x.com/i/grok``) by their host, longest path first."""
    found: dict[str, list[tuple[str, Source]]] = {}
    for key, source in source_table().items():
        host, slash, path = key.partition("/")
        if slash and " " not in key:
            found.setdefault(host, []).append((path, source))
    for paths in found.values():
        paths.sort(key=lambda item: -len(item[0]))
    return found


@lru_cache(_CACHED)
def clean_host(text: str) -> str:
    """Return a bare host: lower case, without scheme, user, port, path, final dot and ``www.``.

    >>> clean_host("https://user@WWW.Example.com:8080/a?b")
    'example.com'
    """
    rest = text.strip().lower()
    rest = rest.partition("://")[2] if "://" in rest else rest.removeprefix("//")
    for end in "/?#":
        rest = rest.partition(end)[0]
    rest = rest.rpartition("@")[2]
    if not rest.startswith("["):  # the colons of an IPv6 address are no port
        rest = rest.partition(":")[0]
    return rest.strip().strip(".").removeprefix("www.")


@lru_cache(_CACHED)
def registrable_domain(host: str) -> str | None:
    """Return the domain that somebody registered (public-suffix list), or None for an address or a name.

    >>> registrable_domain("shop.example.co.uk"), registrable_domain("localhost")
    ('example.co.uk', None)
    """
    return _suffixes(clean_host(host)).top_domain_under_public_suffix or None


def is_within(host: str, domains: Iterable[str]) -> bool:
    """Tell whether a host is one of the domains or a subdomain of one.

    >>> is_within("www.shop.acme.com", ["acme.com"]), is_within("notacme.com", ["acme.com"])
    (True, False)
    """
    return _is_within(clean_host(host), tuple(domains))


@lru_cache(_CACHED)
def _is_within(host: str, domains: tuple[str, ...]) -> bool:
    known = _cleaned(domains)
    while host not in known:
        dot = host.find(".")
        if dot < 0:
            return False
        host = host[dot + 1 :]
    return True


@lru_cache(256)
def _cleaned(domains: tuple[str, ...]) -> frozenset[str]:
    return frozenset(clean_host(domain) for domain in domains) - {""}


@lru_cache(_CACHED)
def find_source(text: str) -> Source | None:
    """Find the known source of a host, a URL, an Android app or a tagged name; None when there is none.

    The longest matching host wins, so ``gemini.google.com`` is not ``google.com``.

    >>> find_source("https://www.google.co.uk/search").name, find_source("fb").name
    ('google', 'facebook')
    >>> find_source("android-app://com.google.android.gm").category
    'mail'
    """
    lowered = text.strip().lower()
    table = source_table()
    if lowered in table:
        return table[lowered]
    host = clean_host(lowered)
    if "." not in host or " " in host:
        return table.get(host) if host and lowered in (host, f"www.{host}") else None
    path = lowered.partition("://")[2].partition("/")[2] if "://" in lowered else lowered.partition("/")[2]
    is_app = lowered.startswith("android-app:")
    if is_app:
        return _find_app(host, is_app=True)
    return _find_host(host, path) or _find_app(host, is_app=False)


def _find_host(host: str, path: str) -> Source | None:
    table, paths = source_table(), _path_keys()
    for key in _covering(host):
        for prefix, source in paths.get(key, ()) if path else ():
            if path == prefix or path.startswith((prefix + "/", prefix + "?")):
                return source
        if key in table:
            return table[key]
    return None


def _covering(host: str) -> Iterator[str]:
    """Yield the keys that would cover a host, nearest first: itself, its parents, each with any suffix."""
    labels = host.split(".")
    # the suffix matters to keys such as google.* only, and finding it takes longer than all the rest
    suffix = "" if _before_any_suffix().isdisjoint(labels) else _icann_suffixes(host).suffix
    own = len(labels) - (suffix.count(".") + 1 if suffix else 0)
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])
        if suffix and start < own:
            yield ".".join(labels[start:own]) + ".*"


@cache
def _before_any_suffix() -> frozenset[str]:
    """Return the last labels of keys that end in any suffix: `yahoo` of ``search.yahoo.*``."""
    keys = (key for key in (*source_table(), *_path_keys()) if key.endswith(".*"))
    return frozenset(key.removesuffix(".*").rpartition(".")[2] for key in keys)


def _find_app(name: str, *, is_app: bool) -> Source | None:
    """Find an Android app by its package: its own key or its maker's, else the domain it spells backwards."""
    table, labels = source_table(), name.split(".")
    if labels[0] not in _APP_ROOTS:
        return None
    for end in range(len(labels), 1, -1):
        found = table.get(".".join(labels[:end]))
        if found:
            return found
    if not is_app and _icann_suffixes(name).suffix:
        return None  # an ordinary host that happens to begin with com
    return _find_host(".".join(reversed(labels)), "")
