"""How many distinct enterprises each way of making lists would fund, in simulated markets with a hidden truth.

Every planner sees calibrated but noisy scores; the truth decides. All planners get the same luck, and every institution
orders its queue by the chance that its approval is the one that counts, computed from the lists it is sent by.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.stats import t as student

from matcher.market import plan, serve
from matcher.market.candidates import Candidates
from matcher.market.challengers import proportional_fitting
from matcher.market.lists import Lists, applications, by_score, shown_at
from matcher.market.queues import settle
from training.market_worlds import MECHANISMS, Floats, Integers, World, build_world, decaying_examination, simulate

Listed = tuple[Integers, Floats]
BASELINES = ("p", "q", "p*q", "ipfp")
"""Ways of making lists the prices have to beat."""


def report(
    *,
    worlds: Sequence[str] = tuple(MECHANISMS),
    seeds: Sequence[int] = tuple(range(10)),
    demands: int = 800,
    products: int = 80,
    draws: int = 4,
    bound_seeds: int = 3,
) -> dict[str, Any]:
    """Means with 95 % intervals over seeds, per world and over all, with the worst world and negative controls.

    Parameters
    ----------
    draws
        Simulated periods per world and seed.
    bound_seeds
        Seeds for which the linear bound with the true chances is solved.

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
    return {
        "worlds": {name: _averaged(runs) for name, runs in per_world.items()},
        "gain_over_best": interval(every) | {"worst_world": min(gains, key=lambda name: float(np.mean(gains[name])))},
        "controls": controls(seeds=seeds[:3], demands=demands, products=products, draws=draws),
    }


def controls(
    *, seeds: Sequence[int], demands: int = 800, products: int = 80, draws: int = 4, world: str = "crowded"
) -> dict[str, dict[str, float]]:
    """Gain of prices over the best other list where it should shrink, or where the planner is told something wrong."""
    flat = np.full(10, 0.6)
    changes: dict[str, tuple[Callable[[World], World], Callable[[World], World], float]] = {
        "as_planned": (_same, _same, 1.0),
        "no_crowding": (_roomy, _roomy, 1.0),
        "capacity_believed_30_percent_high": (lambda w: replace(w, capacity=1.3 * w.capacity), _same, 1.0),
        "capacity_believed_30_percent_low": (lambda w: replace(w, capacity=0.7 * w.capacity), _same, 1.0),
        "flat_examination_believed_decaying": (_same, lambda w: replace(w, true_examination=flat), 1.0),
        "flat_examination_known": (lambda w: replace(w, examination=flat), lambda w: _flat(w, flat), 1.0),
        "one_application": (_single, _single, 1.0),
        "30_percent_adoption": (_same, _same, 0.3),
    }
    table: dict[str, dict[str, float]] = {}
    for name, (believed, actual, adoption) in changes.items():
        gains = []
        for seed in seeds:
            base = build_world(world, seed, demands=demands, products=products)
            funded = {
                method: _funded(actual(base), listed, draws, adoption)
                for method, listed in listed_by_all(believed(base)).items()
            }
            gains.append(funded["prices"] / max(funded[method] for method in BASELINES) - 1.0)
        table[name] = interval(gains)
    return table


def listed_by_all(world: World) -> dict[str, Listed]:
    """Lists and queue values of p, q, p·q, IPFP and the planner, from the estimates alone."""
    candidates = _candidates(world)
    positions = world.examination.size
    success = candidates.apply * candidates.approve
    lists = {
        "p": by_score(candidates, candidates.apply, positions),
        "q": by_score(candidates, candidates.approve, positions),
        "p*q": by_score(candidates, success, positions),
        "ipfp": proportional_fitting(candidates, positions),
    }
    planned = plan(
        world.apply,
        world.approve,
        world.institution_of,
        world.capacity,
        examination=world.examination,
        max_applications=world.max_applications,
        top_n=positions,
    )
    return {name: _with_value(world, each) for name, each in lists.items()} | {
        "prices": (planned.lists, planned.queue_value)
    }


