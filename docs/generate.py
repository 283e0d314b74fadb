"""Write the parts of the pages that follow from the code: tables, settings, models, figures.

    python docs/generate.py

A part stands between `<!-- generated: NAME -->` (or `NAME OF_WHAT`) and `<!-- end -->`; a test fails when
one is not current. What a column means is said here, and every column must be: a new one without a sentence
stops the script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap

from attribution.destinations.crm import FIELDS
from attribution.destinations.destination import Destination
from attribution.destinations.registry import destination_names, get_destination
from attribution.metrics.dimensions import ALL, MARKETING
from attribution.metrics.kpi_catalogue import FAMILIES, KPIS, Kpi
from attribution.metrics.kpi_dimensions import bases_of, dimensions_of
from attribution.metrics.measures.responses import NOBODY_REACHED
from attribution.pulls.registry import get_source, source_names
from attribution.sources.mapping.declared import looked_up
from attribution.sources.mapping.read import built_in
from attribution.sources.tables import TABLES, Column, Table
from attribution.store.settings import GOALS, SETTINGS

FOLDER = Path(__file__).parent
_PART = re.compile(r"(<!-- generated: (\w+)(?: (\w+))? -->\n).*?(<!-- end -->)", re.DOTALL)

_ABOUT = {
    "touches": "Visits and other contacts: what somebody did before anybody knew them. One row a contact.",
    "pageviews": "Pages that visitors looked at, one row a view. They become sessions, and each session is a "
    "touch: its first view says where it came from. A new one begins after half an hour of silence "
    "(`session_gap`), or with a view that comes from elsewhere.",
    "identities": "Evidence that identifiers belonged to one person: a form, a login, a call. One row an "
    "observation, with two or more identifiers.",
    "leads": "People who became known: a row of your CRM or form tool each.",
    "deals": "Opportunities and what became of them. One row a deal.",
    "deal_contacts": "Which people a deal has, where your CRM exports that apart, as most do. The rows add "
    "to those whom the deal's own row names, before it or after it; a deal row that comes again keeps them.",
    "stages": "Any further stage history of leads and deals. Models of milestones read it: a stage's name is "
    "a milestone, and `mql` or `sqo` here count where the lead has no such time.",
    "adjustments": "Refunds, credit notes, extra invoices: money that changed after the deal closed.",
    "spend": "What advertising cost, by day and whatever dimensions you know.",
    "spend_names": "What campaigns and ads of your cost reports are called in your touches, where the names "
    "differ. [How spend meets touches](spend.md)",
    "meetings": "Meetings with leads and contacts. One that was held is a touch of kind `meeting`, with the "
    "id `meeting:` and yours.",
    "calls": "The call log of your telephone system. Each call is a touch of kind `call`, with the id "
    "`call:` and yours; the number it reached says whose it is. [Calls](calls.md)",
    "leases": "To whom a number was shown, and from when to when. [Calls](calls.md)",
    "tracking_numbers": "The numbers that calls are counted by, and what a number stands for that is shown "
    "to everybody. [Calls](calls.md)",
    "email_stats": "Mailing statistics by day and campaign, for `email_performance`.",
    "social_stats": "Social statistics by day, source and campaign, for `engagement`.",
    "rates": "Exchange rates into the reporting currency.",
}

# what a column means, wherever it stands; `table.column` where a table means something of its own
_MEANS = {
    "account": "the company: its name, site, domain or CRM id",
    "answered": "whether somebody took the call",
    "ad": "ad or its content",
    "ad_group": "ad group or ad set",
    "ad_group_id": "the platform's number of the ad group",
    "ad_id": "the platform's number of the ad",
    "amount": "what the deal is worth; required when won",
    "at": "when it happened",
    "call_id": "your id of the call",
    "caller": "the telephone number that called; empty: withheld",
    "campaign": "campaign name",
    "campaign_id": "the platform's number of the campaign",
    "channel": "given: final; otherwise the rules decide",
    "click_id": "a click id that is not in the URL",
    "clicks": "clicks",
    "closed_at": "when it was won or lost; required then",
    "comments": "comments",
    "consent": "what the person agreed to (see Consent)",
    "cost": "what was spent",
    "created_at": "when the record was created",
    "currency": "of the amount; required beside one",
    "date": "the day",
    "deal_id": "the CRM's own id",
    "delivered": "mails delivered",
    "disqualified_at": "when the lead was given up",
    "duration_seconds": "how long it took",
    "email": "mail address",
    "emails": "the deal's contacts",
    "engaged_seconds": "how long the page was in view",
    "fallback": "whether it is shown to everybody when its pool has run dry: a call to it ties nobody",
    "forwards": "forwards",
    "held_at": "when it took place; empty: not yet, or not at all",
    "impressions": "impressions",
    "industry": "the lead's industry",
    "keyword": "keyword",
    "keyword_id": "the platform's number of the keyword",
    "lead_id": "the CRM's own id",
    "leased_at": "from when on the number was shown to this visitor",
    "likes": "likes",
    "list_size": "subscribers at the day's end",
    "medium": "such as `cpc` or `email`; small letters",
    "meeting_id": "your id of the meeting",
    "mql_at": "when it became marketing qualified",
    "network": "of a Google ad: search, display, video, shopping, cross-network",
    "opens": "opens",
    "owner": "the sales rep",
    "page_views": "pages seen in the visit",
    "phone": "telephone number",
    "platform": "the advertising platform",
    "pool": "the pool that it is leased from",
    "rate": "units of the reporting currency for one unit of `currency`",
    "reason": "why, in your words",
    "recurring_amount": "what the contract brings in each interval",
    "recurring_from": "when it begins",
    "recurring_interval": "required beside `recurring_amount`",
    "recurring_until": "when it ended; empty: still active",
    "referrer": "the page before; only its host is kept",
    "released_at": "until when; empty: still, or not known yet",
    "requested_at": "when the lead asked to be contacted",
    "responded_at": "when somebody answered",
    "response_outcome": "what came of the answer; `no answer`, `voicemail` and the like are no outcome",
    "sent": "mails sent",
    "shares": "shares",
    "source": "such as `google` or `newsletter`; small letters",
    "sqo_at": "when it became sales qualified",
    "stage": "the stage's name",
    "status": "where it stands; what was deleted in the CRM counts nowhere",
    "subscribes": "new subscribers",
    "touch_id": "your id of the visit or contact",
    "tracking_number": "the number that was called; with its country, or of the setting `region`",
    "unsubscribes": "subscribers lost",
    "url": "the landing page",
    "user_agent": "the browser, as it names itself",
    "user_id": "login",
    "visitor_id": "the visitor, as a first-party cookie knows them",
    "adjustments.adjustment_id": "your id of the adjustment",
    "adjustments.amount": "what is added to the deal; negative: a refund",
    "adjustments.currency": "the deal's own",
    "adjustments.deal_id": "the deal it belongs to",
    "booked_at": "when it was booked",
    "deals.kind": "new business or not; a renewal with a recurring amount ends the contract it renews",
    "deals.lead_id": "the lead it came from",
    "leases.visitor_id": "who was shown the number",
    "tracking_numbers.tracking_number": "with its country, or of the setting `region`",
    "pageviews.at": "when the page was opened",
    "pageviews.visitor_id": "required, unless another identifier is given or consent to analytics is denied",
    "pageviews.session_id": "the session, where your export knows its own; else sessions are worked out",
    "pageviews.purpose": "says that a browser fetched the page unasked: such views are flagged, and nobody's",
    "pageviews.engaged_seconds": "how long the page was in view; a session has the sum",
    "pageviews.url": "the page, with the parameters of its address",
    "pageviews.referrer": "the page before it",
    "pageviews.email": "who it was, as a form says: ties the visitor to it",
    "pageviews.phone": "likewise",
    "pageviews.user_id": "likewise, the login",
    "pageviews.lead_id": "a lead of the CRM that this visitor is",
    "pageviews.contact_id": "a contact of a CRM that this visitor is, as `hubspot:4711`",
    "spend_names.platform": "of which platform; without one, of any",
    "spend_names.level": "what has that name",
    "spend_names.reported": "the name or id in the cost report",
    "spend_names.name": "what your touches call it",
    "touches.contact_id": "a contact of a CRM that this touch is of, as `hubspot:4711`",
    "touches.email": "who it was, as a form says: ties the visitor to it",
    "touches.lead_id": "a lead of the CRM that this touch is of",
    "touches.phone": "likewise",
    "touches.user_id": "likewise, the login",
    "identities.contact_id": "a contact of a CRM, with the CRM's name before a colon: `hubspot:4711`",
    "identities.lead_id": "a lead of the CRM",
    "identities.merged_contact_id": "a contact that the CRM merged into the one in `contact_id`",
    "identities.source": "where this is known from, such as `form`; `explain` shows it",
    "leads.visitor_id": "the visitor who became this lead: the tie to all earlier visits",
    "meetings.contact_id": "or with which contact",
    "meetings.email": "or with whom, by mail address",
    "meetings.lead_id": "with whom; this, `contact_id` or `email` is required, and the first of them counts",
    "deal_contacts.contact_id": "a contact of the CRM, as `hubspot:4711`; this, `email` or `lead_id` is "
    "required, and each that is given becomes a contact of the deal",
    "deal_contacts.deal_id": "the deal, whether it is there yet or not",
    "deal_contacts.email": "their mail address",
    "deal_contacts.is_primary": "yes: where the deal's row names no lead, their leads come first when its "
    "lead is looked for",
    "deal_contacts.lead_id": "a lead of the CRM",
    "deal_contacts.role": "what they are for the deal, in the CRM's words; kept",
    "spend.kind": "`media` for advertising, `fee` for agencies and tools",
    "stages.id": "the lead's or deal's id",
    "stages.object": "what it is a stage of",
    "touches.cost": "what this click cost; counts where no spend row covers its platform, campaign and day",
    "touches.kind": "what sort of contact",
    "touches.visitor_id": "required, unless another identifier is given, consent to analytics is denied, "
    "or it is a `click` or `impression` that has a click id",
}

_UNITS = {"ratio": "percent", "factor": "number"}
_FAMILIES = {
    "funnel": "How many got how far. `--stage` says what a lead has to reach to be converted, "
    "`--unique` counts people. A rate can pass 100 % by the basis `period`, and says so.",
    "value": "What leads, deals and customers bring. Customers with revenue are shared evenly by their "
    "deals of the period, so that they add up over owners and channels. Their lifetime is from the first "
    "won deal to the last `recurring_until`, up to `--horizon` months; those still active are censored, not"
    " left out and not taken for gone. It is that of all customers with contracts, whatever the figure is "
    "cut by.",
    "cost": "What it cost to get them. Spend is that of the period by either basis, joined from both "
    "sides: what brought nobody stays in the table. [What counts as spend](spend.md#how-spend-meets-"
    "touches)",
    "return": "What came back. `--margin` values revenue at what is left of it.",
    "speed": "How long it took: the median and the quartiles of those that got there, one row a stage "
    "(`first_touch_to_lead`, `lead_to_opportunity`, `opportunity_to_won`, `lead_to_won`; the last two know "
    "`deal_kind` too). A quartile that falls between two of them is the middle of both "
    "(Hyndman and Fan's type 2); credited in parts, each counts by its part. "
    "A record created on a bare date counts from the start of that day. What ended before"
    " it began is left out and counted in `negative`. `--censored` counts those still on their way too,"
    " lost deals and disqualified leads until they were given up. An inquiry counts in the period in which "
    "it was made. It has an outcome where `response_outcome` says anything but that nobody was reached: "
    f"{', '.join(f'`{words}`' for words in NOBODY_REACHED)}.",
    "meetings": "Credited as the leads are that they are with. A meeting counts as booked when it was "
    "booked, and as attended when it was held.",
    "traffic": "Not credited: a session counts where it came from itself. A click counts only where no "
    "session of the same browser is within half an hour; crawlers and the like never do.",
    "engagement": "What social platforms report themselves.",
    "email_performance": "What mailing tools report themselves. `list_size` does not say of which list "
    "it is: of several on one day the largest counts for the whole. Opens, clicks and forwards count of "
    "the rows that say how many mails were delivered; a warning tells of others.",
    "benchmark": "Beside averages that you bring with `--benchmark FILE`, a CSV file with the columns "
    "`industry` and `rate`; without one it is left out. By industry, and what else you name with it; the "
    "averages stand beside `lead_conversion_rate` too.",
    "recurring": "The won deals that run on the last day of the period, by the month: a quarter's "
    "amount by a third, a year's by a twelfth, rounded once a customer. New, expansion, contraction and "
    "churned compare that day with the last one before the period, so that they add up to the change, in "
    "every group. The exchange rate is that of the closing's day, so rates move nothing.",
    "prediction": "Of the leads that are open as of the last run. Computed only where it is named, in "
    "the reporting currency; its horizon and reliability are among the warnings. "
    "[Predictions](predictions.md)",
}

_FORMS = {
    "id": "id",
    "text": "text",
    "date": "date",
    "amount": "amount",
    "currency": "ISO 4217 code",
    "integer": "whole number from 0",
    "seconds": "seconds from 0",
    "rate": "decimal above 0",
    "yes_no": "`yes` or `no`; also `true`, `false`, `1`, `0`",
    "purpose": "`prefetch`, `prerender`, as browsers send it; empty for an ordinary view",
    "outcome": "`yes` or `no`; also what telephone systems say, such as `completed` and `no-answer`",
    "consent": "consent",
    "url": "URL",
    "referrer": "URL",
    "click_id": "`kind:VALUE`, such as `gclid:Cj0A`",
    "emails": "addresses with `;` between",
}
_CHANGES = {
    "update": "the same id with other content updates the record",
    "conflict": "the same id with other content is a conflict: the stored row stays",
    "replace": "a later file replaces what an earlier one said of the same key",
}
_REPEATS = {
    "sum": "equal keys within one file are summed",
    "conflict": "another value for the same key within one file is a conflict: the first counts",
}


def render(text: str) -> str:
    """Return a page with all its generated parts made anew."""
    return _PART.sub(lambda found: found[1] + "\n".join(_lines(found[2], found[3])) + "\n" + found[4], text)


def _lines(part: str, name: str | None) -> Iterator[str]:
    return PARTS[part]() if name is None else PARTS[part](name)


def pages() -> list[Path]:
    """Return the pages that have generated parts."""
    found = [*sorted(FOLDER.glob("*.md")), *sorted(FOLDER.glob("destinations/*.md"))]
    return [page for page in found if _PART.search(page.read_text(encoding="utf-8"))]


def _tables() -> Iterator[str]:
    for table in TABLES.values():
        yield from ("", f"### {table.name}", "", _ABOUT[table.name], "", _keyed(table), "")
        yield "| column | form | means |"
        yield "|---|---|---|"
        for column in table.columns:
            mark = " *" if column.required else ""
            yield f"| `{column.name}`{mark} | {_form(column)} | {_meaning(table, column)} |"
    yield ""


def _keyed(table: Table) -> str:
    columns = {column.output: column.name for column in table.columns}
    if table.repeats is not None:
        named = ", ".join(f"`{columns[name]}`" for name in table.key)
        whole = named if len(table.key) < 5 else "every column that is not a measure"
        return f"Key: {whole}. {_REPEATS[table.repeats].capitalize()}; {_CHANGES[table.on_change]}."
    if table.name == "identities":
        return "Key: the whole row; the same observation is kept once."
    if table.name == "pageviews":
        return (
            "Key: `visitor_id`, `at`, page, origin and click id; the same view is kept once, and whatever "
            "else a later row says updates it."
        )
    if table.name == "deal_contacts":
        return "Key: `deal_id` and who it is; the same with another role updates the record."
    named = ", ".join(f"`{columns[name]}`" for name in table.key)
    return f"Key: {named}; {_CHANGES[table.on_change]}."


def _form(column: Column) -> str:
    if column.kind == "instant":
        return f"time; a bare date is the {column.bare_date} of its day"
    if column.kind == "choice":
        words = ", ".join(f"`{word}`" for word in column.choices)
        return words + (f"; default `{column.default}`" if column.default else "")
    return _FORMS[column.kind]


def _meaning(table: Table, column: Column) -> str:
    return _MEANS.get(f"{table.name}.{column.name}") or _MEANS[column.name]


def _settings() -> Iterator[str]:
    yield "| setting | default | means |"
    yield "|---|---|---|"
    for setting in SETTINGS.values():
        default = "" if setting.default is None else f"`{setting.default}`"
        yield f"| `{setting.name}` | {default} | {setting.meaning} |"


def _goals() -> Iterator[str]:
    ends = {
        "won": "closed as won", "created": "created", "lead": "created",
        "mql": "marketing qualified", "sqo": "sales qualified",
    }  # fmt: skip
    yield "| goal | counts | a journey ends when the record is |"
    yield "|---|---|---|"
    for goal in GOALS.values():
        yield f"| `{goal.name}` | {goal.label[0].lower() + goal.label[1:]} | {ends[goal.kind]} |"


def _kpis() -> Iterator[str]:
    for family in FAMILIES:
        about = wrap(_FAMILIES[family], 150, break_on_hyphens=False)
        yield from ("", f"### {family}", "", *about, "")
        yield "| figure | is | formula | unit | counted by | basis | cut by | nothing there | source |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for kpi in KPIS.values():
            if kpi.family == family:
                told = (
                    f"`{kpi.name}`", kpi.label, kpi.formula, _UNITS.get(kpi.unit, kpi.unit), kpi.grain,
                    ", ".join(bases_of(kpi)), _cut_by(kpi), kpi.zero_rule, kpi.source,
                )  # fmt: skip
                yield f"| {' | '.join(told)} |"
    yield ""


def _cut_by(kpi: Kpi) -> str:
    """Name the dimensions of a KPI in as few words as the order of all of them allows."""
    known = dimensions_of(kpi)
    left_out = [f"`{dim}`" for dim in ALL if dim not in known]
    if len(left_out) < 3:
        return " but ".join(["all", *([" and ".join(left_out)] if left_out else [])])
    if len(known) > 2 and known == MARKETING[: len(known)]:
        return f"`{known[0]}` to `{known[-1]}`"
    return ", ".join(f"`{dim}`" for dim in known)


def _mappings() -> Iterator[str]:
    yield "| system | `--mapping` | table | from | `--with` |"
    yield "|---|---|---|---|---|"
    for mapping in built_in().values():
        for section in mapping.sections.values():
            takes = (take for takes in section.columns.values() for take in takes)
            further = ", ".join(f"`{name}`" for name in looked_up(takes))
            yield f"| {mapping.label} | `{mapping.name}` | `{section.table}` | {section.about} | {further} |"


def _further_files() -> Iterator[str]:
    yield "| `--mapping` | name | is |"
    yield "|---|---|---|"
    for mapping in built_in().values():
        for name, extra in mapping.extras.items():
            yield f"| `{mapping.name}` | `{name}` | {extra.about} |"


def _pull_streams() -> Iterator[str]:
    yield "| system | `attribution pull` | stream | fills | is |"
    yield "|---|---|---|---|---|"
    for kind in map(get_source, source_names()):
        for stream in kind.streams:
            fills = ", ".join(f"`{table}`" for table in stream.tables)
            yield f"| {kind.label} | `{kind.name}` | `{stream.name}` | {fills} | {stream.about} |"


def _pull_needs() -> Iterator[str]:
    yield "| system | needs | is |"
    yield "|---|---|---|"
    for kind in map(get_source, source_names()):
        for need in kind.needs:
            name = f"`{need.name}`" + ("" if need.required else " (if needed)")
            yield f"| `{kind.name}` | {name} | {need.about} |"


def _send_destinations() -> Iterator[str]:
    yield "| destination | `send` | click ids | contacts | in a request | not older than | afterwards |"
    yield "|---|---|---|---|---|---|---|"
    for kind in map(get_destination, destination_names()):
        page = f"destinations/{kind.name}.md"
        label = f"[{kind.label}]({page})" if (FOLDER / page).exists() else kind.label
        if hasattr(kind, "template"):  # what it takes is said by a setting
            taken = ("by template", "by template", f"{kind.most:,}", "by template", "by template")
            yield f"| {' | '.join((label, f'`{kind.name}`', *taken))} |"
            continue
        told = (
            label, f"`{kind.name}`", _kinds(kind), "yes" if kind.takes_contacts else "no", f"{kind.most:,}",
            _age(kind), _changes(kind),
        )  # fmt: skip
        yield f"| {' | '.join(told)} |"


def _send_needs(name: str) -> Iterator[str]:
    kind = get_destination(name)
    yield "| needs | secret | is |"
    yield "|---|---|---|"
    for need in (*kind.settings, *kind.secrets):
        named = f"`{need.name}`" + ("" if need.required else " (if needed)")
        yield f"| {named} | {'yes' if need.secret else 'no'} | {need.about} |"
    actions = [f"`action_{goal}` is `{action}` unless told" for goal, action in kind.actions.items()]
    yield f"| `action_GOAL` | no | {'; '.join(['what a goal counts as there', *actions])} |"


def _crm_fields() -> Iterator[str]:
    yield "| field | holds | is | on |"
    yield "|---|---|---|---|"
    for name, field in FIELDS.items():
        on = "deals" if field.deals_only else "deals, leads"
        yield f"| `{name}` | {field.kind} | {field.about} | {on} |"


def _send_limits(name: str) -> Iterator[str]:
    kind = get_destination(name)
    yield "| limit | is |"
    yield "|---|---|"
    yield f"| conversions in a request | {kind.most:,} |"
    yield f"| not older than | {_age(kind)} |"
    yield f"| click ids, best first | {_kinds(kind)} |"
    yield f"| finds people by contacts | {'yes' if kind.takes_contacts else 'no'} |"
    yield f"| can be told afterwards | {_changes(kind)} |"
    if kind.base_url:
        yield f"| host | `{kind.base_url}` |"


def _kinds(kind: type[Destination]) -> str:
    if len(kind.click_kinds) > 6:
        return "whatever any platform gave"
    return ", ".join(f"`{click}`" for click in kind.click_kinds) or "none"


def _age(kind: type[Destination]) -> str:
    return "no limit known" if kind.age_days is None else f"{kind.age_days} days"


def _changes(kind: type[Destination]) -> str:
    return " and ".join(change for change in ("restated", "retracted") if change in kind.changes) or "nothing"


PARTS: dict[str, Callable[..., Iterator[str]]] = {
    "tables": _tables,
    "settings": _settings,
    "goals": _goals,
    "kpis": _kpis,
    "mappings": _mappings,
    "further_files": _further_files,
    "pull_streams": _pull_streams,
    "pull_needs": _pull_needs,
    "send_destinations": _send_destinations,
    "send_needs": _send_needs,
    "send_limits": _send_limits,
    "crm_fields": _crm_fields,
}

if __name__ == "__main__":
    for page in pages():
        page.write_text(render(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{page} is current")
