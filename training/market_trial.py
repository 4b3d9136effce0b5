"""One month of one simulated city: every way of making lists, from trained scores, played out with the truth."""

from typing import Any

import numpy as np

from training.market_city import CityMarket, Floats
from training.market_measures import linear_bound, measure
from training.market_methods import BASELINES, listed_by_all, planned_for, served_frozen
from training.market_worlds import World

DRAWS = 20
"""Simulated periods per market; all ways of making lists get the same luck in each."""


def month_of(market: CityMarket, month: int) -> World:
    """One month as a market: what was estimated from the log, and what holds."""
    rows = np.flatnonzero(market.month == month)
    here = market.month[market.demand] == month
    demand, product = np.searchsorted(rows, market.demand[here]), market.product[here]

    def dense(values: Floats) -> Floats:
        table = np.zeros((rows.size, market.institution_of.size))
        table[demand, product] = values[here]
        return table

    return World(
        name="city",
        true_apply=dense(market.true_apply),
        true_approve=dense(market.true_approve),
        apply=dense(market.apply),
        approve=dense(market.approve),
        habit=dense(market.popularity),
        institution_of=market.institution_of,
        small=market.small,
        capacity=market.capacity,
        true_capacity=market.true_capacity.astype(np.float64),
        examination=market.examination,
        true_examination=market.true_examination,
    )


def trial(market: CityMarket) -> dict[str, Any]:
    """Measures of every method in the later month; what prices gain, frozen ones lose, and the share of the bounds."""
    before, today = month_of(market, 0), month_of(market, 1)
    listed = listed_by_all(today) | {"frozen": served_frozen(planned_for(before).prices, today)}
    methods = {name: measure(today, each, DRAWS) for name, each in listed.items()}
    funded = {name: one["funded"] for name, one in methods.items()}
    best = max(BASELINES, key=lambda name: funded[name])
    return {
        "demands": len(today.apply),
        "methods": methods,
        "best": best,
        "gain_over_best": funded["prices"] / funded[best] - 1.0,
        "gain_over_pq": funded["prices"] / funded["p*q"] - 1.0,
        "frozen_loss": 1.0 - funded["frozen"] / funded["prices"],
        "share_of_bound": funded["prices"] / linear_bound(today),
        "share_of_plain_bound": funded["prices"] / linear_bound(today, with_lists=False),
    }