def served_frozen(yesterday: World, today: World) -> Listed:
    """Today's demands, one by one, at prices planned from yesterday's."""
    prices = plan(
        yesterday.apply,
        yesterday.approve,
        yesterday.institution_of,
        yesterday.capacity,
        examination=yesterday.examination,
        max_applications=yesterday.max_applications,
    ).prices
    positions = today.examination.size
    lists = np.full((len(today.apply), positions), -1, dtype=np.int64)
    value = np.zeros(lists.shape)
    for demand in range(len(lists)):
        served = serve(
            today.apply[demand],
            today.approve[demand],
            today.institution_of,
            prices,
            examination=today.examination,
            max_applications=today.max_applications,
            top_n=positions,
        )
        lists[demand, : served.order.size] = served.order
        value[demand, : served.order.size] = today.approve[demand, served.order] * served.need
    return lists, value


def linear_bound(world: World) -> float:
    """No planner funds more in expectation: applications and reviews chosen freely, in fractions, the truth known."""
    row, product = np.nonzero(world.true_apply * world.true_approve > 0.0)
    pairs, demands, institutions = row.size, len(world.true_apply), world.capacity.size
    pair = np.arange(pairs)
    constraint = csr_array(
        (
            np.concatenate([-world.true_approve[row, product], np.ones(demands + 2 * pairs)]),
            (
                np.concatenate(
                    [row, np.arange(demands), demands + world.institution_of[product], demands + institutions + row]
                ),
                np.concatenate([pair, pairs + np.arange(demands), pair, pair]),
            ),
        ),
        shape=(2 * demands + institutions, pairs + demands),
    )
    seen = float(world.true_examination[0]) * world.true_apply[row, product]
    applications_most = min(float(world.max_applications), float(world.true_examination.sum()))
    solve: Any = linprog  # its stubs know no sparse constraint
    solved = solve(
        np.concatenate([np.zeros(pairs), -np.ones(demands)]),
        A_ub=constraint,
        b_ub=np.concatenate([np.zeros(demands), np.floor(world.capacity), np.full(demands, applications_most)]),
        bounds=[(0.0, float(most)) for most in np.concatenate([seen, np.ones(demands)])],
        method="highs-ipm",
    )
    return -float(solved.fun)


