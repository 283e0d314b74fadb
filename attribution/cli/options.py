"""Options that verbs share, and the opening of the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from attribution.engine import Store

DEFAULT_STORE: Final = "sqlite:///attribution.db"
FORMATS: Final = ("table", "json", "csv")
GRAPHML: Final = "graphml"

F = TypeVar("F", bound=Callable[..., Any])


def open_store(url: str | None, *, create: bool = False) -> Store:
    """Open the store of a verb: its own `--store`, else the one before the verb, else the default.

    Args:
        url: the verb's own option.
        create: make a store where there is none; a verb that only reads must not.
    """
    from attribution.engine import Store

    return Store.open(store_url(url), create=create)


def store_url(url: str | None) -> str:
    """Return the URL that a verb works on."""
    context = click.get_current_context(silent=True)
    state = context.find_root().obj if context is not None else None
    return url or (state.store if state is not None else DEFAULT_STORE)


def _all(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for decorator in reversed(decorators):  # the first one stands first in the help
            function = decorator(function)
        return function

    return apply


store_option = click.option("--store", metavar="URL", help="Store to work on, as before the verb.")
format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="How to print the rows.",
)  # fmt: skip
output_options = _all(format_option, store_option)
WAYS_OUT: Final = (*FORMATS, "xlsx", "html")


def ways_out(*more: str, words: str = "") -> Callable[[F], F]:
    """Return `--format` with every form, `--output FILE` and `--store`.

    Args:
        more: further forms.
        words: what to say of those.
    """
    return _all(
        click.option(
            "--format", "form", type=click.Choice((*WAYS_OUT, *more)),
            help=f"How to print or write the rows.{words}  [default: table, or what FILE ends in]",
        ),
        click.option(
            "--output", metavar="FILE", type=click.Path(dir_okay=False),
            help="Write into FILE instead of printing; an existing one is replaced.",
        ),
        click.option(
            "--locale", metavar="LOCALE",
            help="How tables, pages and charts write figures, such as de_DE.  [default: as in English]",
        ),
        store_option,
    )  # fmt: skip


answer_options = ways_out()


def _names(_ctx: click.Context, _parameter: click.Parameter, value: Sequence[str]) -> list[str]:
    return [name.strip() for text in value for name in text.split(",") if name.strip()]


def _one(ctx: click.Context, parameter: click.Parameter, value: Sequence[str]) -> str | None:
    if len(value) > 1:
        ctx.fail(
            f"{parameter.opts[0]} was given {len(value)} times ({', '.join(value)}) and is read once; "
            "`attribution compare` shows several models"
        )
    return value[0] if value else None


def by_option(
    default: str | None, words: str = "Dimensions to cut by, joined by commas."
) -> Callable[[F], F]:
    """Return `--by DIM[,DIM]`, a list of names."""
    return click.option(
        "--by", metavar="DIM[,DIM]", multiple=True, default=[default] if default else [], callback=_names,
        show_default=default or False, help=words,
    )  # fmt: skip


def model_option() -> Callable[[F], F]:
    """Return `--model NAME[:param=value,...]`, one."""
    return click.option(
        "--model", metavar="NAME", multiple=True, callback=_one,
        help="Model, such as linear or time_decay:half_life=14d.  [default: setting `model`]",
    )  # fmt: skip


def many(name: str, metavar: str, words: str, argument: str | None = None) -> Callable[[F], F]:
    """Return a repeatable option that takes commas too: a list of names."""
    return click.option(
        name, argument or name.strip("-"), metavar=metavar, multiple=True, callback=_names, help=words
    )


goal_option = click.option(
    "--goal", metavar="GOAL", multiple=True, callback=_one,
    help="revenue, deals, pipeline, opportunities, leads, mql or sqo.  [default: setting `goal`]",
)  # fmt: skip
window_options = _all(
    click.option(
        "--lookback", metavar="DURATION", help="How long before a conversion a touch counts: 90d, none."
    ),
    click.option(
        "--scope", metavar="SCOPE", help="Whose touches count for a deal: contacts, account or primary."
    ),
    click.option("--kinds", metavar="KINDS", help="Kinds of touch in journeys, joined by commas."),
)
period_options = _all(
    click.option("--from", "start", metavar="DAY", help="First day (YYYY-MM-DD), in the reporting timezone."),
    click.option("--to", "end", metavar="DAY", help="Last day, included."),
)
where_option = click.option(
    "--where", metavar="DIM=VALUE", multiple=True, help="Only rows of this value; repeat it for more."
)
date_option = click.option(
    "--date", metavar="closed|touch", help="Count credit when the deal closed, or when the touch was."
)
currency_options = _all(
    click.option("--currency", metavar="CODE", help="Only deals and spend of this currency, in it."),
    click.option("--restate", is_flag=True, help="Count refunds at their deal's closing."),
)
money_options = _all(date_option, currency_options)
question_options = _all(goal_option, window_options, period_options, where_option, money_options)


def _hidden(option: Callable[[F], F]) -> Callable[[F], F]:
    """Return options that are read and not offered."""

    def apply(function: F) -> F:
        before = len(getattr(function, "__click_params__", ()))
        made = option(function)
        for parameter in made.__click_params__[before:]:  # type: ignore[attr-defined]
            parameter.hidden = True
        return made

    return apply


# a KPI names its own goals and counts a record when it happened: scripts may say so, nothing else is taken
kpi_options = _all(
    _hidden(goal_option), window_options, period_options, where_option, _hidden(date_option), currency_options
)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given: those left out are the function's own defaults."""
    return {
        name: value
        for name, value in options.items()
        if not (value is None or value is False or value == () or value == [])  # 0 was given
    }
