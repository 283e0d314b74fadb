"""Access tokens by OAuth 2.0: gotten with what does not expire, kept in memory, renewed when refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attribution.errors import PullAccessError
from attribution.pulls.credentials import Credentials, Secret
from attribution.pulls.http import Client, Fault, Waits


def login_client(
    label: str,
    credentials: Credentials,
    base_url: str,
    waits: Waits,
    *,
    kept: str = "what was pulled is kept",
    mend: str = "renew them where `attribution pull --list` says",
) -> Client:
    """Return a client of the host that gives a platform's tokens."""
    return Client(
        label,
        base_url,
        waits=waits,
        secrets=credentials.secrets.values,
        fault=oauth_fault,
        kept=kept,
        mend=mend,
    )


def refresh_form(credentials: Credentials, *names: str) -> dict[str, str]:
    """Return what is sent for a token with one that does not expire.

    Args:
        credentials: which hold what is sent.
        names: of what is sent beside `refresh_token`.

    Raises:
        InputError: one of them is nowhere.
    """
    secrets = {name: credentials.secret(name).reveal() for name in (*names, "refresh_token")}
    return {"grant_type": "refresh_token"} | secrets


class Token:
    """An access token, gotten when it is first needed.

    Args:
        client: of the host that gives tokens.
        path: where on it.
        form: what is sent to get one, made anew each time.
    """

    def __init__(self, client: Client, path: str, form: Callable[[], Mapping[str, str]]) -> None:
        self._client, self._path, self._form = client, path, form
        self._token: Secret | None = None
        self.answer: Mapping[str, Any] = {}

    def get(self) -> Secret:
        """Return the token.

        Raises:
            PullAccessError: the platform gives none.
        """
        if self._token is None:
            self.renew()
        assert self._token is not None
        return self._token

    def renew(self) -> None:
        """Get another token."""
        answer = self._client.request("POST", self._path, data=dict(self._form()))
        text = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(text, str) or not text:
            raise PullAccessError(
                f"{self._client.name} gives no access token; check client_id and refresh_token"
            )
        self._token, self.answer = Secret(text), {k: v for k, v in answer.items() if "token" not in k}

    @property
    def secrets(self) -> list[Secret]:
        """What no message may show."""
        return [self._token] if self._token is not None else []


def oauth_fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read what a host of tokens says: a grant that does not hold is the fault of the credentials.

    >>> oauth_fault(400, {"error": "invalid_grant", "error_description": "expired"}, {}).words
    'invalid_grant: expired; log in anew to get another'
    """
    if isinstance(body, dict) and isinstance(body.get("error"), str) and status < 429:
        words = f"{body['error']}: {body.get('error_description') or 'no reason given'}"
        return Fault(f"{words}; log in anew to get another", token=True)
    return None
