"""One arriving demand, served at prices fixed the night before: array work over the catalogue, no plan to wait for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.market.inputs import (
    Floats,
    Integers,
    MarketInputError,
    ProbabilityError,
    ShapeError,
    examination_curve,
    same_shape,
)
from matcher.market.lists import REVIEW_WIDTH

_LEAST_NEED = 1e-6


@dataclass(frozen=True, kw_only=True)
class ServedList:
    """One list, best first; all arrays have one value a line.

    Parameters
    ----------
    order
        Products.
    score
        p·(q·H - λ), what ordered the list.
    need
        H: chance that the enterprise still needs funding after the lines above; 1 at the first.
    price
        λ of the product's institution, as used.
    explored
        Whether the line was drawn at random instead of by score.
    propensity
        Chance with which this product came to stand here, given the lines above.
    priced
        ``False`` if prices were too old: then the order is by p·q·H and every price is 0.
    """

    order: Integers
    score: Floats
    need: Floats
    price: Floats
    explored: NDArray[np.bool_]
    propensity: Floats
    priced: bool


def serve(
    apply_prob: Floats,
    approve_prob: Floats,
    institution_of: Integers,
    prices: Floats,
    *,
    examination: Floats,
    max_applications: int = 3,
    top_n: int = 10,
    price_age_days: int = 0,
    oldest_price_days: int = 3,
    price_ceiling: float = 0.8,
    explore: float = 0.0,
    draws: Floats | None = None,
) -> ServedList:
    """Greedy list for one demand at given prices.

    Parameters
    ----------
    apply_prob, approve_prob
        (products,) chances; NaN or 0 where the product is not eligible.
    price_age_days
        Days from the plan that made the prices to ``as_of``; older than ``oldest_price_days`` and none is charged.
    price_ceiling
        No review costs more than this.
    explore
        Share of lines drawn evenly from the eligible products not listed yet; 0.05 to 0.1 keeps the curves known.
    draws
        (2, top_n) numbers in [0, 1) the caller keeps, so that a replay gives the same list; needed to explore.

    Raises
    ------
    MarketInputError
        Naming the argument refused.
    """
    curve = examination_curve("examination", examination, top_n)
    _refuse_misfits(apply_prob, approve_prob, institution_of, prices)
    if explore > 0.0 and (draws is None or draws.shape != (2, top_n)):
        raise ShapeError("draws", f"two rows of {top_n} numbers in [0, 1) are needed to explore")
    priced = price_age_days <= oldest_price_days
    p = _chances("apply_prob", apply_prob)
    q = _chances("approve_prob", approve_prob)
    cost_of_review = np.minimum(prices, price_ceiling)[institution_of] if priced else np.zeros(p.size)
    worth = p * q
    eligible = int(np.count_nonzero(worth > 0.0))
    worth[worth <= 0.0] = -np.inf
    return _greedy(
        (p, q, worth, cost_of_review), curve[: min(top_n, eligible)], max_applications, explore, draws, priced
    )


def _refuse_misfits(apply_prob: Floats, approve_prob: Floats, institution_of: Integers, prices: Floats) -> None:
    if apply_prob.ndim != 1:
        raise ShapeError("apply_prob", f"has {apply_prob.ndim} dimensions, one chance a product is needed")
    same_shape("approve_prob", approve_prob, apply_prob.shape)
    if institution_of.shape != apply_prob.shape:
        raise ShapeError("institution_of", f"has shape {institution_of.shape}, {apply_prob.shape} is needed")
    if prices.ndim != 1 or not (prices.min(initial=0.0) >= 0.0 and prices.max(initial=0.0) < np.inf):
        raise MarketInputError("prices", "one price an institution is needed, none negative and each a number")
    if institution_of.size and not 0 <= institution_of.min() <= institution_of.max() < prices.size:
        raise MarketInputError("institution_of", f"names an institution outside 0 to {prices.size - 1}")


def _chances(name: str, values: Floats) -> Floats:
    chances: Floats = np.nan_to_num(values)
    if not (chances.min(initial=0.0) >= 0.0 and chances.max(initial=0.0) <= 1.0):
        raise ProbabilityError(name, "holds values outside [0, 1]; leave ineligible products NaN or 0")
    return chances


def _greedy(
    terms: tuple[Floats, Floats, Floats, Floats],
    curve: Floats,
    max_applications: int,
    explore: float,
    draws: Floats | None,
    priced: bool,
) -> ServedList:
    p, q, worth, cost_of_review = terms
    cost = p * cost_of_review
    order: list[int] = []
    needs: list[float] = []
    explored: list[bool] = []
    propensity: list[float] = []
    need = 1.0
    used = [1.0] + [0.0] * (max_applications - 1)
    left = int(np.count_nonzero(worth > -np.inf))
    for position in range(curve.size):
        best = int((worth * max(need, _LEAST_NEED) - cost).argmax())
        chosen = best
        drawn = explore > 0.0 and draws is not None and draws[0, position] < explore
        if drawn and draws is not None:
            chosen = int(np.flatnonzero(worth > -np.inf)[int(draws[1, position] * left)])
        order.append(chosen)
        needs.append(need)
        explored.append(drawn)
        propensity.append(explore / left + (1.0 - explore if chosen == best else 0.0))
        need, used = _after(
            need, used, float(curve[position] * p[chosen]), float(q[chosen]), float(cost_of_review[chosen])
        )
        worth[chosen] = -np.inf
        left -= 1
    chosen_order = np.asarray(order, dtype=np.int64)
    need_each = np.asarray(needs)
    return ServedList(
        order=chosen_order,
        score=p[chosen_order] * (q[chosen_order] * need_each - cost_of_review[chosen_order]),
        need=need_each,
        price=cost_of_review[chosen_order],
        explored=np.asarray(explored, dtype=bool),
        propensity=np.asarray(propensity),
        priced=priced,
    )


def _after(need: float, used: list[float], wanted: float, q: float, price: float) -> tuple[float, list[float]]:
    above = max(-50.0, min(50.0, (q * need - price) / REVIEW_WIDTH))
    reviewed = 1.0 / (1.0 + float(np.exp(-above)))
    need *= 1.0 - wanted * sum(used) * q * reviewed
    shifted = [0.0, *used[:-1]]
    return need, [mass * (1.0 - wanted) + more * wanted for mass, more in zip(used, shifted, strict=True)]
