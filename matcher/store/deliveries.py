"""Messages on their way to webhooks: claimed under a lease, sent, and delivered, tried again or dead.

A claim is written before anything is sent, so that two processes never send the same attempt; one that dies with its
process lapses and is claimed anew: every message arrives at least once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from matcher.store import audit, fan_out, outbox, webhooks
from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.tables_platform import deliveries
from matcher.store.tables_platform import outbox as messages
from matcher.store.tables_platform import webhooks as hooks

PENDING, SENDING, DELIVERED = fan_out.PENDING, "sending", "delivered"
DEAD, CANCELLED = webhooks.DEAD, webhooks.CANCELLED
STATES = (PENDING, SENDING, DELIVERED, DEAD, CANCELLED)
_REPLAYABLE = (DELIVERED, DEAD, CANCELLED)
_KEPT_ERROR = 300


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One attempt that this process alone may make; ``attempt`` counts from 1."""

    delivery_id: int
    attempt: int
    webhook: webhooks.Webhook
    sequence: int
    kind: str
    payload: str
    occurred_at: datetime
    was_answered: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attempt.

    Parameters
    ----------
    next_at
        When to try again, for a delivery that is ``pending`` again.
    status
        What the endpoint answered, ``None`` where it did not.
    """

    state: str
    next_at: datetime
    status: int | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A delivery as its institution sees it."""

    delivery_id: int
    sequence: int
    kind: str
    state: str
    attempts: int
    next_at: str
    last_status: int | None
    last_error: str | None
    delivered_at: str | None


def due(
    connection: Connection, now: datetime, per_webhook: int, busy: Collection[str], limit: int
) -> tuple[tuple[int, str], ...]:
    """(delivery, webhook) that may be sent now, a few of each webhook so that none waits behind a long line.

    Parameters
    ----------
    busy
        Webhooks that have as much in work as they may.
    """
    place = func.row_number().over(partition_by=deliveries.c.webhook_id, order_by=deliveries.c.delivery_id)
    ranked = (
        select(deliveries.c.delivery_id, deliveries.c.webhook_id, place.label("place"))
        .where(_claimable(now), deliveries.c.webhook_id.not_in(sorted(busy)))
        .subquery()
    )
    query = (
        select(ranked.c.delivery_id, ranked.c.webhook_id)
        .where(ranked.c.place <= per_webhook)
        .order_by(ranked.c.place, ranked.c.delivery_id)
        .limit(limit)
    )
    return tuple((int(row.delivery_id), str(row.webhook_id)) for row in connection.execute(query))


