"""The made company: the same bytes for the same seed, believable, messy as planned, and its truth adds up."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from attribution.errors import InputError
from attribution.simulate import CHANNEL_EFFECTS, ChannelEffect, ChannelMix, Simulated, World, simulate
from attribution.simulate.__main__ import main
from attribution.simulate.mess import BAD_ROWS
from attribution.simulate.people import people
from attribution.simulate.truth import CAP, DEAL, LEAD_BASE, WIN_BASE, decided_at, value_minor
from attribution.simulate.visits import visits
from attribution.simulate.world import CHANNELS
from attribution.sources.files import read
from attribution.sources.parse import ParseOptions, parse
from attribution.sources.tables import TABLES, get_table

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SMALL = World(seed=3, n_people=200)


@pytest.fixture(scope="module")
def made() -> Simulated:
    """The company of the bundled fixtures."""
    return simulate(World(seed=7))


def test_bundled_fixtures_are_the_generators_own(made: Simulated, tmp_path: Path) -> None:
    """What lies in fixtures/ is what seed 7 writes, byte for byte, and is small enough to ship."""
    files = made.write(tmp_path)
    assert {file.name for file in files} == {file.name for file in FIXTURES.glob("*.csv")}
    for file in files:
        assert file.read_bytes() == (FIXTURES / file.name).read_bytes(), file.name
    assert sum(file.stat().st_size for file in files) < 1_500_000


@pytest.mark.parametrize("fmt", ["csv", "csv.gz", "jsonl", "parquet"])
def test_same_seed_same_bytes(fmt: str, tmp_path: Path) -> None:
    """Two makings of one world are equal in every format; another seed is another company."""
    one, two = (simulate(SMALL).write(tmp_path / name, fmt) for name in ("one", "two"))
    other = simulate(replace(SMALL, seed=4)).write(tmp_path / "other", fmt)
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
    assert one[0].read_bytes() != other[0].read_bytes()


def test_formats_say_the_same(tmp_path: Path) -> None:
    """Whatever the format, the same texts come back."""
    company = simulate(SMALL)
    for fmt in ("csv", "csv.gz", "jsonl", "parquet"):
        company.write(tmp_path, fmt)
    for table, frame in company.tables.items():
        expected = frame.to_dict("records")
        for fmt in ("csv", "csv.gz"):
            frame_read = pd.read_csv(tmp_path / f"{table}.{fmt}", dtype=str, keep_default_na=False)
            assert frame_read.to_dict("records") == expected
        lines = (tmp_path / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines] == expected
        assert pd.read_parquet(tmp_path / f"{table}.parquet").to_dict("records") == expected


def test_tables_are_canonical(made: Simulated) -> None:
    """Every column is one of the input tables'; every value is a text."""
    for name, frame in made.tables.items():
        assert set(frame.columns) <= set(TABLES[name].names)
        assert set(TABLES[name].required) <= set(frame.columns)
        assert all(type(value) is str for column in frame for value in frame[column])


def test_reader_rejects_the_planted_rows_only(made: Simulated, tmp_path: Path) -> None:
    """Eleven rows are refused by the reader, and none in a tidy world."""
    assert _rejected(made, tmp_path / "mess") == BAD_ROWS
    assert _rejected(simulate(replace(SMALL, mess=False)), tmp_path / "tidy") == 0


def test_company_is_believable(made: Simulated) -> None:
    """Sizes, rates and sums lie where a small B2B company's do."""
    tables = made.tables
    deals = _won(made)
    leads = len(tables["leads"])
    assert 4_000 < len(tables["touches"]) < 6_000
    assert 400 < leads < 600
    assert 110 <= len(deals) <= 130
    spend = _cost(tables["spend"]).sum()
    revenue = _pounds(deals).sum()
    assert 1.5 < (revenue - spend) / spend < 4
    qualified = (tables["leads"]["mql_at"] != "").mean()
    assert 0.4 < qualified < 0.7
    sold = tables["deals"]["status"].value_counts()
    assert 0.5 < sold["won"] / (sold["won"] + sold["lost"]) < 0.8
    assert 3_000 < _pounds(deals).median() < 12_000


