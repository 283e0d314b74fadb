"""No file of third-party vectors lies unused without a reason."""

import re
from pathlib import Path

NOT_READ = {
    "ca_channels_order2.csv": "the names of its numbered channels once more, as in ca_channels_order1.csv",
    "ca_vs_exact_synth10000.csv": "deviations on a synthetic corpus that is not part of the vectors",
}


def test_every_file_is_read_or_named_with_a_reason(shared: Path) -> None:
    """The tests build names such as `ca_markov_order{order}_{kind}.csv`; every file must fit one of them."""
    tests = Path(__file__).parent
    sources = ["path_tables.py", "test_shapley_oracle.py", *(p.name for p in tests.glob("test_vectors_*.py"))]
    named = {
        name
        for source in sources
        if source != Path(__file__).name
        for name in re.findall(r"[\w{}]+\.csv", (tests / source).read_text("utf-8"))
    }
    patterns = [re.compile(re.sub(r"\\{\w+\\}", r"\\w+", re.escape(name))) for name in named]
    files = sorted(file.name for file in (shared / "vectors" / "models").glob("*.csv"))
    assert files
    unread = {name for name in files if not any(pattern.fullmatch(name) for pattern in patterns)}
    assert unread == set(NOT_READ)
