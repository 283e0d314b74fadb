"""Addresses and numbers in the repository are nobody's: of domains and ranges that are kept free for that."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# RFC 2606 and RFC 6761: nobody can register these
RESERVED = re.compile(r"(^|\.)(test|example|invalid|localhost)$|(^|\.)example\.(com|org|net)$")

# --- domains that are not reserved, where they may stand, and why -----------------------------------

# where, which, and why; a place ends in a slash where all below it is meant
ALLOWED: tuple[tuple[str, str, str], ...] = (
    (
        "tests/test_accounts.py tests/test_accounts_incremental.py tests/test_clear_values.py "
        "tests/test_doctor.py tests/test_explain.py tests/test_forget.py tests/test_migrations.py "
        "tests/test_scope.py",
        "acme.com marsh.com x.com y.com z.com x.org other.com beta.com initech.com builders.com no.com "
        "gone.com marsh.de acme.co.uk",
        "only under a public suffix a domain is a company's, and the reserved ones are none",
    ),
    (
        "tests/test_accounts.py tests/test_identity_rules.py tests/test_urls.py attribution/",
        "co.uk mail.acme.co.uk a.github.io b.github.io",
        "suffixes of two parts, and of private owners",
    ),
    (
        "tests/test_accounts.py tests/test_accounts_incremental.py tests/test_destination_ga4.py "
        "tests/test_destination_meta.py tests/test_forget_bytes.py tests/test_identifiers.py "
        "tests/test_import_identities.py tests/test_mapping_crm.py attribution/ fixtures/",
        "gmail.com googlemail.com vip.qq.com mx.hotmail.co.uk gmx.de",
        "providers of free mail have rules of their own: dots, two names of one mailbox, nobody's company",
    ),
    (
        "tests/test_urls.py tests/test_store_open.py tests/test_channels_fuzz.py",
        "t.co 1.2.3 127.0.0.1 bing.com",
        "behind what may be a password stands a host",
    ),
    (
        "tests/test_forget_texts.py attribution/",
        "acme.test.csv acme.tests.csv acme.test-2025.csv acme.com.csv",
        "names of files with an address in them",
    ),
    (
        "attribution/ docs/",
        "acme.com mail.marsh.com x.io b.com",
        "examples in sentences of the program, and in pages that show them",
    ),
    ("attribution/ docs/", "valewick-labs.co.uk doverbrook-studios.co.uk", "of the company that is made up"),
)
# of the company that is made up, names of two words and a kind of company: Doverbrook Studios
MADE_UP = re.compile(r"[a-z]+-[a-z]+\.(co\.uk|de)")

# --- numbers that ring nowhere ----------------------------------------------------------------------

FREE = re.compile(
    # Ofcom, "Telephone numbers for use in TV and radio drama programmes"
    r"44(?:2079460\d{3}|1(?:1[3-8]|[2-6]1)4960\d{3}|2920180\d{3}|2896496\d{3}|1914980\d{3}|1632960\d{3}"
    r"|7700900\d{3}|8081570\d{3}|909879\d{4}|3069990\d{3})"
    r"|1\d{3}55501\d{2}"  # the North American Numbering Plan: 555-0100 to 555-0199 of any area
)
# others, by their digits, and what they are
KNOWN: dict[str, str] = {
    "4402079460018": "of drama, with the nought that stands in brackets",
    "442079460018020": "of drama, and the beginning of the next one",
    "1902079460018": "an extension, and a number of drama",
    "266696687": "no number: ANONYMOUS on a telephone's keys",
    "7378742833": "no number: RESTRICTED on a telephone's keys",
    "6161729102": "quoted from a case of others, where it is said to be wrong",
    "447400000001": "of a made-up world so large that the numbers of drama do not suffice",
    "16448536": "no number: the quantile of a normal distribution",
}
_PLUS = re.compile(r"(?<![\w.+/=:-])\+[ ]?[1-9](?:[ ().-]{0,2}[0-9]){7,14}(?!\w)")
_ZEROS = re.compile(r"(?<![\w.+/=:,-])00[1-9](?:[ .-]?[0-9]){9,11}(?![\w.-])")
_NATIONAL = re.compile(
    r"(?<![\w.+/=:,-])\(?0[1-9][0-9]{1,4}\)?[ -][0-9]{3,4}[ -]?[0-9]{3,4}(?![\w.-])"
    r"|(?<![\w.+/=:,-])0[1-9][0-9]{9}(?![\w.-])"
)
_ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)((?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+)")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """All files that are kept, but for those that are no text."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no repository: nothing says which files are kept")
    done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"git does not list the files: {done.stderr.decode().strip()}")
    found = {}
    for name in done.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or path == Path(__file__) or not path.is_file():  # this one quotes what it looks for
            continue
        if b"\0" not in (content := path.read_bytes()):
            found[name] = content.decode("utf-8", "replace")
    return found


