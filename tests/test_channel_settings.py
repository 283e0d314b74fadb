"""A store's own channel rules, hosts and sources: read from a file, kept, used everywhere, and versioned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ledger_books import load
from sqlalchemy import select

from attribution.channels.rules import default_rules
from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError
from attribution.store.schema import origin, placement, run

FILE = """
own_domains = "acme.com"
handback_hosts = ["pay.bank.example", "-okta.com"]

[sources]
"forum.acme.io" = "social"
"finder.example" = "acme-finder:search"

[[channel_rule]]
channel = "Partners"
source = ["acme-partner", "partner2"]
medium_contains = "ref"

[[channel_rule]]
position = "after"
channel = "Podcast"
when = [{ medium = "podcast" }, { source_ends = "fm", medium = "" }]
"""
TOUCHES = """
    touch_id,visitor_id,at,url,referrer
    partner,v1,2025-01-01,https://acme.com/?utm_source=Partner2&utm_medium=referral,
    podcast,v1,2025-01-02,https://acme.com/?utm_source=show&utm_medium=podcast,
    forum,v1,2025-01-03,https://acme.com/,https://deep.forum.acme.io/thread
    paid,v1,2025-01-04,https://acme.com/,https://pay.bank.example/3ds
    okta,v1,2025-01-05,https://acme.com/,https://acme.okta.com/login
    finder,v1,2025-01-06,https://acme.com/,https://finder.example/?q=x
    search,v1,2025-01-07,https://acme.com/,https://www.google.com/
    """
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"
DEAL = "deal_id,status,closed_at,amount,currency,emails\nD,won,2025-02-01,70.00,GBP,a@x.test"
AFTER = {"Partners": 1, "Podcast": 1, "Organic Social": 1, "Direct": 1, "Referral": 1, "Organic Search": 2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of settings."""
    path = tmp_path / "attribution.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def channels(store: Store) -> dict[str, int]:
    """Count touches by channel."""
    joined = select(placement.c.channel).join(origin, origin.c.placement_id == placement.c.placement_id)
    with store.db.read() as connection:
        found = connection.execute(joined).scalars().all()
    return {channel: found.count(channel) for channel in found}


def test_rules_of_a_file_hold_for_imports_and_tests(store: Store, file: Path) -> None:
    """Before the package's rules or after them, with further hosts; a host that was taken out is a source."""
    store.config_file(file)
    load(store, touches=TOUCHES)
    assert channels(store) == AFTER

    def placed(url: str, referrer: str | None = None) -> tuple[str, str]:
        (row,) = store.channels_test(url, referrer).rows
        return row["channel"], row["rule"]

    assert placed("https://acme.com/?utm_source=partner2&utm_medium=referral") == (
        "Partners", "Partners: utm_source in the URL, source partner2, medium referral",
    )  # fmt: skip
    assert placed("https://acme.com/?utm_source=bbc-fm&utm_medium=podcast")[0] == "Podcast"
    assert placed("https://acme.com/", "https://finder.example/")[1] == (
        "Organic Search: referrer finder.example, source acme-finder"
    )
    # what the package knows better keeps its name
    assert placed("https://acme.com/", "https://gemini.google.com/")[0] == "AI Assistant"


def test_rules_that_come_later_move_touches_and_credit(store: Store, file: Path) -> None:
    """`channels reclassify` does so at once and tells; a run does so too, and takes it back as well."""
    load(store, touches=TOUCHES, identities=WHO, deals=DEAL)
    store.run(models=["linear"], goals=["revenue"])
    before = channels(store)
    assert before == {"Referral": 4, "Unassigned": 1, "Direct": 1, "Organic Search": 1}
    store.config_file(file)
    moved = store.channels_reclassify()
    assert {(row["before"], row["after"]): row["origins"] for row in moved.rows} == {
        ("Referral", "Partners"): 1, ("Unassigned", "Podcast"): 1, ("Referral", "Organic Social"): 1,
        ("Referral", "Direct"): 1, ("Direct", "Referral"): 1, ("Referral", "Organic Search"): 1,
    }  # fmt: skip
    assert moved.totals == {"origins": 6}
    assert channels(store) == AFTER
    assert store.channels_reclassify().rows == []
    store.run(models=["linear"], goals=["revenue"])
    rows = {row["channel"]: row["value"] for row in store.report("channel", model="linear").rows}
    assert rows["Partners"] == "10.00"
    store.config_update({"channel_rules": "", "handback_hosts": "", "sources": ""})
    store.run(models=["linear"], goals=["revenue"])
    assert channels(store) == before
    with store.db.read() as connection:
        versions = connection.execute(select(run.c.versions).order_by(run.c.run_id)).scalars().all()
    first, second, third = (json.loads(text)["channel_rules"] for text in versions)
    assert first == third == str(default_rules().version)
    assert second.startswith(f"{first}+")


