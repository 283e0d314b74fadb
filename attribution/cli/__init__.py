"""The command line: `attribution [--store URL] VERB`, one module a verb.

A door holds no logic: a verb reads its options, calls the method of :class:`attribution.engine.Store` of
the same name and shows the answer. Heavy modules are imported when a verb runs, so that `--help` is quick.
"""

from __future__ import annotations

import gc
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import Any, Final

import click

from attribution.cli.errors import State, guarded
from attribution.cli.options import DEFAULT_STORE

_GARBAGE: Final = (50_000, 20, 50)

# verb -> its module, in the order in which somebody new meets them
VERBS: Final = {
    "demo": "demo",
    "import": "import_",
    "pull": "pull",
    "config": "config",
    "run": "run",
    "report": "report",
    "compare": "compare",
    "model": "model",
    "kpis": "kpis",
    "recommend": "recommend",
    "predict": "predict",
    "send": "send",
    "destinations": "destinations",
    "explain": "explain",
    "identity": "identity",
    "paths": "paths",
    "changes": "changes",
    "channels": "channels",
    "forget": "forget",
    "export-person": "export_person",
    "retain": "retain",
    "doctor": "doctor",
}


class _Verbs(click.Group):
    """Verbs are modules, imported when named; errors become one sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"attribution.cli.{VERBS[cmd_name]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            ctx.fail(f"unknown verb {args[0]!r}; {hint}Allowed: {', '.join(VERBS)}")
        return super().resolve_command(ctx, args)

    # click overloads `main` by standalone_mode; this one serves both
    def main(self, args: Any = None, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        run = partial(super().main, args, standalone_mode=False, **extra)
        return guarded(run) if standalone_mode else run()


@click.command(
    cls=_Verbs,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Begin with: attribution demo",
)
@click.option(
    "--store", metavar="URL", envvar="ATTRIBUTION_STORE", default=DEFAULT_STORE, show_default=True,
    show_envvar=True, help="SQLAlchemy URL of the store; every verb takes it too.",
)  # fmt: skip
@click.version_option(package_name="closed-loop-attribution", prog_name="attribution")
@click.pass_context
def cli(ctx: click.Context, store: str) -> None:
    """Closed-loop marketing attribution: which ad brought which pound."""
    ctx.obj = State(store)


def main() -> None:
    """Run the command line; the entry point of the `attribution` script."""
    # a verb makes millions of small objects that stay until it ends: looking through them again and again
    # for garbage took an eighth of a large report
    gc.set_threshold(*_GARBAGE)
    cli(prog_name="attribution")
