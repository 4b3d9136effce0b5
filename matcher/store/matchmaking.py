"""Matchmaking events as planned: each kept whole, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from matcher.store.clock import moment
from matcher.store.tables import demands
from matcher.store.tables_platform import matchmaking_events


@dataclass(frozen=True, kw_only=True)
class KeptEvent:
    """One planned event; the document holds codes and ids, no name of an enterprise."""

    matchmaking_event_id: str
    document: dict[str, Any]
    recorded_at: str


def add(connection: Connection, event_id: str, document: dict[str, Any], at: datetime) -> None:
    """Keep a new event."""
    connection.execute(
        matchmaking_events.insert(),
        {
            "matchmaking_event_id": event_id,
            "document": msgspec.json.encode(document).decode(),
            "recorded_at": moment(at),
        },
    )


def find(connection: Connection, event_id: str) -> KeptEvent | None:
    """The event of this id, ``None`` if there is none."""
    row = connection.execute(
        select(matchmaking_events).where(matchmaking_events.c.matchmaking_event_id == event_id)
    ).first()
    return None if row is None else _kept(row)


def listed(connection: Connection, after: str | None, limit: int) -> tuple[KeptEvent, ...]:
    """Events in order of their id, after one of them."""
    query = select(matchmaking_events).order_by(matchmaking_events.c.matchmaking_event_id).limit(limit)
    if after is not None:
        query = query.where(matchmaking_events.c.matchmaking_event_id > after)
    return tuple(_kept(row) for row in connection.execute(query))


def latest_demands(connection: Connection, demand_ids: Sequence[str], limit: int) -> tuple[str, ...]:
    """Of these demands those published last, at most ``limit``."""
    if len(demand_ids) <= limit:
        return tuple(demand_ids)
    query = select(demands.c.demand_id).order_by(demands.c.published_on.desc(), demands.c.demand_id)
    wanted = frozenset(demand_ids)
    found = (one for one in connection.execute(query).scalars() if one in wanted)
    return tuple(islice(found, limit))


def _kept(row: Row[Any]) -> KeptEvent:
    return KeptEvent(
        matchmaking_event_id=row.matchmaking_event_id,
        document=msgspec.json.decode(row.document),
        recorded_at=row.recorded_at,
    )
