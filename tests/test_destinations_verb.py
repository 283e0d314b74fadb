"""`attribution destinations`: what can be told, and whether it lets us in; nothing of it is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from loopback import Answer, Asked, Loopback

from attribution.cli import cli
from attribution.destinations.registry import destination_names, get_destination

Serve = Callable[..., AbstractContextManager[Loopback]]
GOOGLE = {
    "client_id": "id-word", "client_secret": "secret-word", "refresh_token": "refresh-word",
    "customer_id": "1", "action_revenue": "987",
}  # fmt: skip


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["destinations", *words, "--format", "json"])


def google(asked: Asked) -> Any:
    """Let in, and validate."""
    if asked.path == "/token":
        return {"access_token": "access-word"}
    assert asked.body["validateOnly"] is True
    assert len(asked.body["events"]) == 1
    return {"requestId": "r"}


def test_all_are_listed_with_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", "/nowhere/credentials.toml")
    for name, value in GOOGLE.items():
        monkeypatch.setenv(f"ATTRIBUTION_SEND_GOOGLE_{name.upper()}", value)
    rows = {row["destination"]: row for row in json.loads(run("list").stdout)["rows"]}
    assert list(rows) == list(destination_names())
    assert (rows["google"]["state"], rows["meta"]["state"]) == ("ready", "not set up")
    assert rows["linkedin"]["clicks"] == "li_fat_id"
    assert "refresh_token" in rows["google"]["needs"]
    assert all(row["label"] == get_destination(name).label for name, row in rows.items())


def test_a_check_validates_and_counts_nothing(serve: Serve) -> None:
    with serve("send_google", google, **GOOGLE) as server:
        done = run("check", "google")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert [(row["step"], row["result"]) for row in rows] == [("settings", "ok"), ("request", "ok")]
    assert rows[0]["words"] == "revenue as 987"
    assert server.paths() == ["/token", "/v1/events:ingest"]


def test_what_it_says_is_shown_without_secrets(serve: Serve) -> None:
    def refuse(asked: Asked) -> Any:
        if asked.path == "/token":
            return {"access_token": "access-word"}
        error = {"status": "PERMISSION_DENIED", "message": "access-word may not"}
        return Answer({"error": error}, 403)

    with serve("send_google", refuse, **GOOGLE):
        done = run("check", "google")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["rows"][1]["words"] == "PERMISSION_DENIED: *** may not"


def test_a_login_that_is_refused_is_told(serve: Serve) -> None:
    def refuse(asked: Asked) -> Any:
        return Answer({"error": "invalid_grant", "error_description": "expired"}, 400)

    with serve("send_google", refuse, **GOOGLE):
        done = run("check", "google")
    assert done.exit_code == 2
    assert "invalid_grant" in json.loads(done.stdout)["rows"][1]["words"]


def test_without_a_test_mode_nothing_is_sent(serve: Serve) -> None:
    secrets = {"access_token": "t", "account_id": "5", "action_revenue": "77"}
    needs = {
        need.name for need in (*get_destination("linkedin").settings, *get_destination("linkedin").secrets)
    }
    given = {name: value for name, value in secrets.items() if name in needs or name.startswith("action")}
    with serve("send_linkedin", google, **given) as server:
        done = run("check", "linkedin")
        assert server.asked == []
    assert json.loads(done.stdout)["rows"][1]["result"] == "not tried"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", "/nowhere/credentials.toml")
    done = run("check", "meta")
    assert done.exit_code == 2
    assert "ATTRIBUTION_SEND_META_DATASET_ID" in done.output
