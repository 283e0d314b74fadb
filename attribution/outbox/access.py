"""What lets a request in at each destination: a table of headers, and of where tokens come from.

Secrets stand in headers wherever a destination takes them there. GA4 and Snapchat want one in the address,
which no log shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attribution.errors import UnknownNameError
from attribution.outbox.oauth1 import OAUTH1
from attribution.outbox.signing import STANDARD_WEBHOOKS, Signing

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
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    login: Login | None = None
    signing: Signing | None = None


_GOOGLE: Final = Login("https://oauth2.googleapis.com", "/token")
_BEARER: Final = {"Authorization": "Bearer {token}"}
_STATIC: Final = {"Authorization": "Bearer {access_token}"}

ACCESS: Final[Mapping[str, Access]] = {
    "google": Access(_BEARER, login=_GOOGLE),
    "google_ads": Access(
        _BEARER | {"developer-token": "{developer_token}", "login-customer-id": "{login_customer_id}"},
        login=_GOOGLE,
    ),
    "meta": Access(_STATIC),
    "microsoft": Access(
        _BEARER
        | {
            "DeveloperToken": "{developer_token}",
            "CustomerAccountId": "{account_id}",
            "CustomerId": "{customer_id}",
        },
        login=Login(
            "https://login.microsoftonline.com", "/common/oauth2/v2.0/token",
            extra={"scope": "https://ads.microsoft.com/msads.manage offline_access"},
        ),
    ),
    "linkedin": Access(_STATIC),
    "tiktok": Access({"Access-Token": "{access_token}"}),
    "ga4": Access(params={"api_secret": "{api_secret}"}),
    "pinterest": Access(_STATIC),
    "snapchat": Access(params={"access_token": "{access_token}"}),
    "reddit": Access(_STATIC),
    "x": Access(signing=OAUTH1),
    "webhook": Access(signing=STANDARD_WEBHOOKS),
    "hubspot": Access(_STATIC),
    "pipedrive": Access({"x-api-token": "{api_token}"}),
    "salesforce": Access(_BEARER, login=Login("", "/services/oauth2/token")),
}  # fmt: skip


def access_of(name: str) -> Access:
    """Return how a built-in destination is let in.

    Raises:
        UnknownNameError: it is none of these.
    """
    if name not in ACCESS:
        raise UnknownNameError("destination", name, ACCESS)
    return ACCESS[name]
