"""Every law that was ever in service, addressable by its version: the texts of its files, compressed."""

import zlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.tables import rulebooks


def is_archived(connection: Connection, version: str) -> bool:
    """Whether the law of a version is kept."""
    return connection.execute(select(rulebooks.c.version).where(rulebooks.c.version == version)).first() is not None


def archive(connection: Connection, version: str, texts: Mapping[str, str], at: datetime) -> None:
    """Keep the law of a version; one kept before stays as it is."""
    if not is_archived(connection, version):
        document = zlib.compress(msgspec.json.encode(texts, order="sorted"), 6)
        connection.execute(rulebooks.insert(), {"version": version, "document": document, "recorded_at": moment(at)})


def archived(connection: Connection, version: str) -> dict[str, str] | None:
    """Texts of the files of a version by name, ``None`` if it was never in service here."""
    packed = connection.execute(select(rulebooks.c.document).where(rulebooks.c.version == version)).scalar()
    return None if packed is None else msgspec.json.decode(zlib.decompress(packed), type=dict[str, str])