def claim(connection: Connection, wanted: Sequence[int], now: datetime, until: datetime) -> tuple[Claimed, ...]:
    """Take deliveries for this process until a moment; those another took meanwhile are left out."""
    lock_audit(connection)
    query = (
        select(
            deliveries.c.delivery_id,
            deliveries.c.attempts,
            deliveries.c.sequence,
            deliveries.c.last_status,
            *hooks.c,
            messages.c.kind,
            messages.c.payload,
            messages.c.occurred_at,
        )
        .join(hooks, hooks.c.webhook_id == deliveries.c.webhook_id)
        .join(messages, messages.c.sequence == deliveries.c.sequence)
        .where(deliveries.c.delivery_id.in_(wanted), _claimable(now))
        .order_by(deliveries.c.delivery_id)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    ended = [int(row.delivery_id) for row in rows if not row.active]
    if ended:
        dead = deliveries.update().where(deliveries.c.delivery_id.in_(ended))
        connection.execute(dead.values(state=DEAD, last_error="webhook disabled"))
    taken = [row for row in rows if row.active]
    if taken:
        change = deliveries.update().where(deliveries.c.delivery_id.in_([int(row.delivery_id) for row in taken]))
        values = {"state": SENDING, "attempts": deliveries.c.attempts + 1, "next_at": moment(until)}
        connection.execute(change.values(values))
    return tuple(
        Claimed(
            delivery_id=int(row.delivery_id),
            attempt=int(row.attempts) + 1,
            webhook=webhooks.from_row(row),
            sequence=int(row.sequence),
            kind=row.kind,
            payload=row.payload,
            occurred_at=datetime.fromisoformat(row.occurred_at),
            was_answered=row.last_status is not None,
        )
        for row in taken
    )


def record(connection: Connection, claimed: Claimed, outcome: Outcome, now: datetime) -> bool:
    """Keep what became of an attempt; whether this was the first delivery of its message to anybody.

    An endpoint that answered, whatever it said, has seen the message: the audit says so once for every delivery. An
    attempt whose claim lapsed meanwhile changes nothing but the audit.
    """
    lock_audit(connection)
    if outcome.status is not None and not claimed.was_answered:
        audit.append(connection, _disclosure(claimed, outcome), now)
    delivered = outcome.state == DELIVERED
    values: dict[str, Any] = {
        "state": outcome.state,
        "next_at": moment(outcome.next_at),
        "last_status": outcome.status,
        "last_error": None if outcome.error is None else outcome.error[:_KEPT_ERROR],
        "delivered_at": moment(now) if delivered else None,
    }
    mine = (
        deliveries.c.delivery_id == claimed.delivery_id,
        deliveries.c.state == SENDING,
        deliveries.c.attempts == claimed.attempt,
    )
    connection.execute(deliveries.update().where(*mine).values(values))
    return delivered and outbox.stamp_first(connection, [claimed.sequence], now) > 0


def of_webhook(
    connection: Connection, webhook_id: str, state: str | None, before: int | None, limit: int
) -> tuple[Shown, ...]:
    """Deliveries of a webhook, the newest first, at most ``limit``, those before a number."""
    query = (
        select(deliveries, messages.c.kind)
        .join(messages, messages.c.sequence == deliveries.c.sequence)
        .where(deliveries.c.webhook_id == webhook_id)
        .order_by(deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(deliveries.c.state == state)
    if before is not None:
        query = query.where(deliveries.c.delivery_id < before)
    return tuple(
        Shown(
            delivery_id=int(row.delivery_id),
            sequence=int(row.sequence),
            kind=row.kind,
            state=row.state,
            attempts=int(row.attempts),
            next_at=row.next_at,
            last_status=row.last_status,
            last_error=row.last_error,
            delivered_at=row.delivered_at,
        )
        for row in connection.execute(query)
    )


def replay(connection: Connection, webhook_id: str, delivery_id: int, now: datetime) -> str | None:
    """Send a delivery again from its first attempt on; the state it was in, ``None`` where there is no such one.

    One that is waiting or being sent is left as it is.
    """
    lock_audit(connection)
    mine = and_(deliveries.c.webhook_id == webhook_id, deliveries.c.delivery_id == delivery_id)
    found = connection.execute(select(deliveries.c.state).where(mine)).scalar()
    if found in _REPLAYABLE:
        connection.execute(deliveries.update().where(mine).values(_afresh(now)))
        outbox.mark(connection)
    return None if found is None else str(found)


def replay_dead(connection: Connection, webhook_id: str, now: datetime) -> int:
    """Send every dead delivery of a webhook again; how many."""
    lock_audit(connection)
    dead = deliveries.update().where(deliveries.c.webhook_id == webhook_id, deliveries.c.state == DEAD)
    outbox.mark(connection)
    return connection.execute(dead.values(_afresh(now))).rowcount


def is_busy(connection: Connection) -> bool:
    """Whether any delivery is yet to be sent, or being sent."""
    under_way = select(deliveries.c.delivery_id).where(deliveries.c.state.in_((PENDING, SENDING))).limit(1)
    return connection.execute(under_way).first() is not None


def is_replayable(state: str) -> bool:
    """Whether a delivery in this state can be sent again."""
    return state in _REPLAYABLE


def _afresh(now: datetime) -> dict[str, Any]:
    return {"state": PENDING, "attempts": 0, "next_at": moment(now), "last_error": None}


def _claimable(now: datetime) -> Any:
    return and_(deliveries.c.state.in_((PENDING, SENDING)), deliveries.c.next_at <= moment(now))


def _disclosure(claimed: Claimed, outcome: Outcome) -> audit.Entry:
    message = {"message_id": outbox.message_id(claimed.sequence), "kind": claimed.kind}
    detail: dict[str, object] = {
        "channel": "webhook",
        "webhook_id": claimed.webhook.webhook_id,
        "status": outcome.status,
        "messages": [message],
    }
    return audit.Entry(actor="system:push", action="pushed", subject=claimed.webhook.institution_id, detail=detail)