def test_people_return_on_several_devices(made: Simulated) -> None:
    """Most leads had been there before; many people own more than one visitor id."""
    answers, touches = made.answers, made.tables["touches"].drop_duplicates("touch_id")
    joined = answers.merge(touches[["touch_id", "visitor_id"]], on="touch_id")
    visitors = joined.groupby("person")["visitor_id"].nunique()
    assert (visitors > 1).mean() > 0.2
    lead_touches = joined[joined["person"].isin(made.lead_people["person"])].groupby("person").size()
    assert lead_touches.median() >= 3


def test_every_channel_and_kind_is_there(made: Simulated) -> None:
    """All channels bring somebody; calls, chats, clicks and mails are reported beside visits."""
    assert set(made.answers["channel"]) == set(CHANNELS)
    assert {"session", "offline", "call", "chat", "click", "email"} <= set(made.tables["touches"]["kind"])
    sources = {"form", "call", "chat", "badge", "email link", "login"}
    assert set(made.tables["identities"]["source"]) == sources


def test_paid_campaigns_bear_their_names(made: Simulated) -> None:
    """A URL's campaign is one that money went to or a mailing, whatever its letters; no bare numbers."""
    urls = made.tables["touches"]["url"]
    queries = [parse_qs(urlsplit(url).query) for url in urls[urls.str.contains("?", regex=False)]]
    tagged = [query["utm_campaign"][0] for query in queries if "utm_campaign" in query]
    assert all("utm_campaign" in query for query in queries if "campaignid" in query or "gclid" in query)
    paid = set(made.tables["spend"]["campaign"])
    mailed = set(made.tables["email_stats"]["campaign"])
    assert {name.lower() for name in tagged} <= {name.lower() for name in paid | mailed}
    assert 0.01 < sum(name not in paid | mailed for name in tagged) / len(tagged) < 0.06


def test_one_campaign_brings_nothing(made: Simulated) -> None:
    """The rivals' keywords cost money and show in no touch."""
    spend = made.tables["spend"]
    assert _cost(spend[spend["campaign"] == "competitors-uk"]).sum() > 1_000
    assert not made.tables["touches"]["url"].str.contains("competitors", case=False).any()
    assert "competitors-uk" not in set(made.answers["campaign"])


def test_some_campaigns_pay_and_some_do_not(made: Simulated) -> None:
    """With equal shares to a buyer's touches, brand search earns its cost many times, LinkedIn loses."""
    touches = made.answers.merge(
        made.tables["touches"].drop_duplicates("touch_id")[["touch_id", "at", "kind"]]
    )
    touches = touches[touches["kind"].isin(["session", "offline"])]
    deals = _won(made).merge(made.lead_people, on="lead_id")
    deals = deals.assign(value=_pounds(deals))[["deal_id", "person", "value", "closed_at"]]
    paths = deals.merge(touches, on="person")
    paths = paths[_instants(paths["at"]) <= _instants(paths["closed_at"])]
    share = paths["value"] / paths.groupby("deal_id")["deal_id"].transform("size")
    credit = share.groupby(paths["campaign"]).sum()
    spend = made.tables["spend"]
    cost = _cost(spend).groupby(spend["campaign"]).sum()

    def roi(*names: str) -> float:
        return float(credit.reindex(names).sum() / cost[list(names)].sum() - 1)

    assert roi("brand-uk") > 2
    assert roi("li-cmo-awareness", "li-whitepaper") < -0.2
    assert roi("display-prospecting", "display-return") < 1


