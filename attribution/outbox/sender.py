"""Takes requests to a destination over HTTP, with what lets them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from attribution import clock
from attribution.destinations.access import TOKEN, Access, Login
from attribution.destinations.destination import Destination
from attribution.destinations.request import Reply, Request
from attribution.destinations.signing import Outgoing
from attribution.outbox.telling import CutError
from attribution.pulls.credentials import BASE_URL, LOGIN_URL, Credentials, LackingError
from attribution.pulls.http import BrokenError, Client, Waits, retry_after
from attribution.pulls.oauth import Token, login_client, refresh_form

HIDDEN: Final = "***"
_JSON: Final = {"Content-Type": "application/json"}


class HttpSender:
    """Speaks to one destination.

    Args:
        destination: whose requests.
        credentials: which hold the secrets, and `base_url` and `login_url` where they are others.
        waits: how to wait between two tries for a token.

    Raises:
        InputError: a secret is lacking, or there is one with which nothing can be signed.
    """

    def __init__(
        self, destination: Destination, credentials: Credentials, waits: Waits | None = None
    ) -> None:
        access = way_in(destination.access, credentials)
        self._access, self._credentials = access, credentials
        waits = waits or Waits()
        if access.signing is not None:
            access.signing.check(self._values())
        self._token: Token | None = None
        self._login: Client | None = None
        if access.login is not None:
            login = access.login
            url = credentials.value(LOGIN_URL) or login.url or destination.home
            mend = f"renew them; see: attribution destinations check {destination.name}"
            self._login = login_client(
                destination.label, credentials, url, waits, kept="what was sent is noted", mend=mend
            )
            self._token = Token(self._login, login.path, lambda: _form(credentials, login))
        self._client = Client(
            destination.label,
            credentials.value(BASE_URL) or destination.home,
            waits=waits,
            headers=lambda: self._filled(access.headers),
            renew=self._token.renew if self._token is not None else None,
            secrets=lambda: [
                *credentials.secrets.values(), *(self._token.secrets if self._token is not None else ())
            ],
        )  # fmt: skip

    def send(self, request: Request) -> Reply:
        """Return what came back.

        Raises:
            CutError: nothing did.
            PullAccessError: there is no access token to be had.
        """
        params = {**request.params, **self._filled(self._access.params)}
        content = None if request.body is None else written(request.body)
        headers = {**request.headers, **(_JSON if content else {})}
        headers |= self._signed(request, content or b"", params)
        try:
            status, answered, told = self._client.exchange(
                request.method, request.path, params=params, content=content, headers=headers
            )
        except BrokenError as error:
            raise CutError(str(error), reached=error.reached) from None
        headers = {name.lower(): value for name, value in answered.items()}
        wait = retry_after(headers)
        if wait is not None:  # a date needs a clock, which whoever reads a reply has not
            headers["retry-after"] = str(ceil(wait))
        return Reply(status, self._read(told), headers)

    def clean(self, text: str) -> str:
        """Return what a destination says, on one short line and without any secret."""
        return self._client.clean(text)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        if self._login is not None:
            self._login.close()

    def _read(self, content: bytes) -> Any:
        if not content:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            return content.decode("utf-8", "replace")

    def _signed(self, request: Request, content: bytes, params: Mapping[str, str]) -> Mapping[str, str]:
        if self._access.signing is None:
            return {}
        url = self._client.base_url + request.path
        leaving = Outgoing(request.method, url, content, clock.now_micros(), params, request.headers)
        return self._access.signing.sign(leaving, self._values())

    def _values(self) -> dict[str, str]:
        values = {name: secret.reveal() for name, secret in self._credentials.secrets.items()}
        return values | dict(self._credentials.values)

    def _filled(self, texts: Mapping[str, str]) -> dict[str, str]:
        values = self._values()
        if self._token is not None:
            values[TOKEN] = self._token.get().reveal()
        return _fill(texts, values)


def way_in(access: Access, credentials: Credentials) -> Access:
    """Return the first way into a destination whose secrets are given.

    Raises:
        LackingError: there are several and none is whole; names all of them.
    """
    for way in access.ways:
        if all(name in credentials.secrets for name in way.secrets):
            return way
    first, *others = access.ways
    error = credentials.lacking(first.secrets)
    instead = "".join(f"; or, instead, all of {', '.join(way.secrets)}" for way in others)
    raise LackingError(f"{error}{instead}", error.names)


def _form(credentials: Credentials, login: Login) -> dict[str, str]:
    """Return what is sent for a token; without one that does not expire, the app asks for itself."""
    if "refresh_token" in credentials.secrets:
        named = [name for name in login.form if name in credentials.secrets]  # some apps have no secret
        return refresh_form(credentials, *named) | dict(login.extra)
    own = {name: credentials.secret(name).reveal() for name in login.form}
    return own | {"grant_type": "client_credentials"} | dict(login.extra)


def _fill(texts: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, text in texts.items():
        wanted = text[text.index("{") + 1 : text.index("}")]
        if values.get(wanted):
            found[name] = text.replace("{" + wanted + "}", values[wanted])
    return found


def written(body: Any) -> bytes:
    """Write a body as JSON, byte by byte as it is sent and signed.

    >>> written({"value": "19.99", "name": "é"}).decode()
    '{"value":"19.99","name":"é"}'
    """
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def shown(destination: Destination, request: Request, credentials: Credentials) -> dict[str, Any]:
    """Return a request as `--dry-run` prints it: method, address, headers and body, secrets hidden."""
    access = way_in(destination.access, credentials)
    base_url = credentials.value(BASE_URL) or destination.home
    headers = {**_JSON, **request.headers}
    headers |= {name: _hidden(text) for name, text in access.headers.items()}
    headers |= dict.fromkeys(access.signing.headers if access.signing is not None else (), HIDDEN)
    params = dict(request.params) | dict.fromkeys(access.params, HIDDEN)
    query = "&".join(f"{name}={value}" for name, value in params.items())
    return {
        "method": request.method,
        "url": base_url + request.path + (f"?{query}" if query else ""),
        "headers": headers,
        "body": request.body,
    }


def _hidden(text: str) -> str:
    start = text.index("{")
    return text[:start] + HIDDEN
