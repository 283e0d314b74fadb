"""Conversions told to a platform at full size: `python -m benchmarks.send` sends a hundred thousand.

The platform is a server on this machine that reads each request and takes it. The peer writes the same events
from a list of Python dicts, with the same hashes: what serializing costs where there is no store behind it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from attribution.engine import Store
from benchmarks.measure import attribution

GOAL = "revenue"


@click.command()
@click.option("--deals", default=100_000, show_default=True, help="Won deals, each with a click.")
@click.option("--store", "url", default=None, help="URL of an empty PostgreSQL store; default SQLite.")
def main(deals: int, url: str | None) -> None:
    """Print the table."""
    console = Console(width=100)
    table = Table("step", title=f"{deals:,} conversions")
    for head in ("seconds", "a second"):
        table.add_column(head, justify="right")
    with tempfile.TemporaryDirectory(prefix="attribution-bench-") as temp:
        folder = Path(temp)
        url = url or f"sqlite:///{folder / 'bench.db'}"
        _filled(folder, url, deals)
        with _Platform() as platform:
            os.environ |= _access(platform)
            for name, seconds in _steps(url, deals, platform).items():
                table.add_row(name, f"{seconds:.1f}", f"{deals / seconds:,.0f}")
        seconds = _peer(deals)
        table.add_row(
            "peer: events out of a list, hashed and written", f"{seconds:.1f}", f"{deals / seconds:,.0f}"
        )
    console.print(table)


def _filled(folder: Path, url: str, deals: int) -> None:
    """Make a store in which every deal has one click, with consent."""
    numbers = pd.Series(range(deals)).astype(str)
    pd.DataFrame(
        {
            "touch_id": "t" + numbers, "visitor_id": "v" + numbers, "at": "2026-10-01T09:00:00Z",
            "url": "https://acme.test/?gclid=click-" + numbers, "consent": "granted",
        }
    ).to_csv(folder / "touches.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {
            "lead_id": "L" + numbers, "created_at": "2026-10-02T09:00:00Z", "visitor_id": "v" + numbers,
            "email": "person" + numbers + "@acme.test",
        }
    ).to_csv(folder / "leads.csv", index=False)  # fmt: skip
    pd.DataFrame(
        {
            "deal_id": "D" + numbers, "status": "won", "created_at": "2026-10-03T09:00:00Z",
            "closed_at": _yesterday(), "amount": "99.50", "currency": "GBP", "lead_id": "L" + numbers,
        }
    ).to_csv(folder / "deals.csv", index=False)  # fmt: skip
    for name in ("touches", "leads", "deals"):
        attribution(url, "import", name, str(folder / f"{name}.csv"))
    attribution(url, "run", "--model", "linear", "--goal", GOAL)


def _yesterday() -> str:
    return (pd.Timestamp.now(tz="UTC") - pd.Timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _steps(url: str, deals: int, platform: _Platform) -> dict[str, float]:
    found = {}
    with Store.open(url) as store:
        start = time.perf_counter()
        shown = store.send("google", dry_run=True)
        told = sum(len(row["body"]["events"]) for row in shown.rows)
        found["queued and serialized (a dry run)"] = time.perf_counter() - start
        start = time.perf_counter()
        answer = store.send("google")
        found["queued, serialized, sent and noted"] = time.perf_counter() - start
        start = time.perf_counter()
        again = store.send("google")
        found["sent again: nothing changed"] = time.perf_counter() - start
    counted = (told, answer.totals["accepted"], platform.events, again.totals["accepted"])
    if counted != (deals, deals, deals, 0):
        raise SystemExit(f"{counted} were told, accepted, received and told again; expected {deals:,} once")
    return found


def _peer(deals: int) -> float:
    """Write the same events from plain data."""
    start = time.perf_counter()
    for first in range(0, deals, 2_000):
        json.dumps(
            [
                {
                    "transactionId": f"D{n}:{GOAL}", "eventTimestamp": "2026-11-01T09:00:00Z",
                    "conversionValue": 99.5, "currency": "GBP", "adIdentifiers": {"gclid": f"click-{n}"},
                    "userData": {
                        "userIdentifiers": [
                            {"emailAddress": hashlib.sha256(f"person{n}@acme.test".encode()).hexdigest()}
                        ]
                    },
                }
                for n in range(first, min(first + 2_000, deals))
            ]
        )  # fmt: skip
    return time.perf_counter() - start


class _Platform:
    """Takes whatever it is sent, and counts the events."""

    def __init__(self) -> None:
        platform = self
        self.events = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/token":
                    answer = b'{"access_token": "word"}'
                else:
                    platform.events += len(json.loads(body)["events"])
                    answer = b'{"requestId": "r"}'
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> _Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _access(platform: _Platform) -> dict[str, str]:
    given = {
        "base_url": platform.url, "login_url": platform.url, "client_id": "a", "client_secret": "b",
        "refresh_token": "c", "customer_id": "1234567890", "action_revenue": "2",
    }  # fmt: skip
    return {f"ATTRIBUTION_SEND_GOOGLE_{name}".upper(): text for name, text in given.items()}


if __name__ == "__main__":
    main()
