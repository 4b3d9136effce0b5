"""Where a demand and its leads stand, who may move them from where, and by when: pure, without store or clock.

A lead is one demand at one institution and answers for itself. A demand stands where the furthest of its leads stands,
or at a side exit of its own: a draft, withdrawn, expired. Every move is one of the tables here; any other is refused.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a demand or a lead stands; ``listed`` and ``closed`` are a lead's alone."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PUSHED = "pushed"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    DUE_DILIGENCE = "due_diligence"
    APPROVED = "approved"
    SIGNED = "signed"
    DISBURSED = "disbursed"
    REPAID = "repaid"
    RETURNED = "returned"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REOPENED = "reopened"
    LISTED = "listed"
    CLOSED = "closed"


class Role(StrEnum):
    """Who makes a move: the platform, an institution at its own lead, or the service itself by the day."""

    PLATFORM = "platform"
    INSTITUTION = "institution"
    SERVICE = "service"


class Step(StrEnum):
    """A move of a lead, as the one who makes it names it."""

    PUSH = "push"
    CLAIM = "claim"
    CONTACT = "contact"
    DUE_DILIGENCE = "due_diligence"
    RETURN = "return"
    APPROVE = "approve"
    REJECT = "reject"
    SIGN = "sign"
    DISBURSE = "disburse"
    REPAY = "repay"
    CLOSE = "close"
    RELEASE = "release"
    COMPLETE = "complete"


class Turn(StrEnum):
    """A move of a demand that is not the work of a lead."""

    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    EXPIRE = "expire"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One move: who may make it, from where, and where it leads.

    Parameters
    ----------
    via
        By start, the states passed on the way where the one who moves leaves out a step; each is recorded.
    """

    by: Role
    start: frozenset[State]
    after: State
    via: tuple[tuple[State, tuple[State, ...]], ...] = ()

    def path(self, state: State) -> tuple[State, ...] | None:
        """The states to enter from here, the last one the aim; ``None`` where the move is not allowed."""
        if state not in self.start:
            return None
        return (*dict(self.via).get(state, ()), self.after)


class NotAllowedError(Exception):
    """A move that cannot be made from where the thing stands; says what can be done there."""

    def __init__(self, move: str, state: State, can: tuple[str, ...]) -> None:
        super().__init__(f"{move} is not possible from {state}; possible: {', '.join(can) or 'nothing'}")
        self.move, self.state, self.can = move, state, can


def _set(*states: State) -> frozenset[State]:
    return frozenset(states)


S = State
AT_WORK = (S.PUSHED, S.CLAIMED, S.CONTACTED, S.DUE_DILIGENCE, S.APPROVED, S.SIGNED)
"""The desk's way up to the money."""
OPEN_DESK = _set(*AT_WORK[1:])
"""A lead that somebody at an institution is working on."""
MAIN_LINE = (*AT_WORK, S.DISBURSED, S.REPAID)
OPEN = _set(S.PUBLISHED, *AT_WORK, S.RETURNED, S.REJECTED, S.REOPENED)
"""A demand that can be recommended for, pushed and claimed."""
OWN_EXITS = _set(S.DRAFT, S.WITHDRAWN, S.EXPIRED)
"""Where a demand stands whatever its leads did before."""
ENDED = _set(S.DRAFT, S.WITHDRAWN, S.EXPIRED, S.DISBURSED, S.REPAID)

STEPS: dict[Step, Rule] = {
    Step.PUSH: Rule(by=Role.SERVICE, start=_set(S.LISTED, S.CLOSED), after=S.PUSHED),
    Step.CLAIM: Rule(by=Role.INSTITUTION, start=_set(S.LISTED, S.PUSHED, S.CLOSED), after=S.CLAIMED),
    Step.CONTACT: Rule(by=Role.INSTITUTION, start=_set(S.CLAIMED, S.RETURNED), after=S.CONTACTED),
    Step.DUE_DILIGENCE: Rule(by=Role.INSTITUTION, start=_set(S.CONTACTED, S.RETURNED), after=S.DUE_DILIGENCE),
    Step.RETURN: Rule(by=Role.INSTITUTION, start=_set(S.CLAIMED, S.CONTACTED, S.DUE_DILIGENCE), after=S.RETURNED),
    Step.APPROVE: Rule(
        by=Role.INSTITUTION,
        start=_set(S.CONTACTED, S.DUE_DILIGENCE, S.RETURNED),
        after=S.APPROVED,
        via=((S.CONTACTED, (S.DUE_DILIGENCE,)), (S.RETURNED, (S.DUE_DILIGENCE,))),
    ),
    Step.REJECT: Rule(by=Role.INSTITUTION, start=_set(*AT_WORK, S.RETURNED), after=S.REJECTED),
    Step.SIGN: Rule(by=Role.INSTITUTION, start=_set(S.APPROVED), after=S.SIGNED),
    Step.DISBURSE: Rule(
        by=Role.INSTITUTION,
        start=_set(S.APPROVED, S.SIGNED),
        after=S.DISBURSED,
        via=((S.APPROVED, (S.SIGNED,)),),
    ),
    Step.REPAY: Rule(by=Role.INSTITUTION, start=_set(S.DISBURSED), after=S.REPAID),
    Step.CLOSE: Rule(by=Role.SERVICE, start=_set(*AT_WORK, S.RETURNED), after=S.CLOSED),
    Step.RELEASE: Rule(by=Role.SERVICE, start=_set(S.REJECTED), after=S.CLOSED),
    Step.COMPLETE: Rule(by=Role.PLATFORM, start=_set(S.RETURNED), after=S.CLAIMED),
}
"""Moves of a lead. ``release`` lets a desk that refused see a reopened demand again; ``complete`` answers a return."""

