"""Files for uploading: each template's very lines, what it does not take, and what lies in the folder."""

from __future__ import annotations

import csv as csv_files
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from destination_cases import NOON, conversion
from freezegun import freeze_time
from loopback import Patience
from send_shop import EMAIL, NOW, PHONE, filled

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal
from attribution.destinations.file import TEMPLATES, File
from attribution.destinations.request import Reply, Verdict
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.outbox.file_sender import FileSender

Csv = Callable[[str, str], Path]

# printf %s ella@acme.test | sha256sum, and likewise
EMAIL_HASH = "1844c079a4691fc1de67b8024be31dda826986e0016e29d4968ff6857f092bc7"
PHONE_HASH = "faad3b10918e39b5f4d5334f1e1e128719608e8bd3ad3b963dc30187b4518e23"
DIGITS_HASH = "99a4599795d24445a5be21117f375c1bbe9e795daf7f62666686ce081e1f32dc"  # without the plus
CLICKS = {"gclid": "Cj0-K_1", "msclkid": "f894f652ea334e739002f7167ab8f8e3", "fbclid": "IwAR0x"}


def file(template: str) -> File:
    """Return the destination of a template."""
    return File({"template": template, "path": "uploads"})


def won(**changed: Any) -> Conversion:
    """Return a deal with a click of each, and who it was."""
    given: dict[str, Any] = {
        "action": "Deal won", "at": NOON + 603_000, "clicks": CLICKS, "clicked_at": NOON - clock.DAY,
        "contact": Contact((" Ella@ACME.test ", "e@acme.test"), ("+44 20 7946 0018",)),
    }  # fmt: skip
    return conversion(**given | changed)


def texts(template: str, *conversions: Conversion) -> dict[str, str]:
    """Return the files that are written for some conversions, by name."""
    return {request.path: request.body for request in file(template).requests(conversions)}


# --- templates --------------------------------------------------------------------------------------


def test_google() -> None:
    later = NOON + 90 * clock.MINUTE
    found = texts(
        "google",
        won(),
        won(transaction_id="D-2:won", value_minor=None, currency=None, consent=Consent(Signal.GRANTED)),
        won(change=Change.RESTATED, value_minor=250_000, changed_at=later),
        won(transaction_id="D-2:won", change=Change.RETRACTED, changed_at=later),
    )
    assert found == {
        "google-conversions.csv": (
            "Parameters:TimeZone=+0000\n"
            "Google Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency,"
            "Order ID,Ad User Data,Ad Personalization\n"
            "Cj0-K_1,Deal won,2026-11-20 12:00:00,5000.00,GBP,D-1:won,Granted,Granted\n"
            "Cj0-K_1,Deal won,2026-11-20 12:00:00,,,D-2:won,Granted,\n"
        ),
        "google-adjustments.csv": (
            "Parameters:TimeZone=+0000\n"
            "Order ID,Conversion Name,Adjustment Time,Adjustment Type,Adjusted Value,"
            "Adjusted Value Currency\n"
            "D-1:won,Deal won,2026-11-20 13:30:00,RESTATE,2500.00,GBP\n"
            "D-2:won,Deal won,2026-11-20 13:30:00,RETRACT,,\n"
        ),
    }


def test_microsoft() -> None:
    found = texts(
        "microsoft",
        won(),
        won(change=Change.RESTATED, value_minor=250_000, changed_at=NOON + 90 * clock.MINUTE),
        won(change=Change.RETRACTED, at=NOON - 12 * clock.HOUR, changed_at=None),  # midnight
    )
    assert found == {
        "microsoft-conversions.csv": (
            "Parameters:TimeZone=+0000\n"
            "Microsoft Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency\n"
            "f894f652ea334e739002f7167ab8f8e3,Deal won,2026-11-20 12:00:00,5000.00,GBP\n"
        ),
        "microsoft-adjustments.csv": (
            "Type,Status,Id,Parent Id,Client Id,Name,Adjustment Currency Code,Adjustment Time,"
            "Adjustment Type,Adjustment Value,Conversion Name,Conversion Time,Microsoft Click Id\n"
            "Format Version,,,,,6.0,,,,,,,\n"
            "Offline Conversion,,,,,,GBP,11/20/2026 1:30:00 PM,Restate,2500.00,Deal won,"
            "11/20/2026 12:00:00 PM,f894f652ea334e739002f7167ab8f8e3\n"
            "Offline Conversion,,,,,,,11/20/2026 12:00:01 AM,Retract,,Deal won,"
            "11/20/2026 12:00:00 AM,f894f652ea334e739002f7167ab8f8e3\n"
        ),
    }


