"""Everybody's lists at once: prices of a review, challengers, and the choice between them by what they would fund."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matcher.market import challengers
from matcher.market.candidates import Blocks, Candidates, content_order, dense_blocks, everything_fits, gather
from matcher.market.inputs import (
    Floats,
    Integers,
    capacities,
    examination_curve,
    institutions,
    probabilities,
    same_shape,
    whole_number,
)
from matcher.market.leads import LeadRow, lead_rows
from matcher.market.lists import applications
from matcher.market.queues import expected_funded
from matcher.market.rounds import Market, Round, run, settled

WIDTH = 48
"""Candidates kept of each demand in a large market."""

_SAMPLE = 1_500
_IDLE = 0.5
_NEGLIGIBLE = 0.005
_SCENARIOS = ((1.0, 0.5), (0.5, 0.25), (2.0, 0.25))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Lists for one period, and the prices they were made at.

    Parameters
    ----------
    lists
        (demands, top_n) products, best first, -1 where none. A line that could only lengthen a full queue is left out
        beyond the first ``max_applications``.
    prices
        Price of one review per institution, near the value of the last file it reaches, 0 where it reaches all.
    queue_value
        (demands, top_n) chance that this file's approval is the one that counts, by which the institution orders its
        queue; at least the price where the file is expected to be read; 0 where there is no line.
    method
        What won: ``prices``, ``proportional_fitting``, ``approval_only`` or ``relevance``.
    expected_funded
        Distinct enterprises each method is expected to fund, over the examination scenarios.
    load
        Expected files per institution.
    """

    lists: Integers
    prices: Floats
    queue_value: Floats
    method: str
    expected_funded: dict[str, float]
    load: Floats
    candidates: Candidates

    def leads(self, capacity: ArrayLike) -> Sequence[LeadRow]:
        """Calls for each institution to make, best first; see ``matcher.market.leads.lead_rows``."""
        return lead_rows(self.candidates, capacity)


def plan(
    apply_prob: ArrayLike,
    approve_prob: ArrayLike,
    institution_of: ArrayLike,
    capacity: ArrayLike,
    *,
    examination: ArrayLike,
    max_applications: int = 3,
    top_n: int = 10,
    shortest: int | None = None,
    exposure_floor: ArrayLike | None = None,
) -> Plan:
    """Lists that fund the most distinct enterprises with the reviews there are.

    Parameters
    ----------
    apply_prob, approve_prob
        (demands, products) chances of applying when the line is looked at, and of approval when the file is reviewed;
        NaN or 0 where the product is not eligible.
    institution_of, capacity
        Institution of each product; reviews each institution can make in the period.
    examination
        Chance that each position is looked at, at least ``top_n`` of them.
    max_applications
        Applications one demand makes at most.
    shortest
        Lines every list has if products allow, whatever they are worth; ``max_applications`` by default.
    exposure_floor
        (products,) least expected views, for new products and those of small institutions; only exposure is adjusted.

    Raises
    ------
    MarketInputError
        A ``ValueError`` that names the argument it refuses.
    """
    p = probabilities("apply_prob", apply_prob)
    q = probabilities("approve_prob", approve_prob)
    same_shape("approve_prob", q, p.shape)
    return plan_blocks(
        dense_blocks(p, q),
        institution_of,
        capacity,
        shape=(p.shape[0], p.shape[1]),
        examination=examination,
        max_applications=max_applications,
        top_n=top_n,
        shortest=shortest,
        exposure_floor=exposure_floor,
    )


def plan_blocks(
    blocks: Blocks,
    institution_of: ArrayLike,
    capacity: ArrayLike,
    *,
    shape: tuple[int, int],
    examination: ArrayLike,
    max_applications: int = 3,
    top_n: int = 10,
    shortest: int | None = None,
    exposure_floor: ArrayLike | None = None,
) -> Plan:
    """``plan`` for a market too large to hold: ``blocks()`` gives (apply, approve) float64 rows, 0 where ineligible.

    ``blocks`` is called up to three times and must give the same rows each time.
    """
    room = capacities("capacity", capacity)
    owner = institutions("institution_of", institution_of, shape[1], room.size)
    lines = whole_number("top_n", top_n)
    limit = whole_number("max_applications", max_applications)
    floor = None
    if exposure_floor is not None:
        floor = capacities("exposure_floor", exposure_floor)
        same_shape("exposure_floor", floor, (shape[1],))
    market = Market(
        examination=examination_curve("examination", examination, lines),
        max_applications=limit,
        shortest=limit if shortest is None else whole_number("shortest", shortest, 0),
        product_floor=floor,
    )
    if 0 in shape:
        return _empty(shape[0], lines, owner, room)
    candidates, start = _narrowed(blocks, owner, room, shape, market)
    return _answer(candidates, market, _contenders(candidates, market, start))


