"""What institutions are to be told, kept in the transaction that made it so; webhooks and the stream read it.

Messages are numbered in the order in which they become visible: whoever has read up to a number misses nothing below
it. PostgreSQL hands out numbers before a commit, so a transaction that announces holds the lock of the audit chain
until its end, as it does for its audit entry anyway.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, event, func, select
from sqlalchemy.pool import ConnectionPoolEntry

from matcher.store import audit, fan_out
from matcher.store.clock import moment
from matcher.store.database import Database, lock_audit
from matcher.store.push_kinds import check_kind
from matcher.store.tables_platform import outbox

_MARK = "outbox_announced"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing to tell one institution.

    Parameters
    ----------
    kind
        What happened, as ``lead.pushed``: one of ``push_kinds.KINDS``; institutions choose the kinds they want.
    payload
        JSON of it; nothing in it may need a consent the institution does not hold.
    """

    institution_id: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A message as kept: its number, its payload as JSON text, and whether anybody was told yet."""

    sequence: int
    institution_id: str
    kind: str
    payload: str
    occurred_at: datetime
    is_delivered: bool


def announce(connection: Connection, messages: Sequence[Message], occurred_at: datetime, recorded_at: datetime) -> None:
    """Put messages in the outbox, in the order given, with a delivery for every webhook that asked for them.

    Parameters
    ----------
    occurred_at
        When the thing happened (a demand was published): the push delay counts from here.

    Raises
    ------
    UnknownKindError
        For a kind that is not on the list.
    """
    if not messages:
        return
    for one in messages:
        check_kind(one.kind)
    lock_audit(connection)
    rows = [_row(one, occurred_at, recorded_at) for one in messages]
    inserted = connection.execute(outbox.insert().returning(outbox.c.sequence, sort_by_parameter_order=True), rows)
    told = [
        fan_out.Announced(sequence=int(sequence), institution_id=one.institution_id, kind=one.kind)
        for sequence, one in zip(inserted.scalars(), messages, strict=True)
    ]
    fan_out.make_deliveries(connection, told, recorded_at)
    mark(connection)


def announce_to_one(connection: Connection, message: Message, webhook_id: str, now: datetime) -> int:
    """Put a message in the outbox for one webhook alone, whatever it asked for; gives its number."""
    lock_audit(connection)
    query = outbox.insert().returning(outbox.c.sequence)
    sequence = int(connection.execute(query, _row(message, now, now)).scalar_one())
    fan_out.insert(connection, [(webhook_id, sequence)], now)
    mark(connection)
    return sequence


def after(connection: Connection, institution_id: str, sequence: int, limit: int) -> tuple[Told, ...]:
    """Messages of one institution past a number, oldest first, at most ``limit``."""
    query = (
        select(outbox)
        .where(outbox.c.institution_id == institution_id, outbox.c.sequence > sequence)
        .order_by(outbox.c.sequence)
        .limit(limit)
    )
    return tuple(_told(row) for row in connection.execute(query))


def head(connection: Connection) -> int:
    """Number of the newest message, 0 where there is none."""
    return int(connection.execute(select(func.max(outbox.c.sequence))).scalar() or 0)


def told_since(connection: Connection, sequence: int) -> dict[str, int]:
    """Institutions with messages past a number, each with the number of its newest."""
    query = (
        select(outbox.c.institution_id, func.max(outbox.c.sequence))
        .where(outbox.c.sequence > sequence)
        .group_by(outbox.c.institution_id)
    )
    return {str(institution): int(newest) for institution, newest in connection.execute(query)}


def disclose(
    connection: Connection, institution_id: str, told: Sequence[Told], channel: str, now: datetime
) -> tuple[Told, ...]:
    """Note that messages reach their institution for the first time, in the outbox and in the audit.

    Those already delivered are left as they are; gives the others.
    """
    lock_audit(connection)
    numbers = [one.sequence for one in told]
    unseen = select(outbox.c.sequence).where(outbox.c.sequence.in_(numbers), outbox.c.first_delivered_at.is_(None))
    fresh = set(connection.execute(unseen).scalars())
    if not fresh:
        return ()
    stamp_first(connection, sorted(fresh), now)
    first = tuple(one for one in told if one.sequence in fresh)
    messages = [{"message_id": message_id(one.sequence), "kind": one.kind} for one in first]
    entry = audit.Entry(
        actor="system:push", action="pushed", subject=institution_id, detail={"channel": channel, "messages": messages}
    )
    audit.append(connection, entry, now)
    return first


def stamp_first(connection: Connection, sequences: Sequence[int], now: datetime) -> int:
    """Set the moment of the first delivery where there is none yet; how many were set."""
    query = outbox.update().where(outbox.c.sequence.in_(sequences), outbox.c.first_delivered_at.is_(None))
    return connection.execute(query.values(first_delivered_at=moment(now))).rowcount


def message_id(sequence: int) -> str:
    """A message as receivers know it: the same at every attempt, so that they can tell a repetition.

    >>> message_id(17)
    'msg_17'
    """
    return f"msg_{sequence}"


def mark(connection: Connection) -> None:
    """Let whoever listens know, once this transaction ends, that there is something to send."""
    connection.info[_MARK] = True


def on_announced(database: Database, nudge: Callable[[], None]) -> Callable[[], None]:
    """Call ``nudge`` after every transaction of this process that announced; gives what ends it."""

    def returned(_connection: object, entry: ConnectionPoolEntry) -> None:
        if entry.info.pop(_MARK, False):
            nudge()

    event.listen(database.writes, "checkin", returned)
    return lambda: event.remove(database.writes, "checkin", returned)


def _row(message: Message, occurred_at: datetime, recorded_at: datetime) -> dict[str, str]:
    return {
        "institution_id": message.institution_id,
        "kind": message.kind,
        "payload": msgspec.json.encode(message.payload).decode(),
        "occurred_at": moment(occurred_at),
        "recorded_at": moment(recorded_at),
    }


def _told(row: Row[Any]) -> Told:
    return Told(
        sequence=int(row.sequence),
        institution_id=row.institution_id,
        kind=row.kind,
        payload=row.payload,
        occurred_at=datetime.fromisoformat(row.occurred_at),
        is_delivered=row.first_delivered_at is not None,
    )
