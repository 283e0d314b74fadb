"""Milestones from a store: whose touch each rests on, which time decides, and what makes a run look again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import credits, load, net, wipe
from sqlalchemy import select
from worlds import LEADS, TIMES, Row, deal_rows, examples, identity_rows, import_rows, lead_rows, touch_rows

from attribution.engine import Store
from attribution.errors import UnknownNameError
from attribution.journeys.columns import Journeys
from attribution.journeys.read import Window, read_journeys
from attribution.store import schema

WINDOW = Window(lookback="365d", scope="contacts", kinds="session click email event offline")

# anna (v1) became the lead, ben (v2) is on the deal too; carl (v3) is another lead's person
TOUCHES = """
touch_id,visitor_id,at,url
a1,v1,2025-01-01T10:00:00Z,https://acme.com/?utm_source=google&utm_medium=cpc&utm_campaign=Spring
b1,v2,2025-01-02T10:00:00Z,https://acme.com/
a2,v1,2025-01-11T10:00:00Z,https://acme.com/?utm_source=Google&utm_medium=cpc&utm_campaign=spring%20
b2,v2,2025-01-12T10:00:00Z,https://acme.com/
a3,v1,2025-01-21T10:00:00Z,https://acme.com/?utm_medium=email
c1,v3,2025-01-05T10:00:00Z,https://acme.com/
"""
WHO = "visitor_id,email,at\nv2,b@x.test,2025-01-01\nv3,c@x.test,2025-01-01"
LEAD = "lead_id,created_at,visitor_id,email,mql_at\nL1,2025-01-12T12:00:00Z,v1,a@x.test,2025-01-03"
DEAL = """
deal_id,status,created_at,closed_at,amount,currency,lead_id,emails
D,won,2025-01-15,2025-01-21T10:00:00Z,1000.00,GBP,L1,b@x.test
"""


def fill(store: Store, **tables: str) -> None:
    """Load the small company, with some of its tables replaced or left out (None)."""
    load(store, **{"touches": TOUCHES, "identities": WHO, "leads": LEAD, "deals": DEAL, **tables})


def run(store: Store, *models: str, goals: tuple[str, ...] = ("revenue",)) -> None:
    store.run(models=list(models), goals=list(goals))


def read(store: Store, kind: str = "won", *milestones: str, dimensions: tuple[str, ...] = ()) -> Journeys:
    """Read the journeys of a kind, as a run does that has resolved identities before."""
    run(store, "linear", goals=("revenue", "pipeline", "leads"))
    c = schema.conversion
    with store.db.write() as connection:
        rows = connection.execute(
            select(c.c.object_id, c.c.at, c.c.value_minor).where(c.c.kind == kind).order_by(c.c.key)
        ).all()
        objects, at, value = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        return read_journeys(
            connection, kind, objects, at, value, WINDOW, milestones=milestones, dimensions=dimensions
        )


def placed(store: Store, *milestones: str, kind: str = "won") -> dict[str, list[str]]:
    """Return the touch ids on which milestones rest, one for each journey; empty where there is none."""
    journeys = read(store, kind, *milestones)
    with store.db.read() as connection:
        rows = connection.execute(select(schema.touch.c.n, schema.touch.c.touch_id)).all()
    names = dict(rows)
    return {
        name: [names[int(journeys.touch[i])] if i >= 0 else "" for i in at.tolist()]
        for name, at in journeys.milestones.items()
    }


def test_milestones_of_the_lead_rest_on_its_person_and_those_of_the_deal_on_all_contacts(
    store: Store,
) -> None:
    """Ben's touch is later than Anna's when she becomes a lead, and is not hers."""
    fill(store)
    assert placed(store, "lead", "mql", "sqo", "opportunity") == {
        "lead": ["a2"], "mql": ["a1"], "sqo": [""], "opportunity": ["b2"],
    }  # fmt: skip
    run(store, "u_shaped", "w_shaped", "full_path", "u_shaped:preset=ruler", "lead_creation")
    assert credits(store, "D", "u_shaped") == {
        "a1": 40_000, "a2": 40_000, "b1": 6_667, "b2": 6_667, "a3": 6_666,
    }  # fmt: skip
    assert credits(store, "D", "w_shaped") == {
        "a1": 30_000, "a2": 30_000, "b2": 30_000, "b1": 5_000, "a3": 5_000,
    }  # fmt: skip
    assert credits(store, "D", "full_path") == {
        "a1": 22_500, "a2": 22_500, "b2": 22_500, "a3": 22_500, "b1": 10_000,
    }  # fmt: skip
    # Anna was qualified by her first touch: it has both shares
    assert credits(store, "D", "u_shaped:preset=ruler") == {
        "a1": 80_000, "b1": 5_000, "a2": 5_000, "b2": 5_000, "a3": 5_000,
    }  # fmt: skip
    assert credits(store, "D", "lead_creation") == {"a2": 100_000}


def test_stages_of_leads_and_deals_are_milestones(store: Store) -> None:
    """Names compare without case and blanks; a stage of both is the deal's; the earliest spelling counts."""
    fill(
        store,
        stages="""
        object,id,stage,at
        lead,L1,Demo Booked,2025-01-12T11:00:00Z
        deal,D,Proposal,2025-01-12T11:00:00Z
        deal,D,PROPOSAL,2025-01-30
        lead,L1,Both,2025-01-01
        deal,D,both,2025-01-12T10:00:00Z
        lead,L1,sqo,2025-01-21T10:00:00Z
        lead,L1,mql,2025-01-21
        lead,L2,Contract,2025-01-21
        deal,D2,Contract,2025-01-21
        deal,D,late,2025-06-01
        deal,D,early,2024-12-31
        """,
    )
    names = ("demo booked", " Proposal ", "both", "sqo", "mql", "contract", "late", "early", "unheard of")
    assert placed(store, *names) == {
        "demo booked": ["a2"],  # Anna's: it is the lead's
        " Proposal ": ["b2"],  # anybody's
        "both": ["b2"],
        "sqo": ["a3"],  # the lead's record does not say
        "mql": ["a1"],  # the record does
        "contract": [""],
        "late": ["a3"],  # after the conversion
        "early": [""],  # before any touch
        "unheard of": [""],
    }
    model = "custom:weights=DEMO BOOKED=0.4;proposal=0.6"
    run(store, model)
    assert credits(store, "D", "custom:weights=DEMO BOOKED=0.4;proposal=0.6") == {"b2": 60_000, "a2": 40_000}


