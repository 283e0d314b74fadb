"""Touches in: counted, kept once, never changed, and the same whatever format or block they came in."""

from __future__ import annotations

import functools
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from dumps import counts, dump, rows
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from attribution import clock
from attribution.engine import Store
from attribution.loading import importer, touches
from attribution.sources import files
from attribution.store import schema

Csv = Callable[[str, str], Path]

THREE = """
    touch_id,visitor_id,at,url,referrer,user_agent,page_views,cost,currency
    t1,v1,2024-05-03T10:00:00Z,https://acme.com/a?utm_source=google&utm_medium=cpc&gclid=Cj0,,Firefox,3,1.25,GBP
    t2,v1,2024-05-04T10:00:00+02:00,https://acme.com/b,https://www.bing.com/,Firefox,,,
    t3,v2,2024-05-01,,,,,,
"""


def test_new_touches_are_accepted_and_stored_in_reading_order(store: Store, csv: Csv) -> None:
    """Three touches load; they are numbered by visitor and time, which is how journeys read them."""
    answer = store.import_table("touches", csv("touches", THREE))
    assert counts(answer.totals) == (3, 3, 0, 0, 0, 0)
    assert answer.warnings == []
    with store.db.read() as connection:
        stored = connection.execute(select(schema.touch).order_by(schema.touch.c.n)).mappings().all()
    by_id = {row["touch_id"]: row for row in stored}
    assert {row["n"] for row in stored} == {1, 2, 3}
    assert by_id["t1"]["n"] < by_id["t2"]["n"]  # same visitor, later
    assert clock.iso(by_id["t2"]["at"]) == "2024-05-04T08:00:00Z"
    assert clock.iso(by_id["t3"]["at"]) == "2024-05-01T00:00:00Z"  # a bare date is the start of its day
    assert (by_id["t1"]["cost_minor"], by_id["t1"]["currency"]) == (125, "GBP")
    assert (by_id["t1"]["click_id"], by_id["t1"]["page_views"]) == ("gclid:Cj0", 3)
    assert by_id["t3"]["page_id"] is None
    assert rows(store, "agent", "user_agent") == [("Firefox",)]
    assert rows(store, "identifier", "kind", "value") == [(1, "v1"), (1, "v2")]


def test_the_same_file_twice_changes_nothing(store: Store, csv: Csv) -> None:
    """Every row of the second import is a duplicate; only the log of imports grows."""
    file = csv("touches", THREE)
    store.import_table("touches", file)
    before = dump(store, without=["batch"])
    answer = store.import_table("touches", file)
    assert counts(answer.totals) == (3, 0, 0, 3, 0, 0)
    assert dump(store, without=["batch"]) == before
    assert rows(store, "batch", "batch_id", "accepted", "duplicate") == [(1, 3, 0), (2, 0, 3)]


def test_the_same_touch_in_other_words_is_a_duplicate(store: Store, csv: Csv) -> None:
    """What counts is the content: column order, an empty column and another way to write the time do not."""
    store.import_table("touches", csv("a", "touch_id,visitor_id,at\nt1,v1,2024-05-03T10:00:00Z"))
    again = csv("b", "keyword,at,visitor_id,touch_id\n,2024-05-03T12:00:00+02:00,v1,t1")
    assert counts(store.import_table("touches", again).totals) == (1, 0, 0, 1, 0, 0)


def test_new_content_for_a_stored_touch_is_a_conflict(store: Store, csv: Csv) -> None:
    """The stored touch stays as it is; the other one is kept with words, beside a new touch that loads."""
    store.import_table("touches", csv("touches", THREE))
    before = dump(store, without=["batch"])
    changed = csv(
        "changed",
        """
        touch_id,visitor_id,at,campaign,consent
        t3,v2,2024-05-01,spring,analytics:granted
        t4,v2,2024-05-02,,
        """,
    )
    answer = store.import_table("touches", changed)
    assert counts(answer.totals) == (2, 1, 0, 0, 1, 0)
    after = dump(store, without=["batch"])
    stored = [row for row in after["touch"] if row["touch_id"] != "t4"]
    assert stored == before["touch"]
    (kept,) = after["rejected_row"]
    assert (kept["line"], kept["code"], kept["file"]) == (2, "conflict", str(changed))
    assert kept["message"].startswith("touch_id 't3' is already stored with other content")
    raw = json.loads(kept["raw"])
    assert (raw["at"], raw["campaign"]) == ("2024-05-01T00:00:00Z", "spring")
    assert raw["consent"] == "analytics:granted;ad_user_data:unknown;ad_personalization:unknown"
    assert "rejected" in answer.warnings[-1]


