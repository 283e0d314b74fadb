"""Run after run, deals of accounts follow who belongs to them, as if everything were worked out anew."""

from __future__ import annotations

from dumps import rows
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import NOBODY, credits, entries, load, net, people, wipe
from sqlalchemy import delete
from worlds import Row, examples, import_rows

from attribution.engine import Store
from attribution.identity.resolve import is_behind
from attribution.loading.evidence import lower_watermarks
from attribution.store.schema import affiliation
from attribution.store.settings import Settings

VISITORS = ("v1", "v2", "v3", "v4", "v5")
# whose e-mails are whose: two of them change company, now and then
OWN = (
    ("v1", "a@x.com"), ("v2", "b@x.com"), ("v2", "b@y.com"), ("v3", "c@y.com"), ("v4", "d@y.com"),
    ("v4", "d@z.com"), ("v5", "e@z.com"), ("v5", "info@x.com"),
)  # fmt: skip
EMAILS = tuple(email for _, email in OWN)
ACCOUNTS = ("x.com", "https://www.Y.com", "X Ltd", "Y Ltd", "gmail.com")
TIMES = ("2025-01-01", "2025-01-05", "2025-01-10", "2025-02-01")
LEADS = ("L1", "L2", "L3")
Steps = list[tuple[str, list[Row]]]

_time = st.sampled_from(TIMES)


