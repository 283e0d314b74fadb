"""Settings of who is who as people write them: the region of phones, limits, and lists of names.

What cannot be meant is refused, with what to write instead: such a setting would be kept and do nothing.
What is compared with is imported when a setting is set: every command imports this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Final

from attribution.errors import InputError, UnknownNameError

LIMITED: Final = ("user", "contact", "email", "phone", "lead", "visitor")
_MISTAKEN: Final = {"UK": "GB", "EL": "GR", "EN": "GB", "SU": "RU", "TP": "TL", "YU": "RS"}
_MAILBOX: Final = re.compile(r"[^\W_](?:[\w.'&-]*[^\W_])?")
_PROVIDER: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+")


def parse_region(text: str) -> str:
    """Check the country of telephone numbers without one.

    >>> parse_region("gb")
    'GB'
    """
    import phonenumbers

    region = text.strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        hint = f"did you mean {_MISTAKEN[region]}? Allowed" if region in _MISTAKEN else "allowed"
        raise InputError(
            f"{text!r} is not a region of telephone numbers; {hint} are ISO 3166 codes of two letters, such "
            "as GB, US or DE"
        )
    return region


def parse_limits(text: str) -> str:
    """Check limits such as `email=8 visitor=200`; kinds in the order in which they are known."""
    said: dict[str, int] = {}
    for pair in text.replace(",", " ").split():
        kind, _, count = pair.partition("=")
        if kind not in LIMITED:
            raise UnknownNameError("kind of identifier with a limit", kind, LIMITED)
        if not count.isdecimal() or not 0 < int(count) < 10**9:
            raise InputError(f"{pair!r} is no limit; allowed is KIND=NUMBER with a number from 1, as email=5")
        if kind in said:
            raise InputError(f"{kind} has two limits, {said[kind]} and {int(count)}; give one of them")
        said[kind] = int(count)
    return " ".join(f"{kind}={said[kind]}" for kind in LIMITED if kind in said)


def parse_role_mailboxes(text: str) -> str:
    """Check names of mailboxes that several people read, at whatever company; `-NAME` takes one out.

    >>> parse_role_mailboxes("Hotline, -press")
    'hotline -press'
    """
    from attribution.mailboxes import ROLE_MAILBOXES

    return _amendments(text, ROLE_MAILBOXES, "mailboxes of roles", _refuse_mailbox)


def parse_free_mail(text: str) -> str:
    """Check domains of mail providers; `-DOMAIN` takes one out.

    >>> parse_free_mail("isp.example -gmx.de")
    'isp.example -gmx.de'
    """
    from attribution.mailboxes import FREE_MAIL

    return _amendments(text, FREE_MAIL, "domains of mail providers", _refuse_provider)


def parse_blocked(text: str) -> str:
    """Check values that name nobody; they add to those which never do."""
    from attribution.identifiers import is_blocked

    words = _words(text)
    for word in words:
        if re.fullmatch("-[a-z].*", word):
            raise InputError(
                f"{word!r} would take a value out, and blocked_identifiers only adds to placeholders, which "
                "name nobody anyhow; to have a value of your own count again, set the list without it"
            )
        if is_blocked(word):
            raise InputError(f"{word!r} names nobody anyhow; give further values only, such as test or kiosk")
    return " ".join(words)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").lower().split()))


def _amendments(
    text: str, built_in: Collection[str], what: str, refuse: Callable[[str], None]
) -> str:  # fmt: skip
    words = _words(text)
    for word in words:
        name = word.removeprefix("-")
        if not name:
            raise InputError(f"{word!r} takes out nothing; write the name behind it, without a blank")
        refuse(name)
        if name == word:
            continue
        if name in words:
            raise InputError(f"{name!r} and {word!r} add a name and take it out; give one of them")
        if name not in built_in:
            near = get_close_matches(name, built_in, n=1)
            hint = f"did you mean '-{near[0]}'? If not, leave" if near else "leave"
            raise InputError(
                f"{word!r} takes out what is not among the {what} that are known anyhow; {hint} it out: what "
                "the setting does not add is not in"
            )
    return " ".join(words)


def _refuse_mailbox(name: str) -> None:
    local, at, domain = name.partition("@")
    if at and local and domain:
        raise InputError(
            f"{name!r} is an address, and role_mailboxes are names before the @, of any company, such as "
            f"hotline; one address alone is nobody's after: attribution identity exclude email:{name}"
        )
    if not _MAILBOX.fullmatch(name):
        raise InputError(
            f"{name!r} is no name of a mailbox; allowed is what stands before the @, such as hotline, "
            "and -NAME to take one out"
        )


def _refuse_provider(name: str) -> None:
    if not _PROVIDER.fullmatch(name):
        domain = name.rpartition("@")[2]
        hint = f"did you mean {domain}? Allowed" if "@" in name and _PROVIDER.fullmatch(domain) else "allowed"
        raise InputError(
            f"{name!r} is no domain of a mail provider; {hint} are names such as gmx.de, "
            "and -DOMAIN to take one out"
        )
