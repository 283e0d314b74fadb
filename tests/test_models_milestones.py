"""The milestone models, as worked by hand and against an oracle that takes one journey at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import DAY
from attribution.errors import ModelError
from attribution.journeys.columns import FloatArray, IntArray, Journeys
from attribution.journeys.milestones import ANYBODY, UNREACHED, place
from attribution.ledger.allocate import allocate
from attribution.models.base import AttributionModel
from attribution.models.custom import Custom
from attribution.models.milestones import FullPath, LeadCreation, UShaped, WShaped, spread
from attribution.models.position import InverseJ, JShaped
from attribution.models.presets import PRESETS
from attribution.models.registry import get_model, make_model

# touches on days 0, 10 and 20, the lead created on day 10, the deal on day 15, closed on day 20
PATH = [(0, "Paid Search"), (10 * DAY, "Email"), (20 * DAY, "Direct")]
DEAL = Journeys.from_paths(
    [PATH], values=[100_000], milestones={"lead": [1], "mql": [1], "opportunity": [1], "sqo": [-1]}
)


def one(n: int, **milestones: int) -> Journeys:
    """Return a journey of n touches with milestones on some."""
    placed = {name: [at] for name, at in milestones.items()}
    return Journeys.from_paths([[(day * DAY, "Email") for day in range(n)]], milestones=placed)


def shares(model: AttributionModel, journeys: Journeys) -> list[float]:
    return [float(share) for share in model.shares(journeys).round(12)]


@pytest.mark.parametrize(
    ("spec", "minor"),
    [
        ("j_shaped", [20_000, 20_000, 60_000]),
        ("inverse_j", [60_000, 20_000, 20_000]),
        ("lead_creation", [0, 100_000, 0]),
        ("u_shaped", [40_000, 40_000, 20_000]),
        ("w_shaped", [30_000, 60_000, 10_000]),
        ("full_path", [25_000, 50_000, 25_000]),  # no touch is left for the rest: 225/450/225, pro rata
        ("u_shaped:preset=hubspot", [40_000, 40_000, 20_000]),
        ("u_shaped:preset=marketo", [50_000, 50_000, 0]),
        ("u_shaped:preset=ruler", [40_000, 40_000, 20_000]),
        ("u_shaped:preset=salesforce", [40_000, 20_000, 40_000]),
        ("w_shaped:preset=hubspot", [30_000, 60_000, 10_000]),
        ("w_shaped:preset=marketo", [33_333, 66_667, 0]),  # day 20 is not between the milestones
        ("w_shaped:preset=ruler", [33_334, 33_333, 33_333]),
        ("full_path:preset=hubspot", [25_000, 50_000, 25_000]),
        ("full_path:preset=marketo", [25_000, 50_000, 25_000]),
        ("full_path:preset=ruler", [25_000, 50_000, 25_000]),
        ("u_shaped:first=0.25,lead=0.5", [25_000, 50_000, 25_000]),
        ("custom:weights=first=0.2;lead=0.3;opportunity=0.1;middle=0.4", [20_000, 40_000, 40_000]),
        ("custom:weights=first=0.5;SQO=0.25;close=0.25", [66_667, 0, 33_333]),
        ("custom:weights=middle=1,channel_factors=Email=2", [25_000, 50_000, 25_000]),
        ("custom:weights=middle=1,channel_factors=Email=0", [50_000, 0, 50_000]),
        ("u_shaped:ignore=Direct", [50_000, 50_000, 0]),
        ("u_shaped:ignore=Email", [80_000, 0, 20_000]),  # the lead falls to the touch before
        ("lead_creation:ignore=Email;Paid Search", [0, 0, 100_000]),  # no lead touch is left
    ],
)
def test_a_deal_of_one_thousand_is_credited_as_worked_by_hand(spec: str, minor: list[int]) -> None:
    """Touches on days 0, 10 and 20; the lead of day 10 and the deal of day 15 both rest on the second."""
    assert allocate(get_model(spec).shares(DEAL), DEAL.offsets, DEAL.value).tolist() == minor


@pytest.mark.parametrize(
    ("model", "journey", "expected"),
    [
        # one touch with several milestones has their sum
        (UShaped(), one(3, lead=0), [0.8, 0.1, 0.1]),
        (WShaped(), one(3, lead=0, opportunity=2), [0.6, 0.1, 0.3]),
        (FullPath(), one(4, lead=0, opportunity=3), [0.45, 0.05, 0.05, 0.45]),
        # a missing milestone's share goes to those that are there, pro rata
        (UShaped(), one(3, lead=-1), [0.8, 0.1, 0.1]),
        (WShaped(), one(4, lead=-1, opportunity=2), [0.45, 0.05, 0.45, 0.05]),
        (WShaped(first=0.2, lead=0.4, opportunity=0.3), one(3, lead=1, opportunity=-1), [0.3, 0.6, 0.1]),
        (FullPath(), one(4, lead=1, opportunity=-1), [0.3, 0.3, 0.1, 0.3]),
        (WShaped(), one(3), [0.9, 0.05, 0.05]),  # journeys that carry no milestones at all
        # an empty rest goes to the milestones, pro rata
        (UShaped(first=0.2, lead=0.6), one(2, lead=1), [0.25, 0.75]),
        (WShaped(), one(2, lead=1, opportunity=1), [round(1 / 3, 12), round(2 / 3, 12)]),
        (UShaped(), one(1, lead=0), [1]),
        (UShaped(), one(1, lead=-1), [1]),
        (FullPath(), one(1), [1]),
        # both at once: the first touch is all milestones there are, and nobody is left
        (UShaped(first=0.1, lead=0.3), one(1, lead=-1), [1]),
        # weights of 0: their touches are no middle, and the middle has what nobody else can
        (UShaped(first=0, lead=0.6), one(3, lead=1), [0, 0.6, 0.4]),
        (UShaped(first=0, lead=0.6), one(3, lead=-1), [0, 0.5, 0.5]),
        (UShaped(first=1, lead=0), one(3, lead=1), [1, 0, 0]),
        # presets
        (UShaped(preset="marketo"), one(3, lead=0), [1, 0, 0]),
        (UShaped(preset="ruler"), one(3, lead=1, mql=2), [0.4, 0.2, 0.4]),
        (UShaped(preset="salesforce"), one(3, lead=1), [0.4, 0.2, 0.4]),
        (WShaped(preset="ruler"), one(4, lead=2, mql=1), [0.3, 0.3, 0.1, 0.3]),
        (WShaped(preset="marketo"), one(6, lead=2, opportunity=4), [0.3, 0.05, 0.3, 0.05, 0.3, 0]),
        (WShaped(preset="marketo"), one(4, lead=2, opportunity=-1), [0.45, 0.1, 0.45, 0]),
        (WShaped(preset="marketo"), one(3, lead=-1, opportunity=-1), [1, 0, 0]),
        # custom
        (Custom(weights={"mql": 0.6, "middle": 0.4}), one(3, mql=1), [0.2, 0.6, 0.2]),
        (Custom(weights={"Demo": 0.5, "close": 0.5}), one(3, demo=0), [0.5, 0, 0.5]),
        (Custom(weights={"demo": 0.5, " CLOSE ": 0.5}), one(3, Demo=0), [0.5, 0, 0.5]),
        (Custom(weights={"first": 0.5, "close": 0.0, "middle": 0.5}), one(4), [0.5, 0.25, 0.25, 0]),
    ],
)  # fmt: skip
def test_edges(model: AttributionModel, journey: Journeys, expected: list[float]) -> None:
    """Each rule of milestone models by itself."""
    found = model.shares_and_fallbacks(journey)
    assert found.values.round(12).tolist() == expected
    assert found.shared_equally.tolist() == []


def test_where_no_milestone_is_there_all_touches_share_equally() -> None:
    """With a middle that is what its share says; without one nobody has a weight, which is reported."""
    journey = one(4, mql=-1)
    some = Custom(weights={"mql": 0.9, "middle": 0.1}).shares_and_fallbacks(journey)
    assert (some.values.tolist(), some.shared_equally.tolist()) == ([0.25] * 4, [])
    none = Custom(weights={"mql": 1.0}).shares_and_fallbacks(journey)
    assert (none.values.tolist(), none.shared_equally.tolist()) == ([0.25] * 4, [0])


def test_the_lead_touch_that_is_missing_is_the_last_touch() -> None:
    """`lead_creation` over several journeys, an empty one and one without a lead among them."""
    journeys = Journeys.from_paths(
        [[(0, "Email"), (1, "Email")], [], [(0, "Email"), (1, "Email")]], milestones={"lead": [0, -1, -1]}
    )
    assert LeadCreation().shares(journeys).tolist() == [1, 0, 0, 1]
    assert LeadCreation().shares(replace(journeys, milestones={})).tolist() == [0, 1, 0, 1]


def test_custom_factors_multiply_what_milestones_gave() -> None:
    """By channel and by kind; a touch without a channel has the factor 1; what is left sums to 1."""
    session, event = TOUCH_KINDS.index("session"), TOUCH_KINDS.index("event")
    journey = replace(
        DEAL, channel=np.array([0, 1, -1], np.int32), kind=np.array([session, event, session], np.int16)
    )
    model = Custom(
        weights={"first": 0.5, "middle": 0.5},
        channel_factors={"Paid Search": 0.5, "Unheard of": 9.0},
        kind_factors={"event": 3.0},
    )
    # 0.5 * 0.5, 0.25 * 3, 0.25 * 1
    assert model.shares(journey).tolist() == [0.2, 0.6, 0.2]
    nothing = Custom(weights={"first": 1.0}, channel_factors={"Paid Search": 0.0})
    found = nothing.shares_and_fallbacks(DEAL)
    assert found.shared_equally.tolist() == [0]
    assert found.values.round(12).tolist() == [round(1 / 3, 12)] * 3


@pytest.mark.parametrize(
    ("spec", "milestones"),
    [
        ("j_shaped", ()),
        ("lead_creation", ("lead",)),
        ("u_shaped", ("lead",)),
        ("w_shaped", ("lead", "opportunity")),
        ("full_path", ("lead", "opportunity")),
        ("u_shaped:preset=ruler", ("mql",)),
        ("u_shaped:preset=salesforce", ()),
        ("w_shaped:preset=ruler", ("mql",)),
        ("custom:weights=first=0.2;Demo Booked=0.2;SQO=0.2;close=0.2;middle=0.2", ("demo booked", "sqo")),
    ],
)
def test_a_model_names_the_milestones_that_it_looks_at(spec: str, milestones: tuple[str, ...]) -> None:
    """The first and the last touch of a journey are there without being asked for."""
    assert get_model(spec).milestones == milestones


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("u_shaped:first=0.7,lead=0.4", r"first=0.7, lead=0.4 .* sum to at most 1"),
        ("w_shaped:lead=-0.1", "shares >= 0"),
        ("full_path:close=nan", "allowed is a number"),
        (
            "u_shaped:preset=adobe",
            "preset='adobe' is not known; allowed are hubspot, marketo, ruler, salesforce",
        ),
        ("w_shaped:preset=salesforce", "allowed are hubspot, marketo, ruler"),
        ("u_shaped:preset=ruler,lead=0.3", "preset=ruler and lead=0.3 contradict each other"),
        ("j_shaped:first=0.5", "sum to at most 1"),
        ("custom", "no default for weights"),
        ("custom:weights=", "sum to 0; allowed are shares >= 0 that sum to 1"),
        ("custom:weights=first=0.5;close=0.4", "sum to 0.9; allowed"),
        ("custom:weights=first=0.5;close=0.500000002", "sum to 1.000000002; allowed"),
        ("custom:weights=first=1.5;close=-0.5", "shares >= 0"),
        ("custom:weights=Demo=0.5;demo =0.5", "each once, whatever its case"),
        ("custom:weights=middle=1,channel_factors=Email=-1", "factor -1.0 of 'Email' is negative"),
        ("custom:weights=middle=1,kind_factors=visit=2", "'visit' is no kind of touch; allowed are session"),
        ("custom:weights=first=half", "a name and a number each"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(spec: str, message: str) -> None:
    """The sentence names the model, what was received and what is allowed."""
    with pytest.raises(ModelError, match=f"^{spec.partition(':')[0]}.*{message}"):
        get_model(spec)


def test_shares_that_sum_to_one_but_for_binary_are_one() -> None:
    """0.1 ten times is not 1, and a third three times is not either."""
    assert Custom(weights={f"stage {i}": 0.1 for i in range(10)}).milestones[9] == "stage 9"
    assert UShaped(first=0.7, lead=0.1 + 0.2).shares(one(3, lead=1)).round(12).tolist() == [0.7, 0.3, 0]


def test_presets_sum_to_one_and_say_where_they_are_from() -> None:
    """The table is data: each is a model that can be made, each has a page."""
    for name, presets in PRESETS.items():
        for preset, (meant, source, _) in presets.items():
            assert sum(meant.values()) == pytest.approx(1, abs=1e-12)
            assert "." in source
            assert get_model(f"{name}:preset={preset}").label == f"{name}:preset={preset}"


def test_custom_models_are_stored_and_equal_by_their_weights() -> None:
    """Parameters as JSON and as text make the same model again; factors may be left out."""
    model = Custom(weights={"first": 0.25, "Demo; booked": 0.75}, kind_factors={"event": 2.0})
    assert model.label == "custom:weights=Demo%3B booked=0.75;first=0.25,kind_factors=event=2.0"
    assert get_model(model.label) == model == make_model(Custom, model.params())
    assert len({model, get_model(model.label)}) == 1
    assert model != Custom(weights={"first": 0.25, "Demo; booked": 0.75})


def test_no_journeys_have_no_shares() -> None:
    """Nor do journeys without touches."""
    for journeys in (Journeys.from_paths([]), Journeys.from_paths([[], []], milestones={"lead": [-1, -1]})):
        for model in (JShaped(), InverseJ(), LeadCreation(), UShaped(), WShaped(), FullPath(),
                      Custom(weights={"lead": 1.0})):  # fmt: skip
            assert model.shares(journeys).shape == (0,)


NAMES = ("lead", "mql", "opportunity", "demo")


@st.composite
def journeys_with_milestones(draw: st.DrawFn) -> Journeys:
    """Return a few journeys of up to five touches, with some of the milestones on some touches."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    first = np.cumsum([0, *lengths[:-1]])
    milestones = {
        name: [int(f) + draw(st.integers(0, n - 1)) if n and draw(st.booleans()) else -1
               for f, n in zip(first, lengths, strict=True)]
        for name in NAMES if draw(st.integers(0, 4))
    }  # fmt: skip
    paths = [[(i, "Email") for i in range(n)] for n in lengths]
    return Journeys.from_paths(paths, milestones=milestones)