def test_leads_as_conversions_have_their_own_milestones(store: Store) -> None:
    """Their times are their own; an opportunity is none of theirs, whatever a stage is called."""
    fill(
        store,
        leads=f"{LEAD}\nL2,2025-01-06,v3,c@x.test,",
        stages="object,id,stage,at\nlead,L1,opportunity,2025-01-03\nlead,L2,demo,2025-01-05",
    )
    assert placed(store, "lead", "mql", "opportunity", "demo", kind="lead") == {
        "lead": ["a2", "c1"], "mql": ["a1", ""], "opportunity": ["", ""], "demo": ["", "c1"],
    }  # fmt: skip


def test_a_bare_date_places_a_milestone_at_its_end(store: Store) -> None:
    """A lead created on the 11th became one after its visit of that morning, not before."""
    fill(
        store,
        leads="lead_id,created_at,visitor_id\nL1,2025-01-11,v1",
        deals=DEAL.replace("2025-01-15", "2025-01-02"),
        stages="object,id,stage,at\ndeal,D,demo,2025-01-12",
    )
    assert placed(store, "lead", "opportunity", "demo") == {
        "lead": ["a2"], "opportunity": ["b1"], "demo": ["b2"],
    }  # fmt: skip


def test_the_lead_may_be_another_person_than_all_that_was_touched(store: Store) -> None:
    """A lead without touches has no milestone touch, though others have touches; its share goes to them."""
    fill(
        store,
        leads="lead_id,created_at,email\nL1,2025-01-12,nobody@x.test",
        deals=DEAL.replace("b@x.test", "b@x.test;c@x.test"),
    )
    assert placed(store, "lead", "opportunity") == {"lead": [""], "opportunity": ["b2"]}
    run(store, "u_shaped")
    assert credits(store, "D", "u_shaped") == {"b1": 80_000, "c1": 10_000, "b2": 10_000}


