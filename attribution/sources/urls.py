"""URLs in columns: host, path, campaign parameters and click ids; everything else is dropped.

No statement runs once per URL: values are split by Arrow and read once per distinct value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.origin import CLICK_IDS, URL_FIELDS
from attribution.sources.batch import text_bytes
from attribution.sources.checked import Mask, distinct, given, mask_of, spread
from attribution.sources.masking import mask

VALUE_CHARACTERS = 500
CLICK_ID_CHARACTERS = 2_000
_HOST_CHARACTERS = 253  # the longest a DNS name can be

_NO_TEXT = pa.scalar(None, pa.string())
_PARAMETERS = frozenset(parameter for parameters in URL_FIELDS.values() for parameter in parameters)

_LOCATION = (
    r"(?s)^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/\\]*@)?(?P<host>\[[^\]/]*\]|[^/\\:]*)(?::[^/\\]*)?"
    r"(?P<path>.*)$"
)
# without a scheme only a name with a dot is a host: acme.com/pricing, but not pricing/uk
_BARE = r"(?s)^(?P<host>[\pL\pN_-]+(?:\.[\pL\pN_-]+)*\.[\pL][\pL\pN-]+)\.?(?::[0-9]+)?(?P<path>|/.*)$"
_GOOD_HOST = r"^(?:[\pL\pN_.%~-]+|\[[0-9a-f:.]+\])$"

_BYTES = np.arange(256)
_VISIBLE = (_BYTES > 32) & (_BYTES < 127)
_OF_CLICK_IDS = _VISIBLE & ~np.isin(_BYTES, [ord("@")])  # an address is none, whatever it is called
_ENCODED = ~_VISIBLE | np.isin(_BYTES, [ord("%"), ord("+")])
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_PLUS_OF_PHONE = re.compile(r"\+(?=\d)")


@dataclass(frozen=True)
class Urls:
    """What URLs say, one row each: `string` arrays, null where there is nothing.

    `fields` has every name of URL_FIELDS. `click_id` is the preferred one as `kind:VALUE`; bit *i* of
    `kind_bits` (int32) says that the *i*-th kind of CLICK_IDS is there. `query` holds kept parameters only.
    """

    host: pa.Array
    path: pa.Array
    fields: dict[str, pa.Array]
    click_id: pa.Array
    kind_bits: npt.NDArray[np.int32]
    query: pa.Array


@dataclass(frozen=True)
class _Pairs:
    """Wanted `name=value` pairs in the order of the URLs: row of the URL, name, undecoded value."""

    rows: npt.NDArray[np.int64]
    names: npt.NDArray[np.int32]
    known: list[str]
    values: pa.Array
    count: int

    def first(self, name: str, read: Callable[[pa.Array], pa.Array]) -> pa.Array | None:
        """Return the first usable value of a parameter for each URL; None when no URL has it."""
        codes = [code for code, known in enumerate(self.known) if known == name]
        if not codes:
            return None
        places = np.flatnonzero(np.isin(self.names, codes))
        value_codes, values = distinct(self.values.take(pa.array(places)))
        decoded = spread(value_codes, read(values))
        usable = given(decoded)
        place = np.full(self.count, -1, np.int32)
        # backwards, so that the first of a repeated parameter is written last
        place[self.rows[places[usable]][::-1]] = np.flatnonzero(usable)[::-1]
        return spread(place, decoded)


def parse_urls(urls: pa.Array, keep_query: frozenset[str] = frozenset()) -> Urls:
    """Read landing URLs; nothing raises, what is no URL gives nulls.

    Args:
        urls: trimmed `string` values.
        keep_query: names of further parameters to keep in `query`, in any capitals.

    >>> one = parse_urls(pa.array(["https://Acme.com/a?utm_source=x+y&GCLID=Cj0&email=e@x.io"]))
    >>> one.host[0].as_py(), one.path[0].as_py(), one.fields["utm_source"][0].as_py(), one.click_id[0].as_py()
    ('acme.com', '/a', 'x y', 'gclid:Cj0')
    """
    codes, values = distinct(urls)
    kept = sorted({name.strip().lower() for name in keep_query})
    bases, pairs = _split(values, _PARAMETERS.union(CLICK_IDS, kept))
    base_codes, distinct_bases = distinct(bases)
    host, path = _locations(distinct_bases)
    click_id, bits = _click_ids(pairs)
    of_row = base_codes[codes] if len(base_codes) else codes
    of_row = np.where(codes < 0, -1, of_row).astype(np.int32)
    return Urls(
        host=spread(of_row, host),
        path=spread(of_row, path),
        fields={name: spread(codes, _field(pairs, parameters)) for name, parameters in URL_FIELDS.items()},
        click_id=spread(codes, click_id),
        kind_bits=np.append(bits, np.int32(0))[codes],  # -1, no URL, takes the last
        query=spread(codes, _query(pairs, kept)),
    )


def referrer_hosts(referrers: pa.Array) -> pa.Array:
    """Read the hosts of referrers; an Android app's is its package name.

    >>> referrer_hosts(pa.array(["https://www.Google.com/search?q=x", "android-app://com.slack/"])).to_pylist()
    ['www.google.com', 'com.slack']
    """
    codes, values = distinct(referrers)
    bases = _before(_before(values, "#"), "?")
    return spread(codes, _locations(bases)[0])


def click_id_kinds(bits: npt.NDArray[np.int32]) -> pa.Array:
    """Name the kinds of click ids that bits stand for, joined by `;`; null for none.

    >>> click_id_kinds(np.array([0, 1, 33], np.int32)).to_pylist()
    [None, 'gclid', 'gclid;fbclid']
    """
    found, of_row = np.unique(bits, return_inverse=True)
    names = [
        ";".join(kind for place, kind in enumerate(CLICK_IDS) if number >> place & 1) or None
        for number in found.tolist()
    ]
    return spread(of_row.astype(np.int32), pa.array(names, pa.string()))


def _before(texts: pa.Array, mark: str) -> pa.Array:
    if not (text_bytes(texts) == ord(mark)).any():
        return texts
    return pc.list_element(pc.split_pattern(texts, mark, max_splits=1), 0)


def _parted(texts: pa.Array, mark: str) -> tuple[pa.Array, npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Split texts at the first `mark`: all parts, where each text's begin, and the texts that have two."""
    parts = pc.split_pattern(texts, mark, max_splits=1)
    offsets = parts.offsets.to_numpy()
    return parts.values, offsets[:-1], np.flatnonzero(np.diff(offsets) == 2)