@st.composite
def any_shares(draw: st.DrawFn) -> dict[str, float]:
    """Return shares of some milestones and of the middle, some of them 0."""
    names = draw(st.lists(st.sampled_from((*NAMES, "first", "close", "middle")), min_size=1, unique=True))
    parts = [draw(st.integers(0, 4)) for _ in names]
    return {name: part / (sum(parts) or 1) for name, part in zip(names, parts, strict=True)}


@settings(max_examples=200)
@given(journeys_with_milestones(), any_shares(), st.booleans())
def test_shares_are_those_of_one_journey_at_a_time(
    journeys: Journeys, given_shares: dict[str, float], between: bool
) -> None:
    """Against a loop over journeys, milestones and touches."""

    class Spread(LeadCreation):
        def _weights(self, journeys: Journeys) -> FloatArray:
            return spread(journeys, given_shares, between=between)

    found = Spread().shares(journeys)
    expected: list[float] = []
    for j in range(journeys.n_journeys):
        start, n = int(journeys.offsets[j]), int(journeys.lengths[j])
        local = {name: int(at[j]) - start for name, at in journeys.milestones.items() if at[j] >= 0}
        if n:
            expected += _slowly(n, {**local, "first": 0, "close": n - 1}, given_shares, between)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def _slowly(n: int, touch_of: Mapping[str, int], given: Mapping[str, float], between: bool) -> list[float]:
    held = {name: touch_of[name] for name in given if name in touch_of}
    total = sum(share for name, share in given.items() if name != "middle")
    there = sum(given[name] for name in held)
    others = [i for i in range(n) if i not in held.values()]
    if between:
        others = [i for i in others if i < max(held.values(), default=n)]
    weights = [0.0] * n
    for name, i in held.items():
        weights[i] += total * given[name] / there if there else 0
    for i in others:
        weights[i] += given.get("middle", 0) / len(others)
    return [w / sum(weights) if sum(weights) else 1 / n for w in weights]


