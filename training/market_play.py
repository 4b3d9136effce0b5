"""What happens to lists in a market whose truth is known: who applies, what is reviewed, who is funded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.market_worlds import Floats, Integers, World


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened in one simulated period.

    Parameters
    ----------
    funded
        Whether each enterprise got at least one approval.
    applications, reviewed, approvals
        Counts per institution.
    """

    funded: NDArray[np.bool_]
    applications: Integers
    reviewed: Integers
    approvals: Integers


def simulate(world: World, lists: Integers, priority: Floats, *, seed: int, adoption: float = 1.0) -> Outcome:
    """Let everybody read, apply and wait: applications in order of the list, files reviewed in order of ``priority``.

    The same seed gives every planner the same luck: one draw per (demand, product) and per (demand, position).

    Parameters
    ----------
    adoption
        Share of enterprises that follow the list; the others read their eligible products in the order of habit.
    """
    generator = np.random.default_rng(seed)
    demands, positions = lists.shape
    looks = generator.random((demands, positions)) < world.true_examination[:positions]
    applies = generator.random(world.true_apply.shape) < world.true_apply
    approves = generator.random(world.true_approve.shape) < world.true_approve
    queue_luck = generator.random((demands, positions))
    if adoption < 1.0:
        lists, priority = _partly_followed(world, lists, priority, np.asarray(generator.random(demands) < adoption))
    rows = np.arange(demands)[:, None]
    would = looks & applies[rows, lists] & (lists >= 0)
    made = would & (np.cumsum(would, axis=1) <= world.max_applications)
    demand, position = np.nonzero(made)
    product = lists[demand, position]
    institution = world.institution_of[product]
    order = np.lexsort((queue_luck[demand, position], -priority[demand, position], institution))
    institution_in_order = institution[order]
    institutions = world.true_capacity.size
    applications = np.bincount(institution, minlength=institutions)
    place = np.arange(order.size) - (np.cumsum(applications) - applications)[institution_in_order]
    reviewed = order[place < np.floor(world.true_capacity)[institution_in_order]]
    approved = reviewed[approves[demand[reviewed], product[reviewed]]]
    funded = np.zeros(demands, dtype=bool)
    funded[demand[approved]] = True
    return Outcome(
        funded=funded,
        applications=applications,
        reviewed=np.bincount(institution[reviewed], minlength=institutions),
        approvals=np.bincount(institution[approved], minlength=institutions),
    )


def _partly_followed(
    world: World, lists: Integers, priority: Floats, follows: NDArray[np.bool_]
) -> tuple[Integers, Floats]:
    products = min(lists.shape[1], world.habit.shape[1])
    liked = np.argsort(-np.where(world.true_apply > 0.0, world.habit, -np.inf), axis=1, kind="stable")[:, :products]
    rows = np.arange(liked.shape[0])[:, None]
    own, own_priority = np.full(lists.shape, -1, dtype=np.int64), np.zeros(lists.shape)
    own[:, :products] = np.where(world.true_apply[rows, liked] > 0.0, liked, -1)
    own_priority[:, :products] = world.approve[rows, liked]
    return np.where(follows[:, None], lists, own), np.where(follows[:, None], priority, own_priority)
