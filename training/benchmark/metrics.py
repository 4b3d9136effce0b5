"""Ranking metrics of one true lender per loan, over all candidates, and paired bootstrap intervals."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from features.footprint import Doubles, Floats, Indices

CUT = 10


@dataclass(frozen=True, kw_only=True)
class Means:
    """Means over loans; a lender that was no candidate counts as a miss."""

    hit_rate_10: float
    ndcg_10: float
    mrr: float


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Relative gain in NDCG@10 over a baseline, with the 95 % paired bootstrap interval; NaN over a zero baseline."""

    relative: float
    low: float
    high: float


def rank_of_truth(scores: Floats, place: Indices) -> Doubles:
    """Rank from 1 of the true candidate of every row, ties sharing their mean rank; infinite where ``place`` is -1.

    >>> rank_of_truth(np.array([[3.0, 1.0, 3.0]], dtype=np.float32), np.array([2])).tolist()
    [1.5]
    """
    known = place >= 0
    truth = scores[np.arange(len(place)), np.where(known, place, 0)][:, None]
    above, level = (scores > truth).sum(axis=1), (scores == truth).sum(axis=1)
    return np.where(known, above + (level + 1) / 2, np.inf)


def hits(rank: Doubles) -> Doubles:
    """1 where the lender is among the first ten."""
    return (rank <= CUT).astype(float)


def discounted_gain(rank: Doubles) -> Doubles:
    """NDCG@10 of one relevant item: 1 / log2(1 + rank), 0 beyond the tenth."""
    return np.where(rank <= CUT, 1.0 / np.log2(1.0 + np.minimum(rank, CUT)), 0.0)


def means(rank: Doubles) -> Means:
    """Means of the three metrics; zeros where there is no loan."""
    if not len(rank):
        return Means(hit_rate_10=0.0, ndcg_10=0.0, mrr=0.0)
    return Means(
        hit_rate_10=float(hits(rank).mean()),
        ndcg_10=float(discounted_gain(rank).mean()),
        mrr=float((1.0 / rank).mean()),
    )


def macro(rank: Doubles, state: npt.NDArray[np.object_]) -> Means:
    """The mean over states of each state's means."""
    names = state.astype(str)
    each = [means(rank[names == name]) for name in np.unique(names)]
    if not each:
        return means(rank)
    return Means(**{key: float(np.mean([asdict(m)[key] for m in each])) for key in asdict(each[0])})


def paired_gains(
    gain: Mapping[str, Doubles], model: str, state: npt.NDArray[np.object_], *, draws: int = 1000, seed: int = 0
) -> dict[str, dict[str, Gain]]:
    """Relative gain of a model over each other one, over loans and over states.

    Loans are redrawn within their state, the same draw for every model, so that the comparison is paired.

    Parameters
    ----------
    gain
        NDCG@10 of every loan, per model.

    Returns
    -------
    dict
        Baseline → ``ndcg_10`` and ``macro_ndcg_10``.
    """
    names = list(gain)
    table = np.stack([gain[n] for n in names], axis=1)
    generator = np.random.default_rng(seed)
    states, of = np.unique(state.astype(str), return_inverse=True)
    sums = np.zeros((draws, len(names)))
    averages = np.zeros((draws, len(names)))
    for at in range(len(states)):
        part = table[of == at]
        total = np.stack([part[generator.integers(0, len(part), len(part))].sum(axis=0) for _ in range(draws)])
        sums += total
        averages += total / len(part) / len(states)
    plain = np.stack([table[of == at].mean(axis=0) for at in range(len(states))]).mean(axis=0)
    own = names.index(model)
    return {
        name: {
            "ndcg_10": _gain(table.mean(axis=0), sums, own, other),
            "macro_ndcg_10": _gain(plain, averages, own, other),
        }
        for other, name in enumerate(names)
        if name != model
    }


def _gain(point: Doubles, drawn: Doubles, own: int, other: int) -> Gain:
    if point[other] <= 0:
        return Gain(relative=float("nan"), low=float("nan"), high=float("nan"))
    ratio = drawn[:, own] / np.maximum(drawn[:, other], 1e-12) - 1.0
    low, high = np.quantile(ratio, [0.025, 0.975])
    return Gain(relative=float(point[own] / point[other] - 1.0), low=float(low), high=float(high))