def _split(urls: pa.Array, wanted: Iterable[str]) -> tuple[pa.Array, _Pairs]:
    """Split URLs into what is before the query, and the wanted parameters."""
    parts, begin, rows = _parted(_before(urls, "#"), "?")
    bases = parts.take(pa.array(begin))
    lists = pc.split_pattern(parts.take(pa.array(begin[rows] + 1)), "&")
    of_pair = np.repeat(rows, np.diff(lists.offsets.to_numpy()))
    parts, begin, pairs = _parted(lists.values, "=")
    codes, spellings = distinct(parts.take(pa.array(begin[pairs])))
    known = [_parameter_name(spelling) for spelling in spellings.to_pylist()]
    allowed = frozenset(wanted)
    is_wanted = np.array([name in allowed for name in known], dtype=bool)
    picked = np.flatnonzero(is_wanted[codes]) if len(codes) else np.zeros(0, np.int64)
    values = parts.take(pa.array(begin[pairs[picked]] + 1))
    return bases, _Pairs(of_pair[pairs[picked]], codes[picked], known, values, len(urls))


@lru_cache(maxsize=10_000)
def _parameter_name(spelling: str) -> str:
    # a link copied out of HTML has &amp; between its parameters
    return unquote(spelling.replace("+", " ")).strip().lower().removeprefix("amp;")


