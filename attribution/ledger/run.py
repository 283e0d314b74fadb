"""A run: who is who, what converted, by which journeys, under which models; and only what changed is posted.

Everything happens in one write transaction: afterwards the ledger holds the whole run, or none of it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from attribution import clock
from attribution.identity.resolve import IDENTITY_VERSION, resolve
from attribution.journeys.columns import Journeys
from attribution.journeys.read import Window
from attribution.ledger import reasons
from attribution.ledger.affected import EVERYTHING, Affected, Watermark, affected, watermark
from attribution.ledger.check import require_conservation
from attribution.ledger.conversions import Conversions, refresh, reporting_currency
from attribution.ledger.corpus import Corpus, make_corpus
from attribution.ledger.credit_sets import CreditSet, CreditSets, credit_sets
from attribution.ledger.fits import Fit, keep_fit
from attribution.ledger.frozen import journeys_of
from attribution.ledger.post import Posting, post, wanted_entries
from attribution.loading.recut import bring_up_to_date
from attribution.models.base import AttributionModel
from attribution.models.registry import get_models
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, next_id, temporary
from attribution.store.database import Database
from attribution.store.dimensions import channel_rules_version, reclassify
from attribution.store.settings import FINGERPRINT, GOALS, RAN_AT, Settings, declaration

credit_set, journey_set, journey_touch, run_table = (
    schema.credit_set, schema.journey_set, schema.journey_touch, schema.run,
)  # fmt: skip

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class RunOptions:
    """What to run; None reads the store's settings."""

    models: Sequence[str | AttributionModel] | None = None
    goals: Sequence[str] | None = None
    lookback: str | None = None
    scope: str | None = None
    kinds: str | None = None
    full: bool = False
    refit: bool = False  # models that learn do so again, and what that moves is posted
    as_of: int | None = None  # microseconds; learn from what was known then


@dataclass
class Posted:
    """What a run did for one kind of conversion and one model."""

    goals: tuple[str, ...]
    model: str
    conversions: int  # how many were looked at
    entries: int  # how many were posted


