"""The day's round over the desk: remind who is due, mark who is late and escalate, let old demands expire.

A round may run any number of times a day, in any process: what it did it does not do again.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection

from matcher.demand_states import TURNS, State, Turn
from matcher.desk_clocks import Clocks
from matcher.store import demands, leads, turns
from matcher.store.database import lock_audit
from matcher.store.leads import KeptLead
from matcher.store.moves import Act

ACTOR = "service:clock"


@dataclass(frozen=True, kw_only=True)
class Round:
    """How much one round did: leads reminded, marked late and escalated, demands expired."""

    reminded: int
    late: int
    escalated: int
    expired: int


def is_idle(connection: Connection, today: date, clocks: Clocks) -> bool:
    """Whether a round would do nothing today; asked without a lock."""
    return not (
        leads.overdue(connection, today)
        or leads.to_escalate(connection, _long_ago(today, clocks))
        or _to_remind(connection, today)
        or demands.expired_by(connection, today, _EXPIRING)
    )


def tick(connection: Connection, today: date, now: datetime, clocks: Clocks) -> Round:
    """One round, in the caller's transaction."""
    lock_audit(connection)
    act = Act(actor=ACTOR, now=now, today=today)
    reminded = _to_remind(connection, today)
    for lead in reminded:
        leads.mark_reminded(connection, lead, act)
    leads.tell(connection, reminded, "lead.reminder", act)
    expired = [
        one for one in demands.expired_by(connection, today, _EXPIRING) if _expired(connection, one, act, clocks)
    ]
    late = leads.overdue(connection, today)
    for lead in late:
        leads.mark_late(connection, lead, act)
    leads.tell(connection, [replace(lead, late=True) for lead in late], "lead.late", act)
    waiting = leads.to_escalate(connection, _long_ago(today, clocks))
    for lead in waiting:
        leads.mark_escalated(connection, lead, act)
    leads.tell(connection, waiting, "lead.escalated", act)
    return Round(reminded=len(reminded), late=len(late), escalated=len(waiting), expired=len(expired))


def _long_ago(today: date, clocks: Clocks) -> date:
    return today - timedelta(days=clocks.escalate)


_EXPIRING = tuple(sorted(TURNS[Turn.EXPIRE].start))


def _expired(connection: Connection, demand_id: str, act: Act, clocks: Clocks) -> bool:
    return turns.expire(connection, demand_id, act, clocks)


def _to_remind(connection: Connection, today: date) -> list[KeptLead]:
    """Leads due today or tomorrow of which the institution was not told today.

    A lead pushed today is due tomorrow and was announced today: it is reminded on its last day alone.
    """
    return [
        lead
        for lead in leads.due_between(connection, today, today + timedelta(days=1))
        if lead.reminded_on != today and (lead.due_on == today or lead.state is not State.PUSHED)
    ]
