"""Match keys: what identifies a person, normalised and hashed as each vendor's own code does.

One address has different hashes on different platforms (Google drops the dots of gmail.com, Meta keeps them),
so nothing here is stored. What was hashed before it came here passes through.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Final

_HASHED: Final = re.compile(r"[0-9A-Fa-f]{64}")
_SPACE: Final = re.compile(r"\s+")
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_FEWEST_DIGITS: Final = 7


def sha256(text: str) -> str:
    """Return the hash as 64 hexadecimal digits in small letters.

    >>> sha256("quinny@example.com")[:12]
    'd00d0a7c6d49'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def hashed(text: str) -> str:
    """Return the hash of a text; what is one already is only written in small letters, as platforms want it.

    >>> hashed("AB" * 32) == "ab" * 32
    True
    """
    return text.lower() if is_hashed(text) else sha256(text)


def is_hashed(text: str) -> bool:
    """Tell whether a text is a SHA-256 already, in small letters or in capitals."""
    return _HASHED.fullmatch(text) is not None


def all_hashed(texts: Iterable[str], plain: Callable[[str], str]) -> list[str]:
    """Return the hashes of all texts, each written plainly first and once; what is a hash already stays.

    Args:
        texts: as people write them.
        plain: writes one as a platform wants it, empty where it is none.

    >>> [key[:6] for key in all_hashed(["Quinny@example.com", "quinny@example.com", "none"], plain_email)]
    ['d00d0a']
    """
    found = (text if is_hashed(text) else plain(text) for text in texts)
    return list(dict.fromkeys(hashed(text) for text in found if text))


def plain_email(text: str) -> str:
    """Return an address in small letters without spaces around it, empty where it is none.

    >>> plain_email("  ALEXZ@example.com "), plain_email("quinn"), plain_email("a b@example.com")
    ('alexz@example.com', '', '')
    """
    address = text.strip().lower()
    name, at, host = address.rpartition("@")
    return address if at and name and host and not _SPACE.search(address) else ""


def google_email(text: str) -> str:
    """Return an address as Google's Data Manager formatter writes it: gmail.com without dots, tags kept.

    >>> google_email("Jefferson.Loves.hiking@gmail.com"), google_email("a.b+tag@example.com")
    ('jeffersonloveshiking@gmail.com', 'a.b+tag@example.com')
    """
    address = plain_email(text)
    name, _, host = address.rpartition("@")
    if host in _GMAIL:
        name = name.replace(".", "")
    return f"{name}@{host}" if name else ""


def bare_email(text: str) -> str:
    """Return an address without dots and tag before any host, as Microsoft and Reddit want it.

    >>> bare_email("Al.ice+Apple@Example.Com"), bare_email("+tag@example.com")
    ('alice@example.com', '')
    """
    name, _, host = plain_email(text).rpartition("@")
    name = name.partition("+")[0].replace(".", "")
    return f"{name}@{host}" if name else ""


def phone_digits(text: str) -> str:
    """Return the digits of a number with its country's, empty where too few are there to be one.

    >>> phone_digits("+44 113 496 0987"), phone_digits("+A BCD")
    ('441134960987', '')
    """
    digits = "".join(sign for sign in text if sign.isascii() and sign.isdigit())
    return digits if len(digits) >= _FEWEST_DIGITS else ""


def e164(text: str) -> str:
    """Return a number as `+` and digits, empty where it is none.

    >>> e164("1 800 555 0100")
    '+18005550100'
    """
    digits = phone_digits(text)
    return f"+{digits}" if digits else ""


def name(text: str) -> str:
    """Return a name in small letters without spaces around it; what is in it stays.

    >>> name("  Jean-Luc ")
    'jean-luc'
    """
    return text.strip().lower()


def letters(text: str) -> str:
    """Return the small letters of a place's name, without what stands between them.

    >>> letters("St. John's 2"), letters("New York")
    ("stjohn's", 'newyork')
    """
    return "".join(sign for sign in name(text) if not (sign.isspace() or sign.isdigit() or sign == "."))


def country(text: str) -> str:
    """Return a country's two letters in small ones, empty where there are not two.

    >>> country(" GB "), country("Britain")
    ('gb', '')
    """
    code = name(text)
    return code if len(code) == 2 else ""
