"""Who meets whom at a matchmaking event, and when: seats given by expected matches, a timetable without a clash.

A meeting ends in a match with a known chance; an enterprise needs one match only. So what counts is the expected number
of distinct enterprises matched, ``Σ_i 1 − Π_b (1 − v_ib)`` over the tables each one meets. Everything is deterministic.
"""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ROUNDS = 6
"""Rounds of assignment in which a meeting counts by what it adds to the enterprise's other meetings."""
_STEP = 0.5


class NotSolvedError(RuntimeError):
    """The solver gave no assignment; says what it reported."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """One day of meetings.

    Parameters
    ----------
    slot
        Shape (enterprises, tables): slot of their meeting from 0, −1 where they do not meet.
    expected
        Expected distinct enterprises matched.
    """

    slot: NDArray[np.int64]
    expected: float

    @property
    def meets(self) -> Flags:
        """Shape (enterprises, tables): whether they meet."""
        return self.slot >= 0


def seat_institutions(chance: Floats, tables: int, slots: int) -> tuple[int, ...]:
    """Institutions worth a table, best first: each adds most to those before it. One without any chance gets none.

    Parameters
    ----------
    chance
        Shape (enterprises, institutions): chance that a meeting ends in a match, 0 where none is possible.
    """
    need = np.ones(chance.shape[0])
    left = list(range(chance.shape[1]))
    chosen: list[int] = []
    while left and len(chosen) < tables:
        worth = np.sort(chance[:, left] * need[:, None], axis=0)[-slots:].sum(axis=0)
        best = int(np.argmax(worth))
        if worth[best] <= 0.0:
            break
        taken = left.pop(best)
        chosen.append(taken)
        guests = np.argsort(-chance[:, taken] * need, kind="stable")[:slots]
        need[guests] *= 1.0 - chance[guests, taken]
    return tuple(chosen)


def plan_meetings(chance: Floats, slots: int, per_enterprise: int, most_enterprises: int) -> Timetable:
    """Seats and times for one event.

    Parameters
    ----------
    chance
        Shape (enterprises, tables), as in ``seat_institutions``.
    slots
        Meetings a table can hold, and moments there are.
    per_enterprise
        Meetings an enterprise can have.
    most_enterprises
        Enterprises that can be invited.

    Raises
    ------
    NotSolvedError
        If the solver fails.
    """
    per_enterprise = min(per_enterprise, slots)
    meets = greedy(chance, slots, per_enterprise, most_enterprises)
    invited = _guests(chance, meets, most_enterprises)
    best = _seated(chance[invited], meets[invited], slots, per_enterprise)
    slot = np.full(chance.shape, -1, dtype=np.int64)
    slot[invited] = timetable(best, slots)
    return Timetable(slot=slot, expected=expected(chance[invited], best))


def expected(chance: Floats, meets: Flags) -> float:
    """Expected distinct enterprises matched by these meetings."""
    return float((1.0 - np.where(meets, 1.0 - chance, 1.0).prod(axis=1)).sum())


def greedy(chance: Floats, slots: int, per_enterprise: int, most_enterprises: int) -> Flags:
    """Meetings taken one by one, each the one that adds most; at least half as good as any other choice of seats."""
    meets = np.zeros(chance.shape, dtype=bool)
    need, met = np.ones(chance.shape[0]), np.zeros(chance.shape[0], dtype=np.int64)
    room = np.full(chance.shape[1], slots)
    waiting = [
        (-float(chance[row, table]), int(row), int(table)) for row, table in zip(*np.nonzero(chance), strict=True)
    ]
    heapq.heapify(waiting)
    invited = 0
    while waiting:
        _, row, table = heapq.heappop(waiting)
        is_new = met[row] == 0
        if room[table] == 0 or met[row] >= per_enterprise or (is_new and invited >= most_enterprises):
            continue
        worth = -float(chance[row, table] * need[row])
        if waiting and (worth, row, table) > waiting[0]:
            heapq.heappush(waiting, (worth, row, table))
            continue
        meets[row, table] = True
        need[row] *= 1.0 - chance[row, table]
        met[row] += 1
        room[table] -= 1
        invited += int(is_new)
    return meets


def assign(weight: Floats, slots: int, per_enterprise: int) -> Flags:
    """The meetings of greatest total weight, at most so many a table and an enterprise; exact.

    The constraints are those of a bipartite graph: the linear programme has whole corners, and a simplex ends in one.

    Raises
    ------
    NotSolvedError
        If the solver fails.
    """
    rows, tables = np.nonzero(weight > 0.0)
    meets = np.zeros(weight.shape, dtype=bool)
    if not len(rows):
        return meets
    count, ones = len(rows), np.ones(len(rows))
    limits: Any = sparse.vstack(  # scipy's stubs know no sparse matrix here, scipy does
        [
            sparse.csr_array((ones, (rows, np.arange(count))), shape=(weight.shape[0], count)),
            sparse.csr_array((ones, (tables, np.arange(count))), shape=(weight.shape[1], count)),
        ]
    )
    room = np.concatenate([np.full(weight.shape[0], float(per_enterprise)), np.full(weight.shape[1], float(slots))])
    solved = linprog(-weight[rows, tables], A_ub=limits, b_ub=room, bounds=(0.0, 1.0), method="highs-ds")
    if solved.x is None or not solved.success:
        raise NotSolvedError(f"The assignment of {count} possible meetings was not solved: {solved.message}")
    taken = np.asarray(solved.x) > 0.5
    meets[rows[taken], tables[taken]] = True
    return meets


def timetable(meets: Flags, slots: int) -> NDArray[np.int64]:
    """A slot for every meeting, so that nobody is in two places at once; −1 where there is no meeting.

    Colours the edges of a bipartite graph: as many slots suffice as the busiest table or enterprise has meetings.

    Raises
    ------
    ValueError
        If someone has more meetings than there are slots.
    """
    busiest = max(int(meets.sum(axis=0).max(initial=0)), int(meets.sum(axis=1).max(initial=0)))
    if busiest > slots:
        raise ValueError(f"someone has {busiest} meetings and there are {slots} slots: assign fewer")
    table_of = np.full((meets.shape[0], slots), -1, dtype=np.int64)
    guest_of = np.full((meets.shape[1], slots), -1, dtype=np.int64)
    for row, table in np.argwhere(meets).tolist():
        free_here, free_there = _free(table_of[row]), _free(guest_of[table])
        if guest_of[table, free_here] >= 0:
            _exchange(table_of, guest_of, table, free_here, free_there)
        table_of[row, free_here], guest_of[table, free_here] = table, row
    slot = np.full(meets.shape, -1, dtype=np.int64)
    for row, moment in np.argwhere(table_of >= 0).tolist():
        slot[row, table_of[row, moment]] = moment
    return slot


def _seated(chance: Floats, first: Flags, slots: int, per_enterprise: int) -> Flags:
    """The best of the seats first given, those of greatest total chance, and rounds that start from the first."""
    if not len(chance):
        return first
    tried = [first, assign(chance, slots, per_enterprise)]
    weight = _added(chance, first)
    for _ in range(ROUNDS):
        tried.append(assign(weight, slots, per_enterprise))
        weight = (1.0 - _STEP) * weight + _STEP * _added(chance, tried[-1])
    return max(tried, key=lambda meets: expected(chance, meets))


def _guests(chance: Floats, meets: Flags, most: int) -> NDArray[np.intp]:
    """Who may be seated: those met when meetings are taken one by one, then the likeliest of the others."""
    best = chance.max(axis=1, initial=0.0)
    order = np.lexsort((-best, ~meets.any(axis=1)))
    return np.sort(order[best[order] > 0.0][:most])


def _added(chance: Floats, meets: Flags) -> Floats:
    """What each meeting adds to the other meetings its enterprise has."""
    miss = np.where(meets, 1.0 - chance, 1.0)
    certain = miss <= 0.0
    others = np.where(certain, 1.0, miss).prod(axis=1, keepdims=True) / np.where(certain, 1.0, miss)
    sure_elsewhere = certain.sum(axis=1, keepdims=True) - certain > 0
    return np.where(sure_elsewhere, 0.0, chance * others)


def _free(moments: NDArray[np.int64]) -> int:
    return int(np.argmax(moments < 0))


def _exchange(table_of: NDArray[np.int64], guest_of: NDArray[np.int64], table: int, wanted: int, spare: int) -> None:
    """Free the wanted slot at a table: along the chain of meetings in both slots, exchange the two."""
    chain: list[tuple[int, int, int]] = []
    at_table, moment, place = True, wanted, table
    while True:
        following = int(guest_of[place, moment] if at_table else table_of[place, moment])
        if following < 0:
            break
        row, desk = (following, place) if at_table else (place, following)
        chain.append((row, desk, moment))
        at_table, place, moment = not at_table, following, spare if moment == wanted else wanted
    for row, desk, moment in chain:
        table_of[row, moment], guest_of[desk, moment] = -1, -1
    for row, desk, moment in chain:
        other = spare if moment == wanted else wanted
        table_of[row, other], guest_of[desk, other] = desk, row
