"""Every move of a demand and of its leads: a row of the library's log and an entry of the audit, never one alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from matcher.demand_states import State
from matcher.store import audit
from matcher.store.clock import moment
from matcher.store.tables import demand_moves

_RECORD = demand_moves.insert()


@dataclass(frozen=True, kw_only=True)
class Act:
    """Who acts, at which moment, and on which day of business."""

    actor: str
    now: datetime
    today: date


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move; that of a lead names the lead and its institution, that of a demand may name who caused it.

    Parameters
    ----------
    before, after
        Equal where nothing moved but something must be seen: a lead that became late, a part repaid.
    occurred_on
        Day it happened, which may lie before the moment it was told.
    late
        Whether the answer was due before that day.
    detail
        Figures for the audit alone.
    """

    demand_id: str
    before: State | None
    after: State
    actor: str
    occurred_on: date | None
    institution_id: str | None = None
    lead_id: str | None = None
    reason_code: str | None = None
    late: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RecordedMove:
    """A move as the log holds it, with the moment it was recorded."""

    before: str | None
    after: str
    actor: str
    occurred_at: str
    occurred_on: date | None
    institution_id: str | None
    lead_id: str | None
    reason_code: str | None
    late: bool


def record(connection: Connection, move: Move, now: datetime) -> None:
    """Add a move to the log and to the audit, within the caller's transaction."""
    connection.execute(
        _RECORD,
        {
            "demand_id": move.demand_id,
            "before": None if move.before is None else move.before.value,
            "after": move.after.value,
            "actor": move.actor,
            "occurred_at": moment(now),
            "institution_id": move.institution_id,
            "lead_id": move.lead_id,
            "reason_code": move.reason_code,
            "late": move.late,
            "occurred_on": move.occurred_on,
        },
    )
    audit.append(connection, _entry(move), now)


def of_demand(connection: Connection, demand_id: str) -> tuple[RecordedMove, ...]:
    """Every move of a demand and of its leads, in the order in which they were made."""
    query = select(demand_moves).where(demand_moves.c.demand_id == demand_id).order_by(demand_moves.c.move_id)
    return tuple(
        RecordedMove(
            before=row.before,
            after=row.after,
            actor=row.actor,
            occurred_at=row.occurred_at,
            occurred_on=row.occurred_on,
            institution_id=row.institution_id,
            lead_id=row.lead_id,
            reason_code=row.reason_code,
            late=bool(row.late),
        )
        for row in connection.execute(query)
    )


def _entry(move: Move) -> audit.Entry:
    what = "demand" if move.lead_id is None else "lead"
    told: dict[str, object] = {
        "demand_id": move.demand_id,
        "institution_id": move.institution_id,
        "before": None if move.before is None else move.before.value,
        "state": move.after.value,
        "reason_code": move.reason_code,
        "late": move.late,
        "occurred_on": None if move.occurred_on is None else move.occurred_on.isoformat(),
        **move.detail,
    }
    stood = move.before is move.after
    action = f"{what}_late" if stood and move.late else f"{what}_{move.after.value}"
    return audit.Entry(actor=move.actor, action=action, subject=move.lead_id or move.demand_id, detail=told)
