"""Who belongs to a company, from when to when: by CRM links first, by the domain of an e-mail second."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from ledger_books import load
from sqlalchemy import select

from attribution import clock
from attribution.channels.hosts import registrable_domain
from attribution.engine import Store
from attribution.identifiers import ACCOUNT, VISITOR
from attribution.identity.accounts import members_of
from attribution.identity.graph import ALWAYS
from attribution.identity.resolve import resolve
from attribution.mailboxes import FREE_MAIL, companies_of
from attribution.store.identifiers import comparable, find_identifiers
from attribution.store.schema import identifier, membership
from attribution.store.settings import Settings

ALL_THE_TIME = [("", "")]
KNOWN_PROVIDERS = frozenset(
    {
        "gmail.com", "hotmail.co.uk", "live.fr", "outlook.de", "yahoo.co.jp", "icloud.com",
        "me.com", "aol.com", "gmx.at", "web.de", "t-online.de", "freenet.de", "mail.ru",
        "yandex.ru", "proton.me", "zoho.com", "fastmail.fm", "tutanota.com", "qq.com", "163.com",
        "126.com", "sina.com", "naver.com", "daum.net", "orange.fr", "wanadoo.fr", "free.fr",
        "laposte.net", "libero.it", "virgilio.it", "tiscali.it", "terra.com.br", "uol.com.br",
        "bol.com.br", "rediffmail.com", "btinternet.com", "comcast.net", "verizon.net", "att.net",
        "seznam.cz", "wp.pl", "abv.bg", "ukr.net", "bigpond.com", "xtra.co.nz", "telenet.be",
        "ziggo.nl", "bluewin.ch", "telia.com", "sapo.pt", "walla.co.il", "mailinator.com",
    }
)  # fmt: skip


def members(store: Store, account: str) -> dict[str, list[tuple[str, str]]]:
    """Return visitor -> the stretches of its person with a company; blank is for ever."""
    with store.db.write() as connection:
        settings = Settings(connection)
        resolve(connection, settings)
        (number,) = find_identifiers(connection, settings, ACCOUNT, [account])
        found = members_of(connection, np.array([number], np.int64))
        names = (
            select(membership.c.person_id, identifier.c.value)
            .join(identifier, identifier.c.identifier_id == membership.c.identifier_id)
            .where(identifier.c.kind == VISITOR)
            .order_by(identifier.c.value.desc())  # of several of a person the first name counts
        )
        visitors: dict[int, str] = {int(person): str(name) for person, name in connection.execute(names)}
    stretches: dict[str, list[tuple[str, str]]] = {}
    for person, since, until in zip(found.person, found.since, found.until, strict=True):
        if person in visitors:
            ends = (_day(since, ALWAYS[0]), _day(until, ALWAYS[1]))
            stretches.setdefault(visitors[person], []).append(ends)
    return stretches


def _day(at: int, never: int) -> str:
    return "" if at == never else clock.iso(int(at)).removesuffix("T00:00:00Z")


def forms(*rows: str) -> str:
    """Write rows of `identities`."""
    midnights = [f"{row}T00:00:00Z" for row in rows]
    return "\n".join(["visitor_id,email,at", *midnights])


def leads(*rows: str) -> str:
    """Write rows of `leads`."""
    return "\n".join(["lead_id,visitor_id,email,account,created_at", *rows])


# --- names of companies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://www.acme.com/", "acme.com"),
        ("ACME.com", "acme.com"),
        ("acme.com.", "acme.com"),
        ("mail.acme.co.uk:443/about?x=1", "acme.co.uk"),
        ("a.github.io", "a.github.io"),
        ("Müller.de", "müller.de"),
        ("Marsh   Interiors ", "marsh interiors"),
        ("acme.com, Inc.", "acme.com, inc."),
        ("E.ON", "e.on"),
        ("co.uk", "co.uk"),
        ("192.168.0.1", "192.168.0.1"),
        ("0015g00000XyZ", "0015g00000xyz"),
        ("hubspot:4711", "hubspot:4711"),
        ("n/a", None),
    ],
)
def test_a_company_known_by_its_site_is_the_domain_that_it_registered(given: str, kept: str | None) -> None:
    """All spellings of one are one; a name stays a name."""
    assert comparable(ACCOUNT, given) == kept
    assert kept is None or comparable(ACCOUNT, kept) == kept


def test_providers_of_mail_are_known_all_over_the_world() -> None:
    """Each once, as it is compared, in order."""
    assert not KNOWN_PROVIDERS - FREE_MAIL
    for domain in FREE_MAIL:
        assert domain == domain.strip().lower()
        assert registrable_domain(domain) is not None
    assert not FREE_MAIL & {"google.com", "microsoft.com", "apple.com", "orange.com", "bt.com", "verizon.com"}


def test_the_company_of_an_address_is_the_domain_that_somebody_registered() -> None:
    """Below a suffix that a host gives out, each name is somebody else's; a provider's domain is nobody's."""
    found = {
        "ella@mail.acme.co.uk": "acme.co.uk",
        "ella@a.github.io": "a.github.io",
        "ella@b.github.io": "b.github.io",
        "ella@mx.hotmail.co.uk": None,
        "ella@vip.qq.com": None,
        "ella@co.uk": None,
        "ella@localhost": None,
    }
    assert companies_of(pa.array(found), FREE_MAIL).to_pylist() == list(found.values())


