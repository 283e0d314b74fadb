"""Bad input to models: each a clear sentence or a sound answer, in the library and at the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from ledger_books import load

import attribution as at
from attribution.cli import cli
from attribution.clock import DAY
from attribution.engine import Store
from attribution.errors import AttributionEngineError, ModelError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.ledger.allocate import allocate
from attribution.models.base import AttributionModel
from attribution.models.parameters import parameter_defaults, parameter_types
from attribution.models.registry import get_model, list_models, model_class

WANTED = {
    "custom": "custom:weights=first=0.3;lead=0.3;middle=0.4"
}  # those that cannot do without a parameter


def spec_of(name: str) -> str:
    """Return a text that makes the model of a name."""
    model = model_class(name)
    return WANTED[name] if parameter_types(model).keys() - parameter_defaults(model).keys() else name


SPECS = [*map(spec_of, list_models()), "markov:order=2", "markov:order=3"]
every_model = pytest.mark.parametrize("spec", SPECS)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that runs the command line in a folder with a store of one won deal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    with Store.open("sqlite:///attribution.db") as store:
        load(
            store,
            touches="""touch_id,visitor_id,at,channel
                       t1,v1,2025-01-02T10:00:00Z,Email""",
            leads="""lead_id,created_at,visitor_id
                     L1,2025-01-03T11:00:00Z,v1""",
            deals="""deal_id,status,created_at,closed_at,amount,currency,lead_id
                     D1,won,2025-01-05T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP,L1""",
        )
    return lambda *args: CliRunner().invoke(cli, list(args))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("liner", "unknown model 'liner'; did you mean 'linear'? Allowed: "),
        ("Markow", "unknown model 'Markow'; did you mean 'markov'? Allowed: "),
        (
            "time_decay:half_lif=7d",
            "no parameter 'half_lif'; did you mean 'half_life'? Allowed: half_life, ignore",
        ),
        ("linear:decay=2", "linear has no parameter 'decay'; allowed: ignore"),
        ("time_decay:half_life=soon", "time_decay: half_life: 'soon' is not a duration"),
        ("position_based:first=much", "position_based: first='much' cannot be used; allowed is a number"),
        ("position_based:first=nan", "position_based: first=nan cannot be used; allowed is a number"),
        ("markov:order=1.5", "markov: order='1.5' cannot be used; allowed is a whole number"),
        ("markov:order=0", "markov: order=0 cannot be used; allowed are 1 to 8"),
        (
            "markov:reward=money",
            "markov: reward='money' cannot be used; allowed is one of conversions, value",
        ),
        (
            "time_decay:half_life=1d,half_life=2d",
            "'half_life=2d' cannot be read; parameters are written once each",
        ),
        ("linear:ignore=Paid, Other", "' Other' cannot be read; parameters are written once each"),
        ("linear:", "'' cannot be read; parameters are written once each"),
        ("custom", "custom has no default for weights; write custom:weights="),
        (
            "custom:weights=first=0.4;middle=0.7",
            "weights=first=0.4;middle=0.7 sum to 1.1; allowed are shares",
        ),
        ("custom:weights=first=1.5;middle=-0.5", "allowed are shares >= 0 that sum to 1"),
        ("custom:weights=first=0.5;first=0.5", "weights='first=0.5;first=0.5' cannot be used"),
        ("custom:weights=0.5", "weights='0.5' cannot be used; allowed is a name and a number each"),
    ],
)
def test_a_model_that_cannot_be_meant(run: Callable[..., Result], spec: str, words: str) -> None:
    """The same sentence from the library, `run`, `config set` and a configuration file; nothing is posted."""
    with pytest.raises(AttributionEngineError) as error:
        get_model(spec)
    sentence = str(error.value)
    assert words in sentence
    assert "\n" not in sentence
    with pytest.raises(AttributionEngineError) as error:
        at.attribute(TOUCHES, DEALS, models=[spec])
    assert str(error.value) == sentence
    for arguments in (("run", "--model", spec), ("config", "set", "model", spec.replace(", ", ",%20"))):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert words.replace("' Other'", "'%20Other'") in result.stderr or words in result.stderr
    assert "nothing has been run" in run("report").stderr


TOUCHES = pd.DataFrame({
    "person_id": ["ella", "ella", "omar"],
    "at": ["2026-01-05T10:00Z", "2026-02-20T10:00Z", "2026-02-21T10:00Z"],
    "channel": ["Organic Search", "Email", "Email"],
})  # fmt: skip
DEALS = pd.DataFrame({
    "conversion_id": ["D1"], "person_id": ["ella"], "at": ["2026-04-20T12:00:00Z"], "value": [5000],
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Says(AttributionModel):
    """An outsider's model that says whatever it is told to."""

    name: ClassVar[str] = "says"

    last: float | str = 1.0
    shape: str = "one each"

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.ones(journeys.n_touches)
        weights[-1:] = float(self.last)
        if self.shape == "one a journey":
            return np.ones(journeys.n_journeys)
        return weights[:, None] if self.shape == "a column" else weights


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            Says(last=-1.0),
            r"says gave touch 1 of journey 0 the weight -1\.0; allowed are finite numbers >= 0",
        ),
        (Says(last="nan"), "says gave touch 1 of journey 0 the weight nan; allowed are finite numbers >= 0"),
        (Says(last="inf"), "says gave touch 1 of journey 0 the weight inf; allowed are finite numbers >= 0"),
        (
            Says(shape="one a journey"),
            r"says returned weights of shape \(1,\) for 2 touches; .* one weight per",
        ),
        (Says(shape="a column"), r"says returned weights of shape \(2, 1\) for 2 touches; .* one weight per"),
    ],
)
def test_weights_that_cannot_be_used(sqlite_store: Store, model: AttributionModel, words: str) -> None:
    """The sentence names the model and the touch; the library answers nothing and a store posts nothing."""
    with pytest.raises(ModelError, match=words):
        at.attribute(TOUCHES, DEALS, models=[model])
    load(
        sqlite_store,
        touches="""touch_id,visitor_id,at,channel
                   t1,v1,2025-01-02T10:00:00Z,Email
                   t2,v1,2025-01-02T11:00:00Z,Direct""",
        leads="""lead_id,created_at,visitor_id
                 L1,2025-01-03T11:00:00Z,v1""",
        deals="""deal_id,status,created_at,closed_at,amount,currency,lead_id
                 D1,won,2025-01-05T00:00:00Z,2025-02-01T00:00:00Z,1000.00,GBP,L1""",
    )
    with pytest.raises(ModelError, match=words):
        sqlite_store.run(models=["linear", model], goals=["revenue"])
    with pytest.raises(AttributionEngineError, match="nothing has been run"):
        sqlite_store.report()


