"""Runs imports in processes of their own that can be killed: `python import_server.py`, one JSON line a job.

Modules are loaded once and each job is a fork, so that a kill costs no start-up. Prints the pid of a job,
`writing` when its transaction is about to begin, `done` when the command has ended, and `ended CODE`.
"""

from __future__ import annotations

import io
import json
import os
import sys

from attribution.engine import Store


def main() -> None:
    """Take jobs until standard input ends."""
    with Store.open("sqlite://") as store:  # loads what is loaded lazily
        content = b"touch_id,visitor_id,at,url\nt,v,2024-05-03,https://acme.com/?utm_source=a\n"
        store.import_table("touches", "-", stdin=io.BytesIO(content))
    say("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                work(**json.loads(line))
            finally:
                os._exit(1)
        say(f"pid {pid}")
        say(f"ended {os.waitpid(pid, 0)[1]}")


def work(url: str, file: str) -> None:
    """Import one file, as the command does."""

    def progress(what: str, done: int, total: int | None) -> None:
        if what == "writing":
            say("writing")

    with Store.open(url) as store:
        store.import_table("touches", file, progress=progress)
    say("done")
    os._exit(0)


def say(text: str) -> None:
    """Print at once."""
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main()
