"""The desk: one row per demand and institution, each answering for itself, and the demand following the furthest.

Every change here first takes the lock of the audit chain, so that of two institutions moving one demand at the same
instant the second sees what the first did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from matcher.demand_states import OPEN, State, Step, standing, step_path
from matcher.desk_clocks import Clocks, is_whitelisted_renewal
from matcher.store import demands, moves
from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.lead_rows import KeptLead as KeptLead
from matcher.store.lead_rows import due_between as due_between
from matcher.store.lead_rows import find as find
from matcher.store.lead_rows import insert, states_of, update
from matcher.store.lead_rows import lead_id_of as lead_id_of
from matcher.store.lead_rows import of_demand as of_demand
from matcher.store.lead_rows import overdue as overdue
from matcher.store.lead_rows import to_escalate as to_escalate
from matcher.store.moves import Act, Move
from matcher.store.outbox import Message, announce

FUNDED_ELSEWHERE = "funded_elsewhere"
"""Why the other leads of a demand close once one institution has disbursed."""
ESCALATED = "escalated"
"""How the log marks that an institution kept an enterprise waiting for long."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One product by which a demand reaches an institution.

    Parameters
    ----------
    product_name
        By language.
    p_apply, p_approve, score
        The score orders the institutions; ``None`` for a demand that is not to be personalised.
    verdict
        ``pass`` or ``unknown``.
    """

    institution_id: str
    product_id: str
    product_name: Mapping[str, str]
    p_apply: float | None
    p_approve: float | None
    score: float | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an answer says beside the move itself; what is ``None`` stays as it was.

    Parameters
    ----------
    occurred_on
        Day it happened, today if absent.
    """

    amount_cny: str | None = None
    annual_rate: str | None = None
    reason_code: str | None = None
    detail: Mapping[str, Any] | None = None
    occurred_on: date | None = None


def take(connection: Connection, listed: KeptLead, step: Step, act: Act, clocks: Clocks, terms: Terms) -> KeptLead:
    """Make a move of a lead, with the states passed on the way; its demand follows, and a disbursement closes the rest.

    Parameters
    ----------
    listed
        The lead as the caller knows it; where it has no row yet, it gets this one.

    Raises
    ------
    NotAllowedError
        Where it cannot be made from where lead and demand stand now.
    """
    lock_audit(connection)
    lead = find(connection, listed.lead_id) or listed
    kept = _demand(connection, lead.demand_id)
    path = step_path(step, lead.state, State(kept.state))
    for state in path:
        aim = state is path[-1]
        lead = _enter(connection, lead, state, act, clocks, terms if aim else Terms(occurred_on=terms.occurred_on))
        _follow(connection, lead, act)
    if lead.state is State.DISBURSED:
        close(connection, lead.demand_id, FUNDED_ELSEWHERE, "lead.closed", act, clocks, but=lead.lead_id)
    if lead.state is State.RETURNED:
        tell(connection, [lead], "lead.returned", act)
    return lead


def note(connection: Connection, lead: KeptLead, act: Act, terms: Terms) -> KeptLead:
    """Record something of a lead that stays where it is, as a part repaid."""
    lock_audit(connection)
    changed = replace(lead, detail={**lead.detail, **(terms.detail or {})}, changed_at=moment(act.now))
    update(connection, changed)
    _record(connection, lead, lead.state, act, terms, late=False)
    return changed


def close(
    connection: Connection, demand_id: str, reason: str, kind: str, act: Act, clocks: Clocks, but: str | None = None
) -> None:
    """Close every lead of a demand that still can be, but one, and tell each institution why."""
    still = [
        lead
        for lead in of_demand(connection, demand_id)
        if lead.lead_id != but and lead.state not in {State.CLOSED, State.REJECTED, State.DISBURSED, State.REPAID}
    ]
    for lead in still:
        _enter(connection, lead, State.CLOSED, act, clocks, Terms(reason_code=reason))
    tell(connection, [replace(lead, reason_code=reason, state=State.CLOSED, due_on=None) for lead in still], kind, act)