def with_milestones(journeys: Journeys) -> Journeys:
    """Return journeys whose lead and opportunity are at the first touch of each."""
    at_first = np.where(journeys.lengths > 0, journeys.offsets[:-1], -1)
    return replace(journeys, milestones={"lead": at_first, "opportunity": at_first})


def shares(spec: str, journeys: Journeys) -> FloatArray:
    """Return the shares of a model that is fitted on the same journeys if it wants a fit."""
    model: AttributionModel = get_model(spec)
    return (model.fit(journeys) if model.needs_fit else model).shares(journeys)


def require_sound(spec: str, journeys: Journeys) -> FloatArray:
    """Shares are finite, not negative, and sum to 1 in every journey; credits add up to the value."""
    found = shares(spec, journeys)
    assert found.shape == (journeys.n_touches,)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    sums = np.add.reduceat(found, journeys.first) if journeys.n_touches else np.zeros(0)
    assert np.abs(sums - 1).max(initial=0.0) < 1e-9
    credits = allocate(found, journeys.offsets, journeys.value)
    credited = np.add.reduceat(credits, journeys.first) if journeys.n_touches else np.zeros(0)
    assert credited.tolist() == journeys.value[journeys.nonempty].tolist()
    return found


@every_model
def test_no_conversions(spec: str) -> None:
    """Nobody converted: nothing to learn from, and nothing breaks; no journey at all is an empty answer."""
    paths = [[(0, "Email"), (DAY, "Direct"), (2 * DAY, "Email")], [(0, "Direct")]]
    journeys = with_milestones(Journeys.from_paths(paths, converted=[False, False]))
    require_sound(spec, journeys)
    nothing = with_milestones(Journeys.from_paths([]))
    assert shares(spec, nothing).shape == (0,)
    assert shares(spec, with_milestones(Journeys.from_paths([[], []]))).shape == (0,)


