"""Whatever a platform answers: nobody stands in the clear in what leaves, what is kept and what is shown."""

from __future__ import annotations

import base64
import json
import logging
import random
import re
import shutil
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from loopback import CUT, Answer, Asked, Loopback, Patience
from platforms import PLATFORMS, Platform
from platforms.base import Refused
from sqlalchemy import select

from attribution import clock
from attribution.destinations.file import TEMPLATES
from attribution.destinations.hashing import sha256
from attribution.destinations.registry import destination_names, get_destination
from attribution.engine import Store
from attribution.errors import AttributionEngineError
from attribution.store.schema import delivery

NAMES = [name for name in destination_names() if name != "file"] + [f"file:{name}" for name in TEMPLATES]
CRMS = ("hubspot", "pipedrive", "salesforce")  # which have the person, and are not asked about consent
BEGIN = datetime(2026, 11, 5, 12, tzinfo=UTC)
KINDS = (
    "gclid", "msclkid", "fbclid", "li_fat_id", "ttclid", "sccid", "epik", "rdt_cid", "twclid",
)  # fmt: skip
# Ella granted, Omar denied, of Mia nobody knows; each as people write them
PEOPLE = {
    "Ella": ("Ella.Marsh@Example.com", "+44 20 7946 0018", "granted"),
    "Omar": ("omar.stone@example.com", "+44 7700 900123", "analytics:granted;ad_user_data:denied"),
    "Mia": ("Mia.Brook+news@example.com", "01632 960 077", ""),
}
# what a platform says, which may be whatever it was told or knows from elsewhere
QUOTED = (
    "ella.marsh@example.com Ella.Marsh%40Example.com +44 20 7946 0018 +442079460018 (020) 7946-0018 "
    "0044 20 7946 0018"
)
# in small letters, without what people put between digits; a name alone is half of an address
CLEAR = (
    "marsh", "omar.stone", "mia.brook", "@example.com", "%40example", "2079460018", "7700900123",
    "1632960077",
)  # fmt: skip


def secrets_of(name: str) -> dict[str, str]:
    """Return secrets that no other text is."""
    needs = [need.name for need in get_destination(name).secrets if need.name != "pixel_token"]
    given = {need: f"zq-{place}-{need[:6]}" for place, need in enumerate(needs)}
    if name == "webhook":
        given["signing_secret"] = "whsec_" + base64.b64encode(b"a secret that nobody tells").decode()
    return given


