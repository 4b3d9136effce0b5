"""Simulated markets for judging a planner: hidden chances, the calibrated estimates it may see, and what happens.

A world hides a second term in every logit; the estimates integrate over it, so they are calibrated but noisy, as the
scores of a trained model are. Only ``simulate`` reads the hidden chances.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class World:
    """One market on one day.

    Parameters
    ----------
    true_apply, true_approve
        Chances (demands, products) that hold; 0 where not eligible. Never shown to a planner.
    apply, approve
        What a trained model would say of them.
    institution_of, capacity
        Institution of each product, files each institution can review in the period.
    examination, true_examination
        Chance that each position is looked at: as believed, and as it is.
    max_applications
        Applications one demand makes at most.
    """

    name: str
    true_apply: Floats
    true_approve: Floats
    apply: Floats
    approve: Floats
    institution_of: Integers
    capacity: Floats
    examination: Floats
    true_examination: Floats
    max_applications: int = 3


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """How a world's chances come about; capacity is in files per demand over all institutions.

    Parameters
    ----------
    popularity
        Spread of what everybody likes (log-odds of applying).
    quality
        Spread between enterprises in how fundable they are (log-odds of approval).
    segments
        Kinds of enterprise each product is made for one of; 1 for none.
    noise
        Spread of the hidden part of both log-odds.
    overconfidence
        Factor on the estimated log-odds; 1 is calibrated.
    size_spread
        Spread of the logarithm of institutions' capacities.
    """

    files_per_demand: float = 0.55
    popularity: float = 1.0
    quality: float = 1.0
    segments: int = 1
    segment_pull: float = 1.5
    noise: float = 0.7
    overconfidence: float = 1.0
    size_spread: float = 1.0
    popular_capacity: float = 0.0
    eligible: float = 0.5
    products_per_institution: int = 5
    apply_level: float = -0.8
    approve_level: float = -0.3


MECHANISMS: Mapping[str, Mechanism] = {
    "crowded": Mechanism(files_per_demand=0.4),
    "popular_few": Mechanism(popularity=2.0, size_spread=0.5),
    "segmented": Mechanism(segments=6, eligible=0.35, popularity=0.7),
    "noisy_scores": Mechanism(noise=1.4),
    "overconfident": Mechanism(overconfidence=1.5, noise=1.0),
    "many_small": Mechanism(products_per_institution=2, size_spread=0.4, files_per_demand=0.5),
    "unequal_quality": Mechanism(quality=2.0, popular_capacity=0.5),
    "slack": Mechanism(files_per_demand=2.5),
}
"""Eight mechanisms by name, most of them crowded, one slack."""


def decaying_examination(positions: int) -> Floats:
    """Chance that positions 1, 2, … are looked at: 1/log2(1 + k)."""
    return np.asarray(1.0 / np.log2(1.0 + np.arange(1, positions + 1)))


def build_world(mechanism: str, seed: int, *, demands: int = 1_200, products: int = 100, positions: int = 10) -> World:
    """One world of a named mechanism; the same seed gives the same world."""
    how = MECHANISMS[mechanism]
    generator = np.random.default_rng([seed, *mechanism.encode()])
    institution_of, capacity, popularity = _institutions(how, generator, demands, products)
    apply_logit, approve_logit = _logits(how, generator, popularity, demands)
    eligible = generator.random((demands, products)) < how.eligible
    hidden = how.noise * generator.standard_normal((2, demands, products))
    shrink = how.overconfidence / np.sqrt(1.0 + np.pi * how.noise**2 / 8.0)
    examination = decaying_examination(positions)
    return World(
        name=mechanism,
        true_apply=eligible * _chance(apply_logit + hidden[0]),
        true_approve=eligible * _chance(approve_logit + hidden[1]),
        apply=eligible * _chance(apply_logit * shrink),
        approve=eligible * _chance(approve_logit * shrink),
        institution_of=institution_of,
        capacity=capacity,
        examination=examination,
        true_examination=examination,
    )


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
        Share of enterprises that follow the list; the others read their eligible products by true chance to apply.
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
    institutions = world.capacity.size
    applications = np.bincount(institution, minlength=institutions)
    place = np.arange(order.size) - (np.cumsum(applications) - applications)[institution_in_order]
    reviewed = order[place < np.floor(world.capacity)[institution_in_order]]
    approved = reviewed[approves[demand[reviewed], product[reviewed]]]
    funded = np.zeros(demands, dtype=bool)
    funded[demand[approved]] = True
    return Outcome(
        funded=funded,
        applications=applications,
        reviewed=np.bincount(institution[reviewed], minlength=institutions),
        approvals=np.bincount(institution[approved], minlength=institutions),
    )


def _institutions(
    how: Mechanism, generator: np.random.Generator, demands: int, products: int
) -> tuple[Integers, Floats, Floats]:
    institutions = max(2, products // how.products_per_institution)
    institution_of = np.concatenate(
        [np.arange(institutions), generator.integers(0, institutions, products - institutions)]
    )
    institution_popularity = generator.standard_normal(institutions)
    size = np.exp(
        how.size_spread * generator.standard_normal(institutions) + how.popular_capacity * institution_popularity
    )
    capacity = np.maximum(1.0, np.round(how.files_per_demand * demands * size / size.sum()))
    popularity = how.popularity * (
        0.7 * institution_popularity[institution_of] + 0.7 * generator.standard_normal(products)
    )
    return institution_of, capacity, popularity


def _logits(how: Mechanism, generator: np.random.Generator, popularity: Floats, demands: int) -> tuple[Floats, Floats]:
    products = popularity.size
    taste = generator.standard_normal((2, demands, 6))
    nature = generator.standard_normal((2, 6, products)) / np.sqrt(6.0)
    apply_logit = how.apply_level + popularity + 0.9 * (taste[0] @ nature[0])
    fundable = how.quality * generator.standard_normal((demands, 1))
    strictness = 0.6 * generator.standard_normal(products)
    approve_logit = how.approve_level + fundable - strictness + 0.9 * (taste[1] @ nature[1])
    if how.segments > 1:
        meant_for = generator.integers(0, how.segments, products)
        segment = generator.integers(0, how.segments, (demands, 1))
        pull = how.segment_pull * (2.0 * (segment == meant_for) - 1.0)
        apply_logit, approve_logit = apply_logit + 0.5 * pull, approve_logit + pull
    return apply_logit, approve_logit


def _partly_followed(
    world: World, lists: Integers, priority: Floats, follows: NDArray[np.bool_]
) -> tuple[Integers, Floats]:
    own = np.argsort(-world.true_apply, axis=1, kind="stable")[:, : lists.shape[1]]
    rows = np.arange(own.shape[0])[:, None]
    own_priority = world.approve[rows, own]
    own = np.where(world.true_apply[rows, own] > 0.0, own, -1)
    return np.where(follows[:, None], lists, own), np.where(follows[:, None], priority, own_priority)


def _chance(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
