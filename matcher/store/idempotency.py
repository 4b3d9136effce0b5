"""Answers already given, by caller and idempotency key, kept in the very transaction that did the work."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.tables import idempotency


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer given before, and the fingerprint of the request it answered."""

    caller: str
    key: str
    fingerprint: str
    status: int
    answer: bytes


def find(connection: Connection, caller: str, key: str) -> Answered | None:
    """The answer this caller got under this key, ``None`` if none."""
    table = idempotency.c
    row = connection.execute(select(idempotency).where(table.caller == caller, table.key == key)).first()
    if row is None:
        return None
    return Answered(
        caller=caller, key=key, fingerprint=row.fingerprint, status=int(row.status), answer=bytes(row.answer)
    )


def keep(connection: Connection, answered: Answered, recorded_at: datetime) -> None:
    """Keep an answer; a key already used raises an integrity error and undoes the transaction."""
    connection.execute(
        idempotency.insert(),
        {
            "caller": answered.caller,
            "key": answered.key,
            "fingerprint": answered.fingerprint,
            "status": answered.status,
            "answer": answered.answer,
            "recorded_at": moment(recorded_at),
        },
    )
