"""What is done with a whole demand: publish a draft, withdraw, reopen, let expire; its leads are told and follow."""

from datetime import date, timedelta

from sqlalchemy import Connection

from matcher.demand_states import OPEN_DESK, TURNS, State, Turn, turn_after
from matcher.desk_clocks import Clocks
from matcher.domain import Demand
from matcher.store import demands, leads
from matcher.store.database import lock_audit
from matcher.store.demands import KeptDemand
from matcher.store.moves import Act


def last_open_day(demand: Demand, today: date, clocks: Clocks) -> date:
    """Last day a demand published today stands open without a desk at work: when it is needed, or after the clock."""
    after_clock = today + timedelta(days=clocks.expire)  # calendar days, whatever the desks count in
    if demand.needed_by is None or demand.needed_by < today:
        return after_clock
    return min(demand.needed_by, after_clock)


def turn(connection: Connection, demand_id: str, move: Turn, act: Act, clocks: Clocks) -> KeptDemand | None:
    """Make a move of a whole demand; ``None`` if there is no such demand.

    To reopen one that some desk returned while another is at work on it completes what was returned, and no more.

    Raises
    ------
    NotAllowedError
        Where it cannot be made from where the demand stands.
    """
    lock_audit(connection)
    kept = demands.find(connection, demand_id)
    if kept is None:
        return None
    before = State(kept.state)
    if move is Turn.REOPEN and before in OPEN_DESK and leads.complete(connection, demand_id, act, clocks):
        return demands.find(connection, demand_id)
    demands.enter(connection, demand_id, before, turn_after(move, before), act)
    if move in {Turn.PUBLISH, Turn.REOPEN}:
        published_on = act.today if kept.published_on is None else kept.published_on
        demands.open_until(connection, demand_id, published_on, last_open_day(kept.demand, act.today, clocks))
        leads.reopen(connection, demand_id, act, clocks)
        demands.queue_push(connection, demand_id, act)
    else:
        demands.unqueue_push(connection, demand_id)
        reason = TURNS[move].after.value
        leads.close(connection, demand_id, reason, f"demand.{reason}", act, clocks)
    return demands.find(connection, demand_id)


def expire(connection: Connection, demand_id: str, act: Act, clocks: Clocks) -> bool:
    """Let a demand expire if no desk is at work on it; whether it did."""
    lock_audit(connection)
    kept = demands.find(connection, demand_id)
    if kept is None or kept.expires_on is None or kept.expires_on >= act.today:
        return False
    at_work = any(lead.state in OPEN_DESK for lead in leads.of_demand(connection, demand_id))
    if at_work or State(kept.state) not in TURNS[Turn.EXPIRE].start:
        return False
    turn(connection, demand_id, Turn.EXPIRE, act, clocks)
    return True
