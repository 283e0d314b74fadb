"""Credentials come from the environment or from a file of one's own, and go to the platform only."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner
from hubspot_portal import TOKEN, Portal
from loopback import Answer, Patience, loopback

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, PullAccessError, UnknownNameError
from attribution.pulls.credentials import LackingError, Need, Secret, load_credentials
from attribution.pulls.forms import CUSTOMER, DIGITS, YEAR_MONTH, matching
from attribution.pulls.pull import pull
from attribution.pulls.registry import get_source, source_names

NEEDS = (Need("token", "an access token"), Need("account_ids", "the accounts", required=False, secret=False))


def written(folder: Path, content: str, mode: int = 0o600) -> dict[str, str]:
    """Write a file of credentials; returns an environment that names it."""
    path = folder / "credentials.toml"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return {"ATTRIBUTION_CREDENTIALS": str(path)}


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    """Each entry for itself; a list in the file is one with commas."""
    environment = written(tmp_path, '[acme]\ntoken = "from the file"\naccount_ids = [1, 2]\n')
    found = load_credentials("acme", NEEDS, environment=environment)
    assert found.secret("token").reveal() == "from the file"
    assert found.words("account_ids") == ("1", "2")
    found = load_credentials("acme", NEEDS, environment=environment | {"ATTRIBUTION_ACME_TOKEN": "from here"})
    assert found.secret("token").reveal() == "from here"
    assert found.words("account_ids") == ("1", "2")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With what to type."""
    environment = written(tmp_path, '[acme]\ntoken = "x"\n', 0o640)
    with pytest.raises(
        InputError, match=r"others can read it \(mode 640\); type: chmod 600 .*credentials\.toml"
    ):
        load_credentials("acme", NEEDS, environment=environment)


def test_what_is_missing_is_told_with_both_ways(tmp_path: Path) -> None:
    """Also where there is a file, with other sections."""
    says = (
        r"acme needs token \(an access token\): set ATTRIBUTION_ACME_TOKEN, "
        r'or write token = "\.\.\." under \[acme\] in .*credentials\.toml'
    )
    with pytest.raises(InputError, match=says):
        load_credentials("acme", NEEDS, environment=written(tmp_path, '[other]\ntoken = "x"\n'))
    with pytest.raises(InputError, match=r"\[acme\] in /home/ann/config/attribution/credentials\.toml"):
        load_credentials("acme", NEEDS, environment={"XDG_CONFIG_HOME": "/home/ann/config"})


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        ('[acme]\ntokn = "hidden"', UnknownNameError, "unknown entry of .acme. .* did you mean 'token'"),
        ("[acme]\ntoken = hidden", InputError, r"is no TOML \(Invalid value \(at line 2, column 9\)\)"),
        ("[acme]\ntoken = true", InputError, "token of .acme. is no text"),
        ('acme = "hidden"', InputError, ".acme. is no section"),
    ],
)
def test_a_file_that_means_nothing_is_told(
    tmp_path: Path, content: str, kind: type[Exception], says: str
) -> None:
    """With its place, and without what stands there."""
    with pytest.raises(kind, match=says) as error:
        load_credentials("acme", NEEDS, environment=written(tmp_path, content))
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("text", ["abc\nhidden", "abc\u00a0hidden", "“hidden”"])
def test_what_cannot_be_sent_is_told_before_it_is_tried(text: str) -> None:
    """Copied with a line break, or with the quotation marks of a word processor; not shown all the same."""
    with pytest.raises(InputError, match="copy it again, as it is") as error:
        load_credentials("acme", NEEDS, environment={"ATTRIBUTION_ACME_TOKEN": text})
    assert "hidden" not in str(error.value)


NUMBER = Need("number", "the account", secret=False, form=CUSTOMER)
SHAPED = (
    NUMBER,
    Need("key", "a key", required=False, form=matching("a word that begins with k-", "k-.+")),
    Need("numbers", "more accounts", required=False, secret=False, form=DIGITS.each()),
    Need("month", "a version", required=False, secret=False, form=YEAR_MONTH),
)