TURNS: dict[Turn, Rule] = {
    Turn.PUBLISH: Rule(by=Role.PLATFORM, start=_set(S.DRAFT), after=S.PUBLISHED),
    Turn.WITHDRAW: Rule(by=Role.PLATFORM, start=OPEN | {S.DRAFT}, after=S.WITHDRAWN),
    Turn.REOPEN: Rule(by=Role.PLATFORM, start=_set(S.WITHDRAWN, S.EXPIRED, S.REJECTED, S.RETURNED), after=S.REOPENED),
    Turn.EXPIRE: Rule(
        by=Role.SERVICE, start=_set(S.PUBLISHED, S.PUSHED, S.REJECTED, S.RETURNED, S.REOPENED), after=S.EXPIRED
    ),
}
"""Moves of a demand that close or open it for everybody."""

_ORDER = (S.REJECTED, S.PUSHED, S.RETURNED, *MAIN_LINE[1:])
_RANK = {state: rank for rank, state in enumerate(_ORDER)}


def step_path(step: Step, lead: State, demand: State) -> tuple[State, ...]:
    """The states a lead enters by a move, the last one its aim.

    Parameters
    ----------
    demand
        Where the lead's demand stands: one that ended admits repayment of what was disbursed, and nothing else.

    Raises
    ------
    NotAllowedError
        Where it cannot be made.
    """
    path = STEPS[step].path(lead)
    if path is None or not _admits(demand, step):
        raise NotAllowedError(step.value, lead, steps_possible(lead, demand))
    return path


def turn_after(turn: Turn, demand: State) -> State:
    """Where a demand stands after a move of its own.

    Raises
    ------
    NotAllowedError
        Where it cannot be made.
    """
    if TURNS[turn].path(demand) is None:
        raise NotAllowedError(turn.value, demand, turns_possible(demand))
    return TURNS[turn].after


def steps_possible(lead: State, demand: State) -> tuple[str, ...]:
    """What the institution of a lead can do now."""
    return tuple(
        step.value
        for step, rule in STEPS.items()
        if rule.by is Role.INSTITUTION and lead in rule.start and _admits(demand, step)
    )


def turns_possible(demand: State) -> tuple[str, ...]:
    """What the platform can do with a demand now."""
    return tuple(turn.value for turn, rule in TURNS.items() if rule.by is Role.PLATFORM and demand in rule.start)


def standing(demand: State, leads: Collection[State]) -> State:
    """Where a demand stands, given where it stood and where its leads stand now.

    The furthest lead decides. One that was returned is further than one merely pushed, for somebody must complete
    something; refusals decide only where no lead is left. Closed leads say nothing.

    >>> standing(State.PUBLISHED, [State.PUSHED, State.REJECTED]).value
    'pushed'
    >>> standing(State.WITHDRAWN, [State.CLOSED]).value
    'withdrawn'
    """
    live = [state for state in leads if state in _RANK]
    if demand in OWN_EXITS or not live:
        return demand
    return max(live, key=_RANK.__getitem__)


def is_reached(lead: State, step: Step) -> bool:
    """Whether the move was made already, so that asking for it again changes nothing."""
    if step is Step.CLAIM:
        return lead in OPEN_DESK | {S.RETURNED, S.DISBURSED, S.REPAID}
    return lead is STEPS[step].after


def _admits(demand: State, step: Step) -> bool:
    if step in {Step.CLOSE, Step.RELEASE}:
        return True
    return demand in OPEN or (step is Step.REPAY and demand is S.DISBURSED)
