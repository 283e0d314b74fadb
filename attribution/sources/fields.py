"""Text, choices, consent, click ids and contact lists, vectorised; distinct values are read once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.channels.origin import CLICK_IDS
from attribution.sources.batch import text_bytes
from attribution.sources.checked import Checked, Problem, distinct, given, mask_of, numbers, spread

ID_CHARACTERS = 2_000
PURPOSES = ("analytics", "ad_user_data", "ad_personalization")
SIGNALS = {"unknown": 0, "granted": 1, "denied": 2}

YES_NO = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "1.0"), 1),
    **dict.fromkeys(("no", "n", "false", "f", "0", "0.0"), 0),
}
# what telephone systems call a call that somebody took, and one that nobody took
OUTCOMES = {
    **YES_NO,
    **dict.fromkeys(("answered", "completed", "connected"), 1),
    **dict.fromkeys(("missed", "unanswered", "no answer", "no-answer", "noanswer", "busy", "failed"), 0),
    **dict.fromkeys(("canceled", "cancelled", "abandoned", "rejected", "declined", "voicemail"), 0),
}

_NO_TEXT = pa.scalar(None, pa.string())
_BAD_CONSENT = (
    "allowed is granted, denied or unknown, or one by one as "
    "analytics:granted;ad_user_data:denied;ad_personalization:unknown"
)


def trim(texts: pa.Array) -> pa.Array:
    """Cut white space off both ends; what is empty then is missing."""
    data = text_bytes(texts)
    if not ((data <= 32) | (data >= 128)).any():  # no space of any alphabet anywhere
        return texts
    trimmed = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(trimmed, ""), _NO_TEXT, trimmed)


def ids(texts: pa.Array) -> Checked:
    """Take identifiers as they are, up to 2,000 characters."""
    return Checked(texts, [too_long(texts)])


def words(texts: pa.Array) -> pa.Array:
    """Take free text, cut at 2,000 characters."""
    if not too_long(texts).mask.any():
        return texts
    return pc.utf8_slice_codeunits(texts, 0, ID_CHARACTERS)


def choices(texts: pa.Array, allowed: Sequence[str], default: str | None) -> Checked:
    """Take one of a few words, whatever its capitals; a missing one is the default.

    >>> choices(pa.array(["Won", "maybe"]), ("open", "won", "lost"), None).values.to_pylist()
    ['won', None]
    """
    known = {word: word for word in allowed}
    checked = _by_distinct(
        texts,
        lambda text: known.get(text.lower()),
        pa.string(),
        "not_allowed",
        f"allowed: {', '.join(allowed)}",
    )
    if default is None:
        return checked
    return Checked(pc.if_else(pa.array(given(texts)), checked.values, default), checked.problems)


def yes_or_no(texts: pa.Array, words: Mapping[str, int] = YES_NO) -> Checked:
    """Read yes and no (int8: 1 and 0) in the words that exports have for them.

    >>> yes_or_no(pa.array(["Yes", "0", "perhaps", None])).values.to_pylist()
    [1, 0, None, None]
    >>> yes_or_no(pa.array(["missed", "completed"]), OUTCOMES).values.to_pylist()
    [0, 1]
    """
    says = "allowed: yes, no, true, false, 1, 0"
    if words is OUTCOMES:
        says += ", or answered, completed, missed, no-answer, busy, failed, canceled, abandoned, voicemail"
    return _by_distinct(texts, lambda text: words.get(text.lower()), pa.int8(), "not_allowed", says)


def consents(texts: pa.Array) -> Checked:
    """Read consent (int8): two bits a purpose, analytics lowest; 0 unknown, 1 granted, 2 denied.

    >>> consents(pa.array(["granted", "analytics:denied", None])).values.to_pylist()
    [21, 2, 0]
    """
    checked = _by_distinct(texts, consent_bits, pa.int8(), "bad_consent", _BAD_CONSENT)
    return Checked(checked.values.fill_null(0), checked.problems)


def consent_bits(text: str) -> int | None:
    """Read one consent text; None when it is not one."""
    plain = text.strip().lower()
    if plain in SIGNALS:
        return SIGNALS[plain] * 0b010101
    seen: dict[str, int] = {}
    for pair in filter(None, map(str.strip, plain.split(";"))):
        purpose, _, signal = (part.strip() for part in pair.partition(":"))
        if purpose not in PURPOSES or signal not in SIGNALS or purpose in seen:
            return None
        seen[purpose] = SIGNALS[signal]
    return sum(signal << 2 * PURPOSES.index(purpose) for purpose, signal in seen.items()) if seen else None


def purposes(texts: pa.Array) -> Checked:
    """Read why a page was asked for (`Sec-Purpose`, `Purpose`, `X-Moz`): int8, 1 where nobody had asked yet.

    >>> purposes(pa.array(["prefetch;prerender", "navigate", None])).values.to_pylist()
    [1, None, None]
    """
    early = mask_of(pc.match_substring_regex(texts, "prefetch|prerender|preview", ignore_case=True))
    return Checked(numbers(early.astype(np.int8), early))


def click_ids(texts: pa.Array) -> Checked:
    """Check click ids written as `gclid:VALUE`; the kind's capitals do not matter."""
    checked = _by_distinct(
        texts,
        _click_id,
        pa.string(),
        "bad_click_id",
        f"allowed is KIND:VALUE such as gclid:Cj0KC; kinds: {', '.join(CLICK_IDS)}",
    )
    return Checked(checked.values, [too_long(texts), *checked.problems])


def emails(texts: pa.Array) -> Checked:
    """Clean a `;`-separated list of contacts: blanks around and between are dropped, one text a row."""
    tidy = pc.replace_substring_regex(texts, r"[\s;]*;[\s;]*", ";")
    tidy = pc.utf8_trim(tidy, characters="; \t\r\n")
    tidy = pc.if_else(pc.equal(tidy, ""), _NO_TEXT, tidy)
    return Checked(tidy)


def _click_id(text: str) -> str | None:
    kind, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not value or kind.lower() not in CLICK_IDS or re.search(r"[\s@]", value):
        return None
    return f"{kind.lower()}:{value}"


def _by_distinct(
    texts: pa.Array, read: Callable[[str], object], dtype: pa.DataType, code: str, says: str
) -> Checked:
    codes, values = distinct(texts)
    parsed = spread(codes, pa.array(map(read, values.to_pylist()), dtype, size=len(values)))
    return Checked(parsed, [Problem(given(texts) & ~given(parsed), code, says)])


def too_long(texts: pa.Array) -> Problem:
    """Find texts over 2,000 characters."""
    if len(text_bytes(texts)) <= ID_CHARACTERS:  # all of them together are short
        mask = np.zeros(len(texts), dtype=bool)
    else:
        mask = mask_of(pc.greater(pc.binary_length(texts), ID_CHARACTERS))
        if mask.any():  # bytes are at least as many as characters
            mask = mask_of(pc.greater(pc.utf8_length(texts), ID_CHARACTERS))
    return Problem(mask, "too_long", f"allowed are up to {ID_CHARACTERS:,} characters")
