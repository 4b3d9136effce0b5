"""The audit: append-only rows, each sealed with the digest of the one before, so that no row can change unseen."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.tables import audit

GENESIS = "0" * 64
_HEAD = select(audit.c.sequence, audit.c.digest).order_by(audit.c.sequence.desc()).limit(1)
_APPEND = audit.insert()


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened: who did what to what, with the facts needed to check it."""

    actor: str
    action: str
    subject: str
    detail: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first place where the chain does not hold."""

    sequence: int
    reason: str


def append(connection: Connection, entry: Entry, occurred_at: datetime) -> str:
    """Add one row to the chain within the caller's transaction; gives its digest."""
    lock_audit(connection)
    head = connection.execute(_HEAD).first()
    sequence, previous = (1, GENESIS) if head is None else (int(head.sequence) + 1, str(head.digest))
    row = {
        "sequence": sequence,
        "occurred_at": moment(occurred_at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": msgspec.json.encode(entry.detail, order="deterministic").decode(),
        "previous": previous,
    }
    digest = _seal(row)
    connection.execute(_APPEND, row | {"digest": digest})
    return digest


def verify(connection: Connection) -> Broken | None:
    """Walk the whole chain; ``None`` where every row is as it was written and stands where it stood."""
    expected, previous = 1, GENESIS
    for found in connection.execute(select(audit).order_by(audit.c.sequence)):
        row = dict(found._mapping)
        digest = row.pop("digest")
        if row["sequence"] != expected:
            return Broken(sequence=expected, reason="row missing or out of order")
        if row["previous"] != previous:
            return Broken(sequence=expected, reason="does not follow from the row before")
        if _seal(row) != digest:
            return Broken(sequence=expected, reason="changed since it was written")
        expected, previous = expected + 1, digest
    return None


def _seal(row: dict[str, object]) -> str:
    return hashlib.sha256(msgspec.json.encode(row, order="sorted")).hexdigest()
