"""How far models are from the truth of simulated worlds: measure, journeys, and what is published."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from attribution.simulate import World, simulate
from attribution.simulate.world import CHANNELS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # benchmarks lie beside the package, not in it
from benchmarks import truth, truth_worlds  # noqa: E402

SMALL = World(seed=4, n_people=900, mess=False, story=False)
ALL = ("lead", "mql", "opportunity", "sqo")


@pytest.fixture(scope="module")
def sample() -> truth_worlds.Sample:
    """One small company."""
    return truth_worlds.draw(truth_worlds.WORLDS["ordinary"], SMALL.seed, SMALL.n_people, ALL)


def test_measure_by_hand() -> None:
    """Shares 50, 30, 20 against 60, 40, 0: off by 10, 10 and 20 points, in the right order, 20 % idle."""
    found = truth.measure(np.array([50, 30, 20]), np.array([6, 4, 0]))
    assert found.error == pytest.approx(40 / 3)
    assert found.order == pytest.approx(1.0)
    assert found.idle == pytest.approx(20.0)


def test_harm_counts_as_nothing() -> None:
    """A contribution below nought is nought: shares are 25 and 75, and credit for the harmful is idle."""
    found = truth.measure(np.array([1, 1, 2]), np.array([-8, 1, 3]))
    assert found.error == pytest.approx((25 + 0 + 25) / 3)
    assert found.idle == pytest.approx(25.0)


def test_what_cannot_be_measured_is_missing() -> None:
    """An even split has no order; where every channel does something, none is idle."""
    found = truth.measure(np.ones(2), np.array([1, 3]))
    assert found.error == pytest.approx(25.0)
    assert np.isnan(found.order)
    assert np.isnan(found.idle)


def test_journeys_are_the_companys(sample: truth_worlds.Sample) -> None:
    """Who converts, and for how much, is what the simulated CRM says of new business that was seen."""
    sample.journeys.check()
    deals = simulate(SMALL).tables["deals"]
    ours = deals[(deals["status"] == "won") & (deals["kind"] == "new")]
    ours = ours[(ours["lead_id"] != "") | (ours["emails"] != "")]
    pence = ours["amount"].astype(float) * np.where(ours["currency"] == "GBP", 100, 85)
    assert int(sample.journeys.converted.sum()) == len(ours) > 20
    assert int(sample.journeys.value.sum()) == round(pence.sum())
    assert not sample.journeys.value[~sample.journeys.converted].any()


def test_journeys_end_with_the_deal(sample: truth_worlds.Sample) -> None:
    """No touch lies behind the closing, and a milestone's touch is one of the journey's own."""
    journeys = sample.journeys
    assert (journeys.at <= np.repeat(journeys.converted_at, journeys.lengths)).all()
    bought = journeys.take(journeys.converted)
    lead, opportunity = bought.milestones["lead"], bought.milestones["opportunity"]
    assert (opportunity >= 0).all()
    assert (lead <= opportunity).all()


def test_journeys_to_leads() -> None:
    """By leads, journeys end where the lead is made, and each lead is worth the same."""
    kind = truth_worlds.WORLDS["leads"]
    journeys = truth_worlds.draw(kind, SMALL.seed, SMALL.n_people, ("lead",)).journeys
    bought = journeys.take(journeys.converted)
    assert bought.value.tolist() == [1] * bought.n_journeys
    assert bought.milestones["lead"].tolist() == bought.last.tolist()
    named = simulate(SMALL).lead_people["person"].nunique()
    assert 0.95 * named < bought.n_journeys <= named  # some were on a list before they ever came


def test_unmailed_leads_get_no_mails() -> None:
    """Without nurture mails only the newsletter is left, and e-mail contributes less."""
    usual, without = (
        truth_worlds.draw(truth_worlds.WORLDS[name], SMALL.seed, SMALL.n_people, ())
        for name in ("ordinary", "unmailed")
    )
    email = CHANNELS.index("Email")
    assert (without.journeys.channel == email).sum() < (usual.journeys.channel == email).sum()
    assert 0 < without.contribution[email] < usual.contribution[email]


def test_truths_are_the_simulations(sample: truth_worlds.Sample) -> None:
    """Contributions are those that `simulate` tells; visits that do nothing are missed all the same."""
    told = simulate(SMALL).truth.set_index("channel")["contribution_minor"]
    assert sample.contribution.tolist() == told[list(CHANNELS)].tolist()
    direct = CHANNELS.index("Direct")
    assert sample.contribution[direct] == 0 < sample.lost_if_absent[direct]


def test_benchmark_runs() -> None:
    """A tiny run prints a table a world and one over all, and says the same again."""
    arguments = ["--seeds", "1", "--people", "300", "--models", "linear markov"]
    one, two = (CliRunner().invoke(truth.main, arguments) for _ in range(2))
    assert one.exit_code == 0, one.output
    assert one.output.count("| model | ") == len(truth_worlds.WORLDS) + 1
    assert "`markov`, removal-effect share" in one.output
    assert one.output.splitlines()[:-1] == two.output.splitlines()[:-1]


def test_shares_of_channels() -> None:
    """Asked for channels, it prints the truths above what each model credits."""
    arguments = ["--people", "300", "--models", "linear", "--channels", "alike"]
    lines = CliRunner().invoke(truth.main, arguments).output.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| (true)", "| (true if absent)", "| (all channels the same)", "| `linear`",
    ]  # fmt: skip


def test_page_shows_what_was_measured() -> None:
    """The table of the page is that of benchmarks/truth.csv, which holds every built-in model."""
    found = pd.read_csv(ROOT / "benchmarks" / "truth.csv")
    page = (ROOT / "docs" / "choosing-a-model.md").read_text(encoding="utf-8")
    assert truth.table(truth.overall(found)) in page
    built_in = {model.name for model in truth.models("") if type(model).__module__.startswith("attribution.")}
    assert built_in <= {label.partition(":")[0] for label in found["model"]}