def _narrowed(
    blocks: Blocks, owner: Integers, room: Floats, shape: tuple[int, int], market: Market
) -> tuple[Candidates, Floats | None]:
    """Candidates, and the prices a sample of the demands leads to when not every pair can be kept."""
    order = content_order(blocks, owner, room)
    demands, products = shape
    if everything_fits(demands, products, WIDTH):
        return gather(blocks, owner, room, order, width=products), None
    rows = np.sort(order.demand[: min(_SAMPLE, demands)])
    sample = gather(blocks, owner, room, order, width=products, only=rows)
    start = run(sample.shrunk(rows.size / demands), market, rounds=16, step=0.5, slowing=0.15).prices
    return gather(blocks, owner, room, order, width=WIDTH, prices=start), start


def _contenders(candidates: Candidates, market: Market, start: Floats | None) -> dict[str, Round]:
    if start is None:
        priced = run(candidates, market, rounds=40)
    else:
        priced = run(candidates, market, rounds=30, step=0.3, slowing=0.1, start=start)
    if market.product_floor is not None:
        return {"prices": priced}
    lines = market.examination.size
    none = np.zeros(candidates.capacity.size)
    others = {
        "proportional_fitting": challengers.proportional_fitting(candidates, lines),
        "approval_only": challengers.approval_only(candidates, lines),
        "relevance": challengers.relevance(candidates, lines),
    }
    return {"prices": priced} | {name: settled(candidates, market, lists, none) for name, lists in others.items()}


def _answer(candidates: Candidates, market: Market, contenders: dict[str, Round]) -> Plan:
    expected = {name: _over_scenarios(candidates, market, this) for name, this in contenders.items()}
    method = max(expected, key=lambda name: expected[name])
    won = contenders[method]
    shape = won.lists.column.shape
    product = np.take_along_axis(candidates.product, np.maximum(won.lists.column, 0), axis=1)
    lists = np.empty(shape, dtype=np.int64)
    lists[candidates.demand_order] = np.where(won.lists.column >= 0, product, -1)
    value = np.empty(shape)
    published, ordered = _published(candidates, won, contenders["prices"].prices)
    value[candidates.demand_order] = ordered
    prices, load = np.empty(candidates.capacity.size), np.empty(candidates.capacity.size)
    prices[candidates.institution_order] = published
    load[candidates.institution_order] = won.queues.load
    return Plan(
        lists=lists,
        prices=prices,
        queue_value=value,
        method=method,
        expected_funded=expected,
        load=load,
        candidates=candidates,
    )


def _published(candidates: Candidates, won: Round, led_by: Floats) -> tuple[Floats, Floats]:
    """Prices of a review, and queue values that stand above the price just where a file is expected to be read.

    The value of the last file read jumps when an institution is just full or just not; the price ``led_by`` does not,
    and falls when capacity grows. So that price is published, and values are carried along: the last file read comes
    to stand at the price, order unchanged. Where lists made without prices overflow an institution that prices would
    have left free, its last file read is the price. One that reads nothing costs as much as its best file is worth.
    """
    last = won.queues.prices
    prices = np.where(led_by < _NEGLIGIBLE, last, led_by) if won.prices is not led_by else led_by
    prices = np.where((won.queues.load <= _IDLE * candidates.capacity) | (prices < _NEGLIGIBLE), 0.0, prices)
    below = np.where(last > 0.0, prices / np.maximum(last, _NEGLIGIBLE), 1.0)[won.lists.institution]
    above = ((1.0 - prices) / np.maximum(1.0 - last, _NEGLIGIBLE))[won.lists.institution]
    value, cut = won.queues.value, last[won.lists.institution]
    carried = prices[won.lists.institution] + (value - cut) * above
    value = np.where(won.lists.column < 0, 0.0, np.where(value < cut, value * below, carried))
    dearest = np.zeros(candidates.capacity.size)
    np.maximum.at(dearest, candidates.institution.ravel(), candidates.approve.ravel())
    return np.where(candidates.capacity > 0.0, prices, dearest), value


def _over_scenarios(candidates: Candidates, market: Market, this: Round) -> float:
    """Expected enterprises funded if lists are read as believed, more evenly, or more hastily."""
    total = 0.0
    for power, weight in _SCENARIOS:
        made = applications(this.lists, market.examination**power, market.max_applications)
        total += weight * expected_funded(
            made, this.queues.value, this.lists.approve, this.lists.institution, candidates.capacity
        )
    return total


def _empty(demands: int, lines: int, owner: Integers, room: Floats) -> Plan:
    nothing = np.zeros((demands, 0))
    return Plan(
        lists=np.full((demands, lines), -1, dtype=np.int64),
        prices=np.zeros(room.size),
        queue_value=np.zeros((demands, lines)),
        method="prices",
        expected_funded={"prices": 0.0},
        load=np.zeros(room.size),
        candidates=Candidates(
            product=nothing.astype(np.int32),
            institution=nothing.astype(np.int32),
            apply=nothing,
            approve=nothing,
            capacity=room,
            demand_order=np.arange(demands),
            institution_order=np.arange(room.size),
        ),
    )
