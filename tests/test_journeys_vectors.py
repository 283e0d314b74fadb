"""Third-party tables from events to the report: sessions, paths, spend and credit as another engine has them.

The events are Snowplow's, the expected tables those of its package fractribution. Not followed, with reasons:

- names of channels (CHANNELS): an affiliate's visit is of the channel Affiliates here, and not `Unmatched`.
- quora.com is a social network here, as it is to GA4: its one visit (SOCIAL) is no Referral.
- sources are in lower case here (`Partners`), and `(not set)` is no campaign.
- its model "shapley" is no Shapley value: a channel of a path gets what the path's rate of conversion loses
  without it. The test computes it from our journeys to hold the counts against; our `shapley` differs.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from attribution.engine import Store
from attribution.journeys.read import Window
from attribution.ledger.corpus import Corpus, read_corpus
from attribution.store.schema import identifier, origin, placement, touch
from attribution.store.settings import Settings

CHANNELS = {
    "Direct": "Direct", "Organic_Search": "Organic Search", "Paid_Search_Other": "Paid Search",
    "Referral": "Referral", "Unmatched_Channel": "Affiliates", "Video": "Organic Video",
}  # fmt: skip
SOCIAL = {"quora.com": "Organic Social"}
SOCIAL_PATH = {"Referral > Direct": "Organic Social > Direct"}  # the one of that visit
CUSTOMER = "f"  # its customer_id is this and the visitor's id
ARROW = " > "


@pytest.fixture(scope="module")
def tables() -> Path:
    """The folder of the events and what is expected of them."""
    folder = Path(__file__).resolve().parents[2] / "shared/vectors/journeys/snowplow_fractribution"
    if not folder.is_dir():
        pytest.skip(f"no third-party tables at {folder}")
    return folder


def expected(tables: Path, name: str) -> pd.DataFrame:
    """Read an expected table, names of its columns in lower case."""
    frame = pd.read_csv(tables / "expected" / f"snowplow_fractribution_{name}_expected.csv")
    return frame.rename(columns=str.lower)


@pytest.fixture(scope="module")
def store(tables: Path) -> Iterator[Store]:
    """The events as tables of ours: page views as sessions, events with a total as deals; spend; a run."""
    events = pd.read_csv(tables / "source" / "snowplow_fractribution_events.csv")
    views, sales = events[events["event_name"] == "page_view"], events[events["tr_total"].notna()]
    spend = expected(tables, "channel_spend")
    email = sales["domain_userid"] + "@example.org"
    imported = {
        "touches": pd.DataFrame({
            "touch_id": views["domain_sessionid"], "visitor_id": views["domain_userid"],
            "at": views["derived_tstamp"], "source": views["mkt_source"], "medium": views["mkt_medium"],
            "campaign": views["mkt_campaign"],
        }),
        "identities": pd.DataFrame({
            "visitor_id": sales["domain_userid"], "email": email, "at": sales["derived_tstamp"],
        }),
        "deals": pd.DataFrame({
            "deal_id": sales["event_id"], "status": "won", "closed_at": sales["derived_tstamp"],
            "amount": sales["tr_total"], "currency": "USD", "emails": email,
        }),
        "spend": pd.DataFrame({
            "date": "2022-06-30", "cost": spend["spend"], "currency": "USD",
            "channel": spend["channel"].map(CHANNELS),
        }),
    }  # fmt: skip
    with Store.open("sqlite://") as opened:
        for table, frame in imported.items():
            content = io.BytesIO(frame.to_csv(index=False).encode())
            answer = opened.import_table(table, "-", stdin=content)
            assert answer.totals["accepted"] == len(frame)
        opened.run(models=["last_touch", "shapley"], goals=["revenue", "deals", "leads"])
        yield opened


def corpus_of(store: Store) -> Corpus:
    """Return the journeys of those who bought, and of those who did not."""
    with store.db.write() as connection:
        window = Window(lookback="none", scope="contacts", kinds="session")
        return read_corpus(connection, Settings(connection), "won", window)


def paths(corpus: Corpus) -> list[tuple[list[str], bool, int]]:
    """Return the channels of each journey, whether it converted, and its value in cents."""
    journeys = corpus.journeys
    steps = [journeys.channels[code] for code in journeys.channel.tolist()]
    bounds = journeys.offsets.tolist()
    return [
        (steps[start:stop], converted, value)
        for start, stop, converted, value in zip(
            bounds[:-1], bounds[1:], journeys.converted.tolist(), journeys.value.tolist(), strict=True
        )
    ]


def ours(path: str) -> str:
    """Write an expected path with our names."""
    return SOCIAL_PATH.get(path) or ARROW.join(CHANNELS[step] for step in path.split(ARROW))


def exposures(steps: list[str]) -> str:
    """Write a path without repeats in a row."""
    return ARROW.join(step for step, _ in groupby(steps))


def test_sessions(tables: Path, store: Store) -> None:
    """Each session has its customer, instant, channel, source, medium and campaign."""
    columns = (placement.c.channel, placement.c.source, placement.c.medium, placement.c.campaign)
    statement = (
        select(identifier.c.value, touch.c.at, *columns)
        .join_from(touch, identifier, identifier.c.identifier_id == touch.c.visitor)
        .join(origin, origin.c.origin_id == touch.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
    )
    with store.db.read() as connection:
        found = [tuple(row) for row in connection.execute(statement)]
    wanted = expected(tables, "sessions_by_customer_id")
    micros = wanted["visit_start_tstamp"].map(lambda text: pd.Timestamp(text, tz="UTC").value // 1000)
    channel = wanted["source"].map(SOCIAL).fillna(wanted["channel"].map(CHANNELS))
    assert len(wanted) == 97
    rows = zip(
        wanted["customer_id"].str.removeprefix(CUSTOMER), micros, channel,
        wanted["source"].str.lower(), wanted["medium"],
        [None if name == "(not set)" else name for name in wanted["campaign"]], strict=True,
    )  # fmt: skip
    assert Counter(found) == Counter(rows)
    counts = expected(tables, "channel_counts")
    channel = counts["source"].map(SOCIAL).fillna(counts["channel"].map(CHANNELS))
    by_channel = counts.assign(channel=channel).groupby("channel")
    assert Counter(row[2] for row in found) == by_channel["number_of_sessions"].sum().to_dict()


def test_conversions_and_their_paths(tables: Path, store: Store) -> None:
    """Each customer's revenue and path, and the paths of those who did not buy."""
    found = paths(corpus_of(store))
    converting = expected(tables, "paths_to_conversion")
    assert Counter((ARROW.join(steps), value) for steps, converted, value in found if converted) == Counter(
        zip(converting["path"].map(ours), (converting["revenue"] * 100).round().astype(int), strict=True)
    )
    assert len(expected(tables, "conversions_by_customer_id")) == len(converting) == 6
    others = expected(tables, "paths_to_non_conversion")
    assert Counter(ARROW.join(steps) for steps, converted, _ in found if not converted) == Counter(
        others["path"].map(ours)
    )