def test_meta() -> None:
    assert texts("meta", won(action="Purchase"), won(transaction_id="D-2", clicks={}, contact=Contact())) == {
        "meta-conversions.csv": (
            "email,phone,fbc,event_name,event_time,value,currency,order_id\n"
            f"{EMAIL_HASH},{DIGITS_HASH},fb.1.{(NOON - clock.DAY) // 1000}.IwAR0x,Purchase,"
            "2026-11-20T12:00:00Z,5000.00,GBP,D-1:won\n"
            ",,,Deal won,2026-11-20T12:00:00Z,5000.00,GBP,D-2\n"
        )
    }


def test_linkedin() -> None:
    dinars = won(action="PURCHASE", value_minor=1_234_567, currency="KWD")
    assert texts("linkedin", won(action="PURCHASE"), dinars) == {
        "linkedin-conversions.csv": (
            "email,timestamp,eventtype,amount,currency\n"
            f"{EMAIL_HASH},{NOON // 1000 + 603},PURCHASE,5000.00,GBP\n"
            f"{EMAIL_HASH},{NOON // 1000 + 603},PURCHASE,1234.57,KWD\n"
        )
    }


def test_tiktok() -> None:
    assert texts("tiktok", won(action="Purchase")) == {
        "tiktok-conversions.csv": (
            "event_type,timestamp,email,phone,order_id,value,currency\n"
            f"Purchase,2026-11-20T12:00:00Z,{EMAIL_HASH},{PHONE_HASH},D-1:won,5000.00,GBP\n"
        )
    }


