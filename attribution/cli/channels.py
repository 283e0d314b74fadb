"""`attribution channels`: the channel rules."""

from __future__ import annotations

import click

from attribution.cli.options import open_store, output_options, store_url
from attribution.cli.render import show
from attribution.errors import StoreError


@click.group(
    "channels",
    short_help="Try the channel rules.",
    epilog="Example: attribution channels test 'https://acme.com/?utm_source=google&utm_medium=cpc'",
)
def command() -> None:
    """Try the rules that place a visit in a channel."""


@command.command(
    "test", epilog="Example: attribution channels test https://acme.com/ --referrer https://www.bing.com/"
)
@click.argument("url")
@click.option("--referrer", metavar="URL", help="The page that the visit came from.")
@output_options
def test(url: str, referrer: str | None, form: str, store: str | None) -> None:
    """Show channel, source, medium, campaign and the deciding rule for one visit; needs no store."""
    from attribution.engine import channels_test

    try:
        with open_store(store) as opened:  # for its own_domains
            answer = opened.channels_test(url, referrer)
    except StoreError:
        answer = channels_test(url, referrer, store=store_url(store))
    show(answer, form)
