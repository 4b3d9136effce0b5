"""Callers' keys, at rest only as argon2 hashes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.tables import keys


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """One key as kept: its public half, its role, and the hash of its secret half."""

    key_id: str
    role: str
    institution_id: str | None
    hash: str
    revoked: bool = False


def add(connection: Connection, key: KeyRow, recorded_at: datetime) -> None:
    """Keep a new key."""
    connection.execute(
        keys.insert(),
        {
            "key_id": key.key_id,
            "role": key.role,
            "institution_id": key.institution_id,
            "hash": key.hash,
            "revoked": key.revoked,
            "recorded_at": moment(recorded_at),
        },
    )


def find(connection: Connection, key_id: str) -> KeyRow | None:
    """The key with this public half, revoked or not."""
    row = connection.execute(select(keys).where(keys.c.key_id == key_id)).first()
    if row is None:
        return None
    return KeyRow(
        key_id=row.key_id, role=row.role, institution_id=row.institution_id, hash=row.hash, revoked=row.revoked
    )


def every(connection: Connection) -> tuple[KeyRow, ...]:
    """Every key, oldest first."""
    rows = connection.execute(select(keys).order_by(keys.c.recorded_at, keys.c.key_id))
    return tuple(
        KeyRow(key_id=r.key_id, role=r.role, institution_id=r.institution_id, hash=r.hash, revoked=r.revoked)
        for r in rows
    )


def revoke(connection: Connection, key_id: str) -> bool:
    """Make a key useless; whether there was one."""
    return connection.execute(keys.update().where(keys.c.key_id == key_id).values(revoked=True)).rowcount > 0