# --- members --------------------------------------------------------------------------------------------


def test_a_crm_link_makes_a_member(store: Store) -> None:
    """By a lead's record or by a row of `identities`, by whatever name; before the link as well."""
    load(store, leads=leads("L1,v1,,Marsh  Interiors,2025-02-01"))
    load(
        store,
        identities="visitor_id,user_id,account,at\nv2,u2,MARSH interiors,2025-03-01\nv3,u3,Other,2025-03-01",
    )
    assert members(store, "Marsh Interiors") == {"v1": ALL_THE_TIME, "v2": ALL_THE_TIME}


def test_an_e_mail_of_its_domain_makes_a_member(store: Store) -> None:
    """Whichever host of the domain; a CRM that knows the company by its site means the same."""
    load(store, identities=forms("v1,Ella@mail.acme.co.uk,2025-02-01", "v2,bob@acme.co.uk,2025-02-01"))
    load(store, leads=leads("L3,v3,,https://www.acme.co.uk/,2025-02-01", "L4,v4,x@acme.com,,2025-02-01"))
    assert members(store, "acme.co.uk") == dict.fromkeys(("v1", "v2", "v3"), ALL_THE_TIME)


def test_free_mail_makes_nobody_a_member(store: Store) -> None:
    """Not by the e-mail, and not where a CRM calls an account like a provider either."""
    load(store, leads=leads("L1,v1,a@gmail.com,,2025-02-01", "L2,v2,b@acme.com,gmail.com,2025-02-01"))
    assert members(store, "gmail.com") == {}
    assert members(store, "acme.com") == {"v2": ALL_THE_TIME}


def test_a_store_may_say_which_domains_are_free_mail(store: Store) -> None:
    """One more, and one less; what was imported before is told anew."""
    load(store, identities=forms("v1,a@acme.com,2025-02-01", "v2,b@gmx.de,2025-02-01"))
    load(store, leads=leads("L3,v3,,gmx.de,2025-02-01"))
    assert (members(store, "acme.com"), members(store, "gmx.de")) == ({"v1": ALL_THE_TIME}, {})
    store.config_set("free_mail", "acme.com -gmx.de")
    both = {"v2": ALL_THE_TIME, "v3": ALL_THE_TIME}
    assert (members(store, "acme.com"), members(store, "gmx.de")) == ({}, both)


def test_a_crm_link_goes_before_the_domain(store: Store) -> None:
    """A consultant with a client's address belongs where the CRM says."""
    load(store, leads=leads("L1,v1,cleo@acme.com,Cleo Consulting,2025-02-01"))
    load(store, leads=leads("L2,v2,ann@acme.com,Acme,2025-02-01", "L3,v3,bob@acme.com,,2025-02-01"))
    assert members(store, "Cleo Consulting") == {"v1": ALL_THE_TIME}
    assert members(store, "acme.com") == {"v3": ALL_THE_TIME}