TIMES = st.integers(0, 6)


@settings(max_examples=200)
@given(st.lists(st.lists(st.tuples(TIMES, st.integers(1, 3)), max_size=4), min_size=1, max_size=4), st.data())
def test_a_milestone_rests_on_the_last_touch_at_or_before_it(
    paths: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """Of the person it is about, or of anybody; against a loop over touches."""
    paths = [sorted(path) for path in paths]
    journeys = Journeys.from_paths([[(at, "Email") for at, _ in path] for path in paths])
    journeys = replace(journeys, person=np.array([who for path in paths for _, who in path], np.int64))
    n = len(paths)
    times = data.draw(st.lists(st.one_of(TIMES, st.just(UNREACHED)), min_size=n, max_size=n))
    people = data.draw(st.lists(st.sampled_from((ANYBODY, 0, 1, 2, 3)), min_size=n, max_size=n))

    def slowly(people: list[int]) -> list[int]:
        found = []
        for j, path in enumerate(paths):
            good = [i for i, (at, who) in enumerate(path) if at <= times[j] and people[j] in (who, ANYBODY)]
            found.append(int(journeys.offsets[j]) + good[-1] if good else -1)
        return found

    def array(values: list[int]) -> IntArray:
        return np.array(values, np.int64)

    assert place(journeys, array(times)).tolist() == slowly([ANYBODY] * n)
    assert place(journeys, array(times), array(people)).tolist() == slowly(people)
