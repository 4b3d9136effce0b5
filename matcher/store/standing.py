"""How much stands where: open desks by state, demands waiting to be pushed, deliveries by state; counts alone."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from matcher.store.tables_platform import deliveries, leads, push_queue


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Counts at one moment.

    Parameters
    ----------
    leads, late
        Leads by state, and those of each state that are late.
    waiting
        Published demands that were not pushed yet.
    deliveries
        Messages to webhooks by state.
    """

    leads: dict[str, int]
    late: dict[str, int]
    waiting: int
    deliveries: dict[str, int]


def standing(connection: Connection) -> Standing:
    """Count everything now."""
    found: dict[str, int] = {}
    late: dict[str, int] = {}
    by_state = select(leads.c.state, leads.c.late, func.count()).group_by(leads.c.state, leads.c.late)
    for state, is_late, count in connection.execute(by_state).all():
        found[state] = found.get(state, 0) + int(count)
        late[state] = late.get(state, 0) + (int(count) if is_late else 0)
    sent = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return Standing(
        leads=found,
        late=late,
        waiting=int(connection.execute(select(func.count()).select_from(push_queue)).scalar() or 0),
        deliveries={state: int(count) for state, count in connection.execute(sent).all()},
    )