def test_the_list_of_rules(sqlite_store: Store, file: Path) -> None:
    """In the order in which they are tried, with the version, and whose each is."""
    own = sqlite_store.channels_list()
    assert {row["rules"] for row in own.rows} == {"package"}
    assert own.rows[0] | {"version": ""} == {
        "number": 1, "channel": "Direct", "rules": "package", "version": "",
        "when": 'nothing = true or source = "(direct)" and medium = ["(none)", ""]',
    }  # fmt: skip
    sqlite_store.config_file(file)
    rows = sqlite_store.channels_list().rows
    assert [row["number"] for row in rows] == list(range(1, len(own.rows) + 3))
    assert {(row["number"], row["channel"]) for row in rows if row["rules"] == "store"} == {
        (1, "Partners"), (len(rows) - 1, "Podcast"),
    }  # fmt: skip
    assert rows[-1]["channel"] == "Unassigned"
    assert len({row["version"] for row in rows}) == 1
    assert rows[0]["version"] != own.rows[0]["version"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            '[[channel_rule]]\nchannel = "A"\nsorce = "x"',
            r"rule 1 \(line 1\): unknown condition 'sorce'; did you",
        ),
        ('\n\n[[channel_rule]]\nsource = "x"', r"rule 1 \(line 3\): .*names no channel"),
        ('[[channel_rule]]\nchannel = "A"', r"rule 1 \(line 1\): .*has no condition"),
        (
            '[[channel_rule]]\nchannel = "A"\nsource = "a"\n[[channel_rule]]\nchannel = "B"\n'
            'source_matches = "("',
            r"rule 2 \(line 4\): source_matches .* is no regular expression",
        ),
        ('[[channel_rule]]\nchannel = "A"\nsource = 1', r"rule 1 \(line 1\): source = 1 .*a text or a list"),
        ('[[channel_rule]]\nchannel = "A"\nposition = "first"\nsource = "x"', r"unknown position 'first'"),
        ('[[channel_rule]]\nchannel = "A"\ncategory = "ads"', r"unknown source category 'ads'"),
        ("channel_rule = 3", r"channel_rules: this is 3; allowed are tables, each under the line"),
        ('sources = "forum.acme.io"', r"sources: 'forum.acme.io' is no source; allowed are HOST=CATEGORY"),
        ('[sources]\n"forum.acme.io" = "forum"', r"sources: unknown source category 'forum'"),
        ('handback_hosts = "https://pay.example/x"', r"handback_hosts: .* is not a domain"),
    ],
)
def test_a_bad_rule_is_told_with_its_place_and_nothing_is_set(
    sqlite_store: Store, tmp_path: Path, content: str, words: str
) -> None:
    """The file, the setting, which rule and its line."""
    path = tmp_path / "attribution.toml"
    path.write_text(f"{content}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"attribution.toml: .*{words}"):
        sqlite_store.config_file(path)
    assert {row["set"] for row in sqlite_store.config_list().rows} == {"default"}


def test_rules_as_json_are_a_setting_like_others(sqlite_store: Store) -> None:
    """What `config get` shows can be set again; what is no list is told."""
    rule = '[{"channel": "Partners", "source": "acme"}]'
    kept = sqlite_store.config_set("channel_rules", rule).rows[0]["value"]
    assert json.loads(str(kept)) == [{"position": "before", "channel": "Partners", "source": "acme"}]
    assert sqlite_store.config_set("channel_rules", str(kept)).rows[0]["value"] == kept
    with pytest.raises(InputError, match="channel_rules is no JSON list"):
        sqlite_store.config_set("channel_rules", "source = acme")


def test_the_example_of_the_page(sqlite_store: Store, tmp_path: Path) -> None:
    """It can be copied as it is."""
    page = (Path(__file__).parents[1] / "docs" / "channels.md").read_text(encoding="utf-8")
    path = tmp_path / "attribution.toml"
    path.write_text(page.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    sqlite_store.config_file(path)
    rows = [row["channel"] for row in sqlite_store.channels_list().rows if row["rules"] == "store"]
    assert rows == ["Partners", "Podcast"]
    (row,) = sqlite_store.channels_test("https://acme.com/", "https://search.acme.io/").rows
    assert (row["channel"], row["source"]) == ("Organic Search", "acme-search")


def test_the_verbs(tmp_path: Path, file: Path) -> None:
    """A store is made by `config --file`; `list` needs none, `reclassify` does."""
    url = f"sqlite:///{tmp_path / 'store.db'}"

    def attribution(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["--store", url, *words])
        return result.exit_code, result.stdout

    assert attribution("channels", "list", "--format", "csv")[0] == 0
    assert attribution("channels", "reclassify")[0] == 2
    assert attribution("config", "--file", str(file))[0] == 0
    code, out = attribution("channels", "list", "--format", "json")
    assert (code, json.loads(out)["rows"][0]["channel"]) == (0, "Partners")
    assert attribution("channels", "reclassify")[0] == 0
