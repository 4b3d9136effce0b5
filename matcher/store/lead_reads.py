"""What a page of leads asks the store: where each lead stands, what was pushed, which demands still stand, contacts."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select

from matcher.demand_states import OPEN
from matcher.domain import Demand
from matcher.store.documents import demand_from_document
from matcher.store.tables import demands, record_batches
from matcher.store.tables_platform import contacts, leads

PUSHED = "pushed"
OPEN_DEMANDS = frozenset(state.value for state in OPEN)
"""States of a demand in which an institution may still answer it; in any other its leads are shown to nobody."""
CLOSED_LEADS = frozenset({"rejected", "withdrawn", "expired", "closed", "disbursed", "repaid"})
"""States of a lead after which it is no more worth an officer's hour."""
IN_WORK = ("claimed", "contacted", "due_diligence", "returned", "approved", "signed")
"""States of a lead an institution took up and has not brought to its end."""
ON_DESK = (PUSHED, *IN_WORK)
"""States of a lead an institution owes an answer to: its clock runs, whatever a later plan says of it."""
_BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One institution's lead as the store keeps it.

    Parameters
    ----------
    value
        What it was worth when it was pushed, ``None`` where nobody said.
    due_on
        Day by which the institution must have done the next step, ``None`` where no clock runs.
    pushed_at
        Moment of the push, empty where there was none.
    """

    demand_id: str
    product_id: str
    state: str
    origin: str
    value: float | None
    due_on: date | None
    pushed_at: str


def standing(connection: Connection, institution_id: str, demand_ids: Collection[str]) -> dict[str, Standing]:
    """Where an institution's leads of these demands stand, by demand; a demand without a row is left out."""
    found: dict[str, Standing] = {}
    for block in _blocks(demand_ids):
        query = select(leads).where(leads.c.institution_id == institution_id, leads.c.demand_id.in_(block))
        found |= {row.demand_id: _standing(row) for row in connection.execute(query)}
    return found


def on_desk(connection: Connection, institution_id: str, *, until: str, limit: int) -> dict[str, Standing]:
    """The leads an institution has taken up, and those pushed to it until a moment; the latest ``limit``."""
    table = leads.c
    pushed = and_(table.state == PUSHED, table.pushed_at <= until)
    query = select(leads).where(table.institution_id == institution_id, or_(table.state.in_(IN_WORK), pushed))
    rows = connection.execute(
        query.order_by(table.state == PUSHED, table.pushed_at.desc(), table.demand_id).limit(limit)
    )
    return {row.demand_id: _standing(row) for row in rows}


def open_enterprises(connection: Connection, demand_ids: Collection[str]) -> dict[str, str]:
    """Code of the enterprise behind each demand that still stands; closed and unknown ones are left out."""
    found: dict[str, str] = {}
    for block in _blocks(demand_ids):
        query = select(demands.c.demand_id, demands.c.uscc).where(
            demands.c.demand_id.in_(block), demands.c.state.in_(OPEN_DEMANDS)
        )
        found |= {row.demand_id: row.uscc for row in connection.execute(query)}
    return found


def demands_among(connection: Connection, demand_ids: Collection[str]) -> dict[str, Demand]:
    """Demands by id; unknown ones are left out."""
    found: dict[str, Demand] = {}
    for block in _blocks(demand_ids):
        query = select(demands.c.demand_id, demands.c.document).where(demands.c.demand_id.in_(block))
        for row in connection.execute(query):
            found[row.demand_id] = demand_from_document(msgspec.json.decode(row.document), row.demand_id)
    return found


def batches_among(connection: Connection, usccs: Collection[str]) -> dict[str, int]:
    """Number of the last batch of records of each enterprise that brought any in."""
    found: dict[str, int] = {}
    for block in _blocks(usccs):
        query = select(record_batches.c.uscc, record_batches.c.batch_id).where(record_batches.c.uscc.in_(block))
        for row in connection.execute(query.order_by(record_batches.c.batch_id)):
            found[row.uscc] = int(row.batch_id)
    return found


def contacts_among(connection: Connection, usccs: Collection[str]) -> dict[str, dict[str, Any]]:
    """Whom to call, by enterprise; only for whom a consent was found first."""
    found: dict[str, dict[str, Any]] = {}
    for block in _blocks(usccs):
        for row in connection.execute(select(contacts).where(contacts.c.uscc.in_(block))):
            found[row.uscc] = msgspec.json.decode(row.document)
    return found


def _standing(row: Any) -> Standing:
    return Standing(
        demand_id=row.demand_id,
        product_id=row.product_id,
        state=row.state,
        origin=row.origin,
        value=row.value,
        due_on=row.due_on,
        pushed_at=row.pushed_at or "",
    )


def _blocks(keys: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), _BLOCK):
        yield ordered[start : start + _BLOCK]
