"""Demands and leads as the wire shows them, and refusals of the state machine as problems."""

from typing import Any

from sqlalchemy import Connection

from api import errors
from matcher.demand_states import OPEN_DESK, NotAllowedError, State, Turn, steps_possible, turns_possible
from matcher.desk_clocks import Clocks
from matcher.domain import Text
from matcher.refusals import REFUSALS, REPAIRERS
from matcher.store import leads, moves
from matcher.store.demands import KeptDemand
from matcher.store.documents import demand_to_document
from matcher.store.leads import KeptLead
from matcher.store.moves import RecordedMove

NO_LEAD = Text(zh="线索", en="lead")
Json = dict[str, Any]


def demand_document(connection: Connection, kept: KeptDemand, clocks: Clocks, language: str) -> Json:
    """One demand as the platform sees it: its leads, every move, and the clocks."""
    demand_id = str(kept.demand.demand_id)
    found = leads.of_demand(connection, demand_id)
    return {
        **demand_summary(kept),
        "late": any(lead.late for lead in found),
        "can": _turns(State(kept.state), found),
        "leads": [lead_json(lead, language) for lead in found],
        "moves": [_move_json(move) for move in moves.of_demand(connection, demand_id)],
        "clocks": _clocks_json(kept, clocks),
    }


def demand_summary(kept: KeptDemand) -> Json:
    """One demand as it stands in a list."""
    return {
        "demand_id": kept.demand.demand_id,
        "state": kept.state,
        "published_on": None if kept.published_on is None else kept.published_on.isoformat(),
        "expires_on": None if kept.expires_on is None else kept.expires_on.isoformat(),
        "on_renewal_whitelist": kept.on_renewal_whitelist,
        "demand": demand_to_document(kept.demand),
    }


def lead_json(lead: KeptLead, language: str) -> Json:
    """One lead, to the platform or to its own institution."""
    return {
        "lead_id": lead.lead_id,
        "demand_id": lead.demand_id,
        "institution_id": lead.institution_id,
        "product_id": lead.product_id,
        "state": lead.state.value,
        "origin": lead.origin,
        "due_on": None if lead.due_on is None else lead.due_on.isoformat(),
        "late": lead.late,
        "reason_code": lead.reason_code,
        "reason": refusal_json(lead.reason_code, language) if lead.state is State.REJECTED else None,
        "amount_cny": lead.amount_cny,
        "annual_rate": lead.annual_rate,
        "complete": list(lead.detail.get("complete", ())) if lead.state is State.RETURNED else [],
        "repaid_cny": lead.detail.get("repaid_cny"),
        "pushed_at": lead.pushed_at,
        "changed_at": lead.changed_at,
    }


def own_lead_json(lead: KeptLead, demand: State, language: str) -> Json:
    """One lead as its institution sees it, with what it can do next."""
    return {**lead_json(lead, language), "can": list(steps_possible(lead.state, demand))}


def refusal_json(code: str | None, language: str) -> Json | None:
    """A reason of refusal with who repairs it and how."""
    refusal = None if code is None else REFUSALS.get(code)
    if refusal is None:
        return None
    return {
        "code": refusal.code,
        "text": refusal.text.in_language(language),
        "repaired_by": refusal.repaired_by,
        "repairer": REPAIRERS[refusal.repaired_by].in_language(language),
        "repair": refusal.repair.in_language(language),
    }


def wrong_state(error: NotAllowedError, what: Text) -> errors.ProblemError:
    """409: the state it is in, and what can be done there."""
    can = ", ".join(error.can)
    return errors.conflict(
        "wrong_state",
        Text(
            zh=f"该{what.zh}当前为 {error.state.value}，不能 {error.move}；可执行：{can or '无'}。",
            en=f"The {what.en} is {error.state.value}: {error.move} is not possible; possible: {can or 'nothing'}.",
        ),
    )


def _move_json(move: RecordedMove) -> Json:
    return {
        "before": move.before,
        "after": move.after,
        "actor": move.actor,
        "occurred_at": move.occurred_at,
        "occurred_on": None if move.occurred_on is None else move.occurred_on.isoformat(),
        "institution_id": move.institution_id,
        "lead_id": move.lead_id,
        "reason_code": move.reason_code,
        "late": move.late,
    }


def _turns(demand: State, found: tuple[KeptLead, ...]) -> list[str]:
    """What the platform can do: also complete what one desk returned while another is at work."""
    can = list(turns_possible(demand))
    returned = demand in OPEN_DESK and any(lead.state is State.RETURNED for lead in found)
    return [*can, Turn.REOPEN.value] if returned else can


def _clocks_json(kept: KeptDemand, clocks: Clocks) -> Json:
    return {
        "accept_days": clocks.accept,
        "contact_days": clocks.contact,
        "decide_days": clocks.decide,
        "renewal_days": clocks.renewal,
        "counted_in": "working_days" if clocks.working else "calendar_days",
        "holidays_known": kept.published_on is None or clocks.is_exact(kept.published_on),
    }