def test_a_deal_that_names_no_lead_has_that_of_its_contacts(store: Store) -> None:
    """The contact lead created last before the deal; the other one's times do not count."""
    fill(
        store,
        leads="""
        lead_id,created_at,visitor_id,email
        L1,2025-01-02,v1,a@x.test
        L2,2025-01-13,v2,b@x.test
        """,
        deals=DEAL.replace("L1,b@x.test", ",a@x.test;b@x.test"),
        stages="object,id,stage,at\nlead,L1,demo,2025-01-13\nlead,L2,call,2025-01-03",
    )
    assert placed(store, "lead", "demo", "call") == {"lead": ["b2"], "demo": [""], "call": ["b1"]}


def test_evidence_may_know_the_person_of_a_lead_whose_record_is_missing(store: Store) -> None:
    """There is no time of its creation, but its stages are there, and whose touches count is known."""
    fill(
        store,
        leads="lead_id,created_at\nL9,2025-01-01",
        identities=f"{WHO}",
        stages="object,id,stage,at\nlead,L1,demo,2025-01-12T12:00:00Z",
    )
    load(store, identities="visitor_id,lead_id,at\nv1,L1,2025-01-01")
    assert placed(store, "lead", "demo") == {"lead": [""], "demo": ["a2"]}


def test_a_deal_without_any_lead_has_its_own_milestones_only(store: Store) -> None:
    """Nobody's lead, nobody's demo; the deal's stage is there all the same."""
    fill(
        store,
        deals=DEAL.replace("L1,b@x.test", ",b@x.test"),
        stages="object,id,stage,at\nlead,L1,demo,2025-01-12\ndeal,D,call,2025-01-13",
    )
    assert placed(store, "lead", "opportunity", "demo", "call") == {
        "lead": [""], "opportunity": ["b2"], "demo": [""], "call": ["b2"],
    }  # fmt: skip


def test_who_asks_for_no_milestones_reads_none(store: Store) -> None:
    """Not one statement more than before."""
    fill(store, stages="object,id,stage,at\ndeal,D,demo,2025-01-12")
    journeys = read(store)
    assert (dict(journeys.milestones), dict(journeys.dimensions)) == ({}, {})


def test_dimensions_are_fields_of_placements(store: Store) -> None:
    """Spellings of one campaign are one, in lower case; several fields are joined; the channel is there."""
    fill(store)
    names = ("campaign", "source/medium", "channel / campaign", "channel", "touch_kind")
    journeys = read(store, "won", dimensions=names)

    def texts(name: str) -> list[str]:
        codes, found = journeys.dimension(name)
        return [found[code] if code >= 0 else "" for code in codes.tolist()]

    assert texts("campaign") == ["spring", "", "spring", "", ""]
    assert texts("source/medium") == [
        "google / cpc", "(direct) / (none)", "google / cpc", "(direct) / (none)", "(not set) / email",
    ]  # fmt: skip
    assert texts("channel / campaign") == [
        "Paid Search / spring", "Direct / (not set)", "Paid Search / spring", "Direct / (not set)",
        "Email / (not set)",
    ]  # fmt: skip
    assert texts("channel") == ["Paid Search", "Direct", "Paid Search", "Direct", "Email"]
    assert set(journeys.dimensions) == {"campaign", "source/medium", "channel / campaign"}
    assert journeys.dimension("campaign").names == ("spring",)


