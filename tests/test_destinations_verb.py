"""`attribution destinations`: what can be told, and whether it lets us in; nothing of it is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from loopback import Answer, Asked, Loopback

from attribution.cli import cli
from attribution.destinations.registry import destination_names, get_destination

Serve = Callable[..., AbstractContextManager[Loopback]]
GOOGLE = {
    "client_id": "id-word", "client_secret": "secret-word", "refresh_token": "refresh-word",
    "customer_id": "123-456-7890", "action_revenue": "987",
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


def listed(monkeypatch: pytest.MonkeyPatch, path: str = "/nowhere/credentials.toml", **said: str) -> Any:
    """Return the list where some variables say something of destinations: rows by name, and warnings."""
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", path)
    for name, value in said.items():
        monkeypatch.setenv(f"ATTRIBUTION_SEND_{name}", value)
    answer = json.loads(run("list").stdout)
    return {row["destination"]: row for row in answer["rows"]}, answer["warnings"]


def test_each_row_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names only: what is required, and that no goal counts as anything."""
    rows, warnings = listed(monkeypatch, META_DATASET_ID="4711", LINKEDIN_ACCESS_TOKEN="word")
    assert rows["google"]["reason"] == (
        "lacks customer_id, client_id, client_secret, refresh_token, action_GOAL"
    )
    assert rows["meta"]["reason"] == "lacks access_token"
    assert rows["linkedin"]["reason"] == "lacks action_GOAL"
    assert rows["file"]["reason"] == "lacks template, path"
    assert warnings == []


def test_what_is_there_and_cannot_be_used_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    google = {f"GOOGLE_{name.upper()}": value for name, value in GOOGLE.items()}
    rows, _ = listed(
        monkeypatch,
        **google | {"GOOGLE_CUSTOMER_ID": "abc", "GOOGLE_ACTION_REVENUE": "Won"},
        GA4_MEASUREMENT_ID="12345", GA4_API_SECRET="word",
        FILE_TEMPLATE="plain", FILE_PATH="/nowhere/at all",
        WEBHOOK_URL="https://example.com/in", WEBHOOK_SIGNING_SECRET="whsec_nobase64!",
    )  # fmt: skip
    assert {name: rows[name]["reason"] for name in ("google", "ga4", "file", "webhook")} == {
        "google": (
            "customer_id of send_google is 'abc'; allowed is ten digits, as in 123-456-7890: "
            "mend ATTRIBUTION_SEND_GOOGLE_CUSTOMER_ID; and action_revenue of send_google is 'Won'; "
            "allowed is a number, digits only: mend ATTRIBUTION_SEND_GOOGLE_ACTION_REVENUE"
        ),
        "ga4": (
            "measurement_id of send_ga4 is '12345'; allowed is G- and letters and digits, as in "
            "G-AB12CD34EF: mend ATTRIBUTION_SEND_GA4_MEASUREMENT_ID"
        ),
        "file": (
            "path of send_file is '/nowhere/at all'; allowed is a folder that there is: make it, or "
            "mend ATTRIBUTION_SEND_FILE_PATH"
        ),
        "webhook": (
            "signing_secret begins with whsec_ and goes on with what is no base64; copy it again, as the "
            "receiver has it"
        ),
    }
    assert {rows[name]["state"] for name in ("google", "ga4", "file", "webhook")} == {"not set up"}


def test_a_destination_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the nearest name, and without what was said of it."""
    path = tmp_path / "credentials.toml"
    path.write_text('[send_pintrest]\nconversion_token = "hidden"\n[hubspot]\ntoken = "hidden"\n')
    path.chmod(0o600)
    rows, warnings = listed(
        monkeypatch, str(path), GOGLE_CUSTOMER_ID="hidden", GOOGLE_ADS_CUSTOMERID="hidden"
    )
    assert warnings == [
        "ATTRIBUTION_SEND_GOGLE_CUSTOMER_ID is read by nobody; "
        "did you mean ATTRIBUTION_SEND_GOOGLE_CUSTOMER_ID?",
        f"[send_pintrest] in {path} is read by nobody; did you mean [send_pinterest]?",
    ]
    assert rows["google_ads"]["reason"].startswith(
        "unknown name after ATTRIBUTION_SEND_GOOGLE_ADS_ in the environment 'CUSTOMERID'; "
        "did you mean 'CUSTOMER_ID'? Allowed: ACTION_DEALS, "
    )
    assert rows["google"]["reason"].startswith("lacks customer_id")  # what is of google_ads is none of its
    assert "hidden" not in json.dumps([rows, warnings])


def test_a_file_that_cannot_be_used_is_told_in_every_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.toml"
    path.write_text("[send_meta")
    path.chmod(0o600)
    rows, warnings = listed(monkeypatch, str(path))
    assert len({row["reason"] for row in rows.values()}) == 1
    assert rows["meta"]["reason"].startswith(f"{path} is no TOML")
    assert warnings == []


def test_a_check_of_settings_is_a_step_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", "/nowhere/credentials.toml")
    monkeypatch.setenv("ATTRIBUTION_SEND_META_DATASET_ID", "my pixel")
    done = run("check", "meta")
    assert done.exit_code == 2
    answer = json.loads(done.stdout)
    assert answer["totals"] == {"refused": 1}
    assert answer["rows"] == [
        {
            "destination": "meta", "step": "settings", "result": "refused",
            "words": "dataset_id of send_meta is 'my pixel'; allowed is a number, digits only: "
            "mend ATTRIBUTION_SEND_META_DATASET_ID",
        },
        {
            "destination": "meta", "step": "request", "result": "not tried",
            "words": "the settings come first",
        },
    ]  # fmt: skip


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