def test_mess_is_as_planned(made: Simulated) -> None:
    """Duplicates, robots, refusals, mixed offsets, weekend gaps and deals from nowhere are all there."""
    tables = made.tables
    touches, deals, leads = tables["touches"], tables["deals"], tables["leads"]
    assert 5 <= touches.duplicated().sum() <= 20
    assert deals["deal_id"].duplicated().sum() == 1
    assert (touches["user_agent"] != "").sum() == 10
    assert (touches["consent"] == "denied").sum() == 25
    assert {"+00:00", "+01:00", "+02:00"} <= set(touches["at"].str[-6:])
    assert not pd.to_datetime(tables["rates"]["date"]).dt.day_of_week.isin([5, 6]).any()
    assert (deals["currency"] == "EUR").sum() > 5
    assert deals["emails"].str.contains(";").sum() > 10
    nobody = (deals["lead_id"] == "") & (deals["emails"] == "")
    assert (nobody & (deals["account"] != "Typing Errors Ltd")).any()
    assert (deals["kind"] != "new").sum() > 5
    assert (deals["recurring_interval"] != "").sum() > 20
    assert len(tables["adjustments"]) > 3
    assert (leads["visitor_id"] == "").any()
    seen = made.answers.merge(touches.drop_duplicates("touch_id"), on="touch_id")
    first = _instants(seen.set_index("person")["at"]).groupby(level=0).min()
    who = made.lead_people.merge(leads, on="lead_id").set_index("person")
    assert (_instants(who["created_at"]) < first.reindex(who.index)).any()


def test_identifiers_are_nobody_elses(made: Simulated) -> None:
    """No e-mail address, phone or visitor id belongs to two people."""
    answers = made.answers.merge(made.tables["touches"].drop_duplicates("touch_id"), on="touch_id")
    assert (answers.groupby("visitor_id")["person"].nunique() == 1).all()
    leads = made.lead_people.merge(made.tables["leads"], on="lead_id")
    for column in ("email", "phone"):
        given = leads[leads[column] != ""]
        assert given[column].is_unique


def test_ella_is_there_exactly(made: Simulated) -> None:
    """A search, a newsletter, a call; a lead by phone only; a deal of 5,000.00 GBP two months later."""
    tables = made.tables
    hers = tables["touches"][tables["touches"]["visitor_id"] == "v-ella"]
    assert hers["touch_id"].tolist() == ["ella-1", "ella-2"]
    assert hers["at"].str[:10].tolist() == ["2025-02-06", "2025-03-07"]
    assert hers["kind"].tolist() == ["session", "session"]
    assert tables["identities"].query("visitor_id == 'v-ella'").empty
    (lease,), (call,) = tables["leases"].to_dict("records"), tables["calls"].to_dict("records")
    assert lease["visitor_id"] == "v-ella"
    assert (call["tracking_number"], call["caller"]) == (lease["tracking_number"], "+442079460018")
    assert lease["leased_at"] < call["at"] < lease["released_at"]
    lead = tables["leads"].query("lead_id == 'L-ella'").iloc[0]
    assert (lead["phone"], lead["email"], lead["visitor_id"]) == ("+442079460018", "", "")
    deal = tables["deals"].query("deal_id == 'D-ella'").iloc[0]
    assert (deal["status"], deal["amount"], deal["currency"], deal["lead_id"], deal["closed_at"]) == (
        "won", "5000.00", "GBP", "L-ella", "2025-05-08T16:20:00+01:00",
    )  # fmt: skip
    without = simulate(replace(SMALL, story=False))
    assert not any(frame.astype(str).apply(lambda c: c.str.contains("ella-|-ella")).any().any()
                   for frame in without.tables.values())  # fmt: skip


def test_expected_revenue_is_the_plain_sum() -> None:
    """The expected revenue equals the formulas of the docstring, summed one visit after another."""
    company = simulate(SMALL)
    assert company.expected_minor == pytest.approx(_plainly(SMALL, CHANNEL_EFFECTS), abs=1)
    assert company.baseline_minor == pytest.approx(_plainly(SMALL, ()), abs=1)
    assert 0 < company.baseline_minor < company.expected_minor


