"""Settings: checked when they are set, kept in the store, all or none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from dumps import dump, rows
from ledger_books import load

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import AttributionEngineError, InputError, UnknownNameError
from attribution.models.registry import get_model
from attribution.store.settings import SETTINGS


def value(store: Store, name: str) -> object:
    """Read one setting through the facade."""
    return store.config_get(name).rows[0]["value"]


def test_defaults(sqlite_store: Store) -> None:
    """A new store answers with the documented defaults, and holds none of them."""
    listed = {row["setting"]: row["value"] for row in sqlite_store.config_list().rows}
    assert listed.keys() == SETTINGS.keys()
    assert listed["timezone"] == "UTC"
    assert listed["goals"] == "revenue deals leads"
    assert listed["lookback"] == "365d"
    assert listed["scope"] == "contacts"
    assert listed["kinds"] == "session click email event offline"
    assert listed["models"] == "first_touch last_touch last_non_direct linear time_decay position_based"
    assert listed["reporting_currency"] is None
    assert {row["set"] for row in sqlite_store.config_list().rows} == {"default"}
    assert all(row["meaning"] for row in sqlite_store.config_list().rows)


def test_a_setting_is_kept(store: Store) -> None:
    """It is read back, from another connection too, and set again."""
    assert store.config_set("timezone", "Europe/London").rows[0]["value"] == "Europe/London"
    store.config_set("timezone", "America/New_York")
    with Store.open(store.db.engine.url.render_as_string(hide_password=False)) as other:
        row = other.config_get("timezone").rows[0]
    assert (row["value"], row["set"]) == ("America/New_York", "store")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("lookback", "90D", "90d"),
        ("lookback", "2w", "14d"),
        ("lookback", "none", "none"),
        ("goals", "leads,revenue", "revenue leads"),
        ("region", "gb", "GB"),
        ("own_domains", "Acme.com, shop.acme.com acme.com", "acme.com shop.acme.com"),
        ("own_domains", "", ""),
        ("models", "linear, first_touch", "linear first_touch"),
        ("models", "linear time_decay:half_life=14d", "linear time_decay:half_life=14d"),
        ("models", "linear:ignore=Organic%20Search", "linear:ignore=Organic%20Search"),
        ("model", "linear:ignore=Direct; Organic Search", "linear:ignore=Direct;Organic%20Search"),
        ("kinds", "session,call", "session call"),
        ("reporting_currency", "EUR", "EUR"),
    ],
)
def test_one_spelling_is_kept(sqlite_store: Store, name: str, given: str, kept: str) -> None:
    """What means the same is stored the same."""
    assert sqlite_store.config_set(name, given).rows[0]["value"] == kept


@pytest.mark.parametrize(
    ("name", "bad", "words"),
    [
        ("lookback", "soon", "is not a duration"),
        ("lookback", "-5d", "is not a duration"),
        ("timezone", "London", "unknown time zone"),
        ("reporting_currency", "pounds", "unknown currency"),
        ("scope", "everyone", "Allowed: account, contacts, primary"),
        ("goals", "revenu", "did you mean 'revenue'"),
        ("goals", " ", "no goal given"),
        ("goal", "revenue deals", "unknown goal"),
        ("kinds", "sesion", "did you mean 'session'"),
        ("region", "United Kingdom", "two letters"),
        ("own_domains", "https://acme.com/", "without https://"),
        ("model", "linear first_touch", "allowed is one"),
        ("models", "linear:ignore=Organic Search", "if 'Search' belongs to .*, write the blank .* as %20"),
    ],
)
def test_a_bad_value_is_told_when_it_is_set(sqlite_store: Store, name: str, bad: str, words: str) -> None:
    """And not when a report is wanted; the old value stays."""
    before = value(sqlite_store, name)
    with pytest.raises(InputError, match=words):
        sqlite_store.config_set(name, bad)
    assert value(sqlite_store, name) == before


def test_an_unknown_setting_offers_the_nearest(sqlite_store: Store) -> None:
    """For reading and for writing."""
    with pytest.raises(UnknownNameError, match="did you mean 'timezone'"):
        sqlite_store.config_get("timezon")
    with pytest.raises(UnknownNameError, match="did you mean 'lookback'"):
        sqlite_store.config_set("look_back", "90d")


def test_a_file_of_settings(store: Store, tmp_path: Path) -> None:
    """Texts and lists of texts, as the documentation shows."""
    path = tmp_path / "attribution.toml"
    path.write_text('timezone = "Europe/Paris"\ngoals = ["revenue", "leads"]\nown_domains = ["acme.com"]\n')
    store.config_file(path)
    assert rows(store, "setting", "name", "value") == [
        ("goals", "revenue leads"), ("own_domains", "acme.com"), ("timezone", "Europe/Paris"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('timezone = "Europe/Paris"\nlookback = "soon"\n', "lookback: 'soon' is not a duration"),
        ('timezone = "Europe/Paris"\ntimezon = "UTC"\n', "did you mean 'timezone'"),
        ('timezone = "Europe/Paris"\nlookback = 90\n', "lookback is 90; allowed are text"),
        (
            'timezone = "Europe/Paris"\n[models]\nlinear = true\n',
            "models: the table {'linear': True} has no bare model name",
        ),
        ("timezone = Europe/Paris\n", "is not a TOML file"),
        ('timezone = "Europe/Paris\n', "is not a TOML file"),
    ],
)
def test_a_file_with_one_fault_sets_nothing(store: Store, tmp_path: Path, content: str, words: str) -> None:
    """All or none, with the file's name in the sentence where it is the file's fault."""
    path = tmp_path / "attribution.toml"
    path.write_text(content)
    before = dump(store)
    with pytest.raises(InputError, match=words):
        store.config_file(path)
    assert dump(store) == before


def test_a_file_that_is_not_there(sqlite_store: Store, tmp_path: Path) -> None:
    """Or not text."""
    with pytest.raises(InputError, match="cannot read"):
        sqlite_store.config_file(tmp_path / "attribution.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not a TOML file"):
        sqlite_store.config_file(binary)


def test_several_settings_are_set_all_or_none(store: Store) -> None:
    """A fault in the second takes back the first."""
    before = dump(store)
    with pytest.raises(AttributionEngineError):
        store.config_update({"timezone": "Europe/Paris", "scope": "nobody"})
    assert dump(store) == before


def test_an_unknown_model_is_told_when_it_is_set(sqlite_store: Store) -> None:
    """The registry knows; nobody should learn it from a failing nightly run."""
    for name in ("models", "model"):
        with pytest.raises(AttributionEngineError, match="did you mean 'linear'"):
            sqlite_store.config_set(name, "liner")
        with pytest.raises(AttributionEngineError, match="half_life"):
            sqlite_store.config_set(name, "time_decay:half_lif=14d")


MODELS_AS_TABLES = """
models = [
    "linear",
    {name = "time_decay", half_life = "14d", ignore = ["Direct", "Paid, Other"]},
    "linear:ignore=Organic Search; Direct",
    {name = "position_based", first = 0.5, last = 0},
]
model = {name = "linear", ignore = ["Organic Search"]}
"""
MODELS_AS_AN_ARRAY = """
model = "linear:ignore=Organic Search"
[[models]]
name = "linear"
[[models]]
name = "time_decay"
half_life = "14d"
ignore = ["Direct", "Paid, Other"]
[[models]]
name = "linear"
ignore = ["Organic Search", "Direct"]
[[models]]
name = "position_based"
first = 0.5
last = 0
"""


@pytest.mark.parametrize("content", [MODELS_AS_TABLES, MODELS_AS_AN_ARRAY])
def test_models_in_a_file_are_texts_or_tables(sqlite_store: Store, tmp_path: Path, content: str) -> None:
    """Either way they are kept as the text that `config set` takes."""
    path = tmp_path / "attribution.toml"
    path.write_text(content)
    sqlite_store.config_file(path)
    kept = value(sqlite_store, "models")
    assert kept == (
        "linear time_decay:half_life=14d,ignore=Direct;Paid%2C%20Other "
        "linear:ignore=Organic%20Search;Direct position_based:first=0.5,last=0"
    )
    assert value(sqlite_store, "model") == "linear:ignore=Organic%20Search"
    assert sqlite_store.config_set("models", str(kept)).rows[0]["value"] == kept
    assert [get_model(spec).label for spec in str(kept).split()] == [
        "linear", "time_decay:ignore=Direct;Paid%2C Other,half_life=14d",
        "linear:ignore=Organic Search;Direct", "position_based:first=0.5,last=0.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('models = ["linear", "liner"]', "models: unknown model 'liner'; did you mean 'linear'"),
        ('models = [{name = "liner"}]', "models: unknown model 'liner'; did you mean 'linear'"),
        ('model = {name = "liner"}', "model: unknown model 'liner'; did you mean 'linear'"),
        (
            'models = [{name = "time_decay", half_lif = "14d"}]',
            "models: time_decay has no parameter 'half_lif'; did you mean 'half_life'. .*: half_life, ignore",
        ),
        ('models = [{name = "time_decay", half_life = 14}]', "models: time_decay: half_life: '14' is not"),
        ('models = [{name = "position_based", first = "much"}]', "first='much' cannot be used; .* a number"),
        (
            'models = [{name = "position_based", first = nan}]',
            "first=nan cannot be used; allowed is a number",
        ),
        (
            'models = [{name = "linear", ignore = [1979-05-27]}]',
            "linear: ignore is .* allowed are text, a num",
        ),
        ('models = [{name = "linear:ignore=Direct"}]', "no bare model name under `name`"),
        ('models = [{half_life = "14d"}]', "no bare model name under `name`"),
        ('models = ["linear", 7]', "models: 7 is no model; allowed are a name"),
        ("models = true", "models: True is no model"),
        ("models = []", "models: no model given"),
        ('model = ["linear", "first_touch"]', "model: 'linear first_touch' names several models"),
    ],
)
def test_a_file_with_a_bad_model_sets_nothing(
    sqlite_store: Store, tmp_path: Path, content: str, words: str
) -> None:
    """The sentence names the file, the setting, the model and the choices."""
    path = tmp_path / "attribution.toml"
    path.write_text(f'timezone = "Europe/Paris"\n{content}\n')
    before = dump(sqlite_store)
    with pytest.raises(InputError, match=f"attribution.toml: .*{words}"):
        sqlite_store.config_file(path)
    assert dump(sqlite_store) == before
    door = CliRunner().invoke(
        cli, ["config", "--file", str(path), "--store", f"sqlite:///{tmp_path / 'no.db'}"]
    )
    assert door.exit_code == 2
    assert re.search(words, door.stderr)
    assert not (tmp_path / "no.db").exists()


def test_a_model_with_a_blank_in_a_value_is_run_and_found(store: Store, tmp_path: Path) -> None:
    """A setting is split at blanks, but not within `Organic Search`."""
    load(
        store,
        touches="""touch_id,visitor_id,at,channel
                   t1,v1,2025-01-02T10:00:00Z,Organic Search
                   t2,v1,2025-01-03T10:00:00Z,Email""",
        leads="""lead_id,created_at,visitor_id
                 L1,2025-01-03T11:00:00Z,v1""",
        deals="""deal_id,status,created_at,closed_at,amount,currency,lead_id
                 D1,won,2025-01-04T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP,L1""",
    )
    path = tmp_path / "attribution.toml"
    path.write_text(
        'models = ["linear", {name = "linear", ignore = ["Organic Search"]}]\ngoals = "revenue"\n'
    )
    store.config_file(path)
    label = "linear:ignore=Organic Search"
    assert [row["model"] for row in store.run().rows] == ["linear", label]
    assert store.compare("channel").rows[0] | {} == store.compare("channel", ["linear", label]).rows[0]
    assert set(store.compare("channel").rows[0]) >= {"linear", label}
    for spelling in (label, "linear:ignore=Organic%20Search"):
        store.config_set("model", spelling)
        report = store.report("channel")
        assert report.model == label
        assert {row["channel"]: row["value"] for row in report.rows} == {
            "Email": "1000.00",
            "Organic Search": "0.00",
        }
        assert store.kpis().model == label
    assert store.run().rows[1]["entries"] == 0


def test_the_command_to_type_is_quoted_for_the_shell(sqlite_store: Store) -> None:
    """It can be copied, whatever the channel is called."""
    load(
        sqlite_store,
        deals="""deal_id,status,created_at,closed_at,amount,currency
                 D1,won,2025-01-04T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP""",
    )
    sqlite_store.run(models=["linear"])
    with pytest.raises(
        InputError, match="run it with: attribution run --model 'linear:ignore=Paid;Other Ads' --"
    ):
        sqlite_store.report("channel", model="linear:ignore=Paid;Other Ads")


def test_kinds_that_are_not_the_default_are_told(sqlite_store: Store) -> None:
    """Of what was run, where either that or what is asked for is of other kinds than the default."""
    load(
        sqlite_store,
        deals="""deal_id,status,created_at,closed_at,amount,currency
                 D1,won,2025-01-04T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP""",
    )
    sqlite_store.run(models=["linear"], goals=["revenue"])
    sqlite_store.run(models=["linear"], goals=["revenue"], kinds="session,click")
    said = r"run so far are revenue/deals \(365d, contacts\): linear; "
    with pytest.raises(
        InputError, match=said + r"revenue/deals \(365d, contacts, kinds session,click\): linear"
    ):
        sqlite_store.report("channel", model="first_touch")
    with pytest.raises(InputError, match=r"\(365d, contacts, kinds session,click,email,event,offline\)"):
        sqlite_store.report("channel", kinds="session")