def is_allowed(name: str, domain: str) -> bool:
    """Tell whether addresses of a domain may stand in a file."""
    if RESERVED.search(domain):
        return True
    if name.startswith("fixtures/") and MADE_UP.fullmatch(domain):
        return True
    return any(
        domain in domains.split() and name.startswith(tuple(places.split())) for places, domains, _ in ALLOWED
    )


def test_addresses_are_of_reserved_domains(texts: dict[str, str]) -> None:
    found = {
        (name, found[0])
        for name, text in texts.items()
        for found in _ADDRESS.finditer(text)
        if not is_allowed(name, found[1].lower())
    }
    assert found == set(), "use example.com, or a domain under .test or .example"


def test_numbers_are_of_ranges_that_are_kept_free(texts: dict[str, str]) -> None:
    found = set()
    for name, text in texts.items():
        for pattern, cut, country in ((_PLUS, 0, ""), (_ZEROS, 2, ""), (_NATIONAL, 1, "44")):
            for one in pattern.finditer(text):
                digits = country + re.sub(r"\D", "", one[0])[cut:]
                # an id of Salesforce begins with three characters that say what it is of
                opportunity = re.fullmatch(r"006\d{12}", one[0]) is not None
                if not (FREE.fullmatch(digits) or digits in KNOWN or opportunity):
                    found.add((name, one[0]))
    assert found == set(), (
        "use +44 20 7946 0000 to 0999, +44 7700 900000 to 900999, or +1 ... 555 0100 to 0199"
    )


@pytest.mark.parametrize(
    ("text", "is_free"),
    [
        ("+44 20 7946 0958", True),
        ("+44 20 7946 1958", False),
        ("(01632) 960 123", True),
        ("0171 496 0123", False),
        ("+1 202 555 0146", True),
        ("+1 202 555 1146", False),
        ("0044 7700 900123", True),
        ("+49 30 901820", False),
    ],
)
def test_numbers_are_seen_as_people_write_them(text: str, is_free: bool) -> None:
    text = f"call {text} now"
    found = [
        country + re.sub(r"\D", "", one[0])[cut:]
        for pattern, cut, country in ((_PLUS, 0, ""), (_ZEROS, 2, ""), (_NATIONAL, 1, "44"))
        for one in pattern.finditer(text)
    ]
    assert [FREE.fullmatch(digits) is not None for digits in found] == [is_free]


def test_what_is_allowed_is_there(texts: dict[str, str]) -> None:
    """A file that is mended, or a domain that is gone, needs no exception any more."""
    there = {(name, one[1].lower()) for name, text in texts.items() for one in _ADDRESS.finditer(text)}
    for places, domains, _ in ALLOWED:
        for place in places.split():
            assert any(name.startswith(place) and domain in domains.split() for name, domain in there), place
        for domain in domains.split():
            assert any(name.startswith(tuple(places.split())) and domain == one for name, one in there), (
                domain
            )
