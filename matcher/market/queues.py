"""What happens to the files: the order of each institution's queue, the chance of review, the price of a review."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from matcher.market.inputs import Floats, Integers

_PASSES = 3
_SPREAD_FLOOR = 0.05
_LEAST = 1e-9


@dataclass(frozen=True, kw_only=True)
class Queues:
    """Expected state of all queues.

    Parameters
    ----------
    value
        (demands, positions) chance that this file's approval is the one that counts: the order of the queue.
    review
        (demands, positions) chance that the file is reviewed if it is sent.
    prices
        Value of the last file each institution reaches; 0 where it reaches all.
    load
        Expected files per institution.
    funded
        Expected number of distinct enterprises funded.
    """

    value: Floats
    review: Floats
    prices: Floats
    load: Floats
    funded: float


def settle(made: Floats, approve: Floats, institution: Integers, capacity: Floats) -> Queues:
    """Let queues and chances of review find each other: files are ordered by value, value falls with rival reviews.

    Parameters
    ----------
    made
        (demands, positions) chance that each line becomes a file.
    """
    review = np.ones(made.shape)
    for _ in range(_PASSES):
        value = approve * _others_fail(made * approve * review)
        review, prices, load = _clear(made, value, institution, capacity)
    return Queues(value=value, review=review, prices=prices, load=load, funded=_funded(made, approve, review))


def expected_funded(made: Floats, value: Floats, approve: Floats, institution: Integers, capacity: Floats) -> float:
    """Distinct enterprises funded when files come as ``made`` says and queues are ordered by ``value``."""
    review, _, _ = _clear(made, value, institution, capacity)
    return _funded(made, approve, review)


def _funded(made: Floats, approve: Floats, review: Floats) -> float:
    return float((1.0 - (1.0 - made * approve * review).prod(axis=1)).sum())


def _others_fail(success: Floats) -> Floats:
    fail = np.maximum(1.0 - success, _LEAST)
    others: Floats = fail.prod(axis=1, keepdims=True) / fail
    return np.minimum(others, 1.0)


def _clear(made: Floats, value: Floats, institution: Integers, capacity: Floats) -> tuple[Floats, Floats, Floats]:
    """Read every queue from its best file: chance of review of each file, price and load of each institution.

    The files ahead are a sum of independent draws, taken as normal: a file is reviewed if fewer than the capacity come
    ahead of it. The price is the value at which the expected files reach the capacity.
    """
    sent = np.flatnonzero(made)
    order = sent[np.argsort(institution.ravel()[sent] * 2.0 - value.ravel()[sent], kind="stable")]
    owner, files, ranking = institution.ravel()[order], made.ravel()[order], value.ravel()[order]
    starts = np.searchsorted(owner, np.arange(capacity.size + 1))
    total = np.concatenate([[0.0], np.cumsum(files)])
    spread = np.concatenate([[0.0], np.cumsum(files * (1.0 - files))])
    base = starts[owner]
    ahead, doubt = total[:-1] - total[base], spread[:-1] - spread[base]
    room = np.where(np.isfinite(capacity), np.floor(capacity), 1e12)[owner]
    chance = np.where(room >= 1.0, ndtr((room - 0.5 - ahead) / np.sqrt(doubt + _SPREAD_FLOOR)), 0.0)
    review = np.zeros(made.size)
    review[order] = chance
    load = total[starts[1:]] - total[starts[:-1]]
    return review.reshape(made.shape), _prices(total, ranking, starts, load, capacity), load


def _prices(total: Floats, ranking: Floats, starts: Integers, load: Floats, capacity: Floats) -> Floats:
    full = load > capacity
    if not full.any():
        return np.zeros(capacity.size)
    goal = np.where(full, total[starts[:-1]] + capacity, 0.0)
    last = np.clip(np.searchsorted(total, goal, side="left") - 1, starts[:-1], starts[1:] - 1)
    last = np.clip(last, 0, ranking.size - 1)
    before = np.where(last > starts[:-1], ranking[np.maximum(last - 1, 0)], ranking[last])
    step = np.maximum(total[last + 1] - total[last], _LEAST)
    part = np.clip((goal - total[last]) / step, 0.0, 1.0)
    return np.asarray(np.where(full, before + part * (ranking[last] - before), 0.0))
