"""`channels`: how one visit is placed, which rules there are, and placing every touch by them now."""

from __future__ import annotations

from attribution import clock
from attribution.channels.classify import classify
from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.channels.rules import UNASSIGNED, RuleSet, default_rules
from attribution.labels import NOT_SET
from attribution.metrics.answer import Answer, Row
from attribution.sources.visit import parse_visit
from attribution.store.database import Database
from attribution.store.dimensions import channel_rules_version, own_domains, reclassify, store_rules
from attribution.store.platform_names import names_for
from attribution.store.settings import Settings


def channels_test(
    url: str, referrer: str | None = None, *, db: Database | None = None, store: str = ""
) -> Answer:
    """Place one visit by the channel rules.

    Args:
        url: the landing page.
        referrer: the page before.
        db: the store whose own sites, rules and campaign names count; none: the package's rules.
        store: what the answer calls the store, where there is none.

    >>> channels_test("https://acme.com/?utm_source=google&utm_medium=cpc").rows[0]["channel"]
    'Paid Search'
    """
    origin = parse_visit(url, referrer)
    if db is None:
        placed = classify(origin)
    else:
        with db.read() as connection:
            settings = Settings(connection)
            placed = classify(
                origin,
                own_domains=own_domains(settings),
                rules=store_rules(settings),
                names=names_for(connection, origin),
            )
    columns = (*PLACEMENT_FIELDS, "rule")
    answer = _answer(
        "channels test", db, store, [{name: placed[name].iloc[0] for name in columns}],
        dict.fromkeys(columns, "text"), "Placement",
    )  # fmt: skip
    if origin["landing_host"].iloc[0] is None and not url.startswith("/"):
        answer.warnings.append(
            f"{url!r} is no address of a page; write one such as https://acme.com/?utm_source=google"
        )
    return answer


def channels_list(db: Database | None = None, *, store: str = "") -> Answer:
    """List the channel rules in the order in which they are tried.

    Returns:
        rows `number channel when rules version`: the first rule that holds decides; `rules` says whose it is,
        the package's or the store's own.
    """
    rules: RuleSet = default_rules()
    version = str(rules.version)
    if db is not None:
        with db.read() as connection:
            settings = Settings(connection)
            rules, version = store_rules(settings), channel_rules_version(settings)
    rows: list[Row] = [
        {
            "number": i,
            "channel": rule.channel,
            "when": rule.words,
            "rules": "store" if rule.own else "package",
            "version": version,
        }
        for i, rule in enumerate(rules.rules, 1)
    ]
    rows.append(
        {"number": len(rows) + 1, "channel": UNASSIGNED, "when": "no rule holds", "rules": "package",
         "version": version}
    )  # fmt: skip
    columns = {"number": "count", **dict.fromkeys(("channel", "when", "rules", "version"), "text")}
    return _answer("channels list", db, store, rows, columns, f"Channel rules, version {version}")


def channels_reclassify(db: Database) -> Answer:
    """Place every touch and every row of spend by the rules, sites and names of now.

    Returns:
        rows `before after origins`: how many origins (distinct sets of what touches say of where they came
        from) moved from which channel to which; credit follows at the next run.
    """
    with db.write() as connection:
        moved = reclassify(connection, Settings(connection), everything=True)
    rows = [
        {"before": one.before or NOT_SET, "after": one.after or NOT_SET, "origins": one.origins}
        for one in moved
    ]
    answer = _answer(
        "channels reclassify", db, "", rows, {"before": "text", "after": "text", "origins": "count"},
        "Moved to another channel, or to another name in the same one" if rows else "Nothing moved",
    )  # fmt: skip
    answer.totals["origins"] = sum(one.origins for one in moved)
    if rows:
        answer.warnings.append("credit follows at the next: attribution run")
    return answer


def _answer(
    verb: str, db: Database | None, store: str, rows: list[Row], columns: dict[str, str], title: str
) -> Answer:
    return Answer(
        verb=verb, store=store if db is None else db.label, as_of=clock.iso(clock.now_micros()), rows=rows,
        columns=columns, title=title,
    )  # fmt: skip
