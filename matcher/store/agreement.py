"""Whether the store agrees with itself: each table against the log of moves and events, each agreement counted.

Every state change is one transaction, so these hold at any moment, after a crash as well, with nothing in work or much.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from matcher.demand_states import OPEN, State, standing
from matcher.domain import Text
from matcher.store.books import LOADED, Books, open_books
from matcher.store.leads import ESCALATED

_CLOCKED = {State.PUSHED, State.CLAIMED, State.CONTACTED, State.DUE_DILIGENCE}
_PAID = {State.DISBURSED, State.REPAID}
_OVER = {State.CLOSED, State.REJECTED}
_RELEASED = State.REOPENED.value
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One thing held against another.

    Parameters
    ----------
    compared
        How many were held against each other.
    differ
        What does not agree, in words of the log.
    """

    name: str
    text: Text
    compared: int
    differ: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything agrees."""
        return not self.differ

    def told(self) -> str:
        """One line, with the first few that differ."""
        more = f" … {len(self.differ)}" if len(self.differ) > _SHOWN else ""
        return f"{self.name}: {self.compared}" + (f"; {'; '.join(self.differ[:_SHOWN])}{more}" if self.differ else "")


def agreements(connection: Connection) -> list[Agreement]:
    """Every agreement of the store with itself."""
    return of_books(open_books(connection))


def of_books(books: Books) -> list[Agreement]:
    """Every agreement of books already open."""
    return [
        agreement(name, zh, en, count(books), differ(books)) for name, (zh, en, count, differ) in _AGREEMENTS.items()
    ]


def agreement(name: str, zh: str, en: str, compared: int, differ: Iterable[str]) -> Agreement:
    """One agreement; what differs is gone through at once."""
    return Agreement(name=name, text=Text(zh=zh, en=en), compared=compared, differ=tuple(differ))


def same(left: Iterable[Any], right: Iterable[Any], names: tuple[str, str]) -> Iterator[str]:
    """What stands oftener on one side than on the other, order apart."""
    ours, theirs = Counter(iter(left)), Counter(iter(right))
    for one, count in (ours - theirs).items():
        yield f"{one} ×{count} only in {names[0]}"
    for one, count in (theirs - ours).items():
        yield f"{one} ×{count} only in {names[1]}"


def _broken_moves(books: Books) -> Iterator[str]:
    for subject, moves in [*books.own_moves.items(), *books.lead_moves.items()]:
        stood: str | None = None
        for move in moves:
            if move.before != stood:
                yield f"{subject}: move {move.move_id} leaves {move.before}, it stood at {stood}"
            stood = move.after


def _demand_states(books: Books) -> Iterator[str]:
    for row in books.demands:
        moves = books.own_moves.get(row.demand_id)
        if not moves or moves[-1].after != row.state:
            yield f"{row.demand_id} is {row.state}, its moves say {moves[-1].after if moves else None}"
    yield from same(books.own_moves, (row.demand_id for row in books.demands), ("moves", "demands"))


def _lead_states(books: Books) -> Iterator[str]:
    for row in books.leads:
        moves = books.lead_moves.get(row.lead_id, [])
        changes = [move for move in moves if move.before != move.after]
        if not changes:
            yield f"{row.lead_id} has no move"
            continue
        last = changes[-1]
        marked = any(move.late and move.before == move.after and move.move_id > last.move_id for move in moves)
        kept, told = (row.state, row.reason_code, bool(row.late)), (last.after, last.reason_code, marked)
        if kept != told:
            yield f"{row.lead_id} is {kept}, its moves say {told}"
        if (row.due_on is not None) != (State(row.state) in _CLOCKED):
            yield f"{row.lead_id} is {row.state}, due on {row.due_on}"
    yield from same(books.lead_moves, (row.lead_id for row in books.leads), ("moves", "leads"))


def _leads_of(books: Books) -> dict[str, list[State]]:
    found: dict[str, list[State]] = {}
    for row in books.leads:
        found.setdefault(row.demand_id, []).append(State(row.state))
    return found


def _following(books: Books) -> Iterator[str]:
    leads = _leads_of(books)
    for row in books.demands:
        stands = standing(State(row.state), leads.get(row.demand_id, []))
        if stands != row.state:
            yield f"{row.demand_id} is {row.state}, its leads say {stands.value}"


def _one_funder(books: Books) -> Iterator[str]:
    for demand_id, states in _leads_of(books).items():
        paid = [state for state in states if state in _PAID]
        if len(paid) > 1 or (paid and not set(states) - set(paid) <= _OVER):
            yield f"{demand_id}: {', '.join(states)}"


def _chain(books: Books) -> Iterator[str]:
    if books.broken is not None:
        yield f"row {books.broken.sequence}: {books.broken.reason}"


def _live_moves(books: Books) -> list[Row[Any]]:
    return [move for move in books.moves if move.actor != LOADED]


def _audited(books: Books) -> Iterator[str]:
    def action(move: Row[Any]) -> str:
        what = "demand" if move.lead_id is None else "lead"
        return f"{what}_late" if move.before == move.after and move.late else f"{what}_{move.after}"

    moved = ((action(move), move.lead_id or move.demand_id, move.actor) for move in _live_moves(books))
    entered = (
        (row.action, row.subject, row.actor) for row in books.audit if row.action.startswith(("demand_", "lead_"))
    )
    return same(moved, entered, ("moves", "audit"))


def _pushes(books: Books) -> Iterator[str]:
    return same(_leads_entering(books, State.PUSHED), books.told("lead.pushed"), ("moves", "outbox"))


def _closings(books: Books) -> Iterator[str]:
    closed = books.told("lead.closed", "demand.withdrawn", "demand.expired")
    return same(_leads_entering(books, State.CLOSED), closed, ("moves", "outbox"))


def _leads_entering(books: Books, state: State) -> list[str]:
    return [
        str(move.lead_id)
        for moves in books.lead_moves.values()
        for move in moves
        if move.after == state and move.before != state and move.reason_code != _RELEASED
    ]


def _marks(books: Books, *, escalated: bool) -> list[str]:
    """Leads marked late, or whose lateness was escalated: moves that lead nowhere."""
    return [
        str(move.lead_id)
        for move in books.moves
        if move.lead_id and move.late and move.before == move.after and (move.reason_code == ESCALATED) is escalated
    ]


def _late(books: Books) -> Iterator[str]:
    return same(_marks(books, escalated=False), books.told("lead.late"), ("moves", "outbox"))


def _escalated(books: Books) -> Iterator[str]:
    return same(_marks(books, escalated=True), books.told("lead.escalated"), ("moves", "outbox"))


def _fan_out(books: Books) -> Iterator[str]:
    opted = {(row.institution_id, row.kind) for row in books.subscriptions if row.enabled}
    hooks = [(hook, frozenset(msgspec.json.decode(hook.kinds))) for hook in books.webhooks if hook.active]
    wanted = (
        (hook.webhook_id, row.sequence)
        for row in books.outbox
        for hook, kinds in hooks
        if hook.institution_id == row.institution_id and row.kind in kinds and (row.institution_id, row.kind) in opted
        if row.recorded_at >= hook.recorded_at
    )
    return same(wanted, ((row.webhook_id, row.sequence) for row in books.deliveries), ("outbox", "deliveries"))


def _events(books: Books) -> Iterator[str]:
    accepted = sum(books.detail(row)["accepted"] for row in books.audit if row.action == "events_recorded")
    if accepted != len(books.events):
        yield f"{len(books.events)} events kept, {accepted} in the audit"


def _recommended(books: Books) -> Iterator[str]:
    kept = ((row.recommendation_id, row.digest) for row in books.recommendations)
    told = ((row.subject, books.detail(row)["digest"]) for row in books.audit if row.action == "recommended")
    return same(kept, told, ("recommendations", "audit"))


def _queue(books: Books) -> Iterator[str]:
    states = {row.demand_id: State(row.state) for row in books.demands}
    for row in books.queue:
        if states.get(row.demand_id) not in OPEN:
            yield f"{row.demand_id} waits to be pushed and is {states.get(row.demand_id)}"


def _rows(name: str) -> Callable[[Books], int]:
    return lambda books: len(getattr(books, name))


_AGREEMENTS: dict[str, tuple[str, str, Callable[[Books], int], Callable[[Books], Iterable[str]]]] = {
    "moves_follow": ("每步流转承接上一步", "every move leaves where the one before led", _rows("moves"), _broken_moves),
    "demand_states": (
        "需求状态＝流转记录之和",
        "demand states = fold of their moves",
        _rows("demands"),
        _demand_states,
    ),
    "lead_states": ("线索状态＝流转记录之和", "lead states = fold of their moves", _rows("leads"), _lead_states),
    "demands_follow_leads": (
        "需求随最远线索",
        "demands stand where the furthest lead does",
        _rows("demands"),
        _following,
    ),
    "one_funder": (
        "一笔需求至多一家放款，其余已关闭",
        "one funder a demand, the rest closed",
        _rows("leads"),
        _one_funder,
    ),
    "audit_chain": ("审计链完整", "the audit chain verifies", _rows("audit"), _chain),
    "audit_of_moves": (
        "每步流转恰有一条审计",
        "each move has its one audit entry",
        lambda books: len(_live_moves(books)),
        _audited,
    ),
    "pushes_told": (
        "每次推送恰告知一次",
        "each push was announced once",
        lambda books: len(_leads_entering(books, State.PUSHED)),
        _pushes,
    ),
    "closings_told": (
        "每次关闭恰告知一次",
        "each closing was announced once",
        lambda books: len(_leads_entering(books, State.CLOSED)),
        _closings,
    ),
    "late_told": (
        "每次逾期恰告知一次",
        "each lateness was announced once",
        lambda books: len(_marks(books, escalated=False)),
        _late,
    ),
    "escalations_told": (
        "每次升级恰告知一次",
        "each escalation was announced once",
        lambda books: len(_marks(books, escalated=True)),
        _escalated,
    ),
    "fan_out": ("每条消息对应其投递", "each message has its deliveries", _rows("deliveries"), _fan_out),
    "events_audited": ("事件数＝审计所记", "events kept = events audited", _rows("events"), _events),
    "recommendations_audited": (
        "每次推荐恰有一条审计",
        "each recommendation has its audit entry",
        _rows("recommendations"),
        _recommended,
    ),
    "push_queue": ("待推送需求均开放", "what waits to be pushed stands open", _rows("queue"), _queue),
}