def _locations(bases: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Read host and path of distinct URLs without their queries."""
    full = pc.extract_regex(bases, _LOCATION)
    bare = pc.extract_regex(bases, _BARE)
    is_full = pa.array(given(full))
    host = pc.if_else(is_full, pc.struct_field(full, "host"), pc.struct_field(bare, "host"))
    path = pc.if_else(is_full, pc.struct_field(full, "path"), pc.struct_field(bare, "path"))
    rooted = mask_of(pc.starts_with(bases, "/")) & ~given(host)
    path = pc.if_else(pa.array(rooted), bases, path)
    host = pc.utf8_rtrim(pc.utf8_lower(host), characters=".")
    good = mask_of(pc.match_substring_regex(host, _GOOD_HOST)) & _at_most(host, _HOST_CHARACTERS)
    host = pc.if_else(pa.array(good), host, _NO_TEXT)
    path = pc.if_else(pc.equal(path, ""), "/", path)
    path_codes, paths = distinct(path)
    return host, spread(path_codes, _cut(mask(paths)))


def _field(pairs: _Pairs, parameters: tuple[str, ...]) -> pa.Array:
    found = [value for name in parameters if (value := pairs.first(name, _values)) is not None]
    return pc.coalesce(*found) if found else pa.nulls(pairs.count, pa.string())


def _values(texts: pa.Array) -> pa.Array:
    """Decode, mask and cut distinct parameter values; nothing left is null."""
    decoded = mask(_decoded(texts, _decode_value))
    return pc.if_else(pc.equal(decoded, ""), _NO_TEXT, _cut(decoded))


def _decoded(texts: pa.Array, decode: Callable[[str], str]) -> pa.Array:
    if not _ENCODED[text_bytes(texts)].any():
        return texts
    return pa.array(map(decode, texts.to_pylist()), pa.string(), size=len(texts))


def _decode_value(text: str) -> str:
    # a phone number's plus was meant as one, though a form would have read it as a space
    plain = text if _PLUS_OF_PHONE.match(text) else text.replace("+", " ")
    return _UNPRINTABLE.sub(" ", unquote(plain, errors="replace")).strip()


def _click_ids(pairs: _Pairs) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    bits = np.zeros(pairs.count, np.int32)
    found = []
    for place, kind in enumerate(CLICK_IDS):
        values = pairs.first(kind, _click_id_values)
        if values is not None:
            bits[given(values)] |= np.int32(1 << place)
            found.append(pc.binary_join_element_wise(kind, values, ":"))
    return pc.coalesce(*found) if found else pa.nulls(pairs.count, pa.string()), bits


def _click_id_values(texts: pa.Array) -> pa.Array:
    """Decode distinct click ids, whose plus is no space; what could never be one is null."""
    decoded = _decoded(texts, unquote)
    good = _at_most(decoded, CLICK_ID_CHARACTERS) & mask_of(pc.not_equal(decoded, ""))
    if not _OF_CLICK_IDS[text_bytes(decoded)].all():
        good &= mask_of(pc.match_substring_regex(decoded, r"^[!-?A-~]+$"))
    return decoded if good.all() else pc.if_else(pa.array(good), decoded, _NO_TEXT)


def _query(pairs: _Pairs, kept: list[str]) -> pa.Array:
    """Write the kept parameters as a query again, in the order of their names."""
    found = [
        pc.binary_join_element_wise(name, values, "=")
        for name in kept
        if (values := pairs.first(name, _query_values)) is not None
    ]
    if not found:
        return pa.nulls(pairs.count, pa.string())
    query = pc.binary_join_element_wise(*found, "&", null_handling="skip")
    return pc.if_else(pc.equal(query, ""), _NO_TEXT, query)


def _query_values(texts: pa.Array) -> pa.Array:
    values = _values(texts)
    for mark, code in (("%", "%25"), ("&", "%26"), ("#", "%23")):
        values = pc.replace_substring(values, mark, code)
    return values


def _cut(texts: pa.Array) -> pa.Array:
    if _at_most(texts, VALUE_CHARACTERS)[given(texts)].all():
        return texts
    return pc.utf8_slice_codeunits(texts, 0, VALUE_CHARACTERS)


def _at_most(texts: pa.Array, characters: int) -> Mask:
    short = mask_of(pc.less_equal(pc.binary_length(texts), characters))
    if (given(texts) & ~short).any():  # bytes are at least as many as characters
        short = mask_of(pc.less_equal(pc.utf8_length(texts), characters))
    return short
