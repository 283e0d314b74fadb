"""The client of all pulls: what passes is waited for, what does not is told, and nothing secret is."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time
from loopback import CLOSED, CUT, NO_JSON, SLOW, Answer, Loopback, Patience, loopback

from attribution.errors import InputError, PullAccessError, PullError
from attribution.pulls import http
from attribution.pulls.credentials import Secret
from attribution.pulls.http import Client

SECRET = "s3cr3t-and-long"


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A platform that says which path was asked for."""
    with loopback(lambda asked: {"path": asked.path, "amount": 10.10}) as running:
        yield running


@pytest.fixture
def patience() -> Patience:
    """A clock that stands still."""
    return Patience()


@pytest.fixture
def client(server: Loopback, patience: Patience) -> Iterator[Client]:
    """A client of that platform."""
    opened = Client(
        "Acme",
        server.url,
        waits=patience.waits(),
        headers=lambda: {"Authorization": f"Bearer {SECRET}"},
        secrets=lambda: [Secret(SECRET)],
    )
    yield opened
    opened.close()


def test_amounts_keep_their_digits(client: Client) -> None:
    """A float would lose the last zero, and in larger ones a penny."""
    assert client.get("/a") == {"path": "/a", "amount": "10.1"}


@pytest.mark.parametrize("broken", [CUT, CLOSED, NO_JSON, Answer({}, 503), Answer({}, 500), Answer({}, 429)])
def test_what_fails_in_passing_is_asked_again(
    client: Client, server: Loopback, patience: Patience, broken: Answer
) -> None:
    """Waits double: half of each is certain, the other half is chance (none, in these tests)."""
    server.first = [broken] * 3
    assert client.get("/a")["path"] == "/a"
    assert server.paths() == ["/a"] * 4
    assert patience.slept == [0.5, 1.0, 2.0]
    assert len(patience.told) == 3
    assert patience.told[0].startswith("Acme: waiting 0 s (")


def test_an_answer_that_does_not_come_is_asked_for_again(
    client: Client, server: Loopback, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers came, and nothing after them."""
    monkeypatch.setattr(http, "TIMEOUT", 0.05)
    server.first = [SLOW]
    assert client.get("/a")["path"] == "/a"
    assert patience.told == ["Acme: waiting 0 s (it does not answer in time)"]


def test_what_goes_on_failing_is_told(client: Client, server: Loopback, patience: Patience) -> None:
    """After eight attempts; the longest wait is a minute."""
    server.first = [Answer({"message": "maintenance"}, 503)] * 20
    with pytest.raises(
        PullError, match=r"Acme goes on failing \(503: maintenance\); what was pulled is kept"
    ):
        client.get("/a")
    assert patience.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_a_wait_that_is_asked_for_is_kept(client: Client, server: Loopback, patience: Patience) -> None:
    """`Retry-After` in seconds, or as a date."""
    with freeze_time("2026-11-20T10:00:00Z"):
        server.first = [
            Answer({}, 429, {"Retry-After": "30"}),
            Answer({}, 503, {"Retry-After": "Fri, 20 Nov 2026 10:02:00 GMT"}),
            Answer({}, 429, {"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT"}),  # has been
            Answer({}, 429, {"Retry-After": "soon"}),
        ]
        client.get("/a")
    assert patience.slept == [30.0, 120.0, 0.0, 4.0]


def test_a_wait_of_hours_is_told_and_not_kept(client: Client, server: Loopback, patience: Patience) -> None:
    """Nobody watches a command for three hours."""
    server.first = [Answer({"message": "daily quota"}, 429, {"Retry-After": "10800"})]
    with pytest.raises(PullError, match=r"asks to wait 3 h \(429: daily quota\); .* repeat the command then"):
        client.get("/a")
    assert patience.slept == []


def test_a_request_that_is_refused_is_not_repeated(client: Client, server: Loopback) -> None:
    """The platform's own words, on one line, cut short."""
    server.first = [Answer({"error": {"message": "unknown\nfield " + "x" * 1000}}, 400)]
    with pytest.raises(PullError, match=r"Acme refuses the request \(400: unknown field x+…\)") as error:
        client.get("/a")
    assert len(str(error.value)) < 400
    assert server.paths() == ["/a"]


def test_a_redirect_is_not_followed(client: Client, server: Loopback) -> None:
    """It would take the token to another host."""
    server.first = [Answer({}, 302, {"Location": "https://elsewhere.example.com/x?y"})]
    with pytest.raises(PullError, match=r"which is not followed: elsewhere\.example\.com"):
        client.get("/a")


def test_no_message_shows_a_secret(client: Client, server: Loopback, patience: Patience) -> None:
    """Some platforms repeat the token that they refuse."""
    server.first = [
        Answer({"message": f"busy with {SECRET}"}, 503),
        Answer({"message": f"bad {SECRET}"}, 401),
    ]
    with pytest.raises(PullAccessError, match=r"does not accept the credentials \(bad \*\*\*\)") as error:
        client.get("/a")
    assert SECRET not in str(error.value) + "".join(patience.told)


def test_a_token_is_renewed_once(server: Loopback, patience: Patience) -> None:
    """A second 401 is no matter of age."""
    renewed: list[str] = []
    client = Client("Acme", server.url, waits=patience.waits(), renew=lambda: renewed.append("new"))
    server.first = [Answer({}, 401)]
    assert client.get("/a")["path"] == "/a"
    assert renewed == ["new"]
    server.first = [Answer({}, 401)] * 2
    with pytest.raises(PullAccessError, match="renew them where `attribution pull --list` says"):
        client.get("/a")
    assert len(renewed) == 2
    assert len(server.asked) == 4
    client.close()


def test_an_answer_is_not_read_without_end(client: Client, server: Loopback) -> None:
    """Memory has an end."""
    server.first = [Answer(b"x" * 3_000_000)]
    with pytest.raises(PullError, match="sends more than 1 MB at once"):
        client.request("GET", "/a", plain=True, max_bytes=1 << 20)


def test_requests_are_paced(server: Loopback, patience: Patience) -> None:
    """So that a limit by the second is not met at all."""
    client = Client("Acme", server.url, waits=patience.waits(), between=100.0)
    client.get("/a")
    client.get("/b")
    client.get("/c")
    assert [round(seconds, -1) for seconds in patience.slept] == [100.0, 200.0]  # the clock stands still
    client.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://api.example.com", "where others can read them"),
        ("http://127.0.0.1.example.com", "where others can read them"),
        ("ftp://127.0.0.1", "where others can read them"),
        ("api.example.com", "where others can read them"),
        ("https://user:word@api.example.com", "more than a host and a path"),
        ("https://api.example.com/?token=x", "more than a host and a path"),
    ],
)
def test_credentials_go_to_no_open_address(url: str, says: str) -> None:
    """Plain http only to this machine; what else stands in an address is not shown."""
    with pytest.raises(InputError, match=says) as error:
        Client("Acme", url)
    assert "word" not in str(error.value)


def test_without_the_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, server: Loopback, patience: Patience
) -> None:
    """They are no dependencies of those who load files."""
    real: Any = builtins.__import__
    import importlib

    def missing(name: str, *args: Any, **options: Any) -> Any:
        if name in ("httpx", "tenacity"):
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'closed-loop-attribution\[pull\]'"):
        Client("Acme", server.url, waits=patience.waits()).get("/a")
