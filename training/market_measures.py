"""How well lists did in a market whose truth is known: measures, intervals, and the bound no planner can pass."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.stats import t as student

from matcher.market.lists import Lists, applications, shown_at
from matcher.market.queues import settle
from training.market_methods import Listed, candidates_of
from training.market_play import simulate
from training.market_worlds import Floats, Integers, World


def measure(world: World, listed: Listed, draws: int) -> dict[str, float]:
    """Metrics of one set of lists, averaged over simulated periods.

    Returns
    -------
    dict
        ``funded`` distinct enterprises; ``unreviewed`` share of files; ``duplicate_approvals`` share of approvals that
        funded nobody anew; ``utilisation`` share of reviews done; ``gini_exposure`` over institutions, of views over
        capacity; ``small_share`` share of reviews at small institutions over their share of capacity;
        ``bottom_quarter`` chance of being funded of the quarter with the least chances of approval; ``envy`` share of
        demands that would rather have the next one's list.
    """
    lists, value = listed
    outcomes = [simulate(world, lists, value, seed=1_000 + draw) for draw in range(draws)]
    files = float(sum(outcome.applications.sum() for outcome in outcomes))
    reviewed = np.sum([outcome.reviewed for outcome in outcomes], axis=0).astype(np.float64)
    approvals = float(sum(outcome.approvals.sum() for outcome in outcomes))
    funded = np.mean([outcome.funded for outcome in outcomes], axis=0)
    rows, lines = np.nonzero(lists >= 0)
    owner = world.institution_of[lists[rows, lines]]
    views = np.bincount(owner, weights=world.true_examination[lines], minlength=world.true_capacity.size)
    eligible = world.true_approve > 0.0
    typical = world.true_approve.sum(axis=1) / np.maximum(eligible.sum(axis=1), 1)
    weakest = np.argsort(typical, kind="stable")[: max(1, len(lists) // 4)]
    return {
        "funded": float(funded.sum()),
        "unreviewed": 1.0 - float(reviewed.sum()) / max(files, 1.0),
        "duplicate_approvals": 1.0 - float(funded.sum()) * draws / max(approvals, 1.0),
        "utilisation": float(reviewed.sum()) / draws / float(world.true_capacity.sum()),
        "gini_exposure": gini(views / np.maximum(world.true_capacity, 1.0)),
        "small_share": _small_share(world, reviewed),
        "bottom_quarter": float(funded[weakest].mean()),
        "envy": _envy(world, lists),
    }


def enterprises_funded(world: World, listed: Listed, draws: int, adoption: float = 1.0) -> float:
    """Distinct enterprises funded where a share of them follows its lists and the others go by habit."""
    outcomes = (simulate(world, *listed, seed=1_000 + draw, adoption=adoption) for draw in range(draws))
    return float(np.mean([outcome.funded.sum() for outcome in outcomes]))


def _small_share(world: World, reviewed: Floats) -> float:
    theirs = float(world.true_capacity[world.small].sum() / world.true_capacity.sum())
    return float(reviewed[world.small].sum() / max(float(reviewed.sum()), 1.0)) / theirs if theirs > 0.0 else 1.0


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


def linear_bound(world: World, *, with_lists: bool = True) -> float:
    """No planner funds more in expectation: applications and reviews chosen freely, in fractions, the truth known.

    A pair's reviewed applications are at most its chance to apply when it stands first; those of an institution are at
    most its reviews, those of a demand its applications.

    Parameters
    ----------
    with_lists
        Two more limits every list obeys: its positions are looked at so often and no more, and no enterprise is funded
        likelier than by its best list if every file of that were read.
    """
    row, product = np.nonzero(world.true_apply * world.true_approve > 0.0)
    pairs, demands, institutions = row.size, len(world.true_apply), world.true_capacity.size
    pair, wanted = np.arange(pairs), world.true_apply[row, product]
    blocks = (
        (row, -world.true_approve[row, product]),
        (demands + world.institution_of[product], np.ones(pairs)),
        (demands + institutions + row, np.ones(pairs)),
        (2 * demands + institutions + row, 1.0 / wanted),
    )
    constraint = csr_array(
        (
            np.concatenate([*(values for _, values in blocks), np.ones(demands)]),
            (
                np.concatenate([*(rows for rows, _ in blocks), np.arange(demands)]),
                np.concatenate([*(pair for _ in blocks), pairs + np.arange(demands)]),
            ),
        ),
        shape=(3 * demands + institutions, pairs + demands),
    )
    looks = float(world.true_examination.sum()) if with_lists else float(world.apply.shape[1])
    surest = _best_list(world) if with_lists else np.ones(demands)
    most = [
        np.zeros(demands),
        np.floor(world.true_capacity),
        np.full(demands, float(world.max_applications)),
        np.full(demands, looks),
    ]
    solve: Any = linprog  # its stubs know no sparse constraint
    solved = solve(
        np.concatenate([np.zeros(pairs), -np.ones(demands)]),
        A_ub=constraint,
        b_ub=np.concatenate(most),
        bounds=[(0.0, float(limit)) for limit in np.concatenate([float(world.true_examination[0]) * wanted, surest])],
        method="highs-ipm",
    )
    return -float(solved.fun)


def _best_list(world: World) -> Floats:
    """Chance of each demand to be funded by its likeliest products in order, every file read, no limit on files."""
    success = -np.sort(-world.true_apply * world.true_approve, axis=1)[:, : world.true_examination.size]
    return np.asarray(1.0 - (1.0 - success * world.true_examination[: success.shape[1]]).prod(axis=1))


def _envy(world: World, lists: Integers) -> float:
    """Share of demands that would rather have the next demand's list, by true chances, as far as it is open to them."""
    candidates = replace(candidates_of(world), apply=world.true_apply, approve=world.true_approve)

    def worth(shown: Lists) -> Floats:
        made = applications(shown, world.true_examination, world.max_applications)
        queues = settle(made, shown.approve, shown.institution, world.true_capacity)
        return np.asarray(1.0 - (1.0 - made * shown.approve * queues.review).prod(axis=1))

    own = worth(shown_at(candidates, lists))
    return float((worth(shown_at(candidates, np.roll(lists, 1, axis=0))) > own + 0.01).mean())
