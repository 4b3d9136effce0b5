"""What a plan is made from: demands that stand open, files sent and leads in work at each institution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
from sqlalchemy import Connection, Select, func, select

from features.consent import ANYONE
from matcher.domain import Demand
from matcher.store.documents import demand_from_document
from matcher.store.tables import consents, demands
from matcher.store.tables_platform import events, leads

OPEN_DAYS = 30
"""Days after its publication for which a demand is planned for."""

OPEN_STATES = ("published", "pushed", "claimed", "contacted", "due_diligence", "returned", "reopened")
WORKING_STATES = ("claimed", "contacted", "due_diligence")
DECIDED_STATES = ("approved", "signed", "disbursed", "repaid", "rejected", "withdrawn", "expired", "closed")
APPLIED, WITHDRAWN = "applied", "withdrawn"


@dataclass(frozen=True, kw_only=True)
class SentFile:
    """One application an institution has and has not decided."""

    demand_id: str
    product_id: str
    institution_id: str


def open_demands(connection: Connection, as_of: date, days: int = OPEN_DAYS) -> tuple[Demand, ...]:
    """Demands published in the last ``days`` days up to ``as_of`` that nothing closed, in the order of their ids."""
    query = (
        select(demands.c.demand_id, demands.c.document)
        .where(
            demands.c.state.in_(OPEN_STATES),
            demands.c.published_on > as_of - timedelta(days=days),
            demands.c.published_on <= as_of,
        )
        .order_by(demands.c.demand_id)
    )
    return tuple(
        demand_from_document(msgspec.json.decode(row.document), row.demand_id) for row in connection.execute(query)
    )


def committed(connection: Connection) -> dict[str, int]:
    """Leads each institution claimed and has not decided: reviews it has promised."""
    query = (
        select(leads.c.institution_id, func.count())
        .where(leads.c.state.in_(WORKING_STATES))
        .group_by(leads.c.institution_id)
        .order_by(leads.c.institution_id)
    )
    return {institution: int(count) for institution, count in connection.execute(query)}


def decided(connection: Connection, as_of: date, days: int = OPEN_DAYS) -> frozenset[tuple[str, str]]:
    """(demand, institution) pairs that were answered, of the demands planned for: nothing more is to be done there."""
    query = select(leads.c.demand_id, leads.c.institution_id).where(
        leads.c.state.in_(DECIDED_STATES), leads.c.demand_id.in_(_published(as_of, days))
    )
    return frozenset((row.demand_id, row.institution_id) for row in connection.execute(query))


def files_sent(
    connection: Connection, owners: Mapping[str, str], as_of: date, days: int = OPEN_DAYS
) -> tuple[SentFile, ...]:
    """Applications by the log of events, one per demand and institution (its last product), those taken back left out.

    Only for demands published in the ``days`` days up to ``as_of``: no other is planned for.

    Parameters
    ----------
    owners
        Institution of each product that can be asked for now; events of other products are not read.
    """
    query = (
        select(events.c.type, events.c.demand_id, events.c.product_id)
        .where(events.c.type.in_((APPLIED, WITHDRAWN)), events.c.demand_id.in_(_published(as_of, days)))
        .order_by(events.c.occurred_at, events.c.event_id)
    )
    found: dict[tuple[str, str], str] = {}
    for kind, demand, product in connection.execute(query):
        if kind == APPLIED and product in owners:
            found[demand, owners[product]] = product
        elif kind == WITHDRAWN:
            gone = [pair for pair in found if pair[0] == demand and product in (None, found[pair])]
            for pair in gone:
                del found[pair]
    answered = decided(connection, as_of, days)
    return tuple(
        SentFile(demand_id=demand, product_id=product, institution_id=institution)
        for (demand, institution), product in sorted(found.items())
        if (demand, institution) not in answered
    )


def permissions(
    connection: Connection, recipient: str, purpose: str, as_of: date, days: int = OPEN_DAYS
) -> dict[str, frozenset[str]]:
    """Sources a recipient may read for a purpose on a day, by enterprise, for those behind ``open_demands``."""
    table = consents.c
    behind = select(demands.c.uscc).where(
        demands.c.published_on > as_of - timedelta(days=days), demands.c.published_on <= as_of
    )
    query = select(table.uscc, table.source).where(
        table.uscc.in_(behind),
        table.revoked.is_(False),
        table.recipient.in_((recipient, ANYONE)),
        table.purpose.in_((purpose, ANYONE)),
        table.granted_on <= as_of,
        table.expires_on.is_(None) | (table.expires_on >= as_of),
    )
    found: dict[str, set[str]] = {}
    for uscc, source in connection.execute(query):
        found.setdefault(uscc, set()).add(source)
    return {uscc: frozenset(sources) for uscc, sources in found.items()}


def _published(as_of: date, days: int) -> Select[tuple[str]]:
    return select(demands.c.demand_id).where(
        demands.c.published_on > as_of - timedelta(days=days), demands.c.published_on <= as_of
    )
