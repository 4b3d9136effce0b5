"""The old list: popularity in place with a clerk's nudges, some slots explored and some positions swapped at random."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city.parameters import LIST_LENGTH

EXPLORE = 0.08
"""Chance that a slot shows a product drawn evenly from the admitted ones outside the base list."""
SWAP = 0.35
"""Chance that two positions of a base list, drawn evenly, change places."""


@dataclass(frozen=True, kw_only=True)
class Lists:
    """Lists (demands, slots): product index or -1, its chance at that slot, and whether chance put it there.

    The propensity is that of the randomised part, given the base list.
    """

    product: npt.NDArray[np.int64]
    propensity: npt.NDArray[np.float64]
    explored: npt.NDArray[np.bool_]


def draw_lists(rng: np.random.Generator, score: npt.NDArray[np.float64], admitted: npt.NDArray[np.bool_]) -> Lists:
    """Base lists by score, then random swaps and exploration with exact propensities.

    Parameters
    ----------
    score
        (demands, products), higher is earlier.
    admitted
        (demands, products); others are never listed.
    """
    masked = np.where(admitted, score, -np.inf)
    slots = min(LIST_LENGTH, masked.shape[1])
    base = np.argsort(-masked, axis=1, kind="stable")[:, :slots]
    length = np.minimum(admitted.sum(axis=1), slots)
    base = np.where(np.arange(slots)[None, :] < length[:, None], base, -1)
    product, moved = _swap(rng, base, length)
    stay = np.where(length > 1, 1 - 2 * SWAP / np.maximum(length, 1), 1.0)
    go = np.where(length > 1, 2 * SWAP / np.maximum(length * (length - 1), 1), 0.0)
    outside = admitted.sum(axis=1) - length
    epsilon = np.where(outside > 0, EXPLORE, 0.0)
    propensity = (1 - epsilon)[:, None] * np.where(moved, go[:, None], stay[:, None])
    explored = moved.copy()
    _explore(rng, admitted, base, product, propensity, explored, outside)
    return Lists(product=product, propensity=propensity, explored=explored)


def _swap(
    rng: np.random.Generator, base: npt.NDArray[np.int64], length: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    product = base.copy()
    moved = np.zeros(base.shape, dtype=np.bool_)
    rows = np.nonzero((rng.random(len(base)) < SWAP) & (length > 1))[0]
    first = np.floor(rng.random(len(rows)) * length[rows]).astype(np.int64)
    second = (first + 1 + np.floor(rng.random(len(rows)) * (length[rows] - 1)).astype(np.int64)) % length[rows]
    product[rows, first], product[rows, second] = base[rows, second], base[rows, first]
    moved[rows, first] = moved[rows, second] = True
    return product, moved


def _explore(
    rng: np.random.Generator,
    admitted: npt.NDArray[np.bool_],
    base: npt.NDArray[np.int64],
    product: npt.NDArray[np.int64],
    propensity: npt.NDArray[np.float64],
    explored: npt.NDArray[np.bool_],
    outside: npt.NDArray[np.int64],
) -> None:
    hit = (rng.random(product.shape) < EXPLORE) & (product >= 0) & (outside > 0)[:, None]
    for d in np.nonzero(hit.any(axis=1))[0]:
        slots = np.nonzero(hit[d])[0]
        candidates = np.setdiff1d(np.nonzero(admitted[d])[0], base[d])
        slots = slots[: len(candidates)]
        product[d, slots] = rng.choice(candidates, len(slots), replace=False)
        propensity[d, slots] = EXPLORE / len(candidates)
        explored[d, slots] = True
