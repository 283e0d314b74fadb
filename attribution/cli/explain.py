"""`attribution explain`: the evidence behind a deal, a lead or a touch, as a story."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from attribution.cli.graphs import (
    check_early,
    draw_evidence,
    graph_format_option,
    picture_option,
    print_graph,
)
from attribution.cli.options import GRAPHML, open_store, store_option
from attribution.cli.render import cell, clean, console, headline, new_table, notices, print_table, show

if TYPE_CHECKING:
    from rich.console import Console

    from attribution.metrics.answer import Answer, Row


_UNUSED: Final = 20  # observations that do not count, of many, on a screen


@click.command(
    "explain",
    short_help="The evidence behind a deal, lead or touch.",
    epilog="Example: attribution explain deal D-12",
)
@click.argument("what", metavar="deal|lead|touch", type=click.Choice(["deal", "lead", "touch"]))
@click.argument("key", metavar="ID")
@picture_option("the evidence")
@graph_format_option("the evidence")
@store_option
def command(what: str, key: str, picture: str | None, form: str, store: str | None) -> None:
    """Show which identifiers were tied and why, the touches in the window, each model's weights and money."""
    check_early(picture)
    answer, graph = None, None
    with open_store(store) as opened:
        if form != GRAPHML:
            answer = opened.explain(what, key)
        if form == GRAPHML or picture is not None:
            graph = opened.evidence_graph(what, key)
    if answer is None and graph is not None:
        print_graph(graph, "so the graph is empty")
    elif answer is not None and form == "table":
        show_story(answer)
        notices(answer)
    elif answer is not None:
        show(_flat(answer) if form == "csv" else answer, form)
    if picture is not None and graph is not None:
        draw_evidence(graph, picture)


def _flat(answer: Answer) -> Answer:
    """Return one row a touch (or, of a touch, one a credit), with a column for each model."""
    (row,) = answer.rows
    if "touch" in row:
        rows = [{"touch_id": row["touch"]["touch_id"], **credit} for credit in row["credits"]]
        names = ("touch_id", "goal", "key", "model", "weight", "credit", "currency")
        return replace(answer, rows=rows, columns=dict.fromkeys(names, "text"))
    rows = []
    for touch in row["touches"]:
        line = {name: touch[name] for name in ("touch_id", "at", "kind")} | touch["placement"]
        line["milestone"] = touch["milestone"]
        for part in ("weights", "credits"):
            line |= {f"{part[:-1]} {label}": value for label, value in touch[part].items()}
        rows.append(line)
    return replace(answer, rows=rows, columns=dict.fromkeys(rows[0] if rows else ("touch_id",), "text"))


def show_story(answer: Answer) -> None:
    """Print an answer of `explain` for a reader: what it is, whose it is and why, where the credit went."""
    out = console()
    (row,) = answer.rows
    _line(out, headline(replace(answer, model=None)), "bold")
    if "touch" in row:
        _touch_story(out, row)
        return
    if "deal" in row:
        _deal_lines(out, row["deal"])
    else:
        _fields(out, row["lead"])
    _line(out, "")
    _line(out, "Who, and why", "bold")
    for one in row["identifiers"] or [{"chain": "nobody is known: no lead, e-mail or account names people"}]:
        _line(out, f"  {one['chain']}")
    _unused(out, row)
    _line(out, "")
    _touch_table(out, answer, row)


def _deal_lines(out: Console, deal: Row) -> None:
    currency = deal["currency"] or ""
    words = [f"deal {deal['deal_id']}", deal["status"], f"{cell(deal['amount'], 'money')} {currency}".strip()]
    for name in ("created_at", "closed_at", "lead_id", "account", "owner", "kind"):
        if deal[name]:
            words.append(f"{name.removesuffix('_at').removesuffix('_id')} {deal[name]}")
    _line(out, " · ".join(words))
    for one in deal["adjustments"]:
        reason = f" ({one['reason']})" if one["reason"] else ""
        _line(out, f"  {one['at']} {cell(one['amount'], 'money')} {one['currency']}{reason}")
    if deal["adjustments"]:
        _line(out, f"  net value {cell(deal['value'], 'money')} {currency}")


def _touch_table(out: Console, answer: Answer, row: Row) -> None:
    """Print touches in time order, one column a model, and a total that equals the value."""
    from rich.text import Text

    labels = list(row["unattributed"]["weights"])
    unit = "money" if "deal" in row else "count"
    table = new_table()
    for name in ("at", "touch", "kind", "channel", "campaign", "milestone"):
        table.add_column(name, overflow="fold")
    for label in labels:
        table.add_column(Text(label), justify="right", no_wrap=True)

    def credit(one: Row, label: str) -> str:
        share = f" ({one['weights'][label]:.1%})" if one["weights"][label] else ""
        return cell(one["credits"][label], unit) + share

    for one in row["touches"]:
        texts = (one["at"], one["touch_id"], one["kind"], one["channel"], one["placement"]["campaign"] or "",
                 one["milestone"] or "")  # fmt: skip
        table.add_row(*(Text(clean(text)) for text in texts), *(credit(one, label) for label in labels))
    if any(row["unattributed"]["weights"].values()):
        blanks = [""] * 5
        table.add_row("(unattributed)", *blanks, *(credit(row["unattributed"], label) for label in labels))
    if labels:
        table.add_section()
        total = cell(answer.totals["value"], unit)
        table.add_row("Total", *[""] * 5, *(f"{total} (100.0%)" for _ in labels), style="bold")
    if row["touches"] or labels:
        print_table(out, table)
    else:
        _line(out, "no touches of these people are known in the window")


def _touch_story(out: Console, row: Row) -> None:
    cost = () if row["touch"]["cost_currency"] else ("cost",)
    _fields(out, {name: value for name, value in row["touch"].items() if name not in cost})
    _line(out, "")
    placed = " / ".join(str(value) for value in row["placement"].values() if value)
    _line(out, f"Placed in {placed} by rule {row['rule']}", "bold")
    _fields(out, row["origin"], "  ")
    _line(out, "")
    _line(out, "Whose it is, and why", "bold")
    nobodys = "no evidence ties its visitor to a lead or a deal"
    whose = f"counted for {row['company']} then, as a member's; " if row["company"] else "nobody's: "
    for chain in row["chains"] or [f"{whose}{nobodys}"]:
        _line(out, f"  {chain}")
    _unused(out, row)
    _line(out, "")
    _line(out, "Where its credit went", "bold")
    for one in row["credits"]:
        money = f"{cell(one['credit'], 'money')} {one['currency']}" if one["currency"] else one["credit"]
        _line(out, f"  {one['goal']} {one['key']} · {one['model']} · {one['weight']:.1%} · {money}")


def _unused(out: Console, row: Row) -> None:
    """Print what was observed of these people and ties nobody together, and why it does not."""
    found = row["unused_evidence"]
    if not found:
        return
    _line(out, "")
    _line(out, "Not used", "bold")
    for one in found[:_UNUSED]:
        _line(out, f"  {one['sentence']}: {one['why_not']}")
    if len(found) > _UNUSED:
        _line(out, f"  and {len(found) - _UNUSED:,} more; --format json has all")


def _fields(out: Console, fields: Row, indent: str = "") -> None:
    """Print what is known of a record, a line a field."""
    for name, value in fields.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {signal}" for key, signal in value.items())
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value not in (None, ""):
            _line(out, f"{indent}{name.replace('_', ' ')}: {value}")


def _line(out: Console, text: Any, style: str = "") -> None:
    from rich.text import Text

    out.print(Text(clean(text), style=style), soft_wrap=True)