class Bad:
    """A platform that takes everything, unless it is to fail in some way.

    Args:
        there: what it is on good days.
        quoted: what it says of people and secrets.
    """

    def __init__(self, there: Platform, quoted: str) -> None:
        self.there, self.quoted, self.how = there, quoted, ""

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        said = dict.fromkeys(("message", "reason", "error_description", "code", "status"), self.quoted)
        if self.there.logs_in and asked.path == self.there.logs_in:
            if self.how == "login":
                return Answer(said | {"error": "invalid_grant"}, 400)
            return self.there(asked)
        if asked.method == "GET":
            return self._later()
        if self.how == "stranger":
            every = {"Errors": [{"ErrorCode": self.quoted, "Message": self.quoted}], "errors": [said]}
            return Answer(said | every | {"error": said, "category": self.quoted}, 401)
        if self.how == "overload":
            return Answer(said | {"error": said, "errors": [said]}, 503)
        if self.how == "garbage":
            return Answer(f"<html>{self.quoted}".encode(), 200)
        if self.how == "cut":
            return CUT
        if self.how == "refused":
            if self.there.name == "ga4":  # which says nothing itself
                return Answer({"error": said}, 400)
            return self.there.refuse(Refused("INVALID", self.quoted))
        return self.there(asked)

    def _later(self) -> Any:
        """Say what became of something: it was refused for a reason that quotes somebody."""
        counts = [{"reason": f"PROCESSING_ERROR_REASON_{self.quoted}", "recordCount": "1"}]
        status = {"requestStatus": "FAILED", "errorInfo": {"errorCounts": counts}}
        return {"requestStatusPerDestination": [status]}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A store with a deal of each, all of them with a click of every platform, to copy from."""
    folder = tmp_path_factory.mktemp("people")
    shutil.copyfile(sqlite_template, folder / "store.db")
    tables: dict[str, list[str]] = {
        "touches": ["touch_id,visitor_id,at,url,consent"],
        # what the names are is no business of ours: the columns are not known
        "leads": ["lead_id,created_at,visitor_id,email,phone,first_name,last_name"],
        "deals": ["deal_id,status,created_at,closed_at,amount,currency,lead_id"],
    }
    for n, (name, (email, phone, consent)) in enumerate(PEOPLE.items(), 1):
        visitor = f"{n}718281828.{n}740996900"
        page = f"https://acme.test/thanks/{email.replace('@', '%40')}"
        tables["touches"] += [
            f"t-{name}-{kind},{visitor},2026-10-{day:02}T09:00:00Z,"
            f"{page}?{kind}={name}-{kind}&email={email}&tel={phone.replace(' ', '%20')},{consent}"
            for day, kind in enumerate(KINDS, 1)
        ]
        tables["leads"].append(f"L-{n},2026-10-20,{visitor},{email},{phone},{name},Marsh")
        for deal in (f"{n}00", f"00600000000{n}000"):  # an id of any CRM, and one of Salesforce
            tables["deals"].append(f"{deal},won,2026-10-20,2026-11-05T11:00:00Z,5000.00,GBP,L-{n}")
    with Store.open(f"sqlite:///{folder / 'store.db'}") as store:
        store.config_update({"region": "GB", "reporting_currency": "GBP"})
        for table, rows in tables.items():
            (folder / f"{table}.csv").write_text("\n".join(rows) + "\n")
            assert store.import_table(table, folder / f"{table}.csv").totals["rejected"] == 0
        store.run(models=["linear"], goals=["revenue"])
    return folder / "store.db"


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    shutil.copyfile(filled, tmp_path / "copy.db")
    with Store.open(f"sqlite:///{tmp_path / 'copy.db'}") as opened:
        yield opened


def squeezed(text: str) -> str:
    """Return a text in small letters, decoded, without what people put between the digits of a number."""
    return re.sub(r"[\s().+-]+(?=\d)", "", unquote(text)).lower() + text.lower()


def shows(text: str, words: tuple[str, ...]) -> list[str]:
    """Return those of some words that stand in a text, with what is around the first."""
    plain = squeezed(text)
    found = [word for word in words if word.lower() in plain]
    return [f"{word}: …{plain[max(plain.index(word.lower()) - 60, 0) :][:120]}…" for word in found]


def kept(store: Store, name: str) -> str:
    """Return all that the store says of what was told, and the very rows."""
    with store.db.read() as connection:
        rows = [list(row) for row in connection.execute(select(delivery))]
    answers = [store.send_status(), store.send_status(name, listed=True)]
    return json.dumps([rows, *map(vars, answers)], default=str)


@pytest.mark.parametrize("named", NAMES)
def test_nobody_and_no_secret_is_in_the_clear(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    named: str,
) -> None:
    """Seven ways to answer, one after the other, each with what it says of people."""
    name, _, template = named.partition(":")
    now = [BEGIN]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    for logger in ("", "attribution", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger)
    secrets = {} if template else secrets_of(name)
    quoted = f"nobody is {QUOTED} {' '.join(secrets.values())}"
    server: Loopback | None = None
    if template:
        (tmp_path / "uploads").mkdir()
        settings = {"template": template, "path": str(tmp_path / "uploads"), "action_revenue": "Won"}
    else:
        there = PLATFORMS[name](lambda: clock.to_micros(now[0]), random.Random(1))
        there.settings = {**there.settings, **secrets}  # type: ignore[misc]
        monkeypatch.setattr(there, "lets_in", lambda asked: True)
        bad = Bad(there, quoted)
        server = Loopback(bad)
        settings = {"base_url": server.url, "login_url": server.url, **there.settings}
    for setting, value in settings.items():
        monkeypatch.setenv(f"ATTRIBUTION_SEND_{name}_{setting}".upper(), value)
    patience = Patience()
    shown: list[str] = []

    def send(how: str, **options: Any) -> dict[str, Any]:
        """Send, and keep all that is shown; return how many ended how."""
        if server is not None:
            bad.how = how
        now[0] += timedelta(hours=7)  # by then all is due again
        totals: dict[str, Any] = {}
        try:
            answer = store.send(
                name, waits=patience.waits(), progress=lambda *told: shown.append(str(told)), **options
            )
            shown.append(json.dumps(vars(answer), default=str))
            totals = dict(answer.totals)
        except AttributionEngineError as error:
            shown.append("".join(traceback.format_exception(error)))
        shown.append(kept(store, name))
        return totals

    try:
        if template:
            send("", dry_run=True)
            assert send("")["accepted"] >= 1
            left = [path.name + path.read_text() for path in (tmp_path / "uploads").iterdir()]
        else:
            for how in ("stranger", "login", "overload", "cut", "refused"):
                send("", dry_run=True)
                send(how)
            shown.append(json.dumps(vars(store.doctor()), default=str))  # while something is refused
            send("garbage", retry=True)
            send("", retry=True)
            send("")  # what became of it, of those that say so
            assert server is not None
            left = [
                " ".join((one.method, one.path, str(one.query), str(one.headers), one.content.decode()))
                for one in server.asked
                if not (there.logs_in and one.path == there.logs_in)
            ]
            assert there.ledger  # in the end it was told
            assert "HTTP Request: " in caplog.text  # logs were heard
    finally:
        if server is not None:
            server.close()
    out, err = capfd.readouterr()
    everything = {
        "what is shown and kept": "\n".join(shown), "waits": "\n".join(patience.told), "logs": caplog.text,
        "stdout": out, "stderr": err, "warnings": "\n".join(str(one.message) for one in recwarn),
    }  # fmt: skip
    words = (*CLEAR, *secrets.values(), "word-1", "word-2")
    bad_ones = {where: shows(text, words) for where, text in everything.items() if shows(text, words)}
    assert bad_ones == {}, bad_ones
    told = "\n".join(left)
    assert "ella-" in told.lower() or sha256("ella.marsh@example.com") in told or name in (*CRMS, "ga4")
    assert shows(told, CLEAR) == []
    assert shows(told, silent(name)) == []


def silent(name: str) -> tuple[str, ...]:
    """Return what leaves of nobody who did not agree: clicks, browsers, hashes, and ids of deals."""
    found = ["Omar-", "Mia-", "2718281828.", "3718281828."]
    mails: list[Callable[[str], str]] = [
        str.lower, lambda mail: re.sub(r"\+.*@|\.(?=.*@)", lambda m: "@" * ("@" in m[0]), mail.lower()),
    ]  # fmt: skip
    for who in ("Omar", "Mia"):
        email, _, _ = PEOPLE[who]
        found += [sha256(mail(email)) for mail in mails]
    for phone in ("447700900123", "441632960077"):
        found += [sha256(phone), sha256(f"+{phone}")]
    if name not in CRMS:
        found += ["200:revenue", "300:revenue", "006000000002000", "006000000003000"]
    return tuple(found)