def test_muting_a_channel_gives_its_counterfactual() -> None:
    """A world whose e-mails do nothing expects exactly what the truth says there would be without them."""
    company = simulate(SMALL)
    for channel in ("Email", "Paid Search", "Direct"):
        muted = tuple(ChannelEffect(e.channel, 0, 0) if e.channel == channel else e for e in CHANNEL_EFFECTS)
        row = company.truth.set_index("channel").loc[channel]
        assert simulate(replace(SMALL, effects=muted)).expected_minor == row["expected_without_minor"]
        assert company.expected_minor - row["expected_without_minor"] == row["contribution_minor"]


def test_truth_names_the_effects(made: Simulated) -> None:
    """The truth has a row a channel, with the effects given, and counts the touches in the tables."""
    truth = made.truth.set_index("channel")
    assert list(truth.index) == list(CHANNELS)
    for effect in CHANNEL_EFFECTS:
        row = truth.loc[effect.channel]
        assert (row["lead_log_odds"], row["win_log_odds"]) == (effect.lead, effect.win)
    assert truth.loc["Direct", "contribution_minor"] == 0
    assert (truth["contribution_minor"].drop("Direct") > 0).all()
    assert truth.loc["Offline", "touches"] == (made.tables["touches"]["kind"] == "offline").sum()


def test_mix_says_who_comes_how() -> None:
    """A channel can be shut for first visits, made common later, and be one that finds the keen."""
    mix = (ChannelMix(channel="Display", first=0, later=5, keen=4),)
    world = World(seed=5, n_people=4000, mess=False, story=False, mix=mix)
    rng = np.random.default_rng(world.seed)
    crowd = people(world, rng)
    seen = visits(world, rng, crowd)
    usual = visits(replace(world, mix=()), np.random.default_rng(6), crowd)
    display = seen.channel == CHANNELS.index("Display")
    # two visits of one day may change places, so a later one is now and then the first
    assert display[seen.number == 0].mean() < 0.1 * display[seen.number > 0].mean()
    assert display.mean() > 3 * (usual.channel == CHANNELS.index("Display"))[usual.number > 0].mean()
    keen = crowd.keen[seen.person] > 0
    assert display[keen].mean() > 2 * display[~keen].mean()


def test_mix_of_ones_changes_nothing() -> None:
    """Factors of one are the usual world, byte for byte."""
    mix = (ChannelMix(channel="Email"),)
    for table, rows in simulate(replace(SMALL, mix=mix)).tables.items():
        pd.testing.assert_frame_equal(rows, simulate(SMALL).tables[table])


def test_what_happens_is_what_is_expected() -> None:
    """In a large company the new business won comes within a tenth of what was expected."""
    company = simulate(World(seed=11, n_people=12_000, mess=False, story=False))
    deals = _won(company)
    ours = deals[(deals["kind"] == "new") & (deals["emails"] != "")]
    unnamed = deals[(deals["kind"] == "new") & (deals["emails"] == "") & (deals["lead_id"] != "")]
    revenue = _pounds(pd.concat([ours, unnamed])).sum()
    assert revenue == pytest.approx(company.expected_minor / 100, rel=0.1)


def test_sizes_scale_with_people() -> None:
    """Four times the people bring about four times the touches, leads and deals."""
    small, large = (simulate(World(seed=5, n_people=n, mess=False)) for n in (1_000, 4_000))
    for table in ("touches", "leads", "deals", "identities"):
        assert 3.2 < len(large.tables[table]) / len(small.tables[table]) < 4.8


