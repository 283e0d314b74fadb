"""What lets a request in: headers, parameters and signatures, and where tokens come from.

A destination names secrets here and never holds one: they are filled in when a request leaves. They stand in
headers wherever a destination takes them there; GA4 and Snapchat want one in the address, which no log shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attribution.destinations.signing import Signing

TOKEN: Final = "token"  # what a login gives


@dataclass(frozen=True)
class Login:
    """Where an access token is gotten with one that does not expire.

    Attributes:
        url: of the host; empty: the destination's own.
        path: on it.
        form: secrets that are sent beside `refresh_token`.
        extra: what else is sent.
    """

    url: str
    path: str
    form: tuple[str, ...] = ("client_id", "client_secret")
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """How secrets and settings become part of a request.

    Attributes:
        headers: name -> text with `{names}` of secrets, of settings, or `{token}`; those that would be empty
            are left out.
        params: of the address, likewise.
        login: where `{token}` comes from; None: there is none.
        signing: what is written last, of the request as it leaves; None: nothing.
        secrets: those that this way in needs, where there are several; empty: what the destination requires.
        otherwise: another way in, where these are not given; None: there is none.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    login: Login | None = None
    signing: Signing | None = None
    secrets: tuple[str, ...] = ()
    otherwise: Access | None = None

    @property
    def ways(self) -> tuple[Access, ...]:
        """All ways in, the first whose secrets are given being taken."""
        return (self,) if self.otherwise is None else (self, *self.otherwise.ways)


BEARER: Final = {"Authorization": f"Bearer {{{TOKEN}}}"}  # a token that expires
ACCESS_TOKEN: Final = {"Authorization": "Bearer {access_token}"}  # one that is a secret itself
GOOGLE_LOGIN: Final = Login("https://oauth2.googleapis.com", "/token")