def measure(world: World, listed: Listed, draws: int) -> dict[str, float]:
    """Metrics of one set of lists, averaged over simulated periods."""
    lists, value = listed
    outcomes = [simulate(world, lists, value, seed=1_000 + draw) for draw in range(draws)]
    files = float(sum(outcome.applications.sum() for outcome in outcomes))
    reviewed = np.sum([outcome.reviewed for outcome in outcomes], axis=0).astype(np.float64)
    approvals = float(sum(outcome.approvals.sum() for outcome in outcomes))
    funded = np.mean([outcome.funded for outcome in outcomes], axis=0)
    rows, lines = np.nonzero(lists >= 0)
    owner = world.institution_of[lists[rows, lines]]
    views = np.bincount(owner, weights=world.true_examination[lines], minlength=world.capacity.size)
    small = world.capacity <= np.median(world.capacity)
    weakest = np.argsort(world.true_approve.mean(axis=1), kind="stable")[: max(1, len(lists) // 4)]
    return {
        "funded": float(funded.sum()),
        "unreviewed": 1.0 - float(reviewed.sum()) / max(files, 1.0),
        "duplicate_approvals": 1.0 - float(funded.sum()) * draws / max(approvals, 1.0),
        "utilisation": float(reviewed.sum()) / draws / float(world.capacity.sum()),
        "gini_exposure": gini(views / np.maximum(world.capacity, 1.0)),
        "small_share": float(reviewed[small].sum() / max(reviewed.sum(), 1.0))
        / float(world.capacity[small].sum() / world.capacity.sum()),
        "bottom_quarter": float(funded[weakest].mean()),
        "envy": _envy(world, lists),
    }


def gini(values: Floats) -> float:
    """Gini coefficient of non-negative values; 0 when all are equal."""
    ordered = np.sort(values)
    total = float(ordered.sum())
    places = np.arange(1, ordered.size + 1)
    return float((2 * places - ordered.size - 1) @ ordered) / (ordered.size * total) if total > 0.0 else 0.0


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean with a 95 % interval (Student)."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    half = 0.0
    if array.size > 1:
        half = float(student.ppf(0.975, array.size - 1) * array.std(ddof=1) / np.sqrt(array.size))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _one_seed(name: str, seed: int, *, demands: int, products: int, draws: int, bounded: bool) -> dict[str, Any]:
    both = build_world(name, seed, demands=2 * demands, products=products)
    today, yesterday = _half(both, slice(0, demands)), _half(both, slice(demands, None))
    methods = {method: measure(today, listed, draws) for method, listed in listed_by_all(today).items()}
    methods["frozen"] = measure(today, served_frozen(yesterday, today), draws)
    priced = methods["prices"]["funded"]
    found: dict[str, Any] = {
        "methods": methods,
        "gain_over_best": priced / max(methods[method]["funded"] for method in BASELINES) - 1.0,
        "gain_over_pq": priced / methods["p*q"]["funded"] - 1.0,
        "frozen_loss": 1.0 - methods["frozen"]["funded"] / priced,
    }
    return found | {"share_of_bound": priced / linear_bound(today)} if bounded else found


def _averaged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    methods = {
        method: {metric: interval([run["methods"][method][metric] for run in runs]) for metric in metrics}
        for method, metrics in runs[0]["methods"].items()
    }
    totals = ("gain_over_best", "gain_over_pq", "frozen_loss", "share_of_bound")
    return methods | {total: interval([run[total] for run in runs if total in run]) for total in totals}


def _half(world: World, rows: slice) -> World:
    return replace(
        world,
        true_apply=world.true_apply[rows],
        true_approve=world.true_approve[rows],
        apply=world.apply[rows],
        approve=world.approve[rows],
        capacity=np.maximum(1.0, np.round(world.capacity / 2.0)),
    )


def _candidates(world: World) -> Candidates:
    demands, products = world.apply.shape
    product = np.broadcast_to(np.arange(products, dtype=np.int32), (demands, products))
    return Candidates(
        product=product,
        institution=world.institution_of.astype(np.int32)[product],
        apply=world.apply,
        approve=world.approve,
        capacity=world.capacity,
        demand_order=np.arange(demands),
        institution_order=np.arange(world.capacity.size),
    )


def _with_value(world: World, lists: Lists) -> Listed:
    made = applications(lists, world.examination, world.max_applications)
    return lists.column, settle(made, lists.approve, lists.institution, world.capacity).value


def _funded(world: World, listed: Listed, draws: int, adoption: float) -> float:
    lists, value = listed
    return float(
        np.mean([simulate(world, lists, value, seed=1_000 + d, adoption=adoption).funded.sum() for d in range(draws)])
    )


def _envy(world: World, lists: Integers) -> float:
    """Share of demands that would rather have the next demand's list, by true chances, as far as it is open to them."""
    candidates = replace(_candidates(world), apply=world.true_apply, approve=world.true_approve)

    def worth(shown: Lists) -> Floats:
        made = applications(shown, world.true_examination, world.max_applications)
        queues = settle(made, shown.approve, shown.institution, world.capacity)
        return np.asarray(1.0 - (1.0 - made * shown.approve * queues.review).prod(axis=1))

    own = worth(shown_at(candidates, lists))
    return float((worth(shown_at(candidates, np.roll(lists, 1, axis=0))) > own + 0.01).mean())


def _same(world: World) -> World:
    return world


def _roomy(world: World) -> World:
    return replace(world, capacity=np.full(world.capacity.size, 1e6))


def _flat(world: World, curve: Floats) -> World:
    return replace(world, examination=curve, true_examination=curve)


def _single(world: World) -> World:
    return replace(world, max_applications=1, examination=decaying_examination(world.examination.size))
