"""Names of what platforms number (campaigns, ad groups, ads, keywords), and how names compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LEVELS: Final = ("campaign", "ad_group", "ad", "keyword")
ANY_PLATFORM: Final = ""  # of spend that says no platform, and of mappings that name none

_PLUS: Final = re.compile(r"(?<=\w)\+(?=\w)")  # a blank of a URL; `c++` and `+shoes` keep theirs


def name_key(name: str) -> str:
    """Return the form in which names are compared.

    >>> name_key(" Spring+Sale%202025 ") == name_key("spring  sale 2025")
    True
    """
    return " ".join(_PLUS.sub(" ", name.replace("%20", " ")).casefold().split())


class Named(NamedTuple):
    """What something is called, and whether the user's own table `spend_names` says so."""

    name: str
    by_user: bool = False


Key = tuple[str, str, str]  # level, platform, id or name_key


@dataclass(frozen=True)
class PlatformNames:
    """What the ids of platforms stand for, and what the user says that names of spend are elsewhere.

    `ids` are of whatever carries the id; `reported` names (by :func:`name_key`) are of spend only, since a
    visit is tagged as it is. The platform is the name of its source, or ANY_PLATFORM.

    >>> names = PlatformNames({("campaign", "google", "123"): Named("Spring Sale")})
    >>> names.find("campaign", ["google"], "123", "spr-25", of_spend=False).name
    'Spring Sale'
    """

    ids: Mapping[Key, Named] = field(default_factory=dict)
    reported: Mapping[Key, Named] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ids or self.reported)

    def find(
        self, level: str, platforms: Iterable[str], number: str | None, name: str | None, *, of_spend: bool
    ) -> Named | None:
        """Return the name of what carries an id that a platform knows, else of what spend calls so.

        A tag that is itself an id (`utm_campaign=123`) counts as one.
        """
        whose = (*platforms, ANY_PLATFORM)
        for key in (number, name):
            for platform in whose if key else ():
                found = self.ids.get((level, platform, str(key)))
                if found:
                    return found
        for key in (number, name) if of_spend and self.reported else ():
            for platform in whose if key else ():
                found = self.reported.get((level, platform, name_key(str(key))))
                if found:
                    return found
        return None
