"""`attribution import`: files of one canonical table into the store."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from attribution.cli.errors import REJECTED, Interrupted
from attribution.cli.options import many, open_store, output_options, store_url
from attribution.cli.progress import progress
from attribution.cli.render import show
from attribution.errors import InputError

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer


@click.command(
    "import",
    short_help="Load files of one table.",
    epilog="Example: attribution import touches sessions.csv clicks.parquet --timezone Europe/London",
)
@click.argument("table", required=False)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--mapping",
    metavar="NAME",
    help="The system that the files are from (see --list), or a mapping file of your own.",
)
@many("--with", "NAME=FILE", "A further file that the mapping looks up in; repeat it for more.", "further")
@many("--set", "COLUMN=VALUE", "A value for rows that have none, such as currency=USD; repeatable.", "fixed")
@click.option(
    "--input-format",
    "read_as",
    metavar="FORM",
    help="What the files are: csv, tsv, jsonl, json, parquet, or csv.gz and so on; default: their extension.",
)
@click.option("--list", "listed", is_flag=True, help="Show the mappings there are, and the tables of each.")
@click.option(
    "--timezone", metavar="ZONE", help="IANA zone of times without an offset, such as Europe/London."
)
@click.option("--dry-run", is_flag=True, help="Read, check and count, and store nothing.")
@many("--keep-query", "NAME", "Keep this URL query parameter; repeat it for more.", "keep_query")
@output_options
def command(
    table: str | None, files: tuple[str, ...], timezone: str | None, dry_run: bool, keep_query: list[str],
    mapping: str | None, further: list[str], fixed: list[str], listed: bool,
    read_as: str | None, form: str, store: str | None,
) -> int:  # fmt: skip
    """Load files (.csv .tsv .jsonl .ndjson .json, each also .gz, .parquet; - for standard input) into TABLE.

    TABLE is one of touches, pageviews, identities, leads, deals, deal_contacts, stages, adjustments, spend,
    spend_names, meetings, calls, leases, tracking_numbers, email_stats, social_stats, rates. With --mapping
    the files are those of another system, as it exports them, and TABLE may be several, as leads,identities,
    where a file says something of each. Prints what became of the rows of each file;
    the exit code is 3 where rows were rejected or in conflict. Importing a file again changes nothing.
    """
    from attribution.loading.importer import ImportOptions, layout_of, options_by_table
    from attribution.sources.files import read
    from attribution.sources.mapping.also import further_tables

    if listed:
        from attribution.metrics.mapping_list import list_mappings

        show(list_mappings(mapping or table), form)
        return 0
    if table is None or not files:
        raise click.UsageError("name a TABLE and at least one FILE, or see --list")
    look_in, values = _pairs("--with", further, "FILE"), _pairs("--set", fixed, "VALUE")
    # a misspelt name must not leave an empty store behind
    each = options_by_table(table, ImportOptions(mapping=mapping, further=look_in, fixed=values))
    layouts = [layout_of(name, its) for name, its in each.items()]
    answers: list[Answer] = []
    url = _url(store, dry_run)
    if _is_new(url):  # a file that cannot be read must not leave an empty store behind
        for file in files:
            for layout in layouts if file != "-" else ():
                read(file, layout, form=read_as).close()
    with open_store(url, create=True) as opened:
        try:
            for file in files:
                with progress() as report:
                    answers.append(
                        opened.import_table(
                            table, file, timezone=timezone, dry_run=dry_run, keep_query=keep_query,
                            mapping=mapping, further=look_in, fixed=values, form=read_as,
                            stdin=sys.stdin.buffer, progress=report,
                        )
                    )  # fmt: skip
        except KeyboardInterrupt:
            if not answers:
                raise
            show(_joined(answers), form)
            raise Interrupted(f"interrupted; the files above are loaded, {file} was not changed") from None
        except Exception:
            if answers:  # each file is loaded as a whole: tell of those that are in
                show(_joined(answers), form)
            raise
    answer = _joined(answers)
    if mapping is not None:
        for file in files:
            more = further_tables(mapping, each, file) if file != "-" else []
            if more:
                asked = ",".join([*each, *more])
                answer.warnings.append(
                    f"{file}: the same file says something of {' and '.join(more)} too; to load that "
                    f"as well, name the tables together: import {asked}"
                )
    show(answer, form)
    return REJECTED if answer.totals["rejected"] or answer.totals["conflict"] else 0


def _pairs(option: str, given: list[str], what: str) -> dict[str, str]:
    """Read NAME=VALUE options."""
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(f"{option} {text!r} is incomplete; write it as {option} NAME={what}")
        pairs[name.strip()] = value.strip()
    return pairs


def _url(store: str | None, dry_run: bool) -> str:
    """Return the store's URL; a dry run does not even make the file."""
    url = store_url(store)
    return "sqlite://" if dry_run and _is_new(url) else url


def _joined(answers: list[Answer]) -> Answer:
    """Return one answer with the rows of all files."""
    rows: list[dict[str, Any]] = [row for answer in answers for row in answer.rows]
    warnings = [text for answer in answers for text in answer.warnings]
    totals = {name: sum(row[name] for row in rows) for name in answers[0].totals}
    return replace(answers[0], rows=rows, totals=totals, warnings=warnings)


def _is_new(url: str) -> bool:
    """Tell whether opening the store would make its file."""
    file = url.removeprefix("sqlite:///")
    return file != url and not os.path.exists(file)
