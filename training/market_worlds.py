"""Made-up markets for judging a planner: hidden chances, and the calibrated estimates it may see.

A world hides a second term in every logit; the estimates integrate over it, so they are calibrated but noisy, as the
scores of a trained model are. Nothing named ``true_`` is shown to a planner.
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
    habit
        (demands, products) what an enterprise that does not follow its list goes by, highest first.
    institution_of
        Institution of each product.
    small
        Whether an institution counts as small.
    capacity, true_capacity
        Files each institution can review in the period: as believed, and as it is.
    examination, true_examination
        Chance that each position is looked at: as believed, and as it is.
    max_applications
        Applications one demand makes at most.
    shortest
        Lines every planned list has at least; the planner's own choice where absent.
    """

    name: str
    true_apply: Floats
    true_approve: Floats
    apply: Floats
    approve: Floats
    habit: Floats
    institution_of: Integers
    small: NDArray[np.bool_]
    capacity: Floats
    true_capacity: Floats
    examination: Floats
    true_examination: Floats
    max_applications: int = 3
    shortest: int | None = None


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
    true_apply = eligible * _chance(apply_logit + hidden[0])
    return World(
        name=mechanism,
        true_apply=true_apply,
        true_approve=eligible * _chance(approve_logit + hidden[1]),
        apply=eligible * _chance(apply_logit * shrink),
        approve=eligible * _chance(approve_logit * shrink),
        habit=true_apply,
        institution_of=institution_of,
        small=capacity <= np.median(capacity),
        capacity=capacity,
        true_capacity=capacity,
        examination=examination,
        true_examination=examination,
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


def _chance(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
