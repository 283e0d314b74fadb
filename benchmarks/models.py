"""Every model timed, beside others on the same data in the same run: `python -m benchmarks.models`.

Each figure is one piece of work in a process of its own: the best of three or five (peers of corpus models:
of one), without imports and without what was read before; "MB" is the memory it took on top of its input,
and what it frees stays with the process, ours or a peer's, until the next repetition. "In memory" is the form
that each likes best: frames for us, tables of its own for DuckDB. A share's deviation is the largest among
the channels, from an answer worked out plainly (a dense chain solved in numpy, Shapley's sum over all sets);
a total's is relative, from the floats of DuckDB. On a busy machine look at "CPU s", the processor time of all
threads, beside the seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pyarrow.parquet as pq

from benchmarks import models_data
from benchmarks.measure import Job, ask

MILLION = 1_000_000
RULES = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based",
    "linear:ignore=Direct", "u_shaped", "w_shaped", "full_path",
)  # fmt: skip
CORPUS = {  # the model, and the job that works its answer out plainly
    "markov": ("exact_markov", "1"),
    "markov:order=3": ("exact_markov", "3"),
    "shapley": ("exact_shapley",),
    "shapley_rate:reward=conversions": ("exact_shapley_rate",),
}
PEERS = {  # those of benchmarks.peers_models, which imports what is not installed here
    "markov": ("channelattribution", "marketing-attribution-models", "do-attribution", "mta"),
    "markov:order=3": ("channelattribution", "do-attribution"),
    "shapley": ("mta",),
    "shapley_rate:reward=conversions": ("marketing-attribution-models", "do-attribution"),
}
INSTALL = (
    "channelattribution", "matplotlib", "marketing-attribution-models>=2", "do-attribution", "mta", "pandas",
    "pyarrow",
)  # fmt: skip
FOLDER = Path(tempfile.gettempdir()) / "attribution-bench-models"
TOUCHES_A_PERSON, CONVERSIONS_A_PERSON = 10, 2
SHARES_OF_BUYERS = (0.1, 1.0)  # a few buyers among many people, and everybody a buyer


def _size(text: str) -> int:
    factor = {"k": 1_000, "M": MILLION}.get(text[-1:], 1)
    return int(float(text.rstrip("kM")) * factor)


def _ours(*words: object) -> Job | str:
    return ask(sys.executable, "-m", "benchmarks.models_jobs", *map(str, words))


def _print(title: str, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    texts = [head, *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    print(f"\n{title}")
    for row in texts:
        print(
            "  " + row[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            sep="  ",
        )
    sys.stdout.flush()


def _figures(job: Job | str) -> tuple[str, str, str]:
    if isinstance(job, str):
        return job, "", ""
    return f"{job.seconds:.3f}", f"{job.cpu_seconds:.3f}", f"{job.peak_mb:.0f}"


def _ratio(other: Job | str, ours: Job | str) -> str:
    if isinstance(other, str) or isinstance(ours, str):
        return ""
    return f"{other.seconds / ours.seconds:.1f}x"


def rule_models(touches: int) -> None:
    """(a) Shares from journeys in memory, and allocation to whole cents."""
    journeys = touches // 4
    rows: list[tuple[object, ...]] = [
        (spec, *_figures(_ours("rule", spec, touches, journeys))) for spec in RULES
    ]
    rows += [
        (f"exact allocation of {spec}", *_figures(_ours("allocation", spec, touches, journeys)))
        for spec in ("linear", "time_decay")
    ]
    _print(
        f"(a) {touches:,} touches in {journeys:,} journeys in memory: shares", ("", "s", "CPU s", "MB"), rows
    )


def fitted_models(folder: Path, touches: int) -> None:
    """(a) The same for models of whole corpora, on walks over twelve channels."""
    walked = _walks(folder, touches // 4)
    rows = [(spec, *_figures(_ours("fit_and_share", spec, walked))) for spec in CORPUS]
    _print(f"(a) fit and shares of {touches // 4:,} journeys in memory", ("", "s", "CPU s", "MB"), rows)


def _files(folder: Path, touches: int, buyers: float) -> tuple[Path, Path]:
    n_people = touches // TOUCHES_A_PERSON
    n_conversions = int(n_people * buyers) * CONVERSIONS_A_PERSON
    made = models_data.cached(
        folder, f"touches-{touches}-{n_people}", lambda: models_data.touches(touches, n_people)
    )
    return made, models_data.cached(
        folder,
        f"conversions-{n_conversions}-{n_people}",
        lambda: models_data.conversions(n_conversions, n_people, a_person=CONVERSIONS_A_PERSON),
    )


def building(folder: Path, touches: int) -> None:
    """(b) From Parquet in no order to journeys."""
    rows = []
    for buyers in SHARES_OF_BUYERS:
        job = _ours("build", *_files(folder, touches, buyers))
        rows.append(
            (
                f"{buyers:.0%} of people convert",
                *_figures(job),
                "" if isinstance(job, str) else f"{job.found['touches']:,}",
            )
        )
    _print(
        f"(b) {touches:,} touches in Parquet, in no order, to journeys",
        ("", "s", "CPU s", "MB", "touches in journeys"), rows,
    )  # fmt: skip


def four_models(folder: Path, touches: int) -> None:
    """(c) First touch, last touch, linear and time decay to totals by channel, beside DuckDB."""
    for buyers in SHARES_OF_BUYERS:
        files = _files(folder, touches, buyers)
        rows: list[tuple[object, ...]] = []
        for where in ("parquet", "memory"):
            peer = _ours("four_duckdb", *files, where)
            rows.append((f"DuckDB, window functions, floats, from {where}", *_figures(peer), "", ""))
            for job, words in (("four_floats", "floats"), ("four_exact", "attribute(), whole cents")):
                ours = _ours(job, *files, where)
                rows.append(
                    (f"ours, {words}, from {where}", *_figures(ours), _ratio(peer, ours), _off(ours, peer))
                )
        rows.append(("exact allocation of all four alone", *_figures(_ours("four_cents", *files)), "", ""))
        _print(
            f"(c) four models, {touches:,} touches, {buyers:.0%} of people convert, lookback 365d",
            ("", "s", "CPU s", "MB", "DuckDB / ours", "totals off by"), rows,
        )  # fmt: skip


def _off(ours: Job | str, peer: Job | str) -> str:
    """Return the largest relative deviation of a channel's total from DuckDB's."""
    if isinstance(ours, str) or isinstance(peer, str):
        return ""
    worst = max(
        abs(total - peer.found[model][channel]) / peer.found[model][channel]
        for model, totals in ours.found.items()
        if isinstance(totals, dict)
        for channel, total in totals.items()
    )
    return f"{worst:.0e}"


def _walks(folder: Path, journeys: int) -> Path:
    return models_data.cached(folder, f"walks-{journeys}", lambda: models_data.walks(journeys))


def corpus_models(folder: Path, journeys: int, peers: Path | None) -> None:
    """(d) Channel totals of models that learn: ours from journeys, other packages' from path tables."""
    walked = _walks(folder, journeys)
    paths = models_data.cached(
        folder, f"paths-{journeys}", lambda: models_data.path_table(pq.read_table(walked))
    )
    rows: list[tuple[object, ...]] = []
    for spec, exact in CORPUS.items():
        truth = _ours(*exact, walked)
        ours = _ours("corpus", spec, walked)
        rows.append((spec, "ours", *_figures(ours), "", _share_off(ours, truth)))
        for peer in PEERS[spec] if peers else ():
            job = ask(str(peers), "-m", "benchmarks.peers_models", spec, peer, str(paths), seconds=300)
            rows.append(("", peer, *_figures(job), _ratio(job, ours), _share_off(job, truth)))
    _print(
        f"(d) {journeys:,} journeys, {pq.read_metadata(paths).num_rows:,} distinct paths: channel totals",
        ("", "", "s", "CPU s", "MB", "peer / ours", "share off by"), rows,
    )  # fmt: skip


