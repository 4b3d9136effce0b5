"""Connections: SQLite with write-ahead log and full sync by default, PostgreSQL by URL; and the migrations of both.

Reads run on pooled connections beside the one writer; SQLite readers never block it nor wait for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

MIGRATIONS = Path(__file__).parent / "migrations"
AUDIT_LOCK, MIGRATION_LOCK, WORLD_LOCK = 731_018, 731_019, 731_020
"""Numbers of what only one process may do at a time."""


class StoreUnreachableError(Exception):
    """The database cannot be opened or migrated; says where and why."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """Two engines over one database: ``writes`` for the writer alone, ``reads`` for everybody."""

    url: str
    reads: Engine
    writes: Engine

    def is_reachable(self) -> bool:
        """Whether a question is answered now."""
        try:
            with self.reads.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Give every connection back."""
        self.reads.dispose()
        self.writes.dispose()


def open_database(url: str) -> Database:
    """Open the database, bring its tables to the newest migration, and give both engines.

    Raises
    ------
    StoreUnreachableError
        If it cannot be reached or migrated.
    """
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    rendered = parsed.render_as_string(hide_password=False)
    try:
        database = Database(url=rendered, reads=_engine(rendered, writes=False), writes=_engine(rendered, writes=True))
        migrate(database)
    except SQLAlchemyError as error:
        where = parsed.render_as_string(hide_password=True)
        raise StoreUnreachableError(f"The store at {where} cannot be opened: {error}. Check DATABASE_URL.") from error
    return database


def migrate(database: Database) -> None:
    """Bring the tables to the newest migration, one process at a time; nothing happens where they are already."""
    with database.reads.connect() as connection:
        if _migrated_to(connection) == _newest():
            return
    from alembic import command  # slow to import, and seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writes.begin() as connection:
        hold(connection, MIGRATION_LOCK)
        if _migrated_to(connection) == _newest():
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _newest() -> str:
    """Number of the newest migration: its file begins with it."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _migrated_to(connection: Connection) -> str | None:
    """Number of the migration the tables are at, ``None`` where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def hold(connection: Connection, lock: int) -> None:
    """Let nobody else do what a lock stands for until the transaction ends, where several processes may write at once.

    SQLite admits one writing transaction anyway; PostgreSQL takes an advisory lock.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock:d})")


def lock_audit(connection: Connection) -> None:
    """Hold the audit chain until the transaction ends.

    The writer's transactions begin with it on PostgreSQL, as they begin with the write lock on SQLite: were it taken
    after the first row changed, two processes could each hold what the other waits for.
    """
    hold(connection, AUDIT_LOCK)


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row, or put it in the place of the one with the same primary key."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    changed = {name: value for name, value in row.items() if name not in table.primary_key.columns}
    connection.execute(
        insert(table).values(**row).on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed)
    )


def _engine(url: str, *, writes: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            parsed, pool_size=1 if writes else 8, max_overflow=0 if writes else 8, pool_pre_ping=True
        )
        if writes:
            event.listen(engine, "begin", lock_audit)
        return engine
    engine = create_engine(
        parsed, pool_size=1 if writes else 8, max_overflow=0 if writes else 8, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    if writes:
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "cache_size=-32768"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
