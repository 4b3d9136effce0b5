"""What the yearly targets are counted from: money paid out, enterprises served, meetings held; real rows alone."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from matcher.store.clock import moment
from matcher.store.retention import start_of
from matcher.store.tables import demand_moves, demands, products, recommendations
from matcher.store.tables_platform import events, leads, matchmaking_events

AT_WORK = ("contacted", "due_diligence", "approved", "signed", "disbursed")
"""A desk that got this far with a lead has served the enterprise."""
MET = ("attended", "contacted")
"""Types of events by which an enterprise was served."""
_BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class Disbursement:
    """One financing paid out.

    Parameters
    ----------
    amount_cny
        None where the institution did not say.
    kind
        Kind of the product it was paid out on; None where the store does not know the product.
    """

    demand_id: str
    uscc: str
    institution_id: str
    kind: str | None
    amount_cny: Decimal | None
    disbursed_on: date


@dataclass(frozen=True, kw_only=True)
class Served:
    """Enterprises served in a year, each once, and how often any was."""

    enterprises: frozenset[str]
    visits: int


def recording_since(connection: Connection) -> date | None:
    """The day the store's own desks began to answer; None while none did."""
    day = demand_moves.c.occurred_on
    found = connection.execute(select(func.min(day)).where(demand_moves.c.lead_id.is_not(None))).scalar()
    return found if found is None or isinstance(found, date) else date.fromisoformat(str(found))


def disbursements(connection: Connection, until: date) -> tuple[Disbursement, ...]:
    """Every financing paid out up to a day, by day."""
    move = demand_moves.c
    paid = (
        select(move.lead_id, func.min(move.occurred_on).label("disbursed_on"))
        .where(move.lead_id.is_not(None), move.after == "disbursed", move.occurred_on <= until)
        .group_by(move.lead_id)
        .subquery()
    )
    query = (
        select(leads, demands.c.uscc, paid.c.disbursed_on)
        .join(paid, paid.c.lead_id == leads.c.lead_id)
        .join(demands, demands.c.demand_id == leads.c.demand_id)
        .order_by(paid.c.disbursed_on, leads.c.lead_id)
    )
    rows = connection.execute(query).all()
    kinds = _kinds(connection, {row.product_id for row in rows})
    return tuple(
        Disbursement(
            demand_id=row.demand_id,
            uscc=row.uscc,
            institution_id=row.institution_id,
            kind=kinds.get(row.product_id),
            amount_cny=None if row.amount_cny is None else Decimal(row.amount_cny),
            disbursed_on=row.disbursed_on,
        )
        for row in rows
    )


def served(connection: Connection, first: date, last: date) -> Served:
    """Enterprises a desk was in touch with, or that came to a meeting, in these days.

    A lead marked late, or a part repaid, moves nowhere: no desk was in touch for it.
    """
    move, event = demand_moves.c, events.c
    moved = or_(move.before.is_(None), move.before != move.after)
    worked = (
        select(demands.c.uscc, func.count())
        .join(demand_moves, move.demand_id == demands.c.demand_id)
        .where(move.lead_id.is_not(None), moved, move.after.in_(AT_WORK), move.occurred_on.between(first, last))
        .group_by(demands.c.uscc)
    )
    met = (
        select(event.uscc, func.count())
        .where(event.uscc.is_not(None), event.type.in_(MET), _between(event.occurred_at, first, last))
        .group_by(event.uscc)
    )
    rows = [*connection.execute(worked), *connection.execute(met)]
    return Served(enterprises=frozenset(row[0] for row in rows), visits=sum(int(row[1]) for row in rows))


def meetings(connection: Connection) -> tuple[date | None, ...]:
    """Day of every matchmaking event planned here; None where its plan names none."""
    found = connection.execute(select(matchmaking_events.c.document)).scalars()
    return tuple(_day_in(msgspec.json.decode(document)) for document in found)


def had_loan_before(connection: Connection, demand_ids: Collection[str]) -> dict[str, bool]:
    """Whether the enterprise had a loan when its demand was first recommended for, as far as it was known then."""
    wanted, table = sorted(demand_ids), recommendations.c
    found: dict[str, bool] = {}
    for start in range(0, len(wanted), _BLOCK):
        query = (
            select(table.demand_id, table.inputs)
            .where(table.demand_id.in_(wanted[start : start + _BLOCK]))
            .order_by(table.recorded_at)
        )
        for row in connection.execute(query):
            known = msgspec.json.decode(zlib.decompress(row.inputs))["profile"].get("has_prior_loan")
            if known is not None:
                found.setdefault(row.demand_id, bool(known))
    return found


def _kinds(connection: Connection, product_ids: Collection[str]) -> dict[str, str]:
    query = select(products.c.product_id, products.c.document).order_by(products.c.version)
    return {
        row.product_id: str(msgspec.json.decode(row.document)["kind"])
        for row in connection.execute(query)
        if row.product_id in product_ids
    }


def _between(at: Any, first: date, last: date) -> ColumnElement[bool]:
    after = date.fromordinal(last.toordinal() + 1)
    return and_(at >= moment(start_of(first)), at < moment(start_of(after)))


def _day_in(document: Any) -> date | None:
    """The day a plan names, wherever it stands in the plan's own words."""
    for place in (document, document.get("request", {}), document.get("plan", {})):
        if isinstance(place, dict) and isinstance(place.get("day"), str):
            return date.fromisoformat(place["day"][:10])
    return None