@every_model
def test_one_channel(spec: str) -> None:
    """Whatever the model, the channel has all of it."""
    paths = [[(0, "Email"), (DAY, "Email")], [(0, "Email")], [(0, "Email")]]
    journeys = with_milestones(Journeys.from_paths(paths, converted=[True, True, False]))
    require_sound(spec, journeys)


@every_model
def test_no_journey_that_did_not_convert(spec: str) -> None:
    """The rate is 1 wherever one looks; credit is still shared."""
    paths = [[(0, "Email"), (DAY, "Direct")], [(0, "Direct")], [(0, "Referral"), (DAY, "Email")]]
    require_sound(spec, with_milestones(Journeys.from_paths(paths)))


@every_model
def test_values_of_nothing_and_refunds(spec: str) -> None:
    """A corpus of which each value is 0, or that sums to 0."""
    paths = [[(0, "Email"), (DAY, "Direct")], [(0, "Direct")], [(0, "Email")]]
    for values in ([0, 0, 0], [500, -500, 0], [-100, -200, -300]):
        journeys = Journeys.from_paths(paths, values=values, converted=[True, True, False])
        require_sound(spec, with_milestones(journeys))


@every_model
def test_touches_without_a_channel(spec: str) -> None:
    """A journey of nothing but them is shared, too."""
    paths = [[(0, "Email"), (DAY, "Direct")], [(0, "Direct"), (DAY, "Email")]]
    journeys = with_milestones(Journeys.from_paths(paths, converted=[True, False]))
    require_sound(spec, replace(journeys, channel=np.array([-1, -1, 0, -1], np.int32)))


@every_model
def test_a_journey_of_a_hundred_thousand_touches(spec: str) -> None:
    """Beside a short one; no weight is lost to underflow, and no memory to the square of its length."""
    n = 100_000
    names = ("Email", "Direct", "Referral", "Paid Search")
    rng = np.random.default_rng(7)
    journeys = Journeys.from_paths([[(0, name) for name in names], []], converted=[True, False])
    long = Journeys(
        offsets=np.array([0, n, n + 2]), at=np.append(np.arange(n) * (DAY // 100), [0, 1]),
        channel=rng.integers(0, 4, n + 2).astype(np.int32), kind=np.zeros(n + 2, np.int16),
        placement=np.arange(n + 2), touch=np.arange(n + 2), person=np.zeros(n + 2, np.int64),
        converted_at=np.array([n * DAY, DAY]), value=np.array([123_456_789, 500]),
        converted=np.array([True, False]), channels=journeys.channels,
    )  # fmt: skip
    found = require_sound(spec, with_milestones(long))
    assert (found > 0).any()


@every_model
@pytest.mark.parametrize("n_deals", [0, 1])
def test_the_library_answers_soundly(spec: str, n_deals: int) -> None:
    """One channel, with and without a conversion."""
    result = at.attribute(TOUCHES.assign(channel="Email"), DEALS.head(n_deals), models=[spec])
    (label,) = result.models
    assert result.by("channel")[label].sum() == 5000 * n_deals
    assert len(result.credits) == 2 * n_deals


@every_model
def test_the_command_line_answers_soundly(run: Callable[..., Result], spec: str) -> None:
    """One deal of one touch, and no lead that became anything: every model gives all of it to that touch."""
    assert run("run", "--model", spec, "--goal", "revenue", "--goal", "mql").exit_code == 0
    result = run("report", "--model", spec, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert "Email,1000.00" in result.stdout