def test_a_domain_means_the_account_that_all_its_people_are_linked_to(store: Store) -> None:
    """A colleague whom only a form knows joins it, and a deal that names the domain means it too."""
    load(store, leads=leads("L1,v1,ella@marsh.com,Marsh Interiors,2025-02-01"))
    load(store, leads=leads("L2,v2,,Marsh Interiors,2025-02-01"))
    load(store, identities=forms("v3,bob@marsh.com,2025-03-01", "v4,zoe@other.com,2025-03-01"))
    everybody = dict.fromkeys(("v1", "v2", "v3"), ALL_THE_TIME)
    assert members(store, "Marsh Interiors") == everybody
    assert members(store, "marsh.com") == everybody


def test_a_domain_whose_people_are_linked_to_several_accounts_is_one_of_its_own(store: Store) -> None:
    """Two subsidiaries share a domain: nobody is put into either by an e-mail."""
    load(store, leads=leads("L1,v1,a@marsh.com,Marsh UK,2025-02-01", "L2,v2,b@marsh.com,Marsh FR,2025-02-01"))
    load(store, identities=forms("v3,c@marsh.com,2025-03-01"))
    assert members(store, "Marsh UK") == {"v1": ALL_THE_TIME}
    assert members(store, "Marsh FR") == {"v2": ALL_THE_TIME}
    assert members(store, "marsh.com") == {"v3": ALL_THE_TIME}


def test_who_had_several_employers_does_not_tell_what_a_domain_means(store: Store) -> None:
    """Paul went from Marsh to Acme, and the CRM knows him at Acme alone: Marsh is not Acme by that."""
    load(store, identities=forms("v1,paul@marsh.com,2025-01-01", "v1,paul@acme.com,2025-02-01"))
    load(store, leads=leads("L1,v1,,Acme,2025-03-01", "L2,v2,bob@marsh.com,,2025-03-01"))
    assert members(store, "Acme") == {"v1": ALL_THE_TIME}
    assert members(store, "marsh.com") == {"v2": ALL_THE_TIME}
    # nor does one who was linked to two
    load(store, leads=leads("L3,v3,zoe@initech.com,Initech,2025-01-01", "L4,v3,,Acme,2025-02-01"))
    load(store, leads=leads("L5,v5,tom@initech.com,Initech,2025-01-01", "L6,v6,jo@initech.com,,2025-02-01"))
    assert members(store, "Initech") == {
        "v3": [("", "2025-02-01")], "v5": ALL_THE_TIME, "v6": ALL_THE_TIME,
    }  # fmt: skip


def test_roles_and_shared_mailboxes_make_nobody_a_member(store: Store) -> None:
    """Who writes as info@acme.com may be anybody; an address that six people gave likewise."""
    load(store, identities=forms("v1,info@acme.com,2025-02-01", "v1,ann@other.com,2025-02-01"))
    users = "\n".join(f"w{i},u{i},desk@acme.com,2025-01-0{i + 1}" for i in range(6))
    load(store, identities=f"visitor_id,user_id,email,at\n{users}")
    assert members(store, "acme.com") == {}
    assert members(store, "other.com") == {"v1": ALL_THE_TIME}


# --- from when to when ----------------------------------------------------------------------------------


def test_who_changes_company_belongs_to_each_in_turn(store: Store) -> None:
    """From the first sign of the new one; before all signs it is the first, after all of them the last."""
    load(
        store,
        leads=leads(
            "L1,v1,,Acme,2025-02-01", "L2,v1,,acme,2025-03-01", "L3,v1,,Marsh,2025-06-01",
            "L4,v1,,Acme,2025-09-01",
        ),
    )  # fmt: skip
    assert members(store, "Acme") == {"v1": [("", "2025-06-01"), ("2025-09-01", "")]}
    assert members(store, "Marsh") == {"v1": [("2025-06-01", "2025-09-01")]}


