"""Spend meets touches by the platform's ids, then by names that compare equal, then as the user says."""

from __future__ import annotations

from itertools import permutations

from dumps import dump, rows
from ledger_books import credits, load, net, wipe
from sqlalchemy import select

from attribution.channels.classify import place
from attribution.channels.names import Named, PlatformNames
from attribution.engine import Store
from attribution.store.schema import change, origin, placement

WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"
DEAL = "deal_id,status,closed_at,amount,currency,emails\nD,won,2025-02-01,12.00,GBP,a@x.test"
TOUCHES = """
    touch_id,visitor_id,at,url
    valuetrack,v1,2025-01-03,https://acme.com/?gclid=x&campaignid=123&utm_campaign=spr_25
    utm-id,v1,2025-01-04,https://acme.com/?utm_source=google&utm_medium=cpc&utm_id=123
    other,v1,2025-01-05,https://acme.com/?utm_source=news&utm_medium=cpc&utm_id=123&utm_campaign=May
    meta,v1,2025-01-06,https://acme.com/?utm_source=ig&utm_medium=paid_social&utm_campaign=77&utm_content=9
    """
SPEND = """
    date,cost,currency,platform,campaign_id,campaign,ad_id,ad
    2025-01-01,10.00,GBP,google_ads,123,Old name,,
    2025-01-03,20.00,GBP,google_ads,123,Spring Sale,,
    2025-01-02,40.00,GBP,google_ads,123,,,
    2025-01-03,5.00,GBP,meta,77,Reach,9,Blue
    """
NAMES = "platform,level,reported,name\nmeta_ads,campaign,Reach,reach-25\n,ad,9,Blue ad"
TABLES = {"touches": TOUCHES, "spend": SPEND, "identities": WHO, "deals": DEAL}


def _run(store: Store) -> None:
    store.run(models=["linear"], goals=["revenue", "leads"])


def _campaigns(store: Store) -> dict[str, tuple[str, str]]:
    answer = store.report("campaign", model="linear")
    return {row["campaign"]: (row["value"], row["spend"]) for row in answer.rows}


def _placed(store: Store) -> set[tuple[str | None, ...]]:
    """Return what every origin says and where and why it is placed."""
    columns = (origin.c.kind, origin.c.utm_campaign, origin.c.campaign, origin.c.rule)
    where = (placement.c.channel, placement.c.campaign.label("placed"), placement.c.ad)
    joined = select(*columns, *where).join(placement, placement.c.placement_id == origin.c.placement_id)
    with store.db.read() as connection:
        return {tuple(row) for row in connection.execute(joined)}


def test_what_carries_a_platforms_id_is_placed_under_its_newest_name(store: Store) -> None:
    """By ValueTrack or utm_id, however it is tagged; not what another source tagged with the same number."""
    load(store, **TABLES)
    _run(store)
    assert _campaigns(store) == {
        "Spring Sale": ("6.00", "70.00"), "Reach": ("3.00", "5.00"), "May": ("3.00", "0.00"),
    }  # fmt: skip
    assert store.report("ad", model="linear", where=["ad=blue"]).totals["spend"] == "5.00"
    assert store.explain("touch", "valuetrack").rows[0]["rule"] == (
        "Paid Search: gclid present, source google; campaign Spring Sale by its id 123"
    )


def test_the_user_says_what_spend_calls_otherwise(store: Store) -> None:
    """By name or id, of one platform or of all; a later file says it anew, and touches follow the ids."""
    load(store, **TABLES, spend_names=NAMES)
    _run(store)
    assert _campaigns(store) == {
        "Spring Sale": ("6.00", "70.00"), "reach-25": ("3.00", "5.00"), "May": ("3.00", "0.00"),
    }  # fmt: skip
    assert _placed(store) >= {
        (None, None, "Reach",
         "Paid Social: platform meta, source facebook; campaign reach-25 by spend_names; "
         "ad Blue ad by spend_names", "Paid Social", "reach-25", "Blue ad"),
    }  # fmt: skip
    load(store, spend_names="level,reported,name\ncampaign,spring%20SALE,spr_25\nad,9,Blue")
    _run(store)
    assert _campaigns(store)["spr_25"] == ("6.00", "70.00")
    assert credits(store, "D") == dict.fromkeys(("valuetrack", "utm-id", "other", "meta"), 300)


def test_any_order_and_number_of_imports_and_runs(sqlite_store: Store) -> None:
    """What is placed where depends on what the store holds only; the order of its numbers aside."""
    store, found = sqlite_store, []
    for order in permutations(("touches", "spend", "spend_names"), 3):
        wipe(store)
        load(store, identities=WHO, deals=DEAL)
        for table in order:
            load(store, **{table: (TABLES | {"spend_names": NAMES})[table]})
            if len(found) % 2:
                _run(store)
        _run(store)
        names = rows(store, "platform_name", "platform", "reported", "level", "key", "name", "by_user")
        found.append((_placed(store), net(store), names))
    assert all(one == found[0] for one in found)
    before = dump(store)
    _run(store)
    load(store, spend=SPEND, spend_names=NAMES)  # again: nothing is new
    _run(store)
    without = {"batch", "setting", "rejected_row"}
    assert {k: v for k, v in dump(store).items() if k not in without} == {
        k: v for k, v in before.items() if k not in without
    }