def reopen(connection: Connection, demand_id: str, act: Act, clocks: Clocks) -> None:
    """Let refused leads be pushed or claimed anew, and hand returned ones back completed."""
    for lead in of_demand(connection, demand_id):
        if lead.state is State.REJECTED:
            _enter(connection, lead, State.CLOSED, act, clocks, Terms(reason_code=State.REOPENED.value))
    complete(connection, demand_id, act, clocks)


def complete(connection: Connection, demand_id: str, act: Act, clocks: Clocks) -> bool:
    """Hand every returned lead of a demand back completed to its institution; whether there was one."""
    completed = []
    for lead in of_demand(connection, demand_id):
        if lead.state is State.RETURNED:
            completed.append(_enter(connection, lead, State.CLAIMED, act, clocks, Terms()))
            _follow(connection, lead, act)
    tell(connection, completed, "lead.reopened", act)
    return bool(completed)


def push(
    connection: Connection,
    demand_id: str,
    offers: Sequence[Offer],
    act: Act,
    clocks: Clocks,
    *,
    enterprise_name: Mapping[str, str],
) -> tuple[KeptLead, ...]:
    """Offer a demand to institutions, best first: a lead each, the demand pushed, and each of them told.

    Nothing happens where the demand does not wait to be pushed: somebody else pushed it, or it is no longer open.
    An institution that has it on its desk already, or refused it, is not asked again.

    Parameters
    ----------
    enterprise_name
        By language, and masked: what may be seen without consent.
    """
    lock_audit(connection)
    if not demands.unqueue_push(connection, demand_id):
        return ()
    kept = _demand(connection, demand_id)
    if State(kept.state) not in OPEN:
        return ()
    pushed: list[KeptLead] = []
    messages: list[Message] = []
    for offer in offers:
        lead = _offered(connection, kept, offer, act, clocks)
        if lead is not None:
            pushed.append(lead)
            messages.append(_pushed_message(kept, lead, offer, enterprise_name))
    if pushed:
        _follow(connection, pushed[0], act, caused=False)
    announce(connection, messages, act.now, act.now)
    return tuple(pushed)


def mark_late(connection: Connection, lead: KeptLead, act: Act) -> None:
    """Mark a lead late: a move that leads nowhere, for everybody who reads the log."""
    update(connection, replace(lead, late=True))
    _record(connection, lead, lead.state, act, Terms(), late=True)


def mark_escalated(connection: Connection, lead: KeptLead, act: Act) -> None:
    """Escalate a lead long late: once, for the platform to see in its moves."""
    update(connection, replace(lead, reminded_on=act.today))
    _record(
        connection, lead, lead.state, act, Terms(reason_code=ESCALATED, detail={"due_on": str(lead.due_on)}), late=True
    )


def mark_reminded(connection: Connection, lead: KeptLead, act: Act) -> None:
    """Note that the institution was reminded today."""
    update(connection, replace(lead, reminded_on=act.today))


def tell(connection: Connection, told: Sequence[KeptLead], kind: str, act: Act) -> None:
    """Announce something of leads to their institutions; nothing of it needs a consent."""
    messages = [
        Message(
            institution_id=lead.institution_id,
            kind=kind,
            payload={
                "lead_id": lead.lead_id,
                "demand_id": lead.demand_id,
                "product_id": lead.product_id,
                "state": lead.state.value,
                "reason_code": lead.reason_code,
                "due_on": None if lead.due_on is None else lead.due_on.isoformat(),
            },
        )
        for lead in told
    ]
    announce(connection, messages, act.now, act.now)


def _demand(connection: Connection, demand_id: str) -> demands.KeptDemand:
    kept = demands.find(connection, demand_id)
    if kept is None:
        raise LookupError(f"lead of {demand_id}, which is not in the library: load the world its lists were made for")
    return kept