@pytest.mark.parametrize(
    "settings",
    [
        {"start": date(2024, 2, 28), "days": 30, "n_people": 10},
        {"days": 800, "n_people": 60, "currency": "USD", "second_currency": "JPY"},
        {"currency": "KWD", "n_people": 30},
        {"effects": ()},
    ],
)
def test_odd_worlds_load(settings: dict[str, object], tmp_path: Path) -> None:
    """Short, long, tiny and foreign worlds are read without more rejections than planned."""
    world = World(seed=1, **{"n_people": 100, "mess": False, **settings})  # type: ignore[arg-type]
    assert _rejected(simulate(world), tmp_path) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": -1},
        {"days": 3},
        {"n_people": 0},
        {"currency": "pound"},
        {"second_currency": "GBP"},
        {"effects": (ChannelEffect("Skywriting", 1, 1),)},
        {"effects": (ChannelEffect("Email", 1, 1), ChannelEffect("Email", 2, 2))},
        {"mix": (ChannelMix(channel="Offline", first=2),)},
        {"mix": (ChannelMix(channel="Email", first=2), ChannelMix(channel="Email", later=2))},
        {"mix": (ChannelMix(channel="Email", keen=-1),)},
        {"mix": tuple(ChannelMix(channel=name, later=0) for name in CHANNELS if name != "Offline")},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    """A setting that makes no company says so."""
    with pytest.raises(InputError, match=r"allowed|Allowed|give"):
        World(**{"seed": 7, **settings})  # type: ignore[arg-type]


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    """A format that is none names those that are."""
    with pytest.raises(InputError, match=r"csv, csv\.gz, jsonl, parquet"):
        simulate(SMALL).write(tmp_path, "xlsx")


def test_command_writes_a_company(tmp_path: Path) -> None:
    """The command writes fourteen files, and refuses a bad setting in one sentence."""
    arguments = [str(tmp_path), "--seed", "7", "--people", "50", "--days", "60", "--format", "jsonl"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert len(list(tmp_path.glob("*.jsonl"))) == 14
    refused = CliRunner().invoke(main, [str(tmp_path), "--seed", "7", "--people", "1"])
    assert (refused.exit_code, refused.output) == (2, "Error: n_people is 1; allowed is at least 10\n")


def _plainly(world: World, effects: tuple[ChannelEffect, ...]) -> float:
    """Sum the expected revenue person by person, visit by visit, as the docstring of `truth` says."""
    rng = np.random.default_rng(world.seed)
    crowd = people(world, rng)
    seen = visits(world, rng, crowd)
    lead, win = dict.fromkeys(CHANNELS, 0), dict.fromkeys(CHANNELS, 0)
    lead.update({effect.channel: effect.lead for effect in effects})
    win.update({effect.channel: effect.win for effect in effects})
    decided = decided_at(crowd, seen.person, seen.at)
    value = value_minor(world, crowd)
    total, spared, echo, persuaded, person = 0.0, 1.0, 0, 0, -1
    for row in range(len(seen.at)):
        if seen.person[row] != person:
            person, spared, echo, persuaded = int(seen.person[row]), 1.0, 0, 0
        channel, keen = CHANNELS[seen.channel[row]], int(crowd.keen[person])
        hazard = _logistic(LEAD_BASE + keen + lead[channel] + min(CAP, echo))
        persuaded += win[channel]
        mails = int(crowd.nurture[person]) * win["Email"]
        won = _logistic(WIN_BASE + keen // 2 + min(CAP, persuaded + mails))
        if decided[row] < world.end_second:
            total += int(value[person]) * spared * hazard * won * DEAL / 1000
        spared *= 1 - hazard
        echo += lead[channel] // 4
    return total


def _logistic(thousandths: int) -> float:
    return 1 / (1 + math.exp(-thousandths / 1000))


def _rejected(company: Simulated, folder: Path) -> int:
    count = 0
    for file in company.write(folder):
        table = get_table(file.stem)
        for batch in read(file, table):
            count += len(parse(batch, table, ParseOptions()).rejected)
    return count


def _won(company: Simulated) -> pd.DataFrame:
    deals = company.tables["deals"].drop_duplicates("deal_id")
    return deals[(deals["status"] == "won") & ~deals["deal_id"].str.contains("bad")]


def _pounds(deals: pd.DataFrame) -> pd.Series[float]:
    return deals["amount"].astype(float) * deals["currency"].map({"GBP": 1.0, "EUR": 0.85})


def _instants(texts: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(texts, utc=True, format="ISO8601")


def _cost(spend: pd.DataFrame) -> pd.Series[float]:
    return pd.to_numeric(spend.loc[spend["currency"] != "XQZ", "cost"], errors="coerce").fillna(0)
