"""Other packages on the same path tables: `python -m benchmarks.peers_models MODEL PEER PATHS`.

They run in an environment of their own. The time holds the package's own work on a table in memory:
neither import nor reading. Each answers conversions by channel, as far as it has them. Nothing of theirs is
part of the project.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from benchmarks.measure import tell

Totals = dict[str, float]


def channelattribution(paths: pd.DataFrame, order: int) -> Totals:
    """Simulated removal effects, default settings, two threads."""
    import ChannelAttribution as ca

    answer = ca.markov_model(
        paths, "path", "conversions", var_value="value", var_null="nulls", order=order, sep=">", ncore=2,
        verbose=False, flg_pro=False,
    )  # fmt: skip
    return dict(zip(answer["channel_name"], answer["total_conversions"], strict=True))


def mam(paths: pd.DataFrame, model: str) -> Totals:
    """Journeys with and without conversion as rows with their number; totals are sums of journey credits."""
    import mam

    won, lost = paths[paths["conversions"] > 0], paths[paths["nulls"] > 0]
    rows = pd.concat(
        [
            pd.DataFrame({"path": won["path"], "occurrences": won["conversions"], "converted": True}),
            pd.DataFrame({"path": lost["path"], "occurrences": lost["nulls"], "converted": False}),
        ]
    )
    journeys = mam.MAM(
        rows, "format_3", channels_colname="path", journey_with_conv_colname="converted",
        occurrences_colname="occurrences", path_separator=">",
    )  # fmt: skip
    table = (journeys.run_markov() if model == "markov" else journeys.run_shapley()).to_pandas()
    totals = table.set_index(table.columns[0]).iloc[:, 0]
    return {str(name): float(total) for name, total in totals.items()}


def do_attribution(paths: pd.DataFrame, model: str, order: int) -> Totals:
    """Closed form; a row a path that converted and one that did not, weighted."""
    import do_attribution as do

    won, lost = paths[paths["conversions"] > 0], paths[paths["nulls"] > 0]
    texts = pd.concat([won["path"], lost["path"]]).to_numpy(object)
    converted = [1] * len(won) + [0] * len(lost)
    if model == "shapley":
        times = pd.concat([won["conversions"], lost["nulls"]]).to_numpy()
        game = do.ShapleyAttribution(separator=">")
        found: Any = game.fit(texts.repeat(times), pd.Series(converted).repeat(times))
    else:
        weights = pd.concat([won["conversions"], lost["nulls"]]).to_numpy(float)
        chain = do.MarkovAttribution(order=order, separator=">", removal_strategy="redirect_to_null")
        found = chain.fit(texts, converted, weights)
    if found["attribution"] is None:
        raise SystemExit("it answers that there is no answer")
    return _scaled(found["attribution"], paths)


def mta(paths: pd.DataFrame, model: str) -> Totals:
    """Shares of the conversions, rounded to six decimals by the package."""
    from mta import MTA

    table = paths.rename(columns={"conversions": "total_conversions", "nulls": "total_null"})
    work = MTA(data=table, allow_loops=False, add_timepoints=False, sep=">")
    (work.markov(sim=False) if model == "markov" else work.shapley())
    return _scaled(work.attribution["markov" if model == "markov" else "shapley"], paths)


def _scaled(shares: dict[str, float], paths: pd.DataFrame) -> Totals:
    scale = paths["conversions"].sum() / sum(shares.values())
    return {str(name): float(share) * scale for name, share in shares.items()}


PEERS = {
    "markov": {
        "channelattribution": lambda paths: channelattribution(paths, 1),
        "marketing-attribution-models": lambda paths: mam(paths, "markov"),
        "do-attribution": lambda paths: do_attribution(paths, "markov", 1),
        "mta": lambda paths: mta(paths, "markov"),
    },
    "markov:order=3": {
        "channelattribution": lambda paths: channelattribution(paths, 3),
        "do-attribution": lambda paths: do_attribution(paths, "markov", 3),
    },
    "shapley": {"mta": lambda paths: mta(paths, "shapley")},
    "shapley_rate:reward=conversions": {
        "marketing-attribution-models": lambda paths: mam(paths, "shapley"),
        "do-attribution": lambda paths: do_attribution(paths, "shapley", 1),
    },
}


if __name__ == "__main__":
    model, peer, file = sys.argv[1:]
    table = pd.read_parquet(file)
    tell(lambda: {k: float(v) for k, v in PEERS[model][peer](table.copy()).items()})
