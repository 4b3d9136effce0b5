"""The demand library: each demand, the state it is in, and every move it made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, select

from matcher.domain import Demand
from matcher.store.clock import moment
from matcher.store.documents import demand_from_document, demand_to_document
from matcher.store.tables import demand_moves, demands


class State(StrEnum):
    """Where a demand stands."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class KeptDemand:
    """A demand in the library; ``demand.demand_id`` is its key."""

    demand: Demand
    state: str
    published_on: date | None


class NotMovableError(Exception):
    """The demand stands in a state from which this move is not allowed."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The demand is {state}.")
        self.state = state


def publish(connection: Connection, kept: Sequence[KeptDemand], actor: str, recorded_at: datetime) -> None:
    """Add published demands to the library, each with its first move."""
    when = moment(recorded_at)
    connection.execute(
        demands.insert(),
        [
            {
                "demand_id": one.demand.demand_id,
                "uscc": one.demand.uscc,
                "document": msgspec.json.encode(demand_to_document(one.demand)).decode(),
                "state": one.state,
                "published_on": one.published_on,
                "recorded_at": when,
            }
            for one in kept
        ],
    )
    connection.execute(
        demand_moves.insert(),
        [
            {
                "demand_id": one.demand.demand_id,
                "before": None,
                "after": one.state,
                "actor": actor,
                "occurred_at": when,
            }
            for one in kept
        ],
    )


def find(connection: Connection, demand_id: str) -> KeptDemand | None:
    """The demand with this id, ``None`` if there is none."""
    row = connection.execute(select(demands).where(demands.c.demand_id == demand_id)).first()
    if row is None:
        return None
    document = msgspec.json.decode(row.document)
    return KeptDemand(
        demand=demand_from_document(document, row.demand_id), state=row.state, published_on=row.published_on
    )


def latest(connection: Connection, limit: int) -> tuple[KeptDemand, ...]:
    """The demands published last, of those that stand published."""
    query = (
        select(demands.c.demand_id)
        .where(demands.c.state == State.PUBLISHED.value)
        .order_by(demands.c.published_on.desc(), demands.c.demand_id)
        .limit(limit)
    )
    found = (find(connection, row.demand_id) for row in connection.execute(query).all())
    return tuple(one for one in found if one is not None)


def withdraw(connection: Connection, demand_id: str, actor: str, recorded_at: datetime) -> KeptDemand | None:
    """Withdraw a published demand; ``None`` if there is none.

    Raises
    ------
    NotMovableError
        If it is not published any more.
    """
    kept = find(connection, demand_id)
    if kept is None:
        return None
    moved = connection.execute(
        demands.update()
        .where(demands.c.demand_id == demand_id, demands.c.state == State.PUBLISHED.value)
        .values(state=State.WITHDRAWN.value)
    )
    if moved.rowcount == 0:
        raise NotMovableError(kept.state)
    connection.execute(
        demand_moves.insert(),
        {
            "demand_id": demand_id,
            "before": State.PUBLISHED.value,
            "after": State.WITHDRAWN.value,
            "actor": actor,
            "occurred_at": moment(recorded_at),
        },
    )
    return KeptDemand(demand=kept.demand, state=State.WITHDRAWN.value, published_on=kept.published_on)
