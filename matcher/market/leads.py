"""Who an institution should call: leads that add most to the number of enterprises funded, given all other calls."""

from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matcher.market.candidates import Candidates
from matcher.market.inputs import Floats, Integers, ShapeError, capacities

_CHUNK = 8_192


class LeadRow(NamedTuple):
    """One call worth making; ``value`` is what it adds to the expected number of enterprises funded."""

    institution: int
    demand: int
    product: int
    value: float


def lead_rows(candidates: Candidates, capacity: ArrayLike) -> list[LeadRow]:
    """Lazy greedy on the expected number of enterprises funded, one row per enterprise and institution.

    Parameters
    ----------
    capacity
        Calls each institution can make (caller's numbers); fractions are rounded down.

    Returns
    -------
    list[LeadRow]
        By institution, best first. Values add up to the expected number of enterprises funded by these calls.

    Raises
    ------
    ShapeError, CapacityError
        Naming ``capacity``.
    """
    room = capacities("capacity", capacity)
    if room.size != candidates.capacity.size:
        raise ShapeError("capacity", f"has {room.size} values for {candidates.capacity.size} institutions")
    if candidates.demands == 0 or candidates.width == 0:
        return []
    places = np.floor(np.minimum(room, candidates.demands)).astype(np.int64)[candidates.institution_order]
    row, column, success = _best_product_each(candidates)
    picked = _lazy_greedy(
        row, candidates.institution[row, column].astype(np.int64), success, places, candidates.demands
    )
    rows = [
        LeadRow(
            int(candidates.institution_order[candidates.institution[row[pair], column[pair]]]),
            int(candidates.demand_order[row[pair]]),
            int(candidates.product[row[pair], column[pair]]),
            value,
        )
        for pair, value in picked
    ]
    return sorted(rows, key=lambda lead: (lead.institution, -lead.value, lead.demand))


def _best_product_each(candidates: Candidates) -> tuple[Integers, Integers, Floats]:
    """Each (demand, institution) pair once, with its best product, most promising pairs first."""
    success: NDArray[Any] = candidates.apply.astype(np.float64) * candidates.approve
    row, column = np.nonzero(success > 0.0)
    promise = success[row, column]
    order = np.argsort(-promise, kind="stable")
    row, column, promise = row[order], column[order], promise[order]
    pair = row * candidates.capacity.size + candidates.institution[row, column]
    _, first = np.unique(pair, return_index=True)
    first.sort()
    return row[first], column[first], promise[first]


def _lazy_greedy(
    row: Integers, institution: Integers, success: Floats, places: Integers, demands: int
) -> list[tuple[int, float]]:
    """Pairs picked with what each added; a pair is looked at again only when its last known worth leads."""
    left = places.tolist()
    need = np.ones(demands).tolist()
    waiting: list[tuple[float, int]] = []
    picked: list[tuple[int, float]] = []
    for start in range(0, success.size, _CHUNK):
        open_for_calls = np.asarray(left)[institution[start : start + _CHUNK]] > 0
        if not any(left):
            break
        chunk = start + np.flatnonzero(open_for_calls)
        for pair, demand, owner, promise in zip(
            chunk.tolist(), row[chunk].tolist(), institution[chunk].tolist(), success[chunk].tolist(), strict=True
        ):
            _pick_better(waiting, promise, row, institution, success, left, need, picked)
            if left[owner] > 0:
                heappush(waiting, (-promise * need[demand], pair))
    _pick_better(waiting, 0.0, row, institution, success, left, need, picked)
    return picked


def _pick_better(
    waiting: list[tuple[float, int]],
    promise: float,
    row: Integers,
    institution: Integers,
    success: Floats,
    left: list[int],
    need: list[float],
    picked: list[tuple[int, float]],
) -> None:
    """Take every waiting pair that is worth at least what the next new pair can be worth."""
    while waiting and -waiting[0][0] >= promise:
        known, pair = heappop(waiting)
        owner, demand = int(institution[pair]), int(row[pair])
        if left[owner] == 0:
            continue
        worth = float(success[pair]) * need[demand]
        if worth < -known * (1.0 - 1e-12):
            heappush(waiting, (-worth, pair))
            continue
        if worth <= 0.0:
            continue
        picked.append((pair, worth))
        left[owner] -= 1
        need[demand] -= worth