@pytest.mark.parametrize("name", ["sauce", "source/sauce", "touch_kind/campaign", ""])
def test_a_dimension_that_touches_do_not_have_is_refused(sqlite_store: Store, name: str) -> None:
    """Before anything is read; the fields there are are named."""
    fill(sqlite_store)
    with pytest.raises(
        UnknownNameError, match=r"in the dimension .*Allowed: ad, ad_group, campaign, channel"
    ):
        read(sqlite_store, "won", dimensions=(name,))


STAGES = "object,id,stage,at\nlead,L1,demo,2025-01-12T12:00:00Z\ndeal,D,proposal,2025-01-03"
DEMO, PROPOSAL = "custom:weights=demo=1", "custom:weights=proposal=1"


@pytest.mark.parametrize(
    "order",
    [
        ("touches", "identities", "leads", "deals", "stages"),
        ("stages", "deals", "leads", "identities", "touches"),
        ("deals", "stages", "touches", "leads", "identities"),
        ("leads", "stages", "identities", "deals", "touches"),
    ],
)
def test_the_order_of_imports_does_not_matter(store: Store, order: tuple[str, ...]) -> None:
    """With a run after each of them."""
    tables = {"touches": TOUCHES, "identities": WHO, "leads": LEAD, "deals": DEAL, "stages": STAGES}
    store.config_set("reporting_currency", "GBP")
    for name in order:
        load(store, **{name: tables[name]})
        run(store, DEMO, PROPOSAL, "w_shaped")
    assert credits(store, "D", "custom:weights=demo=1.0") == {"a2": 100_000}
    assert credits(store, "D", "custom:weights=proposal=1.0") == {"b1": 100_000}
    assert credits(store, "D", "w_shaped") == {
        "a1": 30_000, "a2": 30_000, "b2": 30_000, "b1": 5_000, "a3": 5_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "model", "before", "after"),
    [
        ({"stages": "object,id,stage,at\nlead,L1,demo,2025-01-02"}, DEMO, "a2", "a1"),
        ({"stages": "object,id,stage,at\ndeal,D,proposal,2025-01-12"}, PROPOSAL, "b1", "b2"),
        ({"leads": LEAD.replace("2025-01-12T12", "2025-01-04T12")}, "lead_creation", "a2", "a1"),
        ({"leads": LEAD.replace(",2025-01-03", ",2025-01-14")}, "custom:weights=MQL=1", "a1", "a2"),
        ({"deals": DEAL.replace("2025-01-15", "2025-01-02")}, "custom:weights=opportunity=1", "b2", "b1"),
    ],
)
def test_a_changed_time_moves_credit_at_the_next_run(
    store: Store, change: dict[str, str], model: str, before: str, after: str
) -> None:
    """Stages, a lead's times and a deal's creation; a run of nothing new posts nothing."""
    label = f"{model}.0" if model.startswith("custom") else model
    fill(store, stages=STAGES)
    run(store, model)
    assert credits(store, "D", label) == {before: 100_000}
    load(store, **change)
    run(store, model)
    assert credits(store, "D", label) == {after: 100_000}
    assert store.run(models=[model], goals=["revenue"]).totals["entries"] == 0


def test_a_stage_of_a_lead_without_a_record_moves_credit_too(store: Store) -> None:
    """The deal names the lead; only evidence knows who that is."""
    fill(store, leads="lead_id,created_at\nL9,2025-01-01")
    load(store, identities="visitor_id,lead_id,at\nv1,L1,2025-01-01")
    run(store, "custom:weights=close=0.5;demo=0.5")
    assert credits(store, "D", "custom:weights=close=0.5;demo=0.5") == {"a3": 100_000}
    load(store, stages="object,id,stage,at\nlead,L1,demo,2025-01-02")
    run(store, "custom:weights=close=0.5;demo=0.5")
    assert credits(store, "D", "custom:weights=close=0.5;demo=0.5") == {"a1": 50_000, "a3": 50_000}


def test_a_repeated_stage_file_changes_nothing(store: Store) -> None:
    """Nothing is looked at again for rows that were there."""
    fill(store, stages=STAGES)
    run(store, DEMO)
    with store.db.read() as connection:
        logged = connection.execute(select(schema.change.c.change_id)).all()
    load(store, stages=STAGES)
    with store.db.read() as connection:
        assert connection.execute(select(schema.change.c.change_id)).all() == logged