@dataclass
class RunResult:
    """What a run did; `run_id` is None where there was nothing to post."""

    run_id: int | None
    lookback: str
    scope: str
    currency: str | None
    posted: list[Posted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what whoever ran it should know
    fits: list[FitMade] = field(default_factory=list)


@dataclass(frozen=True)
class FitMade:
    """A fit that a run made: of which credit set, and whether it replaced another."""

    goals: tuple[str, ...]
    credit_set_id: int
    model: str
    fit: Fit


# credit sets, and the conversions (None: all) that were compared with the inputs
_LookedAt = tuple[list[int], Ints | None]


def run(db: Database, options: RunOptions | None = None, *, progress: Progress | None = None) -> RunResult:
    """Resolve identities, build journeys and post credits.

    Args:
        db: the store.
        options: goals, models, window; the store's settings where they are None.
        progress: called as the work goes on.

    Raises:
        UnknownNameError, ModelError, InputError: options that cannot be meant; nothing was posted.
        LedgerError: entries that would not add up; nothing was posted.
    """
    options = options or RunOptions()

    def tell(what: str, done: int = 0, total: int | None = None) -> None:
        if progress is not None:
            progress(what, done, total)

    with db.write() as connection:
        settings = Settings(connection)
        window = _window(settings, options)
        models = get_models(options.models or settings.require("models").split())
        models = list({model.label: model for model in models}.values())
        kinds = _goals_by_kind(settings, options)

        tell("classifying origins")
        reclassify(connection, settings)
        bring_up_to_date(connection, settings, progress=tell)
        tell("resolving identities")
        resolve(connection, settings)
        currency = reporting_currency(connection, settings)

        now = watermark(connection)
        run_id = next_id(connection, run_table.c.run_id)
        result = RunResult(run_id, window.lookback, window.scope, currency)
        looked_at: list[_LookedAt] = []
        for number, (kind, goals) in enumerate(kinds.items()):
            tell(f"attributing {' and '.join(goals)}", number, len(kinds))
            sets = credit_sets(connection, kind, window, models)
            work = _Work(connection, settings, kind, goals, window, options, now, result, tell)
            looked_at += _attribute(work, sets)
        tell("checking the ledger")
        for numbers, conversion_ids in looked_at:
            require_conservation(connection, numbers, conversion_ids)
        entries = sum(p.entries for p in result.posted)
        # answers are as of the last run, whether or not it had anything to post
        settings.put_raw(RAN_AT, str(clock.now_micros()))
        if entries == 0:
            result.run_id = None
            return result
        _record(connection, result, models, list(kinds.values()), window, now, entries)
    return result


def _window(settings: Settings, options: RunOptions) -> Window:
    def chosen(name: str, value: str | None) -> str:
        return settings.require(name) if value is None else declaration(name).parse(value)

    return Window(
        lookback=chosen("lookback", options.lookback),
        scope=chosen("scope", options.scope),
        kinds=chosen("kinds", options.kinds),
        impression_lookback=settings.require("impression_lookback"),
    )


def _goals_by_kind(settings: Settings, options: RunOptions) -> dict[str, tuple[str, ...]]:
    """Group goals by kind of conversion: `revenue` and `deals` share journeys and entries."""
    text = settings.require("goals") if options.goals is None else " ".join(options.goals)
    names = declaration("goals").parse(text).split()
    kinds: dict[str, tuple[str, ...]] = {}
    for name in names:
        kinds[GOALS[name].kind] = (*kinds.get(GOALS[name].kind, ()), name)
    return kinds


@dataclass(frozen=True)
class _Work:
    """What all credit sets of one kind of conversion share in a run."""

    connection: Connection
    settings: Settings
    kind: str
    goals: tuple[str, ...]
    window: Window
    options: RunOptions
    now: Watermark
    result: RunResult
    tell: Progress


def _attribute(work: _Work, sets: CreditSets) -> list[_LookedAt]:
    """Post one kind of conversion under every model; models that have read equally far share the work."""
    looked_at: list[_LookedAt] = []
    for seen in sorted({s.seen for s in sets.members}, key=lambda w: (w.touch, w.change)):
        group = [s for s in sets.members if s.seen == seen]
        if seen == work.now and not work.options.full and any(s.holds for s in group):
            work.result.posted += [Posted(work.goals, s.model.label, 0, 0) for s in group]
            continue
        everything = work.options.full or seen == Watermark()
        reach = EVERYTHING if everything else affected(work.connection, work.kind, seen, work.window.scope)
        looked_at.append(_post_group(work, sets.journey_set_id, group, reach))
    if work.options.refit:
        again = [s for s in sets.members if s.model.needs_fit and s.is_fitted]
        if again:
            refitted = [replace(s, is_fitted=False, holds=True) for s in again]
            looked_at.append(_post_group(work, sets.journey_set_id, refitted, EVERYTHING, reasons.REFIT))
    return looked_at


def _post_group(
    work: _Work, journey_set_id: int, group: list[CreditSet], reach: Affected, reason: int | None = None
) -> _LookedAt:
    connection, window = work.connection, work.window
    conversions = refresh(connection, work.settings, work.kind, reach.objects)
    dimensions = tuple(dict.fromkeys(name for s in group for name in s.model.dimensions))
    journeys, stands = journeys_of(
        connection, work.kind, conversions, window,
        milestones=tuple(dict.fromkeys(name for s in group for name in s.model.milestones)),
        dimensions=dimensions,
    )  # fmt: skip
    if stands.any():
        _keep_journeys(connection, journey_set_id, conversions.ids[~stands], journeys.take(~stands))
    else:
        _keep_journeys(connection, journey_set_id, conversions.ids, journeys)
    if reach.objects is None:
        work.result.notes += _unknown_milestones(work.goals, group, journeys)
    group = [s for s in _learned(work, group, conversions, journeys, dimensions) if s.is_fitted]
    why = _why(conversions, reach) if reason is None else np.full(len(conversions), reason)
    for member in group:
        work.result.notes += _unseen(work.goals, member, journeys)
        shares = member.model.shares_and_fallbacks(journeys)
        if len(shares.shared_equally):
            work.result.notes.append(
                f"{member.model.label}: journeys without any weight, which were shared equally: "
                f"{len(shares.shared_equally):,}"
            )
        entries = wanted_entries(conversions, journeys, shares.values)
        posting = Posting(member.number, work.result.run_id or 0, not member.holds, why)
        count = post(connection, conversions, entries, posting)
        work.result.posted.append(Posted(work.goals, member.model.label, len(conversions), count))
    numbers = [s.number for s in group]
    connection.execute(
        update(credit_set)
        .where(credit_set.c.credit_set_id.in_(numbers))
        .values(seen_touch=work.now.touch, seen_change=work.now.change)
    )
    return numbers, None if reach.objects is None else conversions.ids


def _unknown_milestones(goals: Sequence[str], group: Sequence[CreditSet], journeys: Journeys) -> list[str]:
    """Tell of milestones that no journey has: a name is probably misspelt, or its times are not imported."""
    absent = {name for name, touches in journeys.milestones.items() if (touches < 0).all()}
    if not journeys.n_touches or not absent:
        return []
    return [
        f"{member.model.label}, goal {goals[0]}: no journey reached the milestone {name!r}, so its share "
        "went to the others; milestones are lead, mql, sqo, opportunity and the stages of the table `stages`"
        for member in group
        for name in member.model.milestones
        if name in absent
    ]


def _unseen(goals: Sequence[str], member: CreditSet, journeys: Journeys) -> list[str]:
    """Tell of channels that came up after a model learned: it holds them to be worth nothing."""
    names = member.model.unseen(journeys) if member.model.is_fitted else ()
    if not names:
        return []
    return [
        f"{member.model.label}, goal {goals[0]}, learned before it saw {', '.join(names)}, and credits "
        f"nothing there; let it learn again with: attribution model fit {shlex.quote(member.model.label)}"
    ]


def _learned(
    work: _Work, group: list[CreditSet], conversions: Conversions, journeys: Journeys,
    dimensions: tuple[str, ...],
) -> list[CreditSet]:  # fmt: skip
    """Fit the models that need it; the conversions are all there are."""
    if all(s.is_fitted for s in group):
        return group
    from attribution.ledger.learn import learn  # brings half of scipy, which most runs do not need

    work.tell("reading null journeys", 0, None)
    corpus = make_corpus(
        work.connection, work.kind, conversions, journeys, work.window,
        dimensions=dimensions, as_of=work.options.as_of,
    )  # fmt: skip
    if not corpus.journeys.n_journeys:
        return [member if member.is_fitted else _untaught(work, member, corpus) for member in group]
    ready = []
    for member in group:
        if member.is_fitted:
            ready.append(member)
            continue
        model, trust = learn(member.model, corpus, progress=work.tell)
        fit = keep_fit(
            work.connection, member.number, as_of=corpus.as_of, learned=dict(model.fitted), trust=trust,
            fingerprint=int(work.settings.internal(FINGERPRINT) or 0),
        )  # fmt: skip
        work.result.fits.append(FitMade(work.goals, member.number, model.label, fit))
        ready.append(replace(member, model=model, is_fitted=True))
    return ready


def _untaught(work: _Work, member: CreditSet, corpus: Corpus) -> CreditSet:
    """Return a model that has nothing to learn from. No fit is kept; one that it had is left as it is."""
    work.result.notes.append(
        f"{member.model.label}, goal {work.goals[0]}: no conversion with a touch up to "
        f"{clock.iso(corpus.as_of)}, so there is nothing to learn from"
    )
    if member.model.is_fitted:
        return member
    return replace(member, model=replace(member.model).fit(corpus.journeys), is_fitted=True)


def _why(conversions: Conversions, reach: Affected) -> Ints:
    """Return the reason of each conversion that was looked at."""
    why = np.full(len(conversions), reasons.RECOMPUTED)
    if reach.objects is not None and len(reach.objects):
        order = np.argsort(reach.objects)
        at = order[np.searchsorted(reach.objects, conversions.objects, sorter=order)]
        why = reach.reasons[at]
    return why


def _keep_journeys(connection: Connection, number: int, conversions: Ints, journeys: Journeys) -> None:
    """Keep the journeys as they were credited: reports count assists and paths from them."""
    with temporary(connection, wanted=conversions) as wanted:
        connection.execute(
            delete(journey_touch).where(
                journey_touch.c.journey_set_id == number,
                journey_touch.c.conversion_id.in_(select(wanted.c.wanted)),
            )
        )
    order = np.argsort(conversions, kind="stable")
    sorted_journeys = journeys if (np.diff(order) == 1).all() else journeys.take(order)
    offsets, lengths = sorted_journeys.offsets, sorted_journeys.lengths
    insert_columns(
        connection,
        journey_touch,
        {
            "journey_set_id": number,
            "conversion_id": np.repeat(conversions[order], lengths),
            "position": np.arange(sorted_journeys.n_touches) - np.repeat(offsets[:-1], lengths),
            "touch": sorted_journeys.touch,
            "at": sorted_journeys.at,
            "placement_id": sorted_journeys.placement,
            "person_id": sorted_journeys.person,
        },
    )


def _record(
    connection: Connection, result: RunResult, models: Sequence[AttributionModel],
    goals: list[tuple[str, ...]],
    window: Window, now: Watermark, entries: int,
) -> None:  # fmt: skip
    options = {
        "goals": [name for names in goals for name in names],
        "models": [{"name": m.name, "version": m.version, "parameters": m.params()} for m in models],
        "lookback": window.lookback,
        "scope": window.scope,
        "kinds": window.kinds.split(),
    }
    settings = Settings(connection)
    versions = {
        "package": version("closed-loop-attribution"),
        "channel_rules": channel_rules_version(settings),
        "identity_rules": IDENTITY_VERSION,
    }
    connection.execute(
        insert(run_table).values(
            run_id=result.run_id,
            posted_at=clock.now_micros(),
            options=json.dumps(options, sort_keys=True),
            versions=json.dumps(versions, sort_keys=True),
            fingerprint=int(settings.internal(FINGERPRINT) or 0),
            entries=entries,
        )
    )
