"""What a mapping may do to values: columns of text into columns of text, each value by itself.

Nothing is checked here that parsing checks anyway: what cannot be converted goes on as it is, so that the
fault is told with the value that was received.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.sources.batch import text_bytes
from attribution.sources.checked import distinct, given, mask_of, spread
from attribution.sources.mapping.declared import EPOCHS, UNITS, Take

# what was looked up: FILE.COLUMN -> key -> value
LookUps = Mapping[str, Mapping[str, str]]

NO_TEXT: Final = pa.scalar(None, pa.string())
_NOTHING: Final = ("-", "--", "n/a", "na", "null", "none", "nan")
# what stands before and behind amounts: signs ($, kr), codes (USD, US$); one letter behind is a thousand
_MONEY_BEFORE: Final = r"^([+-]?)(?:[\s\p{Sc}]|[A-Za-z]{1,3}|[A-Z]{1,2}\p{Sc})+([+-]?\.?\d)"
_MONEY_BEHIND: Final = r"(\d\.?)\s*(?:\p{Sc}|[A-Z]{3}|kr|zł|Kč)\s*$"
_GROUPED: Final = {
    "1,234.56": (r"^[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?$", r",", "."),
    "1.234,56": (r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d*)?$", r"\.", ","),
    "1 234,56": (r"^[+-]?(?:\d+|\d{1,3}(?:\s\d{3})+)(?:,\d*)?$", r"\s", ","),
}
_CHECK_CHARACTERS: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", np.uint8)


def trimmed(values: pa.Array) -> pa.Array:
    """Cut white space off both ends; what is empty then is missing."""
    cut = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.equal(cut, ""), NO_TEXT, cut)


def converted(take: Take, values: pa.Array, look_ups: LookUps) -> pa.Array:
    """Do to values what a place says, in the order in which :class:`Take` lists it, from `number` on.

    >>> converted(Take(names=("cost",), unit="micro"), pa.array(["1204500000", None]), {}).to_pylist()
    ['1204.5', None]
    """
    if take.number is not None:
        values = _plain_number(values, take.number)
    if take.whole:
        values = pc.replace_substring_regex(values, r"^(\d+)\.\d+$", r"\1")
    if take.unit is not None:
        values = _shifted(values, UNITS[take.unit])
    if take.epoch is not None:
        values = _from_epoch(values, EPOCHS[take.epoch])
    if take.form is not None:
        values = _from_form(values, take.form)
    if take.utc:
        values = _in_utc(values)
    if take.day:
        values = pc.replace_substring_regex(values, r"^(\d{4}-\d\d-\d\d)[T ].*$", r"\1")
    if take.before is not None:
        values = trimmed(pc.replace_substring_regex(values, f"[{_class(take.before)}].*$", ""))
    if take.after is not None:
        values = trimmed(pc.replace_substring_regex(values, f"^.*[{_class(take.after)}]", ""))
    if take.id == "salesforce":
        values = _eighteen(values)
    if take.words is not None:
        values = _by_distinct(values, partial(_meaning, take.words, take.otherwise))
    if take.lookup is not None:
        values = _by_distinct(values, look_ups[take.lookup].get)
    if take.prefix:
        values = pc.binary_join_element_wise(take.prefix, values, "")
    return values


def _meaning(words: Mapping[str, str], otherwise: str | None, text: str) -> str | None:
    return words.get(text.lower(), otherwise)


def _class(characters: str) -> str:
    return "".join(f"\\{one}" if one in r"\[]^-/" else one for one in characters)


def _by_distinct(values: pa.Array, meaning: Callable[[str], str | None]) -> pa.Array:
    codes, words = distinct(values)
    found = [meaning(word) for word in words.to_pylist()]
    return spread(codes, pa.array(found, pa.string()))


def _plain_number(values: pa.Array, style: str) -> pa.Array:
    """Write amounts as plain decimals; one in another style than said goes on as it is, to be refused."""
    small = pc.utf8_lower(values)
    nothing = pc.is_in(small, value_set=pa.array(_NOTHING))
    plain = pc.replace_substring_regex(values, "[\u2212\u2013]", "-")
    plain = pc.replace_substring_regex(plain, r"^\(([^()]*)\)$", r"-\1")
    plain = pc.replace_substring_regex(plain, r"^([^-]*\d)\s*-$", r"-\1")
    plain = pc.replace_substring_regex(plain, _MONEY_BEFORE, r"\1\2")
    plain = pc.replace_substring_regex(plain, _MONEY_BEHIND, r"\1")
    looks, groups, point = _GROUPED[style]
    grouped = pc.match_substring_regex(plain, looks.replace(r"\s", "[\\s\u00a0\u202f]"))
    bare = pc.replace_substring_regex(plain, groups.replace(r"\s", "[\\s\u00a0\u202f]"), "")
    if point != ".":
        bare = pc.replace_substring(bare, point, ".")
    plain = pc.utf8_rtrim(pc.if_else(grouped, bare, plain), characters=".")
    plain = pc.replace_substring_regex(plain, r"^\+", "")
    plain = pc.replace_substring_regex(plain, r"^(-?)\.", r"\10.")
    return pc.if_else(pc.or_(nothing, pc.equal(plain, "")), NO_TEXT, plain)


def _shifted(values: pa.Array, digits: int) -> pa.Array:
    """Divide plain decimals by a power of ten, digit by digit."""
    plain = pc.match_substring_regex(values, r"^-?\d{1,30}(\.\d+)?$")
    minus = pc.if_else(pc.starts_with(values, "-"), "-", "")
    whole = pc.replace_substring_regex(pc.utf8_ltrim(values, characters="-"), r"\..*$", "")
    rest = pc.if_else(pc.match_substring(values, "."), pc.replace_substring_regex(values, r"^.*\.", ""), "")
    padded = pc.utf8_lpad(whole, digits + 1, "0")
    split = pc.replace_substring_regex(padded, rf"(\d{{{digits}}})$", r".\1")
    moved = pc.binary_join_element_wise(minus, split, rest, "")
    tidy = pc.utf8_rtrim(pc.utf8_rtrim(moved, characters="0"), characters=".")
    return pc.if_else(plain, tidy, values)


def _from_epoch(values: pa.Array, digits: int) -> pa.Array:
    """Write numbers since 1970 as instants; one of them has `digits` decimals down to the microsecond."""
    good = pc.match_substring_regex(values, r"^\d{1,17}(\.\d+)?$")
    finer = rf"(\.\d{{{digits}}})\d+$" if digits else r"()\.\d+$"
    cut = pc.replace_substring_regex(values, finer, r"\1")
    exact = pc.if_else(good, cut, NO_TEXT).cast(pa.decimal128(38, digits))
    micros = np.frombuffer(exact.buffers()[1], "<i8")[::2][exact.offset : exact.offset + len(exact)]
    texts = pa.array(micros, mask=~mask_of(good)).cast(pa.timestamp("us")).cast(pa.string())
    return pc.if_else(good, pc.binary_join_element_wise(texts, "Z", ""), values)


def _from_form(values: pa.Array, form: str) -> pa.Array:
    """Write dates of another form as ISO 8601."""
    found = pc.strptime(values, format=form, unit="s", error_is_null=True)
    texts = found.cast(pa.string())
    if "%H" not in form and "%I" not in form:
        texts = pc.utf8_slice_codeunits(texts, 0, 10)
    return pc.coalesce(texts, values)


def _in_utc(values: pa.Array) -> pa.Array:
    """Let times without an offset be of UTC."""
    times = tidy_times(values)
    naive = pc.match_substring_regex(times, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*$")
    return pc.if_else(naive, pc.binary_join_element_wise(times, "Z", ""), times)


def tidy_times(values: pa.Array) -> pa.Array:
    """Write times as ISO 8601 where exports nearly do: an hour of one digit, `UTC` at the end.

    >>> tidy_times(pa.array(["2024-05-03 9:30:00 UTC", "2024-05-03 09:30:00 +0000"])).to_pylist()
    ['2024-05-03 09:30:00Z', '2024-05-03 09:30:00+0000']
    """
    values = pc.replace_substring_regex(values, r"^(\d{4}-\d\d-\d\d[T ])(\d:)", r"\10\2")
    values = pc.replace_substring_regex(values, r" ?UTC$", "Z")
    return pc.replace_substring_regex(values, r"(:\d\d(?:\.\d+)?) ([+-]\d\d:?\d\d)$", r"\1\2")


def _eighteen(values: pa.Array) -> pa.Array:
    """Give ids of 15 characters the three that say which of their letters are capitals."""
    short = given(values) & mask_of(pc.match_substring_regex(values, "^[0-9A-Za-z]{15}$"))
    if not short.any():
        return values
    picked = values.filter(pa.array(short))
    capital = (text_bytes(picked) >= ord("A")) & (text_bytes(picked) <= ord("Z"))
    bits = capital.reshape(-1, 3, 5) @ (1 << np.arange(5))
    last = pa.array(_CHECK_CHARACTERS[bits].view("S3").ravel(), pa.binary()).cast(pa.string())
    return pc.replace_with_mask(values, pa.array(short), pc.binary_join_element_wise(picked, last, ""))