def summary(store: Store) -> pd.DataFrame:
    """Count our journeys by path without repeats in a row."""
    rows = [(exposures(steps), converted, value) for steps, converted, value in paths(corpus_of(store))]
    frame = pd.DataFrame(rows, columns=["path", "converted", "value"])
    return frame.groupby("path").agg(
        conversions=("converted", "sum"), journeys=("converted", "size"),
        revenue=("value", lambda values: values[frame.loc[values.index, "converted"]].sum()),
    )  # fmt: skip


def test_the_summary_of_paths(tables: Path, store: Store) -> None:
    """Repeats in a row folded: conversions, journeys without one, revenue of each path."""
    found = summary(store)
    wanted = expected(tables, "path_summary").fillna({"revenue": 0})
    wanted.index = wanted["transformed_path"].map(ours)
    assert found["conversions"].to_dict() == wanted["conversions"].to_dict()
    assert (found["journeys"] - found["conversions"]).to_dict() == wanted["non_conversions"].to_dict()
    assert found["revenue"].to_dict() == (wanted["revenue"] * 100).round().astype(int).to_dict()


def test_spend_and_the_report(tables: Path, store: Store) -> None:
    """Last touch: conversions, revenue, spend and return of each channel, those without any value too."""
    wanted = expected(tables, "report_table")
    wanted = wanted[wanted["attribution_type"] == "last_touch"]
    rows = {row["channel"]: row for row in store.report("channel", model="last_touch").rows}
    assert rows.keys() == set(wanted["channel"].map(CHANNELS))
    for row in wanted.itertuples():
        found = rows[CHANNELS[str(row.channel)]]
        assert (found["conversions"], found["spend"]) == (row.conversions, f"{row.spend:.2f}")
        assert found["value"] == f"{row.revenue:.2f}"
        assert found["roi"] + 1 == pytest.approx(row.roas, abs=1e-12)
    credited = expected(tables, "channel_attribution")
    credited = credited[credited["attribution_type"] == "last_touch"]
    assert {
        CHANNELS[c]: f"{r:.2f}" for c, r in zip(credited["channel"], credited["revenue"], strict=True)
    } == {channel: row["value"] for channel, row in rows.items()}


def rate_lost(found: pd.DataFrame, path: str) -> dict[str, float]:
    """Return what the rate of conversion of a path loses without each of its channels, as shares of all."""
    rate = (found["conversions"] / found["journeys"]).to_dict()
    steps = path.split(ARROW)
    lost = {
        step: max(rate[path] - rate.get(exposures([other for other in steps if other != step]), 0), 0)
        for step in steps
    }
    return {step: share / sum(lost.values()) for step, share in lost.items()}


def test_its_shapley_is_what_each_path_loses_without_a_channel(tables: Path, store: Store) -> None:
    """Computed from our journeys it is theirs to the last digit; the Shapley value of the channels is not."""
    found = summary(store)
    totals: dict[str, list[float]] = {}
    for path, row in found[found["conversions"] > 0].iterrows():
        for step, share in rate_lost(found, str(path)).items():
            total = totals.setdefault(step, [0, 0])
            total[0] += share * row["conversions"]
            total[1] += share * row["revenue"] / 100
    wanted = expected(tables, "channel_attribution")
    wanted = wanted[wanted["attribution_type"] == "shapley"]
    for row in wanted.itertuples():
        assert totals.get(CHANNELS[str(row.channel)], [0, 0]) == pytest.approx([row.conversions, row.revenue])
    weights = expected(tables, "path_summary_with_channels")
    (pair,) = weights[weights["transformed_path"] == "Organic_Search > Direct"].to_dict("records")[:1]
    assert rate_lost(found, "Organic Search > Direct") == pytest.approx(
        {"Organic Search": pair["organic_search"], "Direct": pair["direct"]}, abs=5e-4
    )
    shapley = {row["channel"]: row["conversions"] for row in store.report("channel", model="shapley").rows}
    assert (shapley["Direct"], shapley["Organic Search"]) == (3.5, 1.5)
