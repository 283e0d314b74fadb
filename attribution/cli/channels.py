"""`attribution channels`: the channel rules."""

from __future__ import annotations

import click

from attribution.cli.options import open_store, output_options, store_url
from attribution.cli.render import show
from attribution.errors import StoreError


@click.group(
    "channels",
    short_help="Try, list and apply the channel rules.",
    epilog="Example: attribution channels test 'https://acme.com/?utm_source=google&utm_medium=cpc'",
)
def command() -> None:
    """Try, list and apply the rules that place a visit in a channel."""


@command.command(
    "test", epilog="Example: attribution channels test https://acme.com/ --referrer https://www.bing.com/"
)
@click.argument("url")
@click.option("--referrer", metavar="URL", help="The page that the visit came from.")
@output_options
def test(url: str, referrer: str | None, form: str, store: str | None) -> None:
    """Show channel, source, medium, campaign and the deciding rule for one visit; needs no store."""
    from attribution.metrics.channel_rules import channels_test

    try:
        with open_store(store) as opened:  # for its own sites, rules and campaign names
            answer = opened.channels_test(url, referrer)
    except StoreError:
        answer = channels_test(url, referrer, store=store_url(store))
    show(answer, form)


@command.command("list", epilog="Example: attribution channels list --format json")
@output_options
def list_(form: str, store: str | None) -> None:
    """Show the rules in the order in which they are tried, those of the store among them."""
    from attribution.metrics.channel_rules import channels_list

    try:
        with open_store(store) as opened:
            answer = opened.channels_list()
    except StoreError:
        answer = channels_list(store=store_url(store))
    show(answer, form)


@command.command("reclassify", epilog="Example: attribution channels reclassify")
@output_options
def reclassify(form: str, store: str | None) -> None:
    """Place every touch by the rules of now and show what moved, as the next `attribution run` would."""
    with open_store(store) as opened:
        show(opened.channels_reclassify(), form)
