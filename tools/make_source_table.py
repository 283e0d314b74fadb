"""Write attribution/channels/sources.csv: which host or name is which source, of which category.

Inputs, best first: ``tools/own_sources.csv``, the GA4 source categories as published in Velir/dbt-ga4 (MIT),
and the Matomo lists of AI assistants, social networks and search engines (CC0). A key has one category: that
of the first list that holds it. Run it again when a list changes; the table ships with the package.

    python tools/make_source_table.py --referrers DIR --ga4 FILE [--date YYYY-MM-DD]
"""

from __future__ import annotations

import argparse
import csv
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tldextract
import yaml  # type: ignore[import-untyped] # a tool, its stubs are no dependency

HERE = Path(__file__).parent
SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # the bundled snapshot
TABLE = HERE.parent / "attribution" / "channels" / "sources.csv"
HEADER = """\
# Sources: host or name -> canonical name, category, the query parameters (or /paths/) of a search term.
# Made on {date} by tools/make_source_table.py; `.*` is any public suffix, a host covers its subdomains.
# Credits: Matomo referrer lists (searchengine-and-social-list), CC0 1.0; GA4 source categories as kept by
# Velir/dbt-ga4 (seeds/ga4_source_categories.csv @2d7b1f1c5224), MIT, (c) 2022 Adam Ribaudo; own entries.
"""

# Names that the lists write for display; as a source they follow the tags people use.
RENAMED = {"google%2b": "google+", "yahoo!": "yahoo", "yahoo! images": "yahoo images", "taringa!": "taringa"}


@dataclass
class Row:
    """One line of the table while it is being put together."""

    key: str
    name: str
    category: str
    parameters: str = ""


def host_key(text: str) -> str:
    """Turn a host of a list into a key: lower case, no ``www.``, no ``{}`` in front, ``*`` at the end."""
    key = text.strip().lower().removeprefix("{}.").removeprefix("www.").rstrip("/")
    host, slash, path = key.partition("/")
    if host.startswith("images.{}."):
        host = "images." + host.removeprefix("images.{}.")
    if host.endswith(".{}"):
        host = host.removesuffix("{}") + "*"
    return host + slash + path


def source_name(name: str) -> str:
    """Return the canonical name: lower case, as people tag it."""
    lowered = name.strip().lower()
    return RENAMED.get(lowered, lowered)


def own_rows() -> Iterator[Row]:
    """Read the entries that win over every list."""
    with (HERE / "own_sources.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Row(row["key"], row["name"], row["category"])


def ga4_rows(path: Path) -> Iterator[Row]:
    """Read GA4's categories; their names are found later, among the other lists."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            category = row["source_category"].removeprefix("SOURCE_CATEGORY_").lower()
            yield Row(host_key(row["source"]), "", category)


def listed_rows(folder: Path) -> Iterator[Row]:
    """Read the CC0 lists: AI assistants, social networks, search engines with their parameters."""
    for file, category in (("AIAssistants.yml", "ai"), ("Socials.yml", "social")):
        for name, hosts in yaml.safe_load((folder / file).read_text(encoding="utf-8")).items():
            for host in hosts:
                yield Row(host_key(str(host)), source_name(str(name)), category)
    engines = yaml.safe_load((folder / "SearchEngines.yml").read_text(encoding="utf-8"))
    for name, configurations in engines.items():
        for configuration in configurations:
            parameters = " ".join(str(p) for p in configuration.get("params") or ())
            for host in configuration["urls"]:
                yield Row(host_key(str(host)), source_name(str(name)), "search", parameters)


def parents(key: str) -> Iterator[str]:
    """Yield the hosts that cover this one, nearest first."""
    host = key.partition("/")[0]
    labels = host.split(".")
    for start in range(1, len(labels) - 1):
        yield ".".join(labels[start:])


def name_of(row: Row, table: dict[str, Row], listed: dict[str, Row]) -> str:
    """Find the canonical name of a row of GA4: its own list has none."""
    for key in (row.key, f"{row.key}.com", f"{row.key}.*", *parents(row.key)):
        found = table.get(key) if key != row.key else None
        for candidate in (listed.get(key), found):
            if candidate is not None and candidate.name and candidate.category == row.category:
                return candidate.name
    bare = SUFFIXES(row.key).domain
    if bare in table and table[bare].category == row.category:
        return table[bare].name or bare
    return row.key


def build(referrers: Path, ga4: Path) -> list[Row]:
    """Merge the lists into rows with unique keys whose name is a key of the same category."""
    listed: dict[str, Row] = {}
    for row in listed_rows(referrers):
        listed.setdefault(row.key, row)
    table: dict[str, Row] = {row.key: row for row in own_rows()}
    for row in (*ga4_rows(ga4), *listed.values()):
        table.setdefault(row.key, row)
    for row in sorted(table.values(), key=lambda row: row.key.count(".")):
        row.name = row.name or name_of(row, table, listed)
    for row in list(table.values()):
        # A source is looked up by its name too, so a name must say the same category as its host.
        known = table.setdefault(row.name, Row(row.name, row.name, row.category))
        if known.category != row.category:
            row.name = row.key
    _share_parameters(table, listed)
    return sorted(table.values(), key=lambda row: row.key)


def _share_parameters(table: dict[str, Row], listed: dict[str, Row]) -> None:
    """Give search rows without parameters those of the same host, its parent or its namesake."""
    by_name: dict[str, str] = {}
    for row in listed.values():
        if row.parameters:
            by_name.setdefault(row.name, row.parameters)
    for row in table.values():
        if row.category == "search" and not row.parameters:
            near = (listed[key].parameters for key in (row.key, *parents(row.key)) if key in listed)
            row.parameters = next((p for p in near if p), by_name.get(row.name, ""))


def main() -> None:
    """Read the lists named on the command line and write the table."""
    parser = argparse.ArgumentParser(description="Write attribution/channels/sources.csv.")
    parser.add_argument("--referrers", type=Path, required=True, help="folder of the CC0 lists")
    parser.add_argument("--ga4", type=Path, required=True, help="ga4_source_categories.csv")
    parser.add_argument(
        "--date", default=datetime.date.today().isoformat(), help="date written into the header"
    )
    options = parser.parse_args()
    rows = build(options.referrers, options.ga4)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER.format(date=options.date))
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("key", "name", "category", "search_parameters"))
        writer.writerows((row.key, row.name, row.category, row.parameters) for row in rows)


if __name__ == "__main__":
    main()
