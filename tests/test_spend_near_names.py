"""Which campaign of touches is called most like one of spend, among few and among very many."""

from __future__ import annotations

from difflib import get_close_matches

import pyarrow as pa
import pytest

from attribution.channels.names import name_key
from attribution.metrics.near_names import NearNames, name_keys

WORDS = ["brand", "spring", "summer", "winter", "sale", "shoes", "video", "de", "fr", "uk", "q1", "q2"]
MANY = [
    f"{a} {b}-{c} {i}" for i, (a, b, c) in enumerate((a, b, c) for a in WORDS for b in WORDS for c in WORDS)
]


@pytest.mark.parametrize("name", ["Spring-Sale 25", "zzz", "SHOES_UK", "", "Späte+Schuhe%20DE", "x" * 300])
def test_few_names_are_all_compared(name: str) -> None:
    few = ["spring_sale_25", "Spring Sale", "spring%20sale", "shoes-uk", "späte schuhe de", "xx"]
    keys = {name_key(one): min(two for two in few if name_key(two) == name_key(one)) for one in few}
    near = get_close_matches(name_key(name), sorted(keys), n=2, cutoff=0.5)
    assert NearNames(pa.array(few)).nearest(name) == tuple(keys[key] for key in near)


@pytest.mark.parametrize("number", [0, 1234, 1727])
def test_of_thousands_the_nearest_is_found(number: int) -> None:
    """A letter more, two letters changed round, another case: the name itself is told first."""
    names, meant = NearNames(pa.array(MANY)), MANY[number]
    for name in (f"{meant}x", meant[1:], meant.upper().replace(" ", "_"), meant[:-1] + "0" + meant[-1:]):
        assert names.nearest(name)[0] in (meant, *get_close_matches(name_key(name), MANY, n=1))
    assert names.nearest(f"{meant} of last year")[0] == meant
    assert names.nearest("\u4e2d\u6587") == ()


def test_no_names_and_names_without_letters() -> None:
    assert NearNames(pa.array([], pa.string())).nearest("Brand") == ()
    assert NearNames(pa.array(["  ", "a"] * 300)).nearest("a") == ("a",)
    assert NearNames(pa.array([str(i) for i in range(300)])).nearest("7")[0] == "7"


@pytest.mark.parametrize(
    "name",
    [
        "A+B",
        "c++",
        " a  b ",
        "a\tb",
        "a%20b",
        "a%2",
        "İX",
        "ß",
        "a\u00a0b",
        "+",
        "",
        "A b",
        "\x1fa",
        "a\x1cb",
    ],
)
def test_columns_compare_like_single_names(name: str) -> None:
    assert name_keys(pa.array([name, "Brand"])).to_pylist() == [name_key(name), "brand"]
