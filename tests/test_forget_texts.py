"""`forget` finds a person in texts: telephone numbers in any spelling, names of files, what was denied."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import rows
from ledger_books import load
from sqlalchemy import select

from attribution.engine import Store
from attribution.identifiers import EMAIL, PHONE
from attribution.loading.tombstones import telephones
from attribution.privacy.forget_text import Traces
from attribution.store import schema

LEADS = "lead_id,created_at,email,phone\nL-1,2025-01-01,ella@acme.test,+442079460018"
SPELLINGS = [
    "+44 (0)20 7946-0018", "020.7946.0018", "(020) 7946 0018", "0044-20-7946-0018", "+44/20/7946/0018",
    "+44\u00a020\u00a07946\u00a00018", "020\u20137946\u20130018", "442079460018",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a server's `rejected/` lies where imports were typed


def of_ella(region: str | None = "GB") -> Traces:
    return Traces([(EMAIL, "ella@acme.test"), (PHONE, "+442079460018")], region)


# --- telephone numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SPELLINGS)
@pytest.mark.parametrize(
    "text", ["{}", "call {} back", "2025-01-05 {}", "12345 {}", "{} 2025-01-05", "1.50/{}."]
)
def test_a_number_in_any_spelling_beside_anything(number: str, text: str) -> None:
    """The number goes, a date, a sum or another number beside it stays."""
    assert of_ella().scrubbed(text.format(number)) == text.format("(erased)")


@pytest.mark.parametrize(
    "text", ["020 7946 00180", "120 7946 0018", "+44 20 7946 0019", "7946 0018", "2025-01-05T10:00:18Z", ""]
)
def test_other_numbers_stay(text: str) -> None:
    assert of_ella().scrubbed(text) == text


def test_two_numbers_side_by_side_are_two() -> None:
    """Whichever of them is hers."""
    for text in ("020 7946 0018/020 7946 0019", "020 7946 0019 020 7946 0018", "+442079460018 +442079460019"):
        assert of_ella().scrubbed(text).count("(erased)") == 1
        assert "0019" in of_ella().scrubbed(text)
    assert of_ella().scrubbed("+442079460018 +442079460018") == "(erased) (erased)"


def test_a_long_list_of_figures_is_read_in_no_time() -> None:
    """A number has a few groups at most, however many stand side by side."""
    assert len(list(telephones("7 " * 5_000))) < 5_000 * 12


def test_numbers_in_texts_and_in_rows_that_did_not_load(store: Store) -> None:
    """In the reason of a refund, in a page's query, in a rejected row of the store and of its file."""
    store.config_set("region", "GB")
    load(
        store,
        leads=LEADS,
        deals="deal_id,status,closed_at,amount,currency\nD-1,won,2025-02-01,9.00,GBP",
        adjustments="\n".join(
            [
                "adjustment_id,deal_id,at,amount,currency,reason",
                *(f"A-{i},D-1,2025-03-01,-0.01,GBP,asked on {one}" for i, one in enumerate(SPELLINGS)),
                "A-9,D-1,2025-03-01,-0.01,GBP,asked on 020 7946 0019",
            ]
        ),
    )
    pages = [
        f"t{i},v9,2025-01-02,https://acme.test/?tel={one.replace('+', '%2B')}"
        for i, one in enumerate(SPELLINGS)
    ]
    content = "\n".join(["touch_id,visitor_id,at,url", *pages])
    store.import_table("touches", "-", stdin=io.BytesIO(content.encode()), keep_query=["tel"])
    bad = "\n".join(["lead_id,created_at,industry", *(f"L,yesterday,ring {one}" for one in SPELLINGS)])
    bad += "\nL,yesterday,ring 020 7946 0019"
    assert store.import_table("leads", "-", stdin=io.BytesIO(bad.encode())).totals["rejected"] == 9
    folder = (store.db.path.parent if store.db.path else Path.cwd()) / "rejected"
    (file,) = folder.iterdir()
    receipt = {row["where"]: row["rows"] for row in store.forget(email="ella@acme.test").rows}
    assert (receipt["adjustment"], receipt["rejected_row"], receipt[f"rejected/{file.name}"]) == (8, 8, 8)
    assert {reason for (reason,) in rows(store, "adjustment", "reason")} == {
        "asked on (erased)", "asked on 020 7946 0019",
    }  # fmt: skip
    assert len(rows(store, "rejected_row", "raw")) == 1
    assert "0019" in file.read_text()
    with store.db.read() as connection:
        queries = set(connection.execute(select(schema.page.c.query)).scalars())
    assert not {query for query in queries if query is not None and "18" in query}
    # imported once more, they name somebody who was erased
    again = bad.replace("ring", "call")
    store.import_table("leads", "-", stdin=io.BytesIO(again.encode()))
    assert sorted(raw for (raw,) in rows(store, "rejected_row", "raw"))[-8:] == ["{}"] * 8


