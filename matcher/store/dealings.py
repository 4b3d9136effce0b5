"""What the store knows of an enterprise's earlier lists and files: one row per demand and product."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection, select

from matcher.store.tables import demands
from matcher.store.tables_platform import events, leads

_APPROVED, _REFUSED = ("approved", "disbursed", "repaid"), ("rejected",)


@dataclass(frozen=True, kw_only=True)
class Dealing:
    """One product in the lists of one demand.

    Parameters
    ----------
    shown_on, applied_on, decided_on
        Days of it; ``None`` where nothing is known of it.
    approved
        What was decided, ``None`` where nothing was.
    """

    demand_id: str
    product_id: str
    shown_on: date | None = None
    applied_on: date | None = None
    decided_on: date | None = None
    approved: bool | None = None


def dealings_of(connection: Connection, uscc: str) -> list[Dealing]:
    """Everything kept of an enterprise's lists and files, in no particular order."""
    found: dict[tuple[str, str], Dealing] = {}
    happened = (
        select(events.c.demand_id, events.c.product_id, events.c.type, events.c.occurred_at)
        .join(demands, demands.c.demand_id == events.c.demand_id)
        .where(demands.c.uscc == uscc, events.c.type.in_(("exposed", "applied")), events.c.product_id.is_not(None))
        .order_by(events.c.occurred_at.desc())
    )
    for row in connection.execute(happened):
        day = datetime.fromisoformat(row.occurred_at).date()
        before = _of(found, row.demand_id, row.product_id)
        changed = replace(before, shown_on=day) if row.type == "exposed" else replace(before, applied_on=day)
        found[row.demand_id, row.product_id] = changed
    decided = (
        select(leads.c.demand_id, leads.c.product_id, leads.c.state, leads.c.changed_at)
        .join(demands, demands.c.demand_id == leads.c.demand_id)
        .where(demands.c.uscc == uscc, leads.c.state.in_((*_APPROVED, *_REFUSED)))
    )
    for row in connection.execute(decided):
        day = datetime.fromisoformat(row.changed_at).date()
        found[row.demand_id, row.product_id] = replace(
            _of(found, row.demand_id, row.product_id), decided_on=day, approved=row.state in _APPROVED
        )
    return list(found.values())


def _of(found: dict[tuple[str, str], Dealing], demand_id: str, product_id: str) -> Dealing:
    return found.get((demand_id, product_id)) or Dealing(demand_id=demand_id, product_id=product_id)
