"""The store's rows as its own books: every move, lead, demand, message and entry of the audit, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, select

from matcher.store import tables, tables_platform
from matcher.store.audit import Broken, verify

LOADED = "world"
"""Actor of the moves a world came with, which are history and not audited."""
Rows = Sequence[Row[Any]]


@dataclass(frozen=True, kw_only=True)
class Books:
    """One look at the store.

    Parameters
    ----------
    own_moves, lead_moves
        Moves by demand, and by lead, in the order in which they were made.
    """

    demands: Rows
    leads: Rows
    moves: Rows
    own_moves: dict[str, list[Row[Any]]]
    lead_moves: dict[str, list[Row[Any]]]
    audit: Rows
    broken: Broken | None
    outbox: Rows
    deliveries: Rows
    webhooks: Rows
    subscriptions: Rows
    events: Rows
    recommendations: Rows
    queue: Rows

    def told(self, *kinds: str) -> list[str]:
        """Leads named by the messages of some kinds."""
        return [str(msgspec.json.decode(row.payload)["lead_id"]) for row in self.outbox if row.kind in kinds]

    def detail(self, row: Row[Any]) -> dict[str, Any]:
        """Facts of an entry of the audit."""
        found: dict[str, Any] = msgspec.json.decode(row.detail)
        return found


def open_books(connection: Connection) -> Books:
    """Read everything; meant for stores of tests and demonstrations, or a nightly look at a small one."""

    def rows(table: Table, *order: str) -> Rows:
        return connection.execute(select(table).order_by(*(table.c[name] for name in order))).all()

    moves = rows(tables.demand_moves, "move_id")
    own: dict[str, list[Row[Any]]] = {}
    of_leads: dict[str, list[Row[Any]]] = {}
    for row in moves:
        if row.lead_id is None:
            own.setdefault(row.demand_id, []).append(row)
        else:
            of_leads.setdefault(row.lead_id, []).append(row)
    recommended = tables.recommendations.c
    given = select(recommended.recommendation_id, recommended.demand_id, recommended.digest)
    return Books(
        demands=rows(tables.demands, "demand_id"),
        leads=rows(tables_platform.leads, "lead_id"),
        moves=moves,
        own_moves=own,
        lead_moves=of_leads,
        audit=rows(tables.audit, "sequence"),
        broken=verify(connection),
        outbox=rows(tables_platform.outbox, "sequence"),
        deliveries=rows(tables_platform.deliveries, "delivery_id"),
        webhooks=rows(tables_platform.webhooks, "webhook_id"),
        subscriptions=rows(tables_platform.subscriptions, "institution_id", "kind"),
        events=rows(tables_platform.events, "event_id"),
        recommendations=list[Row[Any]](connection.execute(given)),
        queue=rows(tables_platform.push_queue, "demand_id"),
    )