MODELS = ["w_shaped", "u_shaped:preset=ruler", "custom:weights=Demo=0.5;sqo=0.3;middle=0.2"]
GOALS = ["revenue", "pipeline", "leads"]


@st.composite
def _steps(draw: st.DrawFn) -> list[tuple[str, list[Row]]]:
    """Return imports in which records and their histories come and change."""
    steps: list[tuple[str, list[Row]]] = []
    for number in range(draw(st.integers(2, 7))):
        table = draw(st.sampled_from(("stages", "stages", "deals", "leads", "touches", "identities")))
        rows: list[Row]
        if table == "deals":
            rows = [{"deal_id": draw(st.sampled_from(("D1", "D2"))), **draw(deal_rows()), "currency": "GBP"}]
            rows[0]["amount"] = "9.99"
        elif table == "leads":
            rows = [{"lead_id": draw(st.sampled_from(LEADS)), **draw(lead_rows())}]
        elif table == "touches":
            drawn = draw(st.lists(touch_rows(), min_size=1, max_size=4))
            rows = [{"touch_id": f"t{number}-{i}", **row} for i, row in enumerate(drawn)]
        elif table == "identities":
            rows = [draw(identity_rows())]
        else:
            of = draw(st.sampled_from((("lead", "L1"), ("lead", "L2"), ("deal", "D1"))))
            stage = draw(st.sampled_from(("demo", "Demo", "sqo")))
            rows = [{"object": of[0], "id": of[1], "stage": stage, "at": draw(st.sampled_from(TIMES))}]
        steps.append((table, rows))
    return steps


def _take(store: Store, table: str, rows: list[Row]) -> None:
    if table == "stages":
        load(store, stages="\n".join(["object,id,stage,at", *(",".join(row.values()) for row in rows)]))
    else:
        import_rows(store, table, rows)


def test_any_sequence_of_changes_ends_like_one_run_at_the_end(store: Store) -> None:
    """Runs in between leave no trace in what the ledger says."""

    @examples(store, sqlite=4, postgresql=2)
    @given(_steps(), st.data())
    def holds(steps: list[tuple[str, list[Row]]], data: st.DataObject) -> None:
        wipe(store)
        store.config_set("reporting_currency", "GBP")
        for step in steps:
            _take(store, *step)
            if data.draw(st.booleans()):
                store.run(models=MODELS, goals=GOALS)
        store.run(models=MODELS, goals=GOALS)
        in_steps = net(store)

        wipe(store)
        store.config_set("reporting_currency", "GBP")
        for step in steps:
            _take(store, *step)
        store.run(models=MODELS, goals=GOALS)
        assert net(store) == in_steps

    holds()


def test_a_lead_touch_that_is_ignored_gives_way_to_one_of_the_same_person(store: Store) -> None:
    """The lead came by Email, then typed the address in and signed up; a colleague's visit lies between."""
    load(
        store,
        touches="""touch_id,visitor_id,at,channel
        a,v1,2025-01-01T09:00:00Z,Email
        d,v2,2025-01-06T09:00:00Z,Referral
        b,v1,2025-01-11T09:00:00Z,Direct
        c,v1,2025-01-21T09:00:00Z,Paid Search""",
        leads="""lead_id,created_at,visitor_id,email
        L1,2025-01-11T10:00:00Z,v1,one@x.test
        L2,2025-01-06T10:00:00Z,v2,two@x.test""",
        deals="""deal_id,status,created_at,closed_at,amount,currency,lead_id,emails
        D,won,2025-01-22,2025-02-01,1000.00,GBP,L1,two@x.test""",
    )
    store.run(models=["lead_creation", "lead_creation:ignore=Direct"], goals=["revenue"])
    assert credits(store, "D", "lead_creation") == {"b": 100_000}
    assert credits(store, "D", "lead_creation:ignore=Direct") == {"a": 100_000}
