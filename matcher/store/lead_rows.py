"""The rows of the desk, one per demand and institution: reading and writing them, and what a lead is called."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, or_, select

from matcher.demand_states import State
from matcher.store.tables_platform import leads

_FIND = select(leads).where(leads.c.lead_id == bindparam("lead_id"))
_INSERT = leads.insert()
_UPDATE = leads.update().where(leads.c.lead_id == bindparam("known_id"))


@dataclass(frozen=True, kw_only=True)
class KeptLead:
    """One demand at one institution.

    Parameters
    ----------
    origin
        ``push``, or that of the lead list it was claimed from.
    value
        What ordered it when it came: the score of the push, or the value of the list.
    due_on
        Last day on which the next answer is on time, ``None`` where no clock runs.
    reason_code
        Why it was rejected or closed.
    amount_cny, annual_rate
        Approved, then disbursed; decimal text.
    detail
        What must be completed, what was repaid.
    """

    lead_id: str
    demand_id: str
    institution_id: str
    product_id: str
    state: State
    origin: str
    value: float | None = None
    due_on: date | None = None
    late: bool = False
    reminded_on: date | None = None
    reason_code: str | None = None
    amount_cny: str | None = None
    annual_rate: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    pushed_at: str | None = None
    changed_at: str = ""


def lead_id_of(demand_id: str, institution_id: str) -> str:
    """The lead of a demand at an institution, nameable before it has a row."""
    return "L-" + hashlib.sha256(f"{demand_id}|{institution_id}".encode()).hexdigest()[:20]


def find(connection: Connection, lead_id: str) -> KeptLead | None:
    """The lead with this id, ``None`` where it has no row."""
    row = connection.execute(_FIND, {"lead_id": lead_id}).first()
    return None if row is None else _kept(row)


def of_demand(connection: Connection, demand_id: str) -> tuple[KeptLead, ...]:
    """The leads of a demand, by institution."""
    query = select(leads).where(leads.c.demand_id == demand_id).order_by(leads.c.institution_id)
    return tuple(_kept(row) for row in connection.execute(query).all())


def overdue(connection: Connection, today: date) -> tuple[KeptLead, ...]:
    """Leads whose last day is over and that were not marked late yet."""
    query = select(leads).where(leads.c.due_on < today, leads.c.late.is_(False)).order_by(leads.c.lead_id)
    return tuple(_kept(row) for row in connection.execute(query).all())


def to_escalate(connection: Connection, due_before: date) -> tuple[KeptLead, ...]:
    """Late leads due before a day whose lateness was not escalated: nothing was told of them since they were due."""
    table = leads.c
    query = (
        select(leads)
        .where(table.late.is_(True), table.due_on < due_before)
        .where(or_(table.reminded_on.is_(None), table.reminded_on <= table.due_on))
        .order_by(table.lead_id)
    )
    return tuple(_kept(row) for row in connection.execute(query).all())


def due_between(connection: Connection, first: date, last: date) -> tuple[KeptLead, ...]:
    """Leads due on one of these days."""
    query = select(leads).where(leads.c.due_on >= first, leads.c.due_on <= last).order_by(leads.c.lead_id)
    return tuple(_kept(row) for row in connection.execute(query).all())


def insert(connection: Connection, lead: KeptLead) -> None:
    """A new row."""
    connection.execute(_INSERT, _cells(lead))


def update(connection: Connection, lead: KeptLead) -> None:
    """The row as it is now."""
    cells = _cells(lead)
    connection.execute(_UPDATE, {"known_id": cells.pop("lead_id"), **cells})


def states_of(connection: Connection, demand_id: str) -> list[State]:
    """Where the leads of a demand stand."""
    found = connection.execute(select(leads.c.state).where(leads.c.demand_id == demand_id)).scalars()
    return [State(state) for state in found]


def _cells(lead: KeptLead) -> dict[str, Any]:
    return {
        **{one.name: getattr(lead, one.name) for one in fields(KeptLead)},
        "state": lead.state.value,
        "detail": msgspec.json.encode(lead.detail).decode() if lead.detail else None,
    }


def _kept(row: Row[Any]) -> KeptLead:
    cells = {one.name: getattr(row, one.name) for one in fields(KeptLead)}
    detail = {} if row.detail is None else msgspec.json.decode(row.detail)
    return KeptLead(**{**cells, "state": State(row.state), "late": bool(row.late), "detail": detail})
