"""`attribution config`: how a store is set up."""

from __future__ import annotations

import click

from attribution.cli.options import open_store, output_options
from attribution.cli.render import show


@click.group(
    "config",
    short_help="Show or change settings.",
    invoke_without_command=True,
    epilog="Example: attribution config set timezone Europe/London",
)
@click.option(
    "--file", "path", metavar="TOML", type=click.Path(exists=True, dir_okay=False),
    help="Take settings from a file: all of them, or none.",
)  # fmt: skip
@output_options
@click.pass_context
def command(ctx: click.Context, path: str | None, form: str, store: str | None) -> None:
    """Show or change what is kept in the store: currency, timezone, models, goals, lookback, ..."""
    if store is not None:
        ctx.find_root().obj.store = store
    if path is not None:
        if ctx.invoked_subcommand is not None:
            ctx.fail(f"--file {path} and `{ctx.invoked_subcommand}` are two wishes; give one of them")
        from attribution.engine import settings_of_file

        values = settings_of_file(path)  # a bad value must not leave an empty store behind
        with open_store(store, create=True) as opened:
            show(opened.config_update(values), form)
    elif ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("get", epilog="Example: attribution config get lookback")
@click.argument("name")
@output_options
def get(name: str, form: str, store: str | None) -> None:
    """Show one setting."""
    with open_store(store) as opened:
        show(opened.config_get(name), form)


@command.command("set", epilog="Example: attribution config set models linear time_decay:half_life=14d")
@click.argument("name")
@click.argument("value", nargs=-1, required=True)
@output_options
def set_(name: str, value: tuple[str, ...], form: str, store: str | None) -> None:
    """Check and keep one setting; a value may be several words."""
    from attribution.engine import checked_setting

    kept = checked_setting(name, " ".join(value))  # a bad value must not leave an empty store behind
    with open_store(store, create=True) as opened:
        show(opened.config_set(name, kept), form)


@command.command("list", epilog="Example: attribution config list --format json")
@output_options
def list_(form: str, store: str | None) -> None:
    """Show every setting, its value and what it means."""
    with open_store(store) as opened:
        show(opened.config_list(), form)
