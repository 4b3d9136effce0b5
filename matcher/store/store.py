"""The store as callers hold it: one database, one writer, one clock for recorded moments."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from matcher.store.clock import Clock
from matcher.store.database import Database, open_database
from matcher.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Store:
    """Reads on connections of their own; every write through the one writer, answered after its commit."""

    database: Database
    writer: Writer
    clock: Clock

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection to read with."""
        return self.database.reads.connect()

    def read(self, question: Callable[[Connection], T]) -> T:
        """What a question of one connection answers."""
        with self.database.reads.connect() as connection:
            return question(connection)

    def write(self, change: Callable[[Connection], T]) -> T:
        """Make a change and wait until it is durable; raises what the change raised."""
        return self.writer.write(change)

    def submit(self, change: Callable[[Connection], T]) -> Future[T]:
        """Queue a change; the future is done once it is durable."""
        return self.writer.submit(change)

    def close(self) -> None:
        """Finish what waits, then give the connections back."""
        self.writer.close()
        self.database.close()


def open_store(url: str, clock: Clock) -> Store:
    """Open the database at a URL, with its tables at the newest migration, and start the writer.

    Raises
    ------
    StoreUnreachableError
        If the database cannot be opened or migrated.
    """
    database = open_database(url)
    return Store(database=database, writer=Writer(database.writes), clock=clock)