@pytest.mark.parametrize("text", ["1234567890", "123-456-7890", "123 456 7890", " 123-456-7890 "])
def test_what_people_put_between_digits_is_left_out(text: str) -> None:
    said = {"ATTRIBUTION_CREDENTIALS": "/dev/null", "ATTRIBUTION_ACME_NUMBER": text}
    assert load_credentials("acme", SHAPED, environment=said).value("number") == "1234567890"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "number", "12345",
            "number of acme is '12345'; allowed is ten digits, as in 123-456-7890: "
            "mend ATTRIBUTION_ACME_NUMBER",
        ),
        (
            "key", "hidden",
            "key of acme is not what it has to be; allowed is a word that begins with k-: "
            "mend ATTRIBUTION_ACME_KEY",
        ),
        (
            "numbers", "1, b",
            "numbers of acme is '1, b'; allowed is a number, digits only; several with commas between them: "
            "mend ATTRIBUTION_ACME_NUMBERS",
        ),
        (
            "month", "2026-03",
            "month of acme is '2026-03'; allowed is a year and a month, as in 202603: "
            "mend ATTRIBUTION_ACME_MONTH",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_at_the_door(name: str, text: str, says: str) -> None:
    """Before what is missing; of a secret what it has to look like, and not what it is."""
    said = {"ATTRIBUTION_CREDENTIALS": "/dev/null", f"ATTRIBUTION_ACME_{name.upper()}": text}
    with pytest.raises(InputError) as error:
        load_credentials("acme", SHAPED, environment=said)
    assert str(error.value) == says


def test_what_is_to_be_mended_in_the_file_is_told_with_its_section(tmp_path: Path) -> None:
    environment = written(tmp_path, '[acme]\nnumber = "abc"\n')
    with pytest.raises(InputError) as error:
        load_credentials("acme", SHAPED, environment=environment)
    path = environment["ATTRIBUTION_CREDENTIALS"]
    assert str(error.value).endswith(f": mend number under [acme] in {path}")


def test_a_variable_that_is_misspelt_is_told() -> None:
    """Without its value; what is another source's, or says nothing, is let alone."""
    said = {
        "ATTRIBUTION_CREDENTIALS": "/dev/null", "ATTRIBUTION_ACME_NUMBER": "1234567890",
        "ATTRIBUTION_ACME_ADS_TOKEN": "word", "ATTRIBUTION_ACME_OLD": "", "ATTRIBUTION_STORE": "x.db",
    }  # fmt: skip
    others = ("acme", "acme_ads", "other")
    load_credentials("acme", SHAPED, others=others, environment=said)
    with pytest.raises(UnknownNameError) as error:
        load_credentials(
            "acme", SHAPED, others=others, environment=said | {"ATTRIBUTION_ACME_NUMBRE": "hidden"}
        )
    assert str(error.value) == (
        "unknown name after ATTRIBUTION_ACME_ in the environment 'NUMBRE'; did you mean 'NUMBER'? "
        "Allowed: BASE_URL, KEY, LOGIN_URL, MONTH, NUMBER, NUMBERS"
    )


def test_one_of_several_is_enough() -> None:
    needs = (NUMBER, Need("a", "one", required=False), Need("b", "another", required=False))
    said = {"ATTRIBUTION_CREDENTIALS": "/dev/null", "ATTRIBUTION_ACME_B": "word"}
    with pytest.raises(LackingError) as error:
        load_credentials("acme", needs, any_of=("a", "b"), environment=said)
    assert error.value.names == ("number",)
    with pytest.raises(LackingError) as error:
        load_credentials(
            "acme", needs, any_of=("a", "b"), environment={"ATTRIBUTION_CREDENTIALS": "/dev/null"}
        )
    assert error.value.names == ("number", "a")


def test_a_secret_shows_nothing_of_itself() -> None:
    """Not in a message, not in a list, and in no file."""
    secret = Secret("abc")
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert "abc" not in repr(load_credentials("acme", NEEDS, environment={"ATTRIBUTION_ACME_TOKEN": "abc"}))
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(secret)


@pytest.mark.parametrize("name", source_names())
def test_every_source_says_what_it_needs(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All at once, before anything is asked."""
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", str(tmp_path / "none.toml"))
    required = [need.name for need in get_source(name).needs if need.required]
    with pytest.raises(InputError) as error:
        load_credentials(name, get_source(name).needs)
    assert required
    assert all(f"ATTRIBUTION_{name}_{need}".upper() in str(error.value) for need in required)


def test_nothing_secret_is_kept_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the store, its files, the answer, a log, an address or an error."""
    caplog.set_level(logging.DEBUG)
    portal = Portal()
    portal.contact(1, "2026-02-01T10:00:00Z")
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with loopback(portal) as server, Store.open(url) as store:
        monkeypatch.setenv("ATTRIBUTION_HUBSPOT_TOKEN", TOKEN)
        monkeypatch.setenv("ATTRIBUTION_HUBSPOT_BASE_URL", server.url)
        patience = Patience()
        server.first = [Answer({"message": f"slow down, {TOKEN}"}, 429)]
        answers = repr(pull(store.db, "hubspot", waits=patience.waits()))
        server.first = [Answer({"message": f"{TOKEN} is expired"}, 401)]
        with pytest.raises(PullAccessError, match=r"\(\*\*\* is expired\)") as error:
            pull(store.db, "hubspot", waits=patience.waits())
        assert all(TOKEN not in asked.path + str(asked.query) for asked in server.asked)
        listed = store.pull_list().to_json()
    for text in (answers, str(error.value), "".join(patience.told), listed, caplog.text):
        assert TOKEN not in text
    assert all(TOKEN.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_command_says_what_is_missing_and_leaves_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the list."""
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", str(tmp_path / "none.toml"))
    url = f"sqlite:///{tmp_path / 'store.db'}"
    result = CliRunner().invoke(cli, ["pull", "hubspot", "--store", url])
    assert result.exit_code == 2
    assert "set ATTRIBUTION_HUBSPOT_TOKEN" in result.output
    assert CliRunner().invoke(cli, ["pull", "--list", "--store", url]).exit_code == 0
    assert not (tmp_path / "store.db").exists()