def test_plain_has_all_in_one_file() -> None:
    changed = won(
        change=Change.RESTATED, revision=2, changed_at=NOON + clock.DAY, clicks={}, clicked_at=None,
        contact=Contact((EMAIL, "e@acme.test")), share_millionths=500_000, model="linear",
    )  # fmt: skip
    other = "9f94716b1e947d20e7b3f1f47da44b536daed5d0bfcb2a6c3bfce842b9fdf69a"
    assert texts("plain", won(), changed) == {
        "plain-conversions.csv": (
            "transaction_id,revision,change,action,at,changed_at,value,currency,click_kind,click_id,clicked_at,"
            "emails_sha256,phones_sha256,ad_user_data,ad_personalization,model,share\n"
            "D-1:won,1,new,Deal won,2026-11-20T12:00:00.603000Z,,5000.00,GBP,gclid,Cj0-K_1,"
            f"2026-11-19T12:00:00Z,{EMAIL_HASH};{other},{PHONE_HASH},granted,granted,,\n"
            "D-1:won,2,restated,Deal won,2026-11-20T12:00:00.603000Z,2026-11-21T12:00:00Z,5000.00,GBP,,,,"
            f"{EMAIL_HASH};{other},,granted,granted,linear,0.500000\n"
        )
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_line_has_a_cell_for_each_column(template: str) -> None:
    """Read back by a reader of CSV, whatever is in a name."""
    many = [won(action='Deal, "won"\nat last'), won(change=Change.RETRACTED), won(change=Change.RESTATED)]
    mine = [one for one in many if one.change is Change.NEW or one.change in file(template).changes]
    for text in texts(template, *mine).values():
        lines = list(csv_files.reader(text.splitlines(keepends=True)))
        widths = {len(line) for line in lines if line != ["Parameters:TimeZone=+0000"]}
        assert len(widths) == 1
        assert text.endswith("\n")
        for word in ("ella", "Ella", "20 7946", PHONE[1:]):
            assert word not in text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', """"'=HYPERLINK(""http://x"")\""""),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("-Cj0K_1", "-Cj0K_1"),  # a click id as Google makes them; it can call nothing
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    found = texts("plain", won(transaction_id=text))["plain-conversions.csv"]
    assert found.splitlines()[1].startswith(f"{cell},1,new,")
    conversions = texts("google", won(clicks={"gclid": text}))["google-conversions.csv"]
    assert conversions.splitlines()[2].startswith(f"{cell},Deal won,")


# --- settings, and what is not taken ----------------------------------------------------------------


def test_a_template_says_what_is_taken() -> None:
    assert {name: kind.click_kinds for name, kind in TEMPLATES.items() if name != "plain"} == {
        "google": ("gclid",), "microsoft": ("msclkid",), "meta": ("fbclid",), "linkedin": ("li_fat_id",),
        "tiktok": ("ttclid",),
    }  # fmt: skip
    assert {name for name, kind in TEMPLATES.items() if kind.changes} == {"google", "microsoft", "plain"}
    assert all(file(name).account == name for name in TEMPLATES)
    assert len({kind.label for kind in TEMPLATES.values()} | {File.label}) == len(TEMPLATES) + 1


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UnknownNameError, match="template of file 'gogle'"):
        File({"template": "gogle", "path": "x"})
    with pytest.raises(InputError, match=r"file needs template \(whose columns.*; path \("):
        File({})
    with pytest.raises(InputError, match=r"file needs path"):
        File({"template": "google"})


@pytest.mark.parametrize(
    ("template", "changed", "code"),
    [
        ("google", {}, None),
        ("google", {"clicks": {"gbraid": "x"}}, "no_match_key"),  # with an address: no column for it
        ("google", {"clicks": {}, "change": Change.RETRACTED}, None),  # by its order id
        ("google", {"change": Change.RESTATED, "value_minor": None, "currency": None}, "no_value"),
        ("google", {"at": NOON - 91 * clock.DAY, "clicked_at": None}, "too_old"),
        ("google", {"at": NOON - 55 * clock.DAY, "clicked_at": None}, None),
        ("google", {"at": NOON - 55 * clock.DAY, "clicked_at": None, "change": Change.RETRACTED}, "too_old"),
        ("microsoft", {"clicks": {"gclid": "x"}}, "no_match_key"),
        ("microsoft", {"clicks": {"gclid": "x"}, "change": Change.RETRACTED}, "no_match_key"),
        ("microsoft", {"change": Change.RETRACTED}, None),
        ("meta", {"clicks": {}}, None),
        ("meta", {"clicks": {}, "contact": Contact()}, "no_match_key"),
        ("meta", {"change": Change.RESTATED}, "not_restated"),
        ("linkedin", {"clicks": {}}, None),
        ("linkedin", {"clicks": {"li_fat_id": "x"}, "contact": Contact()}, "no_match_key"),
        ("linkedin", {"value_minor": None, "currency": None}, "no_value"),
        ("linkedin", {"value_minor": 0}, "no_value"),
        ("linkedin", {"change": Change.RETRACTED}, "not_retracted"),
        ("tiktok", {"contact": Contact(phones=(PHONE,))}, None),
        ("tiktok", {"clicks": {"ttclid": "x"}, "contact": Contact()}, "no_match_key"),
        ("tiktok", {"at": NOON - 29 * clock.DAY, "clicked_at": None}, "too_old"),
        ("plain", {"clicks": {}, "contact": Contact(), "value_minor": None, "currency": None}, None),
        ("plain", {"at": NOON - 900 * clock.DAY, "clicked_at": None}, None),
        ("plain", {"consent": Consent()}, "no_consent"),
        ("google", {"consent": Consent(Signal.DENIED)}, "no_consent"),
    ],
)
def test_what_is_not_taken_is_told_with_the_reason(
    template: str, changed: dict[str, Any], code: str | None
) -> None:
    found = file(template).refusal(won(**{"at": NOON} | changed), NOON)
    assert (found and found.code) == code


def test_replies() -> None:
    [request] = file("plain").requests([won(), won(transaction_id="D-2")])
    written = file("plain").outcomes(request, Reply(201, {"file": "x.csv"}))
    full = file("plain").outcomes(request, Reply(507, "no space"))
    assert [(one.verdict, one.reference) for one in written] == [(Verdict.ACCEPTED, "x.csv")] * 2
    assert [(one.verdict, one.code, one.words) for one in full] == [
        (Verdict.RETRY, "not_written", "no space")
    ] * 2


# --- in the folder ----------------------------------------------------------------------------------


@freeze_time("2026-11-05T12:00:00.25Z")
def test_no_file_is_ever_replaced(tmp_path: Path) -> None:
    destination = File({"template": "tiktok", "path": str(tmp_path)})
    sender = FileSender(destination)
    first, second = (
        sender.send(next(destination.requests([won(transaction_id=name)]))) for name in ("D-1", "D-2")
    )
    assert [first.body["file"], second.body["file"]] == [
        "20261105T120000.250000Z-tiktok-conversions.csv", "20261105T120000.250000Z-2-tiktok-conversions.csv",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [first.body["file"], second.body["file"]]
    )
    assert ",D-1," in (tmp_path / first.body["file"]).read_text()


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    destination = File({"template": "tiktok", "path": str(tmp_path)})

    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    reply = FileSender(destination).send(next(destination.requests([won()])))
    assert (reply.status, "No space left on device" in reply.body) == (507, True)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Iterator[Store]:
    """Three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(sqlite_store, csv)


@pytest.fixture
def either_shop(store: Store, csv: Csv) -> Iterator[Store]:
    """The same, on each database."""
    with freeze_time(NOW):
        yield filled(store, csv)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that google's files are put into."""
    found = tmp_path / "uploads"
    found.mkdir()
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", "/nowhere/credentials.toml")
    told = {"template": "google", "path": str(found), "action_revenue": "Deal won"}
    for name, value in told.items():
        monkeypatch.setenv(f"ATTRIBUTION_SEND_FILE_{name.upper()}", value)
    return found


def test_deals_and_what_becomes_of_them_lie_in_the_folder(either_shop: Store, csv: Csv, folder: Path) -> None:
    refund = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-2500.00,GBP\n"
    head = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    with freeze_time(NOW) as now:
        answer = either_shop.send("file")
        assert either_shop.send("file").totals["new"] == 0
        now.tick(3_600)
        either_shop.import_table("adjustments", csv("adjustments", refund))
        either_shop.run(models=["linear"], goals=["revenue"])
        assert either_shop.send("file").totals["restated"] == 1
        now.tick(3_600)
        lost = "D-1,lost,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,,,L-1\n"
        either_shop.import_table("deals", csv("deals", head + lost))
        either_shop.run(models=["linear"], goals=["revenue"])
        assert either_shop.send("file").totals["retracted"] == 1
    # D-2's visitor said no, D-3 came without a click
    assert (answer.totals["accepted"], answer.totals["held"]) == (1, 1)
    adjusted = (
        "Parameters:TimeZone=+0000\n"
        "Order ID,Conversion Name,Adjustment Time,Adjustment Type,Adjusted Value,Adjusted Value Currency\n"
    )
    assert {path.name: path.read_bytes().decode() for path in folder.iterdir()} == {
        "20261105T120000.000000Z-google-conversions.csv": (
            "Parameters:TimeZone=+0000\n"
            "Google Click ID,Conversion Name,Conversion Time,Conversion Value,Conversion Currency,"
            "Order ID,Ad User Data,Ad Personalization\n"
            "Clicked-1,Deal won,2026-11-01 10:00:00,5000.00,GBP,D-1:revenue,Granted,Granted\n"
        ),
        "20261105T130000.000000Z-google-adjustments.csv": (
            adjusted + "D-1:revenue,Deal won,2026-11-05 13:00:00,RESTATE,2500.00,GBP\n"
        ),
        "20261105T140000.000000Z-google-adjustments.csv": (
            adjusted + "D-1:revenue,Deal won,2026-11-05 14:00:00,RETRACT,,\n"
        ),
    }


def test_contacts_are_in_a_file_as_hashes_only(
    shop: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_SEND_FILE_TEMPLATE", "plain")
    assert shop.send("file").totals["accepted"] == 2  # without a click too
    [path] = folder.iterdir()
    text = path.read_text()
    assert f",gclid,Clicked-1,2026-10-01T09:00:00Z,{EMAIL_HASH},{PHONE_HASH},granted,granted,,\n" in text
    for word in (EMAIL, PHONE, PHONE[1:], "mary@", "nobody@"):
        assert word not in text


def test_a_dry_run_writes_nothing(shop: Store, folder: Path) -> None:
    [row] = shop.send("file", dry_run=True).rows
    assert (row["method"], row["url"]) == ("WRITE", str(folder / "TIME-google-conversions.csv"))
    assert row["body"].splitlines()[2].startswith("Clicked-1,Deal won,")
    assert list(folder.iterdir()) == []
    assert shop.send_status().rows == []


def test_a_full_disk_is_tried_again(shop: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with freeze_time(NOW) as now:
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            answer = shop.send("file", waits=Patience().waits())
        assert (answer.totals["queued"], answer.totals["stopped"]) == (1, 1)
        assert [note for note in answer.warnings if note.startswith("1 of revenue wait, not_written: ")]
        assert "No space left on device" in json.dumps(shop.send_status().rows)
        now.tick(61)
        assert shop.send("file").totals["accepted"] == 1
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_is_not_there_is_told_before_anything_is_queued(shop: Store, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(InputError, match="allowed is a folder that there is: make it, or mend ATTR"):
        shop.send("file")
    assert shop.send_status().rows == []