def _offered(
    connection: Connection, kept: demands.KeptDemand, offer: Offer, act: Act, clocks: Clocks
) -> KeptLead | None:
    demand_id = str(kept.demand.demand_id)
    lead_id = lead_id_of(demand_id, offer.institution_id)
    known = find(connection, lead_id)
    if known is not None and known.state is not State.CLOSED:
        return None
    lead = KeptLead(
        lead_id=lead_id,
        demand_id=demand_id,
        institution_id=offer.institution_id,
        product_id=offer.product_id,
        state=State.LISTED if known is None else known.state,
        origin="push",
        value=offer.score,
        pushed_at=moment(act.now),
    )
    return _enter(connection, lead, State.PUSHED, act, clocks, Terms(), kept)


def _enter(
    connection: Connection,
    lead: KeptLead,
    state: State,
    act: Act,
    clocks: Clocks,
    terms: Terms,
    kept: demands.KeptDemand | None = None,
) -> KeptLead:
    """The lead in another state, its clock set anew and the move recorded."""
    kept = kept or _demand(connection, lead.demand_id)
    day = terms.occurred_on or act.today
    renewal = is_whitelisted_renewal(kept.demand.purpose, kept.on_renewal_whitelist)
    changed = replace(
        lead,
        state=state,
        due_on=_due_on(lead, state, day, clocks, is_whitelisted_renewal=renewal),
        late=False,
        reminded_on=None,
        reason_code=terms.reason_code,
        amount_cny=terms.amount_cny or lead.amount_cny,
        annual_rate=terms.annual_rate or lead.annual_rate,
        detail=lead.detail if terms.detail is None else terms.detail,
        changed_at=moment(act.now),
    )
    if lead.state is State.LISTED:
        insert(connection, changed)
    else:
        update(connection, changed)
    _record(connection, lead, state, act, terms, late=lead.due_on is not None and day > lead.due_on)
    return changed


def _due_on(lead: KeptLead, state: State, day: date, clocks: Clocks, *, is_whitelisted_renewal: bool) -> date | None:
    """The decision is due from the first contact on: looking into the file does not wind that clock up again."""
    if state is State.DUE_DILIGENCE and lead.state is State.CONTACTED:
        return lead.due_on
    return clocks.due_on(state, day, is_whitelisted_renewal=is_whitelisted_renewal)


def _record(connection: Connection, lead: KeptLead, after: State, act: Act, terms: Terms, *, late: bool) -> None:
    figures = {"amount_cny": terms.amount_cny, "annual_rate": terms.annual_rate, **(terms.detail or {})}
    move = Move(
        demand_id=lead.demand_id,
        before=None if lead.state is State.LISTED else lead.state,
        after=after,
        actor=act.actor,
        occurred_on=terms.occurred_on or act.today,
        institution_id=lead.institution_id,
        lead_id=lead.lead_id,
        reason_code=terms.reason_code,
        late=late,
        detail={name: value for name, value in figures.items() if value is not None},
    )
    moves.record(connection, move, act.now)


def _follow(connection: Connection, lead: KeptLead, act: Act, *, caused: bool = True) -> None:
    """Let the demand stand where the furthest of its leads stands now."""
    before = State(_demand(connection, lead.demand_id).state)
    after = standing(before, states_of(connection, lead.demand_id))
    if after is not before:
        cause = lead.institution_id if caused else None
        demands.enter(connection, lead.demand_id, before, after, act, institution_id=cause)


def _pushed_message(
    kept: demands.KeptDemand, lead: KeptLead, offer: Offer, enterprise_name: Mapping[str, str]
) -> Message:
    demand = kept.demand
    payload = {
        "lead_id": lead.lead_id,
        "demand_id": lead.demand_id,
        "product_id": lead.product_id,
        "product_name": dict(offer.product_name),
        "amount_cny": format(demand.amount_cny, "f"),
        "term_months": demand.term_months,
        "purpose": demand.purpose.value,
        "verdict": offer.verdict,
        "personalised": offer.score is not None,
        "p_approve": offer.p_approve,
        "due_on": None if lead.due_on is None else lead.due_on.isoformat(),
        "enterprise_name": dict(enterprise_name),
    }
    return Message(institution_id=lead.institution_id, kind="lead.pushed", payload=payload)
