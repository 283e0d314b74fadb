"""`attribution demo`: everything at once, on the bundled fixtures."""

from __future__ import annotations

import click

from attribution.cli.explain import show_story
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.command(
    "demo",
    short_help="A store from bundled data, with every report.",
    epilog="Example: attribution demo ./demo",
)
@click.argument(
    "directory", metavar="[DIR]", required=False, default="attribution-demo", type=click.Path(file_okay=False)
)
def command(directory: str) -> None:
    """Make a store from the bundled fixtures in DIR, run everything, print reports and write report.html."""
    from attribution.demo import STORE, demo

    with progress() as report:
        answers, page = demo(directory, progress=report)
    for answer in answers:
        if answer.verb == "explain":
            show_story(answer)
        else:
            show(answer, "table")
        click.echo()
    click.echo(f"wrote {page}")
    click.echo(f"ask more of this store with: attribution --store sqlite:///{page.with_name(STORE)} ...")
