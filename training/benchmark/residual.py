"""A LightGBM residual on top of the footprint posterior: what the weighted sum of terms cannot say.

Trained with the same softmax over the candidates of a loan, starting from the posterior, on the few candidates the
posterior puts first. It is added at a fraction of its weight: under drift the full weight loses.
"""

from collections.abc import Sequence

import lightgbm as lgb
import numpy as np

from features.footprint import Block, Doubles, Floats, Indices, Plan
from training.benchmark.posterior import Choices

SHORTLIST = 40
_ROUNDS = 60
_FEWEST_PAIRS = 2000
_PARAMETERS = {
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.6,
    "max_bin": 63,
    "feature_pre_filter": False,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}


def shortlist(utility: Floats, size: int = SHORTLIST) -> Indices:
    """Positions of the highest utilities of every row, in no order, (queries, size)."""
    size = min(size, utility.shape[1])
    best: Indices = np.argpartition(-utility, size - 1, axis=1)[:, :size].astype(np.int64)
    return best


def rows_of(block: Block, listed: Indices, terms: Sequence[int]) -> Floats:
    """The chosen terms of the shortlisted, (queries x size, terms)."""
    pairs = [(block.tables[k], block.lookup[k]) for k in terms]
    return np.stack([np.take_along_axis(table[at], listed, axis=1).ravel() for table, at in pairs], axis=1)


def contextual(plan: Plan) -> list[int]:
    """Positions of the terms that depend on more of a demand than its region.

    The others say how large a lender is in the region. Trees that see them learn who was growing in the label window,
    which does not last; the weighted sum carries them alone.
    """
    return [k for k, term in enumerate(plan.terms) if not set(term.columns) <= {plan.region}]


def fit_residual(samples: Sequence[Sequence[Choices]], plan: Plan, weights: Doubles) -> lgb.Booster | None:
    """Trees over the shortlists of the labelled loans; None where there are too few pairs to split."""
    X: list[Floats] = []
    start: list[Floats] = []
    label: list[Floats] = []
    sizes: list[Indices] = []
    terms = contextual(plan)
    for choice in (c for sample in samples for c in sample):
        utility = choice.block.utility(weights)
        listed = shortlist(utility)
        keep = (listed == choice.chosen[:, None]).any(axis=1)
        if not keep.any():
            continue
        block, utility, listed = choice.block.take(keep), utility[keep], listed[keep]
        X.append(rows_of(block, listed, terms))
        start.append(np.take_along_axis(utility, listed, axis=1).ravel())
        label.append((listed == choice.chosen[keep][:, None]).astype(np.float32).ravel())
        sizes.append(np.full(len(listed), listed.shape[1], dtype=np.int64))
    if sum(map(len, X)) < _FEWEST_PAIRS:
        return None
    group = np.concatenate(sizes)
    edges = np.concatenate([[0], np.cumsum(group)[:-1]])
    truth = np.concatenate(label)

    def softmax_slope(score: Doubles, _: lgb.Dataset) -> tuple[Doubles, Doubles]:
        top = np.repeat(np.maximum.reduceat(score, edges), group)
        share = np.exp(score - top)
        share /= np.repeat(np.add.reduceat(share, edges), group)
        return share - truth, np.maximum(share * (1.0 - share), 1e-4)

    data = lgb.Dataset(np.concatenate(X), label=truth, init_score=np.concatenate(start), free_raw_data=True)
    return lgb.train({**_PARAMETERS, "objective": softmax_slope}, data, num_boost_round=_ROUNDS)


def add_residual(block: Block, plan: Plan, utility: Floats, base: Floats, booster: lgb.Booster, share: float) -> Floats:
    """Scores with ``share`` of the residual added to the shortlisted; the others get the least of their list.

    Parameters
    ----------
    utility
        What the residual was trained on top of.
    base
        What it is added to, same shape.
    """
    listed = shortlist(utility)
    raw = np.asarray(booster.predict(rows_of(block, listed, contextual(plan)), raw_score=True), dtype=np.float32)
    correction = share * raw.reshape(listed.shape)
    out: Floats = base + correction.min(axis=1, keepdims=True)
    np.put_along_axis(out, listed, np.take_along_axis(base, listed, axis=1) + correction, axis=1)
    return out