# --- names of files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("ella@acme.test.csv", "(erased).csv"),
        ("in/leads_Ella+x@acme.test_june.csv.gz", "in/leads_(erased)_june.csv.gz"),
        ("export-ella@acme.test-2025.csv", "export-(erased)-2025.csv"),
        ("calls 020-7946-0018.csv", "calls (erased).csv"),
        ("bella@acme.test.csv", "bella@acme.test.csv"),
        ("ella@acme.tests.csv", "ella@acme.tests.csv"),
    ],
)
def test_names_of_files(name: str, kept: str) -> None:
    """An ending, a dash or a `_` stands beside an address; a letter makes it another one."""
    assert of_ella().scrubbed_name(name) == kept


def test_imported_files_that_are_called_like_the_person(store: Store, tmp_path: Path) -> None:
    """In the list of imports, with the rows that did not load, in `rejected/`; other files are told."""
    bad = "lead_id,created_at\nL-9,yesterday\n"
    for name in ("Ella+x@acme.test.csv", "bella@acme.test.csv"):
        (tmp_path / name).write_text(LEADS + "\n" + bad.partition("\n")[2].replace("\n", ",,\n"))
        assert store.import_table("leads", tmp_path / name).totals["rejected"] == 1
    folder = (store.db.path.parent if store.db.path else Path.cwd()) / "rejected"
    assert {path.name for path in folder.iterdir()} == {
        "000001-leads-Ella_x_acme.test.csv", "000002-leads-bella_acme.test.csv",
    }  # fmt: skip
    assert (dry := store.forget(email="ella@acme.test", dry_run=True)).rows
    assert len(list(folder.glob("*Ella*"))) == 1
    done = store.forget(email="ella@acme.test")
    assert done.rows == dry.rows
    files = {
        Path(file).name for (file,) in [*rows(store, "batch", "file"), *rows(store, "rejected_row", "file")]
    }
    assert files == {"(erased).csv", "bella@acme.test.csv"}
    assert {path.name for path in folder.iterdir()} == {
        "000001-leads-erased.csv", "000002-leads-bella_acme.test.csv",
    }  # fmt: skip
    assert {row["where"]: row["what"] for row in done.rows}["(erased).csv"].endswith("remove it yourself")
    assert not any("ella@acme.test" in str(row).lower().replace("bella@", "") for row in done.rows)


# --- what was denied ------------------------------------------------------------------------------------


def test_a_denial_of_somebody_whom_the_store_does_not_know(store: Store) -> None:
    """Who denies analytics leaves a hash; a request by what it is of removes it, and nobody else's."""
    load(
        store,
        touches="""
            touch_id,visitor_id,email,phone,at,kind,consent
            t1,v-ella,,,2025-01-01,form,denied
            t2,,Ella+x@acme.test,,2025-01-02,form,denied
            t3,,ella@acme.test,,2025-01-03,form,analytics:denied;ad_user_data:denied
            t4,,other@acme.test,,2025-01-03,form,denied
            t5,v-other,,,2025-01-03,form,denied
            """,
    )
    assert len(rows(store, "refusal", "hash")) == 5
    assert rows(store, "identifier", "identifier_id") == []
    dry = store.forget(email="ella@acme.test", visitor="v-ella", dry_run=True)
    assert len(rows(store, "refusal", "hash")) == 5
    done = store.forget(email="ella@acme.test", visitor="v-ella")
    assert {row["where"]: row["rows"] for row in done.rows} == {"refusal": 3}
    assert done.rows == dry.rows
    assert len(rows(store, "refusal", "hash")) == 2
    assert done.totals["tombstones"] == 2
    assert store.forget(email="ella@acme.test", visitor="v-ella").rows == []


