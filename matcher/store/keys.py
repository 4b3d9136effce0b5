"""Callers' keys, at rest only as argon2 hashes."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from matcher.store.clock import moment
from matcher.store.tables import keys


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """One key as kept: its public half, its role, and the hash of its secret half.

    Parameters
    ----------
    scopes
        What it may do of what its role may, as ``demands:read``; everything the role may if ``None``.
    expires_at
        RFC 3339 in UTC, the moment from which it opens nothing; ``None`` for never.
    requests_per_minute
        Its own limit; that of the service if ``None``.
    rotated_from
        Public half of the key it replaces.
    """

    key_id: str
    role: str
    institution_id: str | None
    hash: str
    revoked: bool = False
    scopes: tuple[str, ...] | None = None
    expires_at: str | None = None
    requests_per_minute: int | None = None
    rotated_from: str | None = None


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
            "scopes": None if key.scopes is None else msgspec.json.encode(key.scopes).decode(),
            "expires_at": key.expires_at,
            "requests_per_minute": key.requests_per_minute,
            "rotated_from": key.rotated_from,
        },
    )


def find(connection: Connection, key_id: str) -> KeyRow | None:
    """The key with this public half, revoked or not."""
    row = connection.execute(select(keys).where(keys.c.key_id == key_id)).first()
    return None if row is None else _key(row)


def every(connection: Connection) -> tuple[KeyRow, ...]:
    """Every key, oldest first."""
    return tuple(_key(row) for row in connection.execute(select(keys).order_by(keys.c.recorded_at, keys.c.key_id)))


def revoke(connection: Connection, key_id: str) -> bool:
    """Make a key useless; whether there was one."""
    return connection.execute(keys.update().where(keys.c.key_id == key_id).values(revoked=True)).rowcount > 0


def rotate(connection: Connection, key_id: str, successor: KeyRow, until: datetime, recorded_at: datetime) -> bool:
    """Keep a successor with the same rights, and let the old key open until a moment; whether there was one to replace.

    A key revoked, or expired by then, is not made to live longer, and the successor ends when the old key was to end.
    """
    old = find(connection, key_id)
    if old is None or old.revoked:
        return False
    heir = select(keys).where(keys.c.rotated_from == key_id).order_by(keys.c.recorded_at, keys.c.key_id)
    replaced = connection.execute(heir).first()  # what ends a key replaced before is its grace
    last = moment(until) if old.expires_at is None else min(old.expires_at, moment(until))
    connection.execute(keys.update().where(keys.c.key_id == key_id).values(expires_at=last))
    add(
        connection,
        replace(
            old,
            key_id=successor.key_id,
            hash=successor.hash,
            expires_at=old.expires_at if replaced is None else replaced.expires_at,
            rotated_from=key_id,
        ),
        recorded_at,
    )
    return True


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(
        key_id=row.key_id,
        role=row.role,
        institution_id=row.institution_id,
        hash=row.hash,
        revoked=row.revoked,
        scopes=None if row.scopes is None else tuple(msgspec.json.decode(row.scopes)),
        expires_at=row.expires_at,
        requests_per_minute=row.requests_per_minute,
        rotated_from=row.rotated_from,
    )
