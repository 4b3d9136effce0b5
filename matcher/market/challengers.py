"""Lists that know no price of a review: the planner answers with one of them when it expects more from it."""

import numpy as np

from matcher.market.candidates import Candidates
from matcher.market.inputs import Floats
from matcher.market.lists import Lists, by_score

_ITERATIONS = 40
_TEMPERATURE = 0.25


def approval_only(candidates: Candidates, positions: int) -> Lists:
    """Best chance of approval first."""
    return by_score(candidates, candidates.approve, positions)


def relevance(candidates: Candidates, positions: int) -> Lists:
    """Best p·q first."""
    return by_score(candidates, candidates.apply * candidates.approve, positions)


def proportional_fitting(candidates: Candidates, positions: int) -> Lists:
    """Log-domain iterative proportional fitting: one match a demand, at most the capacity an institution.

    Demands share themselves over products as p·q to the power 1/temperature, institutions scale themselves down until
    what falls to them fits.
    """
    eligible = candidates.apply > 0.0
    success = np.where(eligible, candidates.apply * candidates.approve, 1.0)
    affinity = np.where(eligible, np.log(success) / _TEMPERATURE, -np.inf)
    affinity -= np.where(eligible.any(axis=1), affinity.max(axis=1, initial=-np.inf), 0.0)[:, None]
    scale = _institution_scales(candidates, affinity.astype(candidates.apply.dtype))
    return by_score(candidates, np.where(eligible, affinity - scale[candidates.institution], -np.inf), positions)


def _institution_scales(candidates: Candidates, affinity: Floats) -> Floats:
    scale = np.zeros(candidates.capacity.size)
    owner = candidates.institution.ravel()
    open_for_files = candidates.capacity > 0.0
    room = np.log(np.where(open_for_files, candidates.capacity, 1.0))
    for _ in range(_ITERATIONS):
        weight = np.exp(affinity - scale.astype(affinity.dtype)[candidates.institution])
        share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-30)
        load = np.bincount(owner, weights=share.ravel(), minlength=scale.size)
        moved = np.maximum(0.0, scale + np.log(np.maximum(load, 1e-12)) - room)
        if np.abs(moved - scale).max(initial=0.0) < 1e-3:
            break
        scale = moved
    return scale
