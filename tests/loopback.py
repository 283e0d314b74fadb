"""Platforms that answer on this machine: each test says what they know and when they fail."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attribution.pulls.http import Waits


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    body: Any  # JSON, or a form's fields
    content: bytes = b""  # the body as it came


@dataclass(frozen=True)
class Answer:
    """What is sent back: JSON, bytes, or something broken."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""  # `cut`: less than was announced; `closed`: nothing; `text`: no JSON; `slow`: never ends


CUT, CLOSED, NO_JSON, SLOW = (Answer({}, broken=how) for how in ("cut", "closed", "text", "slow"))
Platform = Callable[[Asked], Any]


class Loopback:
    """A server with a list of what was asked, and answers that come before the platform's own."""

    def __init__(self, platform: Platform) -> None:
        self.asked: list[Asked] = []
        self.first: list[Answer] = []  # what goes wrong before anything goes well
        self.platform = platform
        self.over = threading.Event()
        handler = type("Handler", (_Handler,), {"loopback": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.asked]

    def close(self) -> None:
        """Stop."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def loopback(platform: Platform) -> Iterator[Loopback]:
    """Run a platform."""
    server = Loopback(platform)
    try:
        yield server
    finally:
        server.close()


class Patience:
    """A clock that stands still: what was waited for, and what was told of it."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.told: list[str] = []

    def waits(self) -> Waits:
        """Return how to wait."""
        return Waits(self.slept.append, self.told.append, lambda: 0.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that were broken on purpose."""


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(size)
        asked = Asked(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query).items()},
            {name.lower(): value for name, value in self.headers.items()},
            _read_body(content, self.headers.get("content-type", "")),
            content,
        )
        self.loopback.asked.append(asked)
        if self.loopback.first:
            answer = self.loopback.first.pop(0)
        else:
            found = self.loopback.platform(asked)
            answer = found if isinstance(found, Answer) else Answer(found)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.close_connection = answer.broken in ("cut", "closed", "slow")
        if answer.broken == "closed":  # a reset, as from a host that went down
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        if answer.broken == "text":
            content = b"<html>one moment, please"
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + 10 * (answer.broken == "cut")))
        self.end_headers()
        if answer.broken == "slow":
            self.wfile.flush()
            self.loopback.over.wait(30)
            return
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _read_body(content: bytes, kind: str) -> Any:
    if not content:
        return None
    if "json" in kind:
        return json.loads(content)
    return {name: values[-1] for name, values in parse_qs(content.decode()).items()}