def _share_off(job: Job | str, truth: Job | str) -> str:
    """Return the largest deviation of a channel's share of all conversions, in points."""
    if isinstance(job, str) or isinstance(truth, str):
        return ""
    whole = sum(truth.found.values())
    worst = max(abs(job.found.get(channel, 0) - total) / whole for channel, total in truth.found.items())
    return f"{worst:.0e}" if worst < 1e-5 else f"{100 * worst:.3f} %"


def peer_environment(folder: Path) -> Path | None:
    """Make an environment for the peers, unless an earlier run did; its Python, or None without network."""
    python = folder / "peers" / "bin" / "python"
    if not (folder / "peers" / "complete").exists():
        print("installing peers ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder / "peers"], check=True)
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", *INSTALL])
        if done.returncode:
            print("peers could not be installed: theirs are left out")
            return None
        (folder / "peers" / "complete").touch()
    return python


@click.command()
@click.option("--sizes", default="100k,1M,10M", show_default=True, help="Numbers of journeys for (d).")
@click.option("--touches", default="10M", show_default=True, help="Number of touches for (a), (b) and (c).")
@click.option("--sections", default="abcd", show_default=True, help="Which tables to print.")
@click.option("--peers/--no-peers", default=True, help="Whether other packages run in (d).")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True,
    help="Where data and the peers' environment are kept between runs.",
)  # fmt: skip
def main(sizes: str, touches: str, sections: str, peers: bool, folder: Path) -> None:
    """Print the tables."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f} before the run")
    n = _size(touches)
    if "a" in sections:
        rule_models(n)
        fitted_models(folder, n)
    if "b" in sections:
        building(folder, n)
    if "c" in sections:
        four_models(folder, n)
    if "d" in sections:
        python = peer_environment(folder) if peers else None
        for size in sizes.split(","):
            corpus_models(folder, _size(size), python)
    print(f"\nload {os.getloadavg()[0]:.1f} after the run")


if __name__ == "__main__":
    main()
