"""A store and everything that can be asked of it: the verbs of the command line as methods.

`Store` holds no logic of its own: each verb opens what it needs and calls the function that does the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from sqlalchemy import Connection, insert, select

from attribution import clock
from attribution.errors import AttributionEngineError, InputError, UnknownNameError
from attribution.loading.importer import ImportOptions, Progress, import_file, options_by_table
from attribution.loading.result import FileResult
from attribution.metrics.answer import Answer
from attribution.models.base import AttributionModel
from attribution.models.registry import get_model, get_models
from attribution.store import schema
from attribution.store.database import Database
from attribution.store.model_settings import MODEL_SETTINGS
from attribution.store.settings import SETTINGS, Settings, declaration, read_file

if TYPE_CHECKING:
    import networkx as nx

_COUNTS = ("read", "accepted", "updated", "duplicate", "conflict", "rejected")


class Store:
    """An open store; use it as a context manager, or close it.

    >>> with Store.open("sqlite://") as store:
    ...     store.config_set("timezone", "Europe/London").rows[0]["value"]
    'Europe/London'
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """Open a store by its SQLAlchemy URL; see :meth:`attribution.store.database.Database.open`."""
        return cls(Database.open(url, create=create))

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """Hold one state of the store for several questions; what they share is read once.

        Only for questions: what is written meanwhile, by whomever, is not seen.

        >>> with Store.open("sqlite://") as store, store.snapshot() as seen:
        ...     seen.identity_decisions().rows
        []
        """
        with self.db.snapshot() as seen:
            yield type(self)(seen)

    def close(self) -> None:
        """Close the store."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- in -----------------------------------------------------------------------------------------

    def import_table(
        self,
        table: str,
        *sources: str | Path,
        timezone: str | None = None,
        dry_run: bool = False,
        keep_query: Sequence[str] = (),
        mapping: str | None = None,
        further: Mapping[str, str | Path] | None = None,
        fixed: Mapping[str, str] | None = None,
        form: str | None = None,
        stdin: BinaryIO | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """Import files of one canonical table, each in one transaction; a row of counts for each file.

        Args:
            table: the canonical table; of files of which a mapping makes several, those with commas between:
                `leads,identities`.
            sources: paths; `-` is `stdin`.
            timezone: IANA zone of times without an offset.
            dry_run: read, check and count, and store nothing.
            keep_query: URL parameters to keep.
            mapping: how another system's files become the table: a name of `attribution import --list`, or
                the path of a mapping of your own.
            further: files that the mapping looks up in, by the names that it has for them.
            fixed: values by column of the table, for rows that have none.
            form: what the files are, such as `jsonl`, whatever their extension says; default for `-`: `csv`.
            stdin: what `-` reads.
            progress: called as the work goes on.

        Raises:
            InputError: a file that cannot be read as the table; files before it are loaded.
        """
        options = ImportOptions(
            timezone, frozenset(keep_query), dry_run, mapping, dict(further or {}), dict(fixed or {}), form
        )
        each = options_by_table(table, options)
        if len(each) > 1 and "-" in map(str, sources):
            raise InputError("standard input can be read once only; name one table, or give a file")
        results = [
            import_file(self.db, name, source, its, stdin=stdin, progress=progress)
            for source in sources
            for name, its in each.items()
        ]
        return self._import_answer(results)

    def pull(
        self,
        source: str,
        *,
        since: str | None = None,
        only: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Answer:
        """Fetch what changed in another system since the last time; see :mod:`attribution.pulls.pull`.

        Args:
            source: a name of `attribution pull --list`.
            since: a day, YYYY-MM-DD, where that is before what is pulled anyway.
            only: names of streams; all of them by default.
            progress: called as the work goes on.

        Returns:
            A row for each account and stream; `state` is done, failed or overtaken (by another pull).

        Raises:
            InputError: credentials are missing, or a name or the day is wrong.
            PullError: the platform lets nobody in, or does not answer.
        """
        from attribution.pulls.answers import pulled
        from attribution.pulls.pull import pull

        return pulled(self.db.label, pull(self.db, source, since=since, only=only, progress=progress))

    def pull_list(self, source: str | None = None) -> Answer:
        """What can be pulled from, what each source needs, and how far each stream came."""
        from attribution.pulls.answers import pull_list
        from attribution.pulls.cursors import read_cursors

        with self.db.read() as connection:
            return pull_list(self.db.label, read_cursors(connection), source)

    def send(self, destination: str, **options: Any) -> Answer:
        """Tell an ad platform what the ledger says; see :func:`attribution.outbox.send.send`."""
        from attribution.outbox.send import send

        return send(self.db, destination, **options)

    def send_status(self, destination: str | None = None, **options: Any) -> Answer:
        """Where conversions stand with destinations; see :func:`attribution.outbox.status.status`."""
        from attribution.outbox.status import status

        return status(self.db, destination, **options)

    def _import_answer(self, results: Sequence[FileResult]) -> Answer:
        warnings = []
        several = len({r.table for r in results}) > 1
        for r in results:
            if r.unknown_columns:
                warnings.append(f"{r.file}: unknown columns were ignored: {', '.join(r.unknown_columns)}")
            about = f"{r.file} ({r.table})" if several else r.file
            warnings += [f"{about}: {text}" for text in r.warnings]
            if r.rejected_file is not None:
                bad = r.rejected + r.conflict
                rows = "row" if bad == 1 else "rows"
                warnings.append(
                    f"{r.file}: {bad} {rows} did not load; each with its reason is in {r.rejected_file}"
                )
            if r.dry_run:
                warnings.append(f"{r.file}: dry run, nothing was stored")
        return Answer(
            verb="import",
            store=self.db.label,
            as_of=clock.iso(clock.now_micros()),
            rows=[{"table": r.table, "file": r.file, **{n: getattr(r, n) for n in _COUNTS}} for r in results],
            totals={n: sum(getattr(r, n) for r in results) for n in _COUNTS},
            warnings=warnings,
            columns={"table": "text", "file": "text", **dict.fromkeys(_COUNTS, "count")},
            title="Imported",
        )

    # --- configuration ------------------------------------------------------------------------------

    def config_list(self) -> Answer:
        """Return every setting with its value and what it means."""
        return self._config(list(SETTINGS))

    def config_get(self, name: str) -> Answer:
        """Return one setting."""
        declaration(name)
        return self._config([name])

    def config_set(self, name: str, value: str) -> Answer:
        """Check and keep one setting."""
        return self.config_update({name: value})

    def config_file(self, path: str | Path) -> Answer:
        """Check and keep the settings of a TOML file, all or none."""
        return self.config_update(settings_of_file(path))

    def config_update(self, values: dict[str, str]) -> Answer:
        """Check and keep several settings, all or none."""
        with self.db.write() as connection:
            settings = Settings(connection)
            for name, value in values.items():
                before = settings.get(name)
                if name == "reporting_currency" and before not in (None, value) and _has_run(connection):
                    raise InputError(
                        f"reporting_currency is {before} since the first run, and cannot become {value}: the "
                        "ledger is in it; make another store, or read one currency with --currency"
                    )
                kept = settings.set(name, checked_setting(name, value))
                if kept != before and declaration(name).restates:
                    connection.execute(insert(schema.change).values(kind=schema.CHANGE_ALL, ref=0))
        return self._config(list(values))

    def _config(self, names: Sequence[str]) -> Answer:
        with self.db.read() as connection:
            settings = Settings(connection)
            rows = [
                {
                    "setting": name,
                    "value": settings.get(name),
                    "set": "store" if settings.is_set(name) else "default",
                    "meaning": declaration(name).meaning,
                }
                for name in names
            ]
        return Answer(
            verb="config", store=self.db.label, as_of=clock.iso(clock.now_micros()), rows=rows,
            columns=dict.fromkeys(("setting", "value", "set", "meaning"), "text"), title="Settings",
        )  # fmt: skip

    # --- run ----------------------------------------------------------------------------------------

    def run(
        self,
        *,
        models: Sequence[str | AttributionModel] | None = None,
        goals: Sequence[str] | None = None,
        lookback: str | None = None,
        scope: str | None = None,
        kinds: str | None = None,
        full: bool = False,
        progress: Progress | None = None,
    ) -> Answer:
        """Resolve identities, build journeys and post credits: only what changed since the last time."""
        from attribution.ledger.run import RunOptions, run

        result = run(self.db, RunOptions(models, goals, lookback, scope, kinds, full), progress=progress)
        rows = [
            {"goals": " ".join(p.goals), "model": p.model, "conversions": p.conversions, "entries": p.entries}
            for p in result.posted
        ]
        return Answer(
            verb="run",
            store=self.db.label,
            as_of=clock.iso(clock.now_micros()),
            currency=result.currency,
            lookback=result.lookback,
            scope=result.scope,
            rows=rows,
            totals={"entries": sum(p.entries for p in result.posted)},
            warnings=result.notes,
            columns={"goals": "text", "model": "text", "conversions": "count", "entries": "count"},
            title="Posted" if result.run_id is not None else "Nothing new to post",
        )

    # --- models -------------------------------------------------------------------------------------

    def model_list(self) -> Answer:
        """Every model that is installed; see :mod:`attribution.metrics.model_list`."""
        from attribution.metrics.model_list import model_list

        return model_list(self.db.label)

    def model_show(self, model: str, **options: Any) -> Answer:
        """What a model learned, beside what it credits; see :mod:`attribution.metrics.model_show`."""
        from attribution.metrics.model_show import model_show

        return model_show(self.db, model, **options)

    def fitted_model(
        self,
        model: str,
        *,
        goal: str | None = None,
        lookback: str | None = None,
        scope: str | None = None,
        kinds: str | None = None,
    ) -> AttributionModel:
        """Return a model as the store last ran it, with its newest fit, to be asked in Python.

        Raises:
            InputError: it was never run for this goal and window.
        """
        from attribution.ledger.credit_sets import stored_model
        from attribution.metrics.selection import select_credits

        with self.db.read() as connection:
            found = select_credits(
                connection, model=model, goal=goal, lookback=lookback, scope=scope, kinds=kinds
            )
            return stored_model(connection, found.credit_set_id)

    def model_fit(
        self,
        models: Sequence[str | AttributionModel] | None = None,
        *,
        goals: Sequence[str] | None = None,
        lookback: str | None = None,
        scope: str | None = None,
        kinds: str | None = None,
        as_of: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """Let models learn again, post what that moves, and tell it by channel and month.

        Args:
            models: those that learn; none: all such models of the setting `models`.
            goals, lookback, scope, kinds: which journeys; the store's own by default.
            as_of: learn from touches and conversions up to the end of this day only.
            progress: called as the work goes on.

        Raises:
            InputError: a model that learns nothing.
        """
        from attribution.ledger.learn import require_learning
        from attribution.ledger.run import RunOptions, run
        from attribution.metrics.model_fit import model_fit
        from attribution.metrics.selection import read_day

        with self.db.read() as connection:
            settings = Settings(connection)
            timezone = settings.require("timezone")
            chosen = get_models(models or settings.require("models").split())
        if models is None:
            chosen = [model for model in chosen if model.needs_fit]
        require_learning(chosen)
        day = read_day(as_of, "--as-of")
        until = None if day is None else clock.day_bounds(day, timezone)[1]
        options = RunOptions(chosen, goals, lookback, scope, kinds, refit=True, as_of=until)
        return model_fit(self.db, run(self.db, options, progress=progress))

    def model_trust(self, models: Sequence[str | AttributionModel] | None = None, **options: Any) -> Answer:
        """Intervals, and how stable an order is; see :mod:`attribution.metrics.model_trust`."""
        from attribution.metrics.model_trust import model_trust

        return model_trust(self.db, models, **options)

    # --- people -------------------------------------------------------------------------------------

    def forget(self, *, dry_run: bool = False, progress: Progress | None = None, **named: str) -> Answer:
        """Erase a person for good, and keep the totals; see :mod:`attribution.privacy.forget`.

        Args:
            named: whom: one or several of `email phone user lead contact visitor`.
            dry_run: tell what would go, and change nothing.
            progress: called as the work goes on.

        Returns:
            A receipt: a row for each table and file, `where name what rows`, where `name` says in plain words
            what the table holds; no value of the person is in it.

        Raises:
            InputError: nobody or several people are named.
        """
        from attribution.privacy.forget import forget
        from attribution.privacy.forget_receipt import NOBODY

        receipt = forget(self.db, named, dry_run=dry_run, progress=progress)
        held = [] if receipt.is_held else [NOBODY]
        done = "Forgotten" if receipt.is_held else "Nobody forgotten"
        if dry_run:
            done = "Would be forgotten" if receipt.is_held else "Nobody would be forgotten"
        rows = [
            {"where": line.where, "name": line.name, "what": line.what, "rows": line.rows}
            for line in receipt.lines
        ]
        return Answer(
            verb="forget", store=self.db.label, as_of=clock.iso(clock.now_micros()), rows=rows,
            totals={"conversions_frozen": receipt.frozen, "tombstones": receipt.tombstones},
            warnings=[*held, *receipt.notes, *(["dry run, nothing was changed"] if dry_run else [])],
            columns={"where": "text", "name": "text", "what": "text", "rows": "count"},
            title=done,
        )  # fmt: skip

    def export_person(self, **named: str) -> Answer:
        """Everything held about one person; see :mod:`attribution.privacy.export_person`.

        Args:
            named: whom: one or several of `email phone user lead contact visitor`.

        Returns:
            One row, the document: `held_nothing asked_for consent` and a list a section.

        Raises:
            InputError: nobody or several people are named.
        """
        from attribution.privacy.export_person import SECTIONS, export_person

        found = export_person(self.db, named)
        return Answer(
            verb="export-person", store=self.db.label, as_of=clock.iso(clock.now_micros()),
            rows=[found.document], totals={name: len(found.document[name]) for name in SECTIONS},
            warnings=found.notes, columns=dict.fromkeys(found.document, "mixed"),
            title="Everything held about one person",
        )  # fmt: skip

    def retain(self, *, anonymous: str, dry_run: bool = False, progress: Progress | None = None) -> Answer:
        """Remove old touches of visitors never identified; see :mod:`attribution.privacy.retain`.

        Args:
            anonymous: how old, such as `400d`.
            dry_run: count, and change nothing.
            progress: called as the work goes on.

        Raises:
            InputError: not a duration.
        """
        from attribution.privacy.retain import retain

        found = retain(self.db, anonymous, dry_run=dry_run, progress=progress)
        removed = {
            "touches": int(found.counts["touches"].sum()), "visitors": found.visitors,
            "page_views": found.views, "pages": found.pages, "user_agents": found.agents,
            "leases": found.leases, "refusals": found.refusals,
        }  # fmt: skip
        return Answer(
            verb="retain", store=self.db.label, as_of=clock.iso(clock.now_micros()),
            rows=[{"what": name, "removed": count} for name, count in removed.items()],
            totals={"touches": removed["touches"], "before": clock.iso(found.before)},
            warnings=[*found.notes, *(["dry run, nothing was removed"] if dry_run else [])],
            columns={"what": "text", "removed": "count"},
            title="Would be removed" if dry_run else "Removed",
        )  # fmt: skip

    def touch_counts(self) -> Answer:
        """What `retain` left of touches, by day; see :mod:`attribution.metrics.touch_counts`."""
        from attribution.metrics.touch_counts import touch_counts

        return touch_counts(self.db)

    # --- who is who ---------------------------------------------------------------------------------

    def identity_show(self, identifier: str, *, at: str | None = None) -> Answer:
        """The person of an identifier, and why; see :mod:`attribution.metrics.identity_show`."""
        from attribution.metrics.identity_show import identity_show

        return identity_show(self.db, identifier, at=at)

    def identity_graph(self, identifier: str, *, at: str | None = None) -> nx.MultiGraph[str]:
        """The evidence of that person as a graph; see :mod:`attribution.metrics.identity_show`."""
        from attribution.metrics.identity_show import identity_graph

        return identity_graph(self.db, identifier, at=at)

    def identity_split(self, a: str, b: str, *, why: str, who: str | None = None) -> Answer:
        """Let two identifiers be two people's; see :mod:`attribution.metrics.identity_decide`."""
        from attribution.metrics.identity_decide import split

        return split(self.db, a, b, why=why, who=who)

    def identity_join(self, a: str, b: str, *, why: str, who: str | None = None) -> Answer:
        """Let two identifiers be one person's; see :mod:`attribution.metrics.identity_decide`."""
        from attribution.metrics.identity_decide import join

        return join(self.db, a, b, why=why, who=who)

    def identity_exclude(self, a: str, *, why: str, who: str | None = None) -> Answer:
        """Let an identifier be nobody's; see :mod:`attribution.metrics.identity_decide`."""
        from attribution.metrics.identity_decide import exclude

        return exclude(self.db, a, why=why, who=who)

    def identity_undo(self, number: int, *, why: str, who: str | None = None) -> Answer:
        """Take a decision back; see :mod:`attribution.metrics.identity_decide`."""
        from attribution.metrics.identity_decide import undo

        return undo(self.db, number, why=why, who=who)

    def identity_decisions(self) -> Answer:
        """Every decision about who is who; see :mod:`attribution.metrics.identity_decide`."""
        from attribution.metrics.identity_decide import decisions

        return decisions(self.db)

    # --- answers ------------------------------------------------------------------------------------

    def report(self, by: str | Sequence[str] = ("channel",), **options: Any) -> Answer:
        """Value, spend, leads, assists and ROI per dimension; see :mod:`attribution.metrics.report`."""
        from attribution.metrics.report import report

        return report(self.db, _names(by), **options)

    def compare(
        self,
        by: str | Sequence[str] = ("channel",),
        models: Sequence[str | AttributionModel] | None = None,
        **options: Any,
    ) -> Answer:
        """One column a model; see :mod:`attribution.metrics.compare`."""
        from attribution.metrics.compare import compare

        # a model itself means its credits: compare reads the ledger
        named = [model.label if isinstance(model, AttributionModel) else model for model in models or ()]
        return compare(self.db, _names(by), named or None, **options)

    def kpis(self, by: str | Sequence[str] = (), **options: Any) -> Answer:
        """The KPI catalogue; see :mod:`attribution.metrics.kpis`."""
        from attribution.metrics.kpis import kpis

        return kpis(self.db, _names(by), **options)

    def cohorts(self, **options: Any) -> Answer:
        """Leads by the month of their creation, by age; see :mod:`attribution.metrics.cohorts`."""
        from attribution.metrics.cohorts import cohorts

        return cohorts(self.db, **options)

    def predict(self, by: str | Sequence[str] = (), **options: Any) -> Answer:
        """Expected revenue of open leads; see :mod:`attribution.metrics.predict.predict`."""
        from attribution.metrics.predict.predict import predict

        return predict(self.db, _names(by), **options)

    def recommend(self, by: str | Sequence[str] = ("channel",), **options: Any) -> Answer:
        """What works and what does not, and how sure that is; see :mod:`attribution.metrics.recommend`."""
        from attribution.metrics.recommend import recommend

        return recommend(self.db, _names(by), **options)

    def explain(self, what: str, key: str, **options: Any) -> Answer:
        """The evidence behind a deal, lead or touch; see :mod:`attribution.metrics.explain`."""
        from attribution.metrics.explain import explain

        return explain(self.db, what, key, **options)

    def evidence_graph(self, what: str, key: str) -> nx.MultiGraph[str]:
        """The evidence behind a deal, lead or touch as a graph; see :mod:`attribution.metrics.explain`."""
        from attribution.metrics.explain import evidence_graph

        return evidence_graph(self.db, what, key)

    def paths(self, **options: Any) -> Answer:
        """The commonest journeys, their length and time lag; see :mod:`attribution.metrics.paths`."""
        from attribution.metrics.paths import paths

        return paths(self.db, **options)

    def transition_graph(self, **options: Any) -> nx.DiGraph[str]:
        """Which touch follows which, as a graph; see :mod:`attribution.metrics.transitions`."""
        from attribution.metrics.transitions import transition_graph

        return transition_graph(self.db, **options)

    def changes(self, since: str, **options: Any) -> Answer:
        """What moved in the ledger and why; see :mod:`attribution.metrics.changes`."""
        from attribution.metrics.changes import changes

        return changes(self.db, since, **options)

    def doctor(self) -> Answer:
        """What is wrong with the data; see :mod:`attribution.metrics.doctor`."""
        from attribution.metrics.doctor import doctor
        from attribution.outbox.doctor_deliveries import CHECKS

        return doctor(self.db, CHECKS)

    def report_html(self, path: str | Path, **options: Any) -> Path:
        """The self-contained report as one file; see :mod:`attribution.report.compose`."""
        from attribution.report.compose import report_html

        return report_html(self.db, path, **options)

    def channels_test(self, url: str, referrer: str | None = None) -> Answer:
        """How the channel rules place one visit, and by which rule."""
        from attribution.metrics.channel_rules import channels_test

        return channels_test(url, referrer, db=self.db)

    def channels_list(self) -> Answer:
        """The channel rules in their order; see :mod:`attribution.metrics.channel_rules`."""
        from attribution.metrics.channel_rules import channels_list

        return channels_list(self.db)

    def channels_reclassify(self) -> Answer:
        """Place every touch by the rules of now; see :mod:`attribution.metrics.channel_rules`."""
        from attribution.metrics.channel_rules import channels_reclassify

        return channels_reclassify(self.db)


