"""Measures of probabilities and of rankings, against outcomes or against the true chances of a simulated world."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ECE_BINS = 10
TOP = 10


def auc(score: Floats, chance: Floats) -> float:
    """Chance that a positive has a higher score than a negative, ties counted half.

    Parameters
    ----------
    chance
        Outcomes 0 and 1, or the true chance of a positive: then the expected value over outcomes is given.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
    0.75
    """
    _, group = np.unique(score, return_inverse=True)
    positive = np.bincount(group, chance)
    negative = np.bincount(group, 1.0 - chance)
    below = np.cumsum(negative) - negative
    return float((positive @ (below + 0.5 * negative)) / (positive.sum() * negative.sum()))


def expected_calibration_error(probability: Floats, chance: Floats, bins: int = ECE_BINS) -> float:
    """Mean distance between what was said and what is, over bins of equal size by what was said.

    >>> expected_calibration_error(np.array([0.2, 0.2, 0.8, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), bins=2)
    0.2
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    distances = [abs(float(probability[part].mean() - chance[part].mean())) * len(part) for part in parts]
    return round(float(sum(distances)) / len(probability), 12)


def ndcg(query: NDArray[np.intp], score: Floats, gain: Floats, top: int = TOP) -> float:
    """Mean over queries of discounted gain at ``top`` over the best possible; queries without gain are left out.

    >>> ndcg(np.array([0, 0]), np.array([0.1, 0.9]), np.array([1.0, 0.0]))  # the gain stands second: 1 / log2(3)
    0.6309297535714575
    """
    reached, best = discounted_gain(query, score, gain, top), discounted_gain(query, gain, gain, top)
    return float(np.mean(reached[best > 0] / best[best > 0]))


def discounted_gain(query: NDArray[np.intp], score: Floats, gain: Floats, top: int = TOP) -> Floats:
    """Discounted gain among the first ``top`` of each query, queries ascending.

    >>> discounted_gain(np.array([7, 7, 3]), np.array([0.1, 0.9, 0.5]), np.array([0.5, 1.0, 0.25])).round(3)
    array([0.25 , 1.315])
    """
    order = np.lexsort((-score, query))
    sorted_query = query[order]
    starts = np.concatenate([[0], np.nonzero(np.diff(sorted_query))[0] + 1])
    lengths = np.diff(np.concatenate([starts, [len(order)]]))
    rank = np.arange(len(order)) - np.repeat(starts, lengths)
    counted = np.where(rank < top, gain[order] / np.log2(rank + 2.0), 0.0)
    totals: Floats = np.add.reduceat(counted, starts)
    return totals
