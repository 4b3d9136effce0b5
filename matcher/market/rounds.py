"""Prices of a review: rounds of lists and queues, with smaller and smaller steps to the value of the last file read."""

from dataclasses import dataclass

import numpy as np

from matcher.market.candidates import Candidates
from matcher.market.inputs import Floats
from matcher.market.lists import Lists, applications, build
from matcher.market.queues import Queues, settle

_BONUS_STEP = 0.01
_BONUS_CEILING = 0.5


@dataclass(frozen=True, kw_only=True)
class Market:
    """What the rounds need besides the candidates.

    Parameters
    ----------
    product_floor
        Least expected views of each product (caller's numbers), ``None`` without a floor.
    """

    examination: Floats
    max_applications: int
    shortest: int
    product_floor: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round: the prices the lists were made at, the lists, the files they lead to and their queues."""

    prices: Floats
    lists: Lists
    made: Floats
    queues: Queues


def settled(candidates: Candidates, market: Market, lists: Lists, prices: Floats) -> Round:
    """What given lists lead to."""
    made = applications(lists, market.examination, market.max_applications)
    queues = settle(made, lists.approve, lists.institution, candidates.capacity)
    return Round(prices=prices, lists=lists, made=made, queues=queues)


def run(
    candidates: Candidates,
    market: Market,
    *,
    rounds: int,
    step: float = 0.3,
    slowing: float = 0.05,
    start: Floats | None = None,
) -> Round:
    """Best round by expected distinct enterprises funded.

    With an exposure floor only the second half of the rounds counts: by then the second dual has done its work.

    Parameters
    ----------
    step, slowing
        Round t moves ``step / (1 + slowing·t)`` of the way.
    """
    prices = np.zeros(candidates.capacity.size) if start is None else start
    bonus: Floats | None = None
    best: Round | None = None
    for number in range(rounds):
        lists = build(
            candidates,
            prices,
            market.examination,
            market.max_applications,
            shortest=market.shortest,
            bonus=None if bonus is None else bonus[candidates.product].astype(candidates.apply.dtype),
        )
        this = settled(candidates, market, lists, prices)
        counts = market.product_floor is None or 2 * number >= rounds
        if best is None or (counts and (this.queues.funded > best.queues.funded or 2 * number - rounds in (0, 1))):
            best = this
        prices = prices + step / (1.0 + slowing * number) * (this.queues.prices - prices)
        if market.product_floor is not None:
            bonus = _moved(bonus, market.product_floor, views(candidates, lists, market.examination, market))
    if best is None:
        raise ValueError("rounds: at least one is needed")
    return best


def views(candidates: Candidates, lists: Lists, examination: Floats, market: Market) -> Floats:
    """Expected views of each product (caller's numbers)."""
    products = 0 if market.product_floor is None else market.product_floor.size
    shown = lists.column >= 0
    product = np.take_along_axis(candidates.product, np.maximum(lists.column, 0), axis=1)[shown]
    seen = np.broadcast_to(examination, lists.column.shape)[shown]
    return np.bincount(product, weights=seen, minlength=products).astype(np.float64)


def _moved(bonus: Floats | None, floor: Floats, seen: Floats) -> Floats:
    lacking = (floor - seen) / np.maximum(floor, 1.0)
    before = np.zeros(floor.size) if bonus is None else bonus
    return np.clip(before + _BONUS_STEP * np.where(floor > 0.0, lacking, 0.0), 0.0, _BONUS_CEILING)