def settings_of_file(path: str | Path) -> dict[str, str]:
    """Read and check the settings of a TOML file; needs no store.

    Raises:
        InputError: names the file, the setting and what is wrong.
    """
    values = read_file(Path(path))
    for name, value in values.items():
        try:
            checked_setting(name, value)
        except AttributionEngineError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return values


def checked_setting(name: str, value: str) -> str:
    """Return a setting's value as the store keeps it; needs no store.

    Raises:
        InputError, ModelError: it cannot be meant.
    """
    kept = declaration(name).parse(value)
    previous = ""
    for spec in kept.split() if name in MODEL_SETTINGS else ():  # the registry stands above the store
        try:
            get_model(spec)
        except UnknownNameError as error:
            if "=" not in previous or ":" in spec:
                raise
            raise InputError(
                f"{error}; if {spec!r} belongs to {previous!r}, write the blank between them as %20"
            ) from None
        previous = spec
    return kept


def _has_run(connection: Connection) -> bool:
    return connection.execute(select(schema.run.c.run_id).limit(1)).scalar() is not None


def open_store(url: str, *, create: bool = True) -> Store:
    """Open a store: `sqlite:///FILE.db`, or `postgresql+psycopg://USER@HOST/NAME` for a team.

    Args:
        url: a SQLAlchemy URL.
        create: make the store where there is none.
    """
    return Store.open(url, create=create)


def _names(by: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(by.replace(",", " ").split()) if isinstance(by, str) else tuple(by)