def _maybe(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", "", *values))


@st.composite
def _identity_rows(draw: st.DrawFn) -> Row:
    """Return a form of somebody's, now and then in somebody else's browser or with a login."""
    visitor, email = draw(st.sampled_from(OWN))
    account = draw(_maybe(*ACCOUNTS))
    rare = draw(st.integers(0, 9))
    if rare == 0:
        visitor = draw(st.sampled_from(VISITORS))
    user = draw(st.sampled_from(("u1", "u2"))) if rare == 1 else ""
    return {"visitor_id": visitor, "email": email, "user_id": user, "account": account, "at": draw(_time)}


@st.composite
def _lead_rows(draw: st.DrawFn) -> Row:
    return {
        "lead_id": draw(st.sampled_from(LEADS)), "created_at": draw(_time), "email": draw(_maybe(*EMAILS)),
        "account": draw(_maybe(*ACCOUNTS)),
    }  # fmt: skip


@st.composite
def _deal_rows(draw: st.DrawFn) -> Row:
    return {
        "deal_id": draw(st.sampled_from(("D1", "D2", "D3", "D4"))),
        "status": draw(st.sampled_from(("won", "won", "won", "open"))),
        "created_at": draw(_maybe(*TIMES)), "closed_at": "2025-03-01", "amount": "7.00", "currency": "GBP",
        "lead_id": draw(_maybe(*LEADS)), "emails": draw(_maybe(*EMAILS)), "account": draw(_maybe(*ACCOUNTS)),
    }  # fmt: skip


@st.composite
def _steps(draw: st.DrawFn) -> Steps:
    """Return imports: first deals and touches, then evidence of all kinds, then changes of everything."""
    steps: Steps = [
        ("deals", draw(st.lists(_deal_rows(), min_size=1, max_size=4, unique_by=lambda row: row["deal_id"]))),
        (
            "touches",
            [{"touch_id": f"t{v}{at}", "visitor_id": v, "at": at} for v in VISITORS for at in TIMES[::2]],
        ),
    ]
    for number in range(draw(st.integers(2, 7))):
        table = draw(
            st.sampled_from(
                ("identities", "identities", "identities", "leads", "leads", "deals", "touches", "config")
            )
        )
        rows: list[Row]
        if table == "identities":
            rows = draw(st.lists(_identity_rows(), min_size=1, max_size=3))
        elif table == "leads":
            rows = [draw(_lead_rows())]
        elif table == "deals":
            rows = [draw(_deal_rows())]
        elif table == "touches":
            touch = {"visitor_id": draw(st.sampled_from(VISITORS)), "at": draw(_time)}
            rows = [{"touch_id": f"late{number}", **touch}]
        else:
            rows = [{"free_mail": draw(st.sampled_from(("x.com", "", "-gmail.com z.com")))}]
        steps.append((table, rows))
    return steps


def _take(store: Store, table: str, rows: list[Row]) -> None:
    if table == "config":
        store.config_update(rows[0])
    else:
        import_rows(store, table, rows)


def _run(store: Store, *, full: bool = False) -> None:
    for scope in ("contacts", "account"):
        store.run(models=["linear"], goals=["revenue"], scope=scope, full=full)


def test_runs_in_between_leave_no_trace(store: Store) -> None:
    """Colleagues and links that come late, people who change company, and whatever a domain means by then."""

    @examples(store, sqlite=8, postgresql=2)
    @given(_steps(), st.data())
    def holds(steps: Steps, data: st.DataObject) -> None:
        _prepare(store)
        for step in steps:
            _take(store, *step)
            if data.draw(st.booleans()):
                _run(store)
        _run(store)
        in_steps = people(store), net(store)
        _run(store, full=True)
        assert net(store) == in_steps[1]

        _prepare(store)
        for step in steps:
            _take(store, *step)
        _run(store)
        assert (people(store), net(store)) == in_steps

    holds()


def _prepare(store: Store) -> None:
    wipe(store)
    store.config_set("reporting_currency", "GBP")


# --- what must reach a deal -----------------------------------------------------------------------------

TOUCHES = "touch_id,visitor_id,at\nella,v-ella,2025-01-10\nzoe,v-zoe,2025-01-11\nbob,v-bob,2025-01-12"
FORM = "visitor_id,email,at\n"
LEAD = "lead_id,created_at,email,account\n"


def _start(store: Store, account: str, **tables: str) -> None:
    deal = f"D,won,2025-02-01,2025-02-28,1.00,GBP,{account}"
    header = "deal_id,status,created_at,closed_at,amount,currency,account"
    load(store, touches=TOUCHES, deals=f"{header}\n{deal}", **tables)
    _run(store)


def _then(store: Store, **tables: str) -> dict[str, int]:
    """Import more, run, and return who is credited, the same in both scopes."""
    load(store, **tables)
    _run(store)
    found = credits(store, "D", window="account")
    assert credits(store, "D", window="contacts") == found
    return found


def test_a_colleague_whom_a_form_makes_known_joins_the_deal(store: Store) -> None:
    """By the domain of an address, and so does what is imported of her later."""
    _start(store, "marsh.com", identities=f"{FORM}v-ella,ella@marsh.com,2025-01-10")
    assert credits(store, "D", window="account") == {"ella": 100}
    assert _then(store, identities=f"{FORM}v-zoe,zoe@marsh.com,2025-01-11") == {"ella": 50, "zoe": 50}
    late = "touch_id,visitor_id,at\nlate,v-zoe,2025-01-13"
    assert _then(store, touches=late) == {"ella": 34, "zoe": 33, "late": 33}
    assert {entry.reason for entry in entries(store) if entry.run > 4} == {"late touch"}


def test_a_new_link_changes_what_a_domain_means_for_others(store: Store) -> None:
    """Zoe comes with Ella, whom the CRM links; leaves when Bob is linked elsewhere; comes back with him."""
    forms = f"{FORM}v-ella,ella@marsh.com,2025-01-10\nv-zoe,zoe@marsh.com,2025-01-11"
    _start(store, "Marsh Interiors", identities=f"{forms}\nv-bob,bob@marsh.com,2025-01-12")
    assert credits(store, "D", window="account") == {NOBODY: 100}
    everybody = {"ella": 34, "zoe": 33, "bob": 33}
    assert _then(store, leads=f"{LEAD}L1,2025-01-20,ella@marsh.com,Marsh Interiors") == everybody
    assert _then(store, leads=f"{LEAD}L2,2025-01-20,bob@marsh.com,Other") == {"ella": 100}
    # the record of a lead says something else, and again what it said first
    assert _then(store, leads=f"{LEAD}L2,2025-01-20,bob@marsh.com,Marsh Interiors") == everybody
    assert _then(store, leads=f"{LEAD}L2,2025-01-20,bob@marsh.com,Other") == {"ella": 100}
    assert _then(store, leads=f"{LEAD}L2,2025-01-20,bob@marsh.com,") == everybody


def test_another_domain_that_means_the_account_follows(store: Store) -> None:
    """The deal names marsh.de, which means Marsh; what marsh.com means changes who belongs to Marsh."""
    marsh = "L0,2025-01-20,ann@marsh.de,Marsh"
    _start(
        store, "marsh.de",
        leads=f"{LEAD}{marsh}\nL1,2025-01-20,ella@marsh.com,Marsh",
        identities=f"{FORM}v-ella,ella@marsh.com,2025-01-10\nv-zoe,zoe@marsh.com,2025-01-11",
    )  # fmt: skip
    assert credits(store, "D", window="account") == {"ella": 50, "zoe": 50}
    assert _then(store, leads=f"{LEAD}L2,2025-01-20,bob@marsh.com,Other") == {"ella": 100}


def test_an_old_form_moves_the_day_on_which_somebody_changed_company(store: Store) -> None:
    """Nobody is anybody else by it, but touches lie with the other employer now."""
    forms = f"{FORM}v-ella,ella@acme.com,2025-01-01\nv-ella,ella@marsh.com,2025-01-15"
    _start(store, "marsh.com", identities=forms)
    assert credits(store, "D", window="account") == {NOBODY: 100}
    assert _then(store, identities=f"{FORM}v-ella,ella@marsh.com,2025-01-05") == {"ella": 100}
    assert _then(store, identities=f"{FORM}v-ella,ella@acme.com,2025-01-08") == {NOBODY: 100}


def test_a_deal_that_names_no_account_follows_its_leads(store: Store) -> None:
    """Scope account: a colleague of the lead's joins, and leaves with the meaning of the domain."""
    _start(
        store,
        "",
        leads=f"{LEAD}L1,2025-01-20,ella@marsh.com,",
        identities=f"{FORM}v-ella,ella@marsh.com,2025-01-10",
    )
    header = "deal_id,status,created_at,closed_at,amount,currency,emails"
    load(store, deals=f"{header}\nD,won,2025-02-01,2025-02-28,1.00,GBP,ella@marsh.com")
    _run(store)
    assert credits(store, "D", window="account") == {"ella": 100}
    load(store, identities=f"{FORM}v-zoe,zoe@marsh.com,2025-01-11")
    _run(store)
    assert credits(store, "D", window="account") == {"ella": 50, "zoe": 50}
    load(store, leads=f"{LEAD}L2,2025-01-20,zoe@marsh.com,Other\nL3,2025-01-20,bob@marsh.com,Marsh")
    _run(store)
    assert credits(store, "D", window="account") == {"ella": 100}


def test_who_belongs_elsewhere_leaves_a_deal_in_peace(store: Store) -> None:
    """A new colleague of another company looks at that company's deals alone."""
    _start(store, "marsh.com", identities=f"{FORM}v-ella,ella@marsh.com,2025-01-10")
    load(store, identities=f"{FORM}v-zoe,zoe@other.com,2025-01-11\nv-bob,bob@gmail.com,2025-01-11")
    load(store, touches="touch_id,visitor_id,at\nlate,v-bob,2025-01-13")
    for scope in ("contacts", "account"):
        answer = store.run(models=["linear"], goals=["revenue"], scope=scope)
        assert [row["conversions"] for row in answer.rows] == [0]


def test_links_that_come_in_the_place_of_removed_ones_are_taken_up(store: Store) -> None:
    """Their rows have the numbers of those that went: no run may take them for seen."""
    link = "visitor_id,account,at\n{},Acme Works,2025-01-02"
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-03\nt2,v2,2025-01-04",
        identities=link.format("v1"),
        deals="deal_id,status,closed_at,amount,currency,account\nD1,won,2025-02-01,7.00,GBP,Acme Works",
    )
    _run(store)
    assert credits(store, "D1", window="account") == {"t1": 700}
    first = rows(store, "affiliation", "affiliation_id")
    with store.db.write() as connection:
        settings = Settings(connection)
        connection.execute(delete(affiliation))
        lower_watermarks(connection, settings)
        assert not is_behind(connection, settings)
    load(store, identities=link.format("v2"))
    assert rows(store, "affiliation", "affiliation_id") == first
    with store.db.read() as connection:
        assert is_behind(connection, Settings(connection))
    _run(store)
    assert credits(store, "D1", window="account") == {"t2": 700}
    load(store, identities=link.format("v1"))
    _run(store)
    assert credits(store, "D1", window="account") == {"t1": 350, "t2": 350}


def test_links_after_an_erasure_are_taken_up(store: Store) -> None:
    """Whoever was linked last goes, with all links; a colleague's that come then have their numbers."""
    link = "visitor_id,account,at\n{},Acme Works,{}"
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-03\nt2,v2,2025-01-04",
        deals="deal_id,status,closed_at,amount,currency,account\nD1,won,2025-02-01,7.00,GBP,Acme Works",
        identities=link.format("v9", "2025-01-01") + "\nv9,Acme Works,2025-01-02",
    )
    _run(store)
    store.forget(visitor="v9")
    load(store, identities=link.format("v1", "2025-01-02"))
    _run(store)
    assert credits(store, "D1", window="account") == {"t1": 700}
    load(store, identities=link.format("v2", "2025-01-02"))
    _run(store)
    assert credits(store, "D1", window="account") == {"t1": 350, "t2": 350}
