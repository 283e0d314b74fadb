"""Settings: checked when they are set, kept in the store, all or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from dumps import dump, rows

from attribution.engine import Store
from attribution.errors import AttributionEngineError, InputError, UnknownNameError
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
        ("scope", "everyone", "Allowed: contacts, primary"),
        ("goals", "revenu", "did you mean 'revenue'"),
        ("goals", " ", "no goal given"),
        ("goal", "revenue deals", "unknown goal"),
        ("kinds", "sesion", "did you mean 'session'"),
        ("region", "United Kingdom", "two letters"),
        ("own_domains", "https://acme.com/", "without https://"),
        ("model", "linear first_touch", "allowed is one"),
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
        ('timezone = "Europe/Paris"\n[models]\nlinear = true\n', "models is"),
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