def test_only_what_differs_is_written_and_looked_at_again(store: Store) -> None:
    """A new campaign of spend moves no touch, so nothing is looked at; a new name of an old one does."""
    load(store, **TABLES)
    _run(store)

    def changes() -> int:
        with store.db.read() as connection:
            return len(connection.execute(select(change).where(change.c.kind == 0)).all())

    before = changes()
    load(store, spend="date,cost,currency,platform,campaign_id,campaign\n2025-01-04,1.00,GBP,meta,78,Other")
    assert store.run(models=["linear"], goals=["revenue"]).totals["entries"] == 0
    assert changes() == before
    load(store, spend="date,cost,currency,platform,campaign_id,campaign\n2025-01-04,1.00,GBP,meta,77,Reach 2")
    store.run(models=["linear"], goals=["revenue"])
    assert changes() == before + 1
    assert _campaigns(store)["Reach 2"] == ("3.00", "6.00")


def test_of_two_names_on_one_day_the_first_by_name_counts(sqlite_store: Store) -> None:
    """And spend that names no platform teaches for all of them, after what a platform says itself."""
    store = sqlite_store
    load(
        store,
        touches=TOUCHES,
        spend="""
            date,cost,currency,platform,campaign_id,campaign
            2025-01-03,1.00,GBP,google_ads,123,beta
            2025-01-03,1.00,GBP,google_ads,123,alpha
            2025-01-09,1.00,GBP,,77,any
            2025-01-09,1.00,GBP,,123,any
            """,
    )
    _run(store)
    tagged = {(utm, placed) for kind, utm, _, _, _, placed, _ in _placed(store) if kind == "session"}
    assert tagged == {("spr_25", "alpha"), (None, "alpha"), ("May", "any"), ("77", "any")}


def test_unmatched_spend_is_told_with_the_nearest_names(store: Store) -> None:
    """Its amount, its names, and which campaign of touches may be meant; it stays in every total."""
    spend = """
        date,cost,currency,source,medium,campaign
        2025-01-03,30.00,GBP,google,cpc,Spring Sale 2025
        2025-01-04,20.00,GBP,google,cpc,spring+sale 2025
        2025-01-05,7.00,GBP,google,cpc,zzz
        2025-01-06,9.00,GBP,google,cpc,MAY
        2025-01-07,4.00,GBP,google,cpc,
        """
    load(store, **TABLES | {"touches": TOUCHES.replace("=spr_25", "=spring_sale_25"), "spend": spend})
    _run(store)
    answer = store.report("campaign", model="linear")
    (warning,) = [text for text in answer.warnings if text.startswith("unmatched spend")]
    assert warning.startswith(
        "unmatched spend: 57.00 GBP on campaigns that no touch has: 'Spring Sale 2025' (50.00 GBP; did you "
        "mean 'spring_sale_25'?), 'zzz' (7.00 GBP); if it is the same campaign under another name"
    )
    assert answer.totals["spend"] == "70.00"
    found = [row for row in store.doctor().rows if row["check"] == "spend_unmatched"]
    assert found[0]["detail"].startswith(
        "57.00 GBP went to campaigns that no touch has: 'Spring Sale 2025' ("
    )
    only = store.report("campaign", model="linear", where=["campaign=may"])
    assert not [text for text in only.warnings if text.startswith("unmatched spend")]
    load(store, spend_names="level,reported,name\ncampaign,Spring Sale 2025,spring_sale_25")
    _run(store)
    (warning,) = [t for t in store.report("campaign", model="linear").warnings if t.startswith("unmatched")]
    assert "on campaigns that no touch has: 'zzz' (7.00 GBP); if" in warning
    assert _campaigns(store)["spring_sale_25"] == ("3.00", "50.00")


def test_a_click_of_a_platforms_log_and_the_session_that_it_opened(store: Store) -> None:
    """One touch, by the click id: the session's, with the names that spend has for the click's ids."""
    touches = """
        touch_id,visitor_id,at,kind,url,platform,campaign_id,ad_group_id,click_id
        google:1,v1,2025-01-03T12:00:00Z,click,,google_ads,123,55,gclid:abc
        visit,v1,2025-01-03T12:00:09Z,session,https://acme.com/?gclid=abc,,,,
        """
    spend = """
        date,cost,currency,platform,campaign_id,campaign,ad_group_id,ad_group
        2025-01-03,8.00,GBP,google_ads,123,Spring Sale,55,Shoes
        """
    load(store, touches=touches, spend=spend, identities=WHO, deals=DEAL)
    _run(store)
    assert credits(store, "D") == {"visit": 1200}
    (row,) = store.report(["channel", "campaign", "ad_group"], model="linear").rows
    assert (row["channel"], row["campaign"], row["ad_group"]) == ("Paid Search", "Spring Sale", "Shoes")
    assert (row["value"], row["spend"], row["roi"]) == ("12.00", "8.00", 0.5)


def test_names_decide_before_the_rules_do() -> None:
    """A touch stands in the channel in which its spend does: here the campaign's name says shopping."""
    names = PlatformNames({("campaign", "google", "5"): Named("Shopping UK")})
    touch = place(kind="session", click_id_kinds="gclid", url_campaign_id="5", names=names)
    spent = place(platform="google_ads", campaign_id="5", campaign="Shopping UK", names=names)
    assert (
        (touch.channel, touch.campaign) == (spent.channel, spent.campaign) == ("Paid Shopping", "Shopping UK")
    )
    assert place(kind="session", utm_id="5", utm_source="bing", names=names).campaign == "5"
