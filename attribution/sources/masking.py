"""E-mail addresses and phone numbers out of URLs: what looks like one is masked before it is stored."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.sources.checked import mask_of

EMAIL, PHONE = "(email)", "(phone)"

# a cheap look first: most values hold neither an at sign nor enough digits, and need no second one
_SUSPECT = r"@|%(?:25)*40|[0-9](?:[ .()/-]|%20|%28|%29)*(?:[0-9](?:[ .()-]|%20|%28|%29)*){5}[0-9]"

_AT = re.compile(r"@|%(?:25)*40")
_DOMAIN = re.compile(r"(?:[\w-]|%[89A-F][0-9A-F])+(?:\.[\w-]+)*\.[^\W\d_][\w-]+", re.IGNORECASE)
_UP_TO_A_BREAK = re.compile(r".*[\s/@?&=:;,<>()\"]", re.DOTALL)
_LONGEST_NAME = 1_000  # characters before the at sign, encoded ones counted as they stand
_GAP = r"(?:[ .()-]|%20|%28|%29){0,3}"
_PHONE = re.compile(
    rf"""(?<![\w.+-])(?:
        (?:\+|%2B)[ ]?[1-9](?:{_GAP}[0-9]){{6,14}}            # international: +44 20 7946 0958
      | 00[1-9](?:{_GAP}[0-9]){{7,13}}                        # international with 00
      | (?:\(|%28)?0[1-9](?:{_GAP}[0-9]){{7,9}}               # national with a trunk 0: 020 7946 0958
      | (?:\(|%28)?[2-9][0-9]{{2}}(?:[ .-]|\)[ ]?|%29(?:%20)?|%20)[2-9][0-9]{{2}}(?:[ .-]|%20)[0-9]{{4}}
    )(?!\w)(?![.-]\w)""",  # the last: North America, 555 234 5678
    re.IGNORECASE | re.VERBOSE,
)


def mask_text(text: str) -> str:
    """Replace e-mail addresses and phone numbers; ids of plain digits stay, as campaign ids are such.

    >>> mask_text("/thanks/ella%40acme.com/now"), mask_text("/call/+44 20 7946 0958")
    ('/thanks/(email)/now', '/call/(phone)')
    >>> mask_text("/2024-05-03/p/20417512345")
    '/2024-05-03/p/20417512345'
    """
    return _PHONE.sub(PHONE, _without_emails(text))


def _without_emails(text: str) -> str:
    """Replace e-mail addresses, looking from each at sign to both sides.

    One pattern of a whole address would try every beginning again: seconds for a single URL made for that.
    """
    spans: list[tuple[int, int]] = []
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        if domain is None:
            continue
        before = text[max(at.start() - _LONGEST_NAME, 0) : at.start()]
        broken = _UP_TO_A_BREAK.match(before)
        name = len(before) - (broken.end() if broken else 0)
        if spans and at.start() - name <= spans[-1][1]:  # a@b.com@c.com: one thing
            spans[-1] = (spans[-1][0], domain.end())
        elif name:
            spans.append((at.start() - name, domain.end()))
    for start, end in reversed(spans):
        text = text[:start] + EMAIL + text[end:]
    return text


def mask(texts: pa.Array) -> pa.Array:
    """Apply :func:`mask_text` to the values that may need it (distinct values, please)."""
    suspect = mask_of(pc.match_substring_regex(texts, _SUSPECT, ignore_case=True))
    if not suspect.any():
        return texts
    masked = list(map(mask_text, texts.filter(pa.array(suspect)).to_pylist()))
    replacements = pa.array(masked, pa.string())
    places = np.cumsum(suspect) - 1
    aligned = replacements.take(pa.array(np.maximum(places, 0)))
    return pc.if_else(pa.array(suspect), aligned, texts)