def test_e_mails_tell_by_when_they_were_used(store: Store) -> None:
    """A form with the new address is the change; one more with it moves nothing, nor does free mail."""
    first = ("v1,paul@acme.com,2025-01-01", "v1,paul@marsh.com,2025-04-01", "v1,paul@marsh.com,2025-05-01")
    load(store, identities=forms(*first, "v1,paul@gmail.com,2025-02-01"))
    assert members(store, "acme.com") == {"v1": [("", "2025-04-01")]}
    load(store, identities=forms("v2,paul@marsh.com,2025-03-15", "v2,paul@acme.com,2025-03-01"))
    assert members(store, "acme.com") == {"v1": [("", "2025-03-15")]}
    assert members(store, "marsh.com") == {"v1": [("2025-03-15", "")]}


def test_two_domains_of_one_account_are_no_change(store: Store) -> None:
    """Marsh has two domains, and the CRM says so."""
    load(store, leads=leads("L1,v1,a@marsh.com,Marsh,2025-02-01", "L2,v2,b@marsh.de,Marsh,2025-02-01"))
    load(store, identities=forms("v3,c@marsh.com,2025-03-01", "v3,c@marsh.de,2025-04-01"))
    assert members(store, "marsh.com") == dict.fromkeys(("v1", "v2", "v3"), ALL_THE_TIME)


def test_of_two_links_at_one_instant_the_name_that_comes_first_counts(store: Store) -> None:
    """Whichever was imported first."""
    header = "user_id,visitor_id,account,at\n"
    load(store, identities=f"{header}u1,v1,Marsh,2025-01-01\nu2,v2,Acme,2025-01-01")
    load(store, identities=f"{header}u1,v1,Acme,2025-01-01\nu2,v2,Marsh,2025-01-01")
    assert members(store, "Acme") == {"v1": ALL_THE_TIME, "v2": ALL_THE_TIME}
    assert members(store, "Marsh") == {}


def test_a_leads_record_counts_as_it_is_now(store: Store) -> None:
    """The CRM corrects the account of a lead, and takes the correction back; then it names none."""
    load(store, leads=leads("L1,v1,ella@x.com,Zenith,2025-02-01", "L2,v2,,Acme,2025-02-01"))
    for account in ("Acme", "Zenith"):
        load(store, leads=leads(f"L1,v1,ella@x.com,{account},2025-02-01"))
        assert "v1" in members(store, account)
        assert ("v1" in members(store, "Acme")) is (account == "Acme")
    load(store, leads=leads("L1,v1,ella@x.com,,2025-02-01"))
    assert "v1" not in members(store, "Zenith")
    assert members(store, "x.com") == {"v1": ALL_THE_TIME}


def test_a_shared_browser_is_a_members_for_its_own_time(store: Store) -> None:
    """What was said of the company while the other one used it is the other one's."""
    load(store, identities="visitor_id,user_id,at\nv,ann,2025-01-05\nv,bob,2025-02-01")
    load(store, identities="visitor_id,account,at\nv,Acme,2025-01-10\nv,Marsh,2025-03-01")
    load(store, identities="visitor_id,user_id,at\na,ann,2025-01-05\nb,bob,2025-02-01")
    assert {"Acme": list(members(store, "Acme")), "Marsh": list(members(store, "Marsh"))} == {
        "Acme": ["a"], "Marsh": ["b"],
    }  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_import_changes_nothing(sqlite_store: Store, order: tuple[int, ...]) -> None:
    """Nor does the number of files."""
    parts = [
        {"leads": leads("L1,v1,ella@marsh.com,Marsh Interiors,2025-02-01", "L2,v2,,Acme,2025-02-01")},
        {"identities": forms("v3,bob@marsh.com,2025-03-01", "v2,x@initech.com,2025-01-01")},
        {"identities": forms("v3,bob@acme.com,2025-02-01", "v3,bob@marsh.com,2025-01-01")},
    ]
    for i in order:
        load(sqlite_store, **parts[i])
        if sum(order[:2]) % 2:
            members(sqlite_store, "Acme")
    assert members(sqlite_store, "Marsh Interiors") == {
        "v1": ALL_THE_TIME, "v3": [("", "2025-02-01"), ("2025-03-01", "")],
    }  # fmt: skip
    assert members(sqlite_store, "acme.com") == {"v3": [("2025-02-01", "2025-03-01")]}
    assert members(sqlite_store, "Acme") == {"v2": ALL_THE_TIME}
