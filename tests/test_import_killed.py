"""An import that is killed, for real and many times: the store is as before the file or as after it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from dumps import counts, dump
from sqlalchemy import distinct, func, select

from attribution.engine import Store
from attribution.store import schema

ROWS = 100_000
KILLS = {"sqlite": 16, "postgresql": 6}


class ImportServer:
    """Imports in processes that can be killed; see import_server.py."""

    def __init__(self) -> None:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        script = Path(__file__).with_name("import_server.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in: IO[str] = self._process.stdin
        self._out: IO[str] = self._process.stdout
        assert self._wait("ready") == "ready"

    def start(self, url: str, file: Path) -> int:
        """Begin an import; returns its pid."""
        self.said: list[str] = []
        self._in.write(json.dumps({"url": url, "file": str(file)}) + "\n")
        self._in.flush()
        return int(self._wait("pid").split()[1])

    def wait_for_writing(self) -> None:
        """Return when the transaction is about to begin."""
        if "writing" not in self.said:
            self._wait("writing", "ended")

    def wait_for_end(self) -> bool:
        """Return when the process is gone; tells whether the command had ended."""
        if not any(line.startswith("ended") for line in self.said):
            self._wait("ended")
        return "done" in self.said

    def close(self) -> None:
        """End the server."""
        self._in.close()
        self._process.wait(timeout=30)
        self._out.close()

    def _wait(self, *words: str) -> str:
        while True:
            line = self._out.readline()
            assert line, "the import server ended by itself"
            said = line.strip()
            if said == "ready":
                return said
            self.said.append(said)
            if said.startswith(words):
                return said


@pytest.fixture(scope="module")
def server() -> Iterator[ImportServer]:
    """One server for all kills."""
    running = ImportServer()
    yield running
    running.close()


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred thousand touches of some thousands of visitors and hundreds of origins."""
    random_ = random.Random(7)
    path = tmp_path_factory.mktemp("killed") / "touches.csv"
    lines = ["touch_id,visitor_id,at,url"]
    for i in range(ROWS):
        visitor, day, campaign = random_.randrange(20_000), random_.randrange(1, 29), random_.randrange(300)
        lines.append(
            f"touch-{i},visitor-{visitor},2024-05-{day:02d}T10:00:00Z,"
            f"https://acme.com/{campaign % 40}?utm_source=google&utm_medium=cpc&utm_campaign=c{campaign}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def state(store: Store) -> tuple[int, ...]:
    """Count and sum what an import writes, tree by tree."""
    touch, key = schema.touch, schema.touch_key
    with store.db.read() as connection:
        found = connection.execute(
            select(
                select(func.count()).select_from(touch).scalar_subquery(),
                select(func.coalesce(func.sum(touch.c.n), 0)).scalar_subquery(),
                select(func.count(distinct(touch.c.visitor))).scalar_subquery(),
                select(func.count()).select_from(touch.join(key, key.c.n == touch.c.n)).scalar_subquery(),
                select(func.count()).select_from(key).scalar_subquery(),
                select(func.count()).select_from(schema.origin).scalar_subquery(),
                select(func.count()).select_from(schema.placement).scalar_subquery(),
                select(func.count()).select_from(schema.page).scalar_subquery(),
                select(func.count()).select_from(schema.identifier).scalar_subquery(),
                select(func.count()).select_from(schema.batch).scalar_subquery(),
            )
        ).one()
    return tuple(int(value) for value in found)


def test_a_killed_import_leaves_all_of_a_file_or_nothing(
    server: ImportServer, big_file: Path, make_url: Callable[[], str]
) -> None:
    """SIGKILL at random moments of reading, writing and committing; the same command then completes it."""
    random_ = random.Random(20240503)
    whole_url = make_url()
    Store.open(whole_url).close()
    begin = time.monotonic()
    server.start(whole_url, big_file)
    server.wait_for_writing()
    reading = time.monotonic() - begin
    assert server.wait_for_end()
    writing = time.monotonic() - begin - reading
    with Store.open(whole_url) as store:
        after = state(store)
        sqlite = store.db.dialect == "sqlite"
        kills = KILLS[store.db.dialect]
    assert after[0] == after[3] == after[4] == ROWS

    killed_in_time = 0
    url = ""
    for kill in range(kills):
        if not url:  # a store that holds nothing yet is killed over and over
            url = make_url()
            Store.open(url).close()
        pid = server.start(url, big_file)
        if kill % 4:  # most kills hit the transaction, where there is something to lose
            server.wait_for_writing()
            time.sleep(random_.uniform(0, writing * 1.05))
        else:
            time.sleep(random_.uniform(0, reading))
        with contextlib.suppress(ProcessLookupError):  # it had ended already
            os.kill(pid, signal.SIGKILL)
        ended = server.wait_for_end()
        killed_in_time += not ended
        with Store.open(url, create=False) as store:
            found = state(store)
            assert found in ((0,) * 10, after), f"half a file after kill {kill}"
            assert found == after or not ended
            if kill % 5 == 4:
                again = store.import_table("touches", big_file).totals
                whole = (ROWS, 0, 0, ROWS, 0, 0) if found == after else (ROWS, ROWS, 0, 0, 0, 0)
                assert counts(again) == whole
                assert state(store)[:-1] == after[:-1]
                found = after
        if sqlite:
            check_file(Path(url.removeprefix("sqlite:///")))
        url = "" if found == after else url
    assert killed_in_time > kills // 2  # the moments were well chosen


def check_file(path: Path) -> None:
    """Hold SQLite's own checks against the file."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


def test_an_interrupted_command_exits_with_130(sqlite_store: Store, tmp_path: Path) -> None:
    """Ctrl-C while the command reads: exit code 130, one sentence, and nothing changed."""
    before = dump(sqlite_store)
    command = [sys.executable, "-c", "from attribution.cli import main; main()"]
    # where the suite runs in the background Ctrl-C is ignored, and so it would be here
    was = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, "--store", f"sqlite:///{sqlite_store.db.path}", "import", "touches", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    signal.signal(signal.SIGINT, was)
    assert process.stdin is not None
    # more than a pipe holds: once it is written, the command is reading, and waits for more
    process.stdin.write(b"touch_id,visitor_id,at\n" + b"t1,v1,2024-05-03\n" * 20_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == b""
    assert err.strip() == b"attribution: interrupted; nothing was changed"
    assert dump(sqlite_store) == before
