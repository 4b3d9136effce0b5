"""From a message to its deliveries: one for every active webhook of the institution that opted in to the kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.tables_platform import deliveries, subscriptions, webhooks

PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class Announced:
    """A message that was just put in the outbox."""

    sequence: int
    institution_id: str
    kind: str


def make_deliveries(connection: Connection, announced: Sequence[Announced], now: datetime) -> None:
    """Make the deliveries of messages, in their order; an institution that did not opt in gets none."""
    institutions = sorted({one.institution_id for one in announced})
    hooks: dict[str, list[tuple[str, frozenset[str]]]] = {}
    query = select(webhooks.c.webhook_id, webhooks.c.institution_id, webhooks.c.kinds).where(
        webhooks.c.institution_id.in_(institutions), webhooks.c.active.is_(True)
    )
    for row in connection.execute(query.order_by(webhooks.c.webhook_id)):
        kinds = frozenset(msgspec.json.decode(row.kinds, type=list[str]))
        hooks.setdefault(row.institution_id, []).append((row.webhook_id, kinds))
    if not hooks:
        return
    opted = select(subscriptions.c.institution_id, subscriptions.c.kind).where(
        subscriptions.c.institution_id.in_(sorted(hooks)), subscriptions.c.enabled.is_(True)
    )
    wanted = {(row.institution_id, row.kind) for row in connection.execute(opted)}
    insert(
        connection,
        [
            (webhook_id, one.sequence)
            for one in announced
            if (one.institution_id, one.kind) in wanted
            for webhook_id, kinds in hooks.get(one.institution_id, ())
            if one.kind in kinds
        ],
        now,
    )


def insert(connection: Connection, pairs: Iterable[tuple[str, int]], now: datetime) -> None:
    """Make deliveries of (webhook, message number), due at once."""
    rows = [
        {"webhook_id": webhook_id, "sequence": sequence, "state": PENDING, "attempts": 0, "next_at": moment(now)}
        for webhook_id, sequence in pairs
    ]
    if rows:
        connection.execute(deliveries.insert(), rows)
