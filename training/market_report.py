"""The market report over made-up mechanisms: calibrated but noisy scores instead of a trained ranker's, no city.

Every planner sees the same scores; the truth decides. All get the same luck, and every institution orders its queue by
the chance that its approval is the one that counts, computed from the lists it is sent by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.market_controls import controlled, over_seeds
from training.market_measures import interval, linear_bound, measure
from training.market_methods import BASELINES, listed_by_all, planned_for, served_frozen
from training.market_worlds import MECHANISMS, World, build_world


def report(
    *,
    worlds: Sequence[str] = tuple(MECHANISMS),
    seeds: Sequence[int] = tuple(range(10)),
    demands: int = 800,
    products: int = 80,
    draws: int = 4,
    bound_seeds: int = 3,
    control_world: str = "crowded",
) -> dict[str, Any]:
    """Means with 95 % intervals over seeds, per world and over all, with the worst world and negative controls.

    Parameters
    ----------
    draws
        Simulated periods per world and seed.
    bound_seeds
        Seeds for which the plain linear bound with the true chances is solved.
    control_world
        Mechanism the controls change, over the first three seeds.

    Returns
    -------
    dict
        ``worlds`` {name: {method: metrics, "gain_over_best", "gain_over_pq", "share_of_bound", "frozen_loss"}},
        ``gain_over_best`` {mean, low, high, worst_world}, ``controls``. Ready for JSON.
    """
    per_world = {
        name: [
            _one_seed(name, seed, demands=demands, products=products, draws=draws, bounded=place < bound_seeds)
            for place, seed in enumerate(seeds)
        ]
        for name in worlds
    }
    gains = {name: [run["gain_over_best"] for run in runs] for name, runs in per_world.items()}
    every = [gain for world in gains.values() for gain in world]
    markets = [build_world(control_world, seed, demands=demands, products=products) for seed in seeds[:3]]
    return {
        "worlds": {name: _averaged(runs) for name, runs in per_world.items()},
        "gain_over_best": interval(every) | {"worst_world": min(gains, key=lambda name: float(np.mean(gains[name])))},
        "controls": over_seeds([controlled(market, draws) for market in markets]),
    }


def _one_seed(name: str, seed: int, *, demands: int, products: int, draws: int, bounded: bool) -> dict[str, Any]:
    both = build_world(name, seed, demands=2 * demands, products=products)
    today, yesterday = _half(both, slice(0, demands)), _half(both, slice(demands, None))
    listed = listed_by_all(today) | {"frozen": served_frozen(planned_for(yesterday).prices, today)}
    methods = {method: measure(today, each, draws) for method, each in listed.items()}
    priced = methods["prices"]["funded"]
    found: dict[str, Any] = {
        "methods": methods,
        "gain_over_best": priced / max(methods[method]["funded"] for method in BASELINES) - 1.0,
        "gain_over_pq": priced / methods["p*q"]["funded"] - 1.0,
        "frozen_loss": 1.0 - methods["frozen"]["funded"] / priced,
    }
    return found | {"share_of_bound": priced / linear_bound(today, with_lists=False)} if bounded else found


def _averaged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    methods = {
        method: {metric: interval([run["methods"][method][metric] for run in runs]) for metric in metrics}
        for method, metrics in runs[0]["methods"].items()
    }
    totals = ("gain_over_best", "gain_over_pq", "frozen_loss", "share_of_bound")
    return methods | {total: interval([run[total] for run in runs if total in run]) for total in totals}


def _half(world: World, rows: slice) -> World:
    capacity = np.maximum(1.0, np.round(world.capacity / 2.0))
    return replace(
        world,
        true_apply=world.true_apply[rows],
        true_approve=world.true_approve[rows],
        apply=world.apply[rows],
        approve=world.approve[rows],
        habit=world.habit[rows],
        capacity=capacity,
        true_capacity=capacity,
    )
