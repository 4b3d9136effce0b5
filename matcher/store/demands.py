"""The demand library: each demand, the state it is in, and the queue of those yet to be pushed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, exists, select

from matcher.demand_states import OPEN
from matcher.demand_states import State as State
from matcher.domain import Demand
from matcher.store import audit, moves
from matcher.store.clock import moment
from matcher.store.database import put
from matcher.store.documents import demand_from_document, demand_to_document
from matcher.store.moves import Act, Move
from matcher.store.tables import demand_moves, demands
from matcher.store.tables_platform import contacts, leads, push_queue

_WHITELIST = "on_renewal_whitelist"


@dataclass(frozen=True, kw_only=True)
class KeptDemand:
    """A demand in the library; ``demand.demand_id`` is its key.

    Parameters
    ----------
    expires_on
        Last day it stands open with no desk at work; ``None`` for a loaded demand, which is history and stays.
    on_renewal_whitelist
        Whether the platform knows the enterprise to be on the city's renewal whitelist; ``None`` where it is not said.
    """

    demand: Demand
    state: str
    published_on: date | None
    expires_on: date | None = None
    on_renewal_whitelist: bool | None = None


def publish(connection: Connection, kept: Sequence[KeptDemand], actor: str, recorded_at: datetime) -> None:
    """Load published demands into the library, each with its first move; nobody is told and nothing is audited."""
    when = moment(recorded_at)
    connection.execute(demands.insert(), [_cells(one, when) for one in kept])
    connection.execute(
        demand_moves.insert(),
        [
            {
                "demand_id": one.demand.demand_id,
                "before": None,
                "after": one.state,
                "actor": actor,
                "occurred_at": when,
                "late": False,
                "occurred_on": one.published_on,
            }
            for one in kept
        ],
    )


def add(connection: Connection, kept: KeptDemand, act: Act) -> None:
    """Add one demand; a published one waits to be pushed from this transaction on."""
    state = State(kept.state)
    connection.execute(demands.insert(), _cells(kept, moment(act.now)))
    demand_id = str(kept.demand.demand_id)
    moves.record(
        connection,
        Move(demand_id=demand_id, before=None, after=state, actor=act.actor, occurred_on=act.today),
        act.now,
    )
    if state is State.PUBLISHED:
        queue_push(connection, demand_id, act)


def find(connection: Connection, demand_id: str) -> KeptDemand | None:
    """The demand with this id, ``None`` if there is none."""
    row = connection.execute(select(demands).where(demands.c.demand_id == demand_id)).first()
    return None if row is None else _kept(row)


def enter(connection: Connection, demand_id: str, before: State, after: State, act: Act, **facts: Any) -> None:
    """Let a demand stand somewhere else, with its move; ``facts`` are further facts of the move."""
    connection.execute(demands.update().where(demands.c.demand_id == demand_id).values(state=after.value))
    move = Move(demand_id=demand_id, before=before, after=after, actor=act.actor, **{"occurred_on": act.today, **facts})
    moves.record(connection, move, act.now)


def open_until(connection: Connection, demand_id: str, published_on: date, expires_on: date) -> None:
    """Date a demand: the day it was published, and the last day it stands open by itself."""
    change = demands.update().where(demands.c.demand_id == demand_id)
    connection.execute(change.values(published_on=published_on, expires_on=expires_on))


def latest(connection: Connection, limit: int) -> tuple[KeptDemand, ...]:
    """The demands published last, of those that stand open."""
    query = (
        select(demands)
        .where(demands.c.state.in_([state.value for state in OPEN]))
        .order_by(demands.c.published_on.desc(), demands.c.demand_id)
        .limit(limit)
    )
    return tuple(_kept(row) for row in connection.execute(query).all())


def listed(
    connection: Connection,
    limit: int,
    *,
    after: str | None = None,
    state: str | None = None,
    uscc: str | None = None,
    late: bool | None = None,
) -> tuple[KeptDemand, ...]:
    """Demands in order of their id, after one of them; those with a late lead now, or those without, if asked."""
    query: Select[Any] = select(demands).order_by(demands.c.demand_id).limit(limit)
    if after is not None:
        query = query.where(demands.c.demand_id > after)
    if state is not None:
        query = query.where(demands.c.state == state)
    if uscc is not None:
        query = query.where(demands.c.uscc == uscc)
    if late is not None:
        overdue = exists().where(leads.c.demand_id == demands.c.demand_id, leads.c.late.is_(True))
        query = query.where(overdue if late else ~overdue)
    return tuple(_kept(row) for row in connection.execute(query).all())


def expired_by(connection: Connection, today: date, states: Sequence[State]) -> tuple[str, ...]:
    """Ids of the demands in one of these states whose last day is over."""
    table = demands.c
    query = (
        select(table.demand_id)
        .where(table.expires_on < today, table.state.in_([state.value for state in states]))
        .order_by(table.demand_id)
    )
    return tuple(connection.execute(query).scalars())


def queue_push(connection: Connection, demand_id: str, act: Act) -> None:
    """Have a demand pushed; it stands in the queue once."""
    unqueue_push(connection, demand_id)
    connection.execute(push_queue.insert(), {"demand_id": demand_id, "recorded_at": moment(act.now)})


def unqueue_push(connection: Connection, demand_id: str) -> bool:
    """Take a demand out of the queue; whether it stood there."""
    return connection.execute(push_queue.delete().where(push_queue.c.demand_id == demand_id)).rowcount > 0


def to_push(connection: Connection, limit: int) -> tuple[str, ...]:
    """Ids of the demands that wait to be pushed, the longest waiting first."""
    query = select(push_queue.c.demand_id).order_by(push_queue.c.recorded_at, push_queue.c.demand_id).limit(limit)
    return tuple(connection.execute(query).scalars())


def keep_contact(
    connection: Connection, demand_id: str, uscc: str, contact: Mapping[str, str | None], act: Act
) -> None:
    """Keep whom to speak to at an enterprise, in place of who was named before; the audit tells that, not who it is."""
    document = msgspec.json.encode(contact).decode()
    put(connection, contacts, {"uscc": uscc, "document": document, "recorded_at": moment(act.now)})
    detail: dict[str, object] = {"demand_id": demand_id, "kept": sorted(name for name in contact if contact[name])}
    audit.append(connection, audit.Entry(actor=act.actor, action="contact_kept", subject=uscc, detail=detail), act.now)


def _cells(one: KeptDemand, recorded_at: str) -> dict[str, Any]:
    document = demand_to_document(one.demand)
    if one.on_renewal_whitelist is not None:
        document[_WHITELIST] = one.on_renewal_whitelist
    return {
        "demand_id": one.demand.demand_id,
        "uscc": one.demand.uscc,
        "document": msgspec.json.encode(document).decode(),
        "state": one.state,
        "published_on": one.published_on,
        "expires_on": one.expires_on,
        "recorded_at": recorded_at,
    }


def _kept(row: Row[Any]) -> KeptDemand:
    document = msgspec.json.decode(row.document)
    return KeptDemand(
        demand=demand_from_document(document, row.demand_id),
        state=row.state,
        published_on=row.published_on,
        expires_on=row.expires_on,
        on_renewal_whitelist=document.get(_WHITELIST),
    )