def test_one_id_twice_in_one_file(store: Store, csv: Csv) -> None:
    """The first row counts: an equal one is a duplicate, another one a conflict."""
    file = csv(
        "touches",
        """
        touch_id,visitor_id,at
        t1,v1,2024-05-03
        t1,v1,2024-05-03
        t1,v1,2024-05-04
        """,
    )
    assert counts(store.import_table("touches", file).totals) == (3, 1, 0, 1, 1, 0)
    assert [clock.iso(at) for (at,) in rows(store, "touch", "at")] == ["2024-05-03T00:00:00Z"]
    assert rows(store, "rejected_row", "line") == [(4,)]


def test_a_touch_without_consent_to_analytics_joins_nobody(store: Store, csv: Csv) -> None:
    """Denied: no visitor is stored, given or not; unknown and granted keep theirs."""
    file = csv(
        "touches",
        """
        touch_id,visitor_id,at,consent
        t1,v-denied,2024-05-03,denied
        t2,,2024-05-03,analytics:denied
        t3,v-unknown,2024-05-03,
        t4,v-granted,2024-05-03,granted
        """,
    )
    assert counts(store.import_table("touches", file).totals) == (4, 4, 0, 0, 0, 0)
    assert rows(store, "identifier", "value") == [("v-granted",), ("v-unknown",)]
    assert [visitor is None for _, visitor in rows(store, "touch", "touch_id", "visitor")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_query_values_are_dropped_unless_kept(store: Store, csv: Csv) -> None:
    """Only the named parameter survives; no other value of the query is anywhere in the store."""
    file = csv(
        "touches", "touch_id,visitor_id,at,url\nt1,v1,2024-05-03,https://acme.com/p?token=secret&plan=pro"
    )
    store.import_table("touches", file, keep_query=["plan"])
    assert rows(store, "page", "host", "path", "query") == [("acme.com", "/p", "plan=pro")]
    assert "secret" not in repr(dump(store))


def test_naive_times_need_a_zone(store: Store, csv: Csv) -> None:
    """With one they are placed, summer time included; without one the row is rejected."""
    file = csv("touches", "touch_id,visitor_id,at\nt1,v1,2024-07-01 12:00:00\nt2,v1,2024-12-01 12:00:00")
    assert counts(store.import_table("touches", file).totals) == (2, 0, 0, 0, 0, 2)
    answer = store.import_table("touches", file, timezone="Europe/London")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert sorted(clock.iso(at) for (at,) in rows(store, "touch", "at")) == [
        "2024-07-01T11:00:00Z", "2024-12-01T12:00:00Z",
    ]  # fmt: skip


def test_a_dry_run_changes_nothing_at_all(store: Store, csv: Csv) -> None:
    """It counts what would happen, tells why rows would not load, and leaves no trace in store or folder."""
    store.import_table("touches", csv("touches", THREE))
    before = dump(store)
    file = csv("more", "touch_id,visitor_id,at\nt3,v9,2024-05-01\nt9,v9,2024-05-01\nt10,v9,noon\nt11,v9,x")
    answer = store.import_table("touches", file, dry_run=True)
    assert counts(answer.totals) == (4, 1, 0, 0, 1, 2)
    assert dump(store) == before
    assert not list(file.parent.glob("rejected/*more*"))
    told = "\n".join(answer.warnings)
    assert "dry run, nothing was stored" in told
    assert "(2 rows), first in line 4: at is 'noon'" in told
    assert "conflict (1 rows), first in line 2: touch_id 't3'" in told


def test_unknown_columns_are_named_in_one_notice(store: Store, csv: Csv) -> None:
    """A column that the table does not have is no error, and no silence either."""
    file = csv("t", "touch_id,visitor_id,at,Mood,x\nt1,v1,2024-05-03,good,1")
    answer = store.import_table("touches", file)
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert [w.partition(": ")[2] for w in answer.warnings] == ["unknown columns were ignored: mood, x"]


def _many(count: int) -> str:
    lines = ["touch_id,visitor_id,at,url,referrer,campaign,user_agent"]
    for i in range(count):
        minute = f"2024-05-{1 + i % 28:02d}T10:{i % 60:02d}:00Z"
        url = f"https://acme.com/{i % 7}?utm_source=s{i % 5}&utm_medium=cpc" if i % 3 else ""
        campaign = ["", "Grün, süß", 'say "hi"'][i % 3]
        quoted = '"' + campaign.replace('"', '""') + '"' if campaign else ""
        lines.append(f"t{i},v{i % 11},{minute},{url},https://www.google.com/,{quoted},UA {i % 2}")
    return "\n".join(lines) + "\n"


def test_every_format_gives_the_same_store(
    make_url: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV, gzip, JSON Lines, Parquet and standard input differ in nothing but the file's name."""
    text = _many(200)
    table = pacsv.read_csv(
        io.BytesIO(text.encode()), convert_options=pacsv.ConvertOptions(timestamp_parsers=[])
    )
    stamps = pa.array(
        [clock.to_micros(at) for at in table.column("at").to_pylist()], pa.timestamp("us", "UTC")
    )
    typed = table.set_column(table.column_names.index("at"), "at", stamps)
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    lines = [json.dumps({k: str(v) for k, v in row.items() if v}) for row in table.to_pylist()]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pq.write_table(typed, tmp_path / "t.parquet")
    dumps = []
    for name in ("t.csv", "t.csv.gz", "t.jsonl", "t.parquet", "-"):
        source = name if name == "-" else tmp_path / name
        with Store.open(make_url()) as store:
            answer = store.import_table("touches", source, stdin=io.BytesIO(text.encode()))
            assert counts(answer.totals) == (200, 200, 0, 0, 0, 0), name
            dumps.append(dump(store, without=["batch"]))
    # a file larger than one block, read in many of them
    monkeypatch.setattr(importer.files, "read", functools.partial(files.read, block_bytes=1_000))
    with Store.open(make_url()) as store:
        assert counts(store.import_table("touches", tmp_path / "t.csv").totals) == (200, 200, 0, 0, 0, 0)
        dumps.append(dump(store, without=["batch"]))
    assert all(one == dumps[0] for one in dumps)


def test_two_touch_ids_with_one_hash_are_two_touches(
    store: Store, csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hashes of two bits nearly every id collides, and every row still meets its own fate."""
    real = touches.fates
    monkeypatch.setattr(touches, "fates", lambda c, hashes, digest, ids: real(c, hashes & 3, digest, ids))
    monkeypatch.setattr(touches, "row_hash", _next_key(touches.row_hash))
    lines = [f"t{i},v{i % 3},2024-05-{1 + i:02d}" for i in range(20)]
    head = "touch_id,visitor_id,at\n"
    assert counts(store.import_table("touches", csv("a", head + "\n".join(lines[:10]))).totals) == (
        10, 10, 0, 0, 0, 0,
    )  # fmt: skip
    changed = [line.replace("2024", "2023") if i % 4 == 0 else line for i, line in enumerate(lines)]
    assert counts(store.import_table("touches", csv("b", head + "\n".join(changed))).totals) == (
        20, 10, 0, 7, 3, 0,
    )  # fmt: skip
    assert [i for (i,) in rows(store, "touch", "touch_id")] == sorted(f"t{i}" for i in range(20))
    assert len({key for (key,) in rows(store, "touch_key", "hash")}) == 20


def _next_key(real: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    # a moved row takes the key next door, which may be another id's own; other hashes stay as they are
    return lambda columns, n: columns["key"] + 1 if list(columns) == ["key"] else real(columns, n)


TOUCH = st.tuples(st.integers(0, 5), st.integers(1, 3))  # an id and its content


@given(st.lists(st.lists(TOUCH, max_size=8), max_size=4), st.booleans())
@hypothesis_settings(max_examples=25)
def test_any_files_in_any_order_keep_the_first_of_each_id(
    contents: list[list[tuple[int, int]]], collide: bool
) -> None:
    """Counts and stored rows are those of taking the rows one by one, whatever repeats."""
    known: dict[int, int] = {}
    with pytest.MonkeyPatch.context() as patch, Store.open("sqlite://") as store:
        if collide:
            real = touches.fates
            patch.setattr(touches, "fates", lambda c, hashes, digest, ids: real(c, hashes & 1, digest, ids))
        for content in contents:
            expected = {"accepted": 0, "duplicate": 0, "conflict": 0}
            for key, day in content:
                fate = "accepted" if key not in known else "duplicate" if known[key] == day else "conflict"
                known.setdefault(key, day)
                expected[fate] += 1
            text = "touch_id,visitor_id,at\n" + "".join(f"t{k},v,2024-05-0{d}\n" for k, d in content)
            patch.setattr(importer.rejects, "write_file", lambda *_: Path("rejected.csv"))
            totals = store.import_table("touches", "-", stdin=io.BytesIO(text.encode())).totals
            assert {name: totals[name] for name in expected} == expected
            assert totals["read"] == len(content)
        stored = {int(i[1:]): clock.from_micros(at).day for i, at in rows(store, "touch", "touch_id", "at")}
    assert stored == known
