"""Price tables: every one that was ever in service, addressable by its version; one is current."""

import zlib
from datetime import date, datetime

from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.marketplace import state, stated
from matcher.store.tables_platform import price_tables

CURRENT = "prices"


def keep(connection: Connection, version: str, as_of: date, document: bytes, recorded_at: datetime) -> None:
    """Keep a price table and make it the current one; one kept before stays as it is."""
    if archived(connection, version) is None:
        connection.execute(
            price_tables.insert(),
            {
                "version": version,
                "as_of": as_of,
                "document": zlib.compress(document, 6),
                "recorded_at": moment(recorded_at),
            },
        )
    state(connection, CURRENT, version)


def current(connection: Connection) -> str | None:
    """Version of the current price table, ``None`` before the first plan."""
    return stated(connection, CURRENT)


def archived(connection: Connection, version: str) -> bytes | None:
    """The document of a price table, ``None`` if it was never in service here."""
    packed = connection.execute(select(price_tables.c.document).where(price_tables.c.version == version)).scalar()
    return None if packed is None else zlib.decompress(packed)
