"""Where institutions want to be told, under which secret, and which kinds they opted in to.

Secrets are kept as they are, for every message is signed with them; they are shown once and stand in no list.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, select

from matcher.store import fan_out
from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.tables_platform import deliveries, outbox, subscriptions, webhooks

DEAD, CANCELLED = "dead", "cancelled"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """An address of an institution.

    Parameters
    ----------
    previous_secret, previous_until
        The secret before the last rotation, which signs beside the present one until that moment.
    active
        False once the address answered that it is gone for good.
    """

    webhook_id: str
    institution_id: str
    url: str
    kinds: tuple[str, ...]
    secret: str = field(repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    active: bool = True
    recorded_at: datetime

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at a moment, the present one first."""
        if self.previous_secret is None or self.previous_until is None or now >= self.previous_until:
            return (self.secret,)
        return (self.secret, self.previous_secret)


def add(connection: Connection, webhook: Webhook) -> None:
    """Keep a new webhook and opt its institution in to the kinds it names; a kind once refused stays refused."""
    lock_audit(connection)
    when = moment(webhook.recorded_at)
    connection.execute(
        webhooks.insert(),
        {
            "webhook_id": webhook.webhook_id,
            "institution_id": webhook.institution_id,
            "url": webhook.url,
            "kinds": msgspec.json.encode(webhook.kinds).decode(),
            "secret": webhook.secret,
            "active": webhook.active,
            "recorded_at": when,
        },
    )
    stated = subscriptions_of(connection, webhook.institution_id)
    added = [kind for kind in webhook.kinds if kind not in stated]
    if added:
        rows = [
            {"institution_id": webhook.institution_id, "kind": kind, "enabled": True, "recorded_at": when}
            for kind in added
        ]
        connection.execute(subscriptions.insert(), rows)


def find(connection: Connection, webhook_id: str, institution_id: str) -> Webhook | None:
    """A webhook of an institution; that of another is as none."""
    query = select(webhooks).where(webhooks.c.webhook_id == webhook_id, webhooks.c.institution_id == institution_id)
    row = connection.execute(query).first()
    return None if row is None else from_row(row)


def of_institution(connection: Connection, institution_id: str) -> tuple[Webhook, ...]:
    """Webhooks of an institution, by identity."""
    query = select(webhooks).where(webhooks.c.institution_id == institution_id).order_by(webhooks.c.webhook_id)
    return tuple(from_row(row) for row in connection.execute(query))


def count(connection: Connection, institution_id: str) -> int:
    """How many webhooks an institution has."""
    query = select(func.count()).select_from(webhooks).where(webhooks.c.institution_id == institution_id)
    return int(connection.execute(query).scalar_one())


def rotate(connection: Connection, webhook_id: str, secret: str, previous_until: datetime) -> None:
    """Sign with a new secret from now on, and with the present one beside it until a moment."""
    lock_audit(connection)
    change = webhooks.update().where(webhooks.c.webhook_id == webhook_id)
    values = {"secret": secret, "previous_secret": webhooks.c.secret, "previous_until": moment(previous_until)}
    connection.execute(change.values(values))


def set_active(connection: Connection, webhook_id: str, active: bool) -> None:
    """Send to a webhook again, or no more; what waits for one that ends is dead and can be replayed."""
    lock_audit(connection)
    connection.execute(webhooks.update().where(webhooks.c.webhook_id == webhook_id).values(active=active))
    if not active:
        waiting = deliveries.update().where(
            deliveries.c.webhook_id == webhook_id, deliveries.c.state == fan_out.PENDING
        )
        connection.execute(waiting.values(state=DEAD, last_error="webhook disabled"))


def remove(connection: Connection, webhook_id: str) -> None:
    """Forget a webhook, its secrets and its deliveries; the audit keeps what was disclosed."""
    lock_audit(connection)
    connection.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
    connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id))


def subscriptions_of(connection: Connection, institution_id: str) -> dict[str, bool]:
    """Kinds an institution said yes or no to; a kind it said nothing about is absent."""
    query = select(subscriptions).where(subscriptions.c.institution_id == institution_id)
    return {row.kind: bool(row.enabled) for row in connection.execute(query)}


def subscribe(connection: Connection, institution_id: str, kind: str, enabled: bool, now: datetime) -> None:
    """Opt in to a kind or out of it; opting out also cancels what of it was not sent yet."""
    lock_audit(connection)
    own = (subscriptions.c.institution_id == institution_id, subscriptions.c.kind == kind)
    values: dict[str, Any] = {"enabled": enabled, "recorded_at": moment(now)}
    if connection.execute(subscriptions.update().where(*own).values(values)).rowcount == 0:
        key = {"institution_id": institution_id, "kind": kind}
        connection.execute(subscriptions.insert(), values | key)
    if not enabled:
        _cancel(connection, institution_id, kind)


def _cancel(connection: Connection, institution_id: str, kind: str) -> None:
    mine = select(webhooks.c.webhook_id).where(webhooks.c.institution_id == institution_id)
    of_kind = select(outbox.c.sequence).where(outbox.c.institution_id == institution_id, outbox.c.kind == kind)
    waiting = deliveries.update().where(
        deliveries.c.state == fan_out.PENDING,
        deliveries.c.webhook_id.in_(mine),
        deliveries.c.sequence.in_(of_kind),
    )
    connection.execute(waiting.values(state=CANCELLED))


def from_row(row: Row[Any]) -> Webhook:
    """A webhook from its columns."""
    until = row.previous_until
    return Webhook(
        webhook_id=row.webhook_id,
        institution_id=row.institution_id,
        url=row.url,
        kinds=tuple(msgspec.json.decode(row.kinds, type=list[str])),
        secret=row.secret,
        previous_secret=row.previous_secret,
        previous_until=None if until is None else datetime.fromisoformat(until),
        active=bool(row.active),
        recorded_at=datetime.fromisoformat(row.recorded_at),
    )
