"""What the store knows of an enterprise's earlier lists and files: one row per demand and product."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from sqlalchemy import ColumnElement, Connection, select, true

from matcher.store.tables import demand_moves, demands
from matcher.store.tables_platform import events, leads

_CHINA = timezone(timedelta(hours=8))
_AT_ONCE = 500
_APPROVED, _REFUSED = "approved", "rejected"
_DECISIONS = (_APPROVED, _REFUSED)
"""States whose entering is a decision; the last one stands, whatever became of the file afterwards."""


@dataclass(frozen=True, kw_only=True)
class Dealing:
    """One product in the lists of one demand.

    Parameters
    ----------
    shown_on, applied_on, decided_on
        Days on which it was known, what came in late on that later day; ``None`` where nothing is known of it.
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
    return dealings_behind(connection, [uscc]).get(uscc, [])


def dealings_behind(connection: Connection, codes: Sequence[str]) -> dict[str, list[Dealing]]:
    """The same of many enterprises at once; those of whom nothing is kept are not named."""
    found: dict[str, dict[tuple[str, str], Dealing]] = {}
    for first in range(0, len(codes), _AT_ONCE):
        _read(connection, demands.c.uscc.in_(codes[first : first + _AT_ONCE]), found)
    return {uscc: list(own.values()) for uscc, own in found.items()}


def files_of(connection: Connection) -> list[Dealing]:
    """Everything kept of everybody that was applied for or decided, in no particular order."""
    found: dict[str, dict[tuple[str, str], Dealing]] = {}
    _read(connection, true(), found)
    every = (each for own in found.values() for each in own.values())
    return [each for each in every if each.applied_on is not None or each.decided_on is not None]


def _read(connection: Connection, which: ColumnElement[bool], found: dict[str, dict[tuple[str, str], Dealing]]) -> None:
    happened = (
        select(
            demands.c.uscc,
            events.c.demand_id,
            events.c.product_id,
            events.c.type,
            events.c.occurred_at,
            events.c.received_at,
        )
        .join(demands, demands.c.demand_id == events.c.demand_id)
        .where(which, events.c.type.in_(("exposed", "applied")), events.c.product_id.is_not(None))
        .order_by(events.c.occurred_at.desc())
    )
    for row in connection.execute(happened):
        day = max(_day(row.occurred_at), _day(row.received_at))
        own = found.setdefault(row.uscc, {})
        before = _of(own, row.demand_id, row.product_id)
        changed = replace(before, shown_on=day) if row.type == "exposed" else replace(before, applied_on=day)
        own[row.demand_id, row.product_id] = changed
    moved = demand_moves.c
    decided = (
        select(demands.c.uscc, leads.c.demand_id, leads.c.product_id, moved.after, moved.occurred_at)
        .join(demands, demands.c.demand_id == leads.c.demand_id)
        .join(demand_moves, (moved.demand_id == demands.c.demand_id) & (moved.lead_id == leads.c.lead_id))
        .where(which, moved.after.in_(_DECISIONS), moved.before.is_distinct_from(moved.after))
        .order_by(moved.move_id)
    )
    for file in connection.execute(decided):
        own = found.setdefault(file.uscc, {})
        own[file.demand_id, file.product_id] = replace(
            _of(own, file.demand_id, file.product_id),
            decided_on=_day(file.occurred_at),
            approved=file.after == _APPROVED,
        )


def _day(moment: str) -> date:
    """The day in China of a moment."""
    return datetime.fromisoformat(moment).astimezone(_CHINA).date()


def _of(found: dict[tuple[str, str], Dealing], demand_id: str, product_id: str) -> Dealing:
    return found.get((demand_id, product_id)) or Dealing(demand_id=demand_id, product_id=product_id)