def test_a_denial_by_another_identifier_of_a_person_who_is_known(store: Store) -> None:
    """Her e-mail is known, and a login that she denied by is not: the request names both."""
    load(
        store,
        leads=LEADS,
        touches="""
            touch_id,email,user_id,at,kind,consent
            t1,ella@acme.test,,2025-01-02,form,denied
            t2,,login-of-ella,2025-01-02,form,denied
            t3,,login-of-other,2025-01-02,form,denied
            """,
    )
    done = store.forget(email="ella@acme.test", user="login-of-ella")
    assert {row["where"]: row["rows"] for row in done.rows}["refusal"] == 2
    assert len(rows(store, "refusal", "hash")) == 1


def test_rules_that_quote_and_names_of_spend(sqlite_store: Store, csv: Callable[[str, str], Path]) -> None:
    """What a rule looked at, and what platforms call a campaign, name nobody afterwards."""
    sqlite_store.config_file(_rule_file(csv))
    touches = (
        "touch_id,visitor_id,at,source,medium,campaign\n"
        "t1,v1,2026-03-01T10:00:00Z,crm,email,mail to ella@fitz.example\n"
    )
    sqlite_store.import_table("touches", csv("t", touches))
    spend = (
        "date,cost,currency,platform,campaign_id,campaign\n2026-03-01,5,GBP,google,77,for ella@fitz.example\n"
    )
    sqlite_store.import_table("spend", csv("s", spend))
    names = "platform,level,reported,name\ngoogle,campaign,78,again ella@fitz.example\n"
    sqlite_store.import_table("spend_names", csv("n", names))
    leads = "lead_id,created_at,visitor_id,email\nL1,2026-03-02,v1,ella@fitz.example\n"
    sqlite_store.import_table("leads", csv("l", leads))
    sqlite_store.run(models=["linear"], goals=["leads"])
    rule = select(schema.origin.c.rule).where(schema.origin.c.campaign.contains("mail to"))
    with sqlite_store.db.read() as connection:
        assert "ella@fitz.example" in connection.execute(rule).scalar_one()
    sqlite_store.forget(email="ella@fitz.example")
    sqlite_store.run(models=["linear"], goals=["leads"])
    with sqlite_store.db.read() as connection:
        for table in (schema.origin, schema.placement, schema.spend_name, schema.platform_name):
            assert "ella@" not in str(connection.execute(select(table)).all()), table.name


def _rule_file(csv: Callable[[str, str], Path]) -> Path:
    """A rule of the store's own that looks at campaigns."""
    made = csv("rules", '[[channel_rule]]\nchannel = "Letters"\ncampaign_contains = "mail to"\n')
    return made.rename(made.with_suffix(".toml"))


def test_an_address_is_no_click_id(sqlite_store: Store, csv: Callable[[str, str], Path]) -> None:
    """An address under the name of a click id is dropped from the URL, and refused where it is given."""
    text = (
        "touch_id,visitor_id,at,url,click_id\n"
        "t1,v1,2026-03-01T10:00:00Z,https://acme.com/?gclid=ella%40fitz.example,\n"
        "t2,v1,2026-03-01T11:00:00Z,https://acme.com/,gclid:ella@fitz.example\n"
    )
    answer = sqlite_store.import_table("touches", csv("t", text))
    assert (answer.totals["accepted"], answer.totals["rejected"]) == (1, 1)
    with sqlite_store.db.read() as connection:
        assert connection.execute(select(schema.touch.c.click_id)).scalars().all() == [None]
