"""What the model is measured against: popularity by place, recency, naive Bayes, a boosted ranker, a factorisation."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from catboost import CatBoostRanker, Pool
from implicit.als import AlternatingLeastSquares
from scipy import sparse

from features.footprint import Block, Doubles, Floats, Footprint, Indices, Plan
from training.benchmark.posterior import Choices
from training.benchmark.residual import rows_of, shortlist

Scorer = Callable[[Block], Floats]

NAIVE_BAYES = "zip5_naive_bayes"
_PLACES = {"state": ("state",), "zip3": ("state", "zip3"), "zip5": ("state", "zip3", "zip5"), "city": ("state", "city")}
_SHORTLIST = 40
_FACTORS = 32


def popularity_scorers(plan: Plan) -> dict[str, Scorer]:
    """Popularity by state, zip3, zip5 and city, and zip5 x naive Bayes, on blocks of the popularity plan."""
    weights = {f"{n}_popularity": plan.weighted(dict.fromkeys(("nation", *c), 1.0)).weights for n, c in _PLACES.items()}
    weights[NAIVE_BAYES] = plan.weights
    return {name: _weighted(weight) for name, weight in weights.items()}


def _weighted(weights: Doubles) -> Scorer:
    return lambda block: block.utility(weights)


def boosted_ranker(samples: Sequence[Sequence[Choices]], weights: Doubles) -> Scorer | None:
    """CatBoost with the softmax loss on the same terms, told nothing of the posterior's weights.

    It learns from the true lender and the first candidates by naive Bayes, and ranks those; the others follow in
    naive Bayes' order. None where there is no loan to learn from.

    Parameters
    ----------
    weights
        Naive Bayes on the samples' plan.
    """
    X: list[Floats] = []
    label: list[npt.NDArray[np.bool_]] = []
    group: list[Indices] = []
    for choice in (c for sample in samples for c in sample):
        utility = choice.block.utility(weights)
        listed = shortlist(utility, _SHORTLIST)
        held = (listed == choice.chosen[:, None]).any(axis=1)
        if held.any():
            block, listed = choice.block.take(held), listed[held]
            X.append(rows_of(block, listed, range(len(block.tables))))
            label.append((listed == choice.chosen[held][:, None]).ravel())
            first = int(group[-1][-1]) + 1 if group else 0
            group.append(np.repeat(np.arange(first, first + len(listed)), listed.shape[1]))
    if not X:
        return None
    settings = {
        "iterations": 100,
        "depth": 5,
        "learning_rate": 0.15,
        "border_count": 64,
        "random_seed": 1,
        "thread_count": 2,
    }
    model = CatBoostRanker(loss_function="QuerySoftMax", allow_writing_files=False, verbose=False, **settings)
    model.fit(Pool(np.concatenate(X), np.concatenate(label).astype(float), group_id=np.concatenate(group)))

    def score(block: Block) -> Floats:
        utility = block.utility(weights)
        listed = shortlist(utility, _SHORTLIST)
        found = np.asarray(model.predict(rows_of(block, listed, range(len(block.tables)))), dtype=np.float32).reshape(
            listed.shape
        )
        out: Floats = utility - utility.max(axis=1, keepdims=True) + found.min(axis=1, keepdims=True) - 1.0
        np.put_along_axis(out, listed, found, axis=1)
        return out

    return score


def factorisation(footprint: Footprint, loans: pd.DataFrame, as_of: date, queries: pd.DataFrame) -> Scorer:
    """Implicit-feedback factors of places (zip5, zip3 and state as users) and lenders, from loans before a day.

    A firm never seen has no factors of its own: it takes those of its finest known place.
    """
    past = loans[(loans["day"] < pd.Timestamp(as_of)) & loans["institution"].notna()]
    who = footprint.institutions.get_indexer(pd.Index(past["institution"]))
    levels = ("state", "zip3", "zip5")
    places = pd.Index(pd.unique(np.concatenate([_place(past, level) for level in levels])))
    rows = np.concatenate([places.get_indexer(pd.Index(_place(past, level))) for level in levels])
    shape = (len(places), len(footprint.institutions))
    counts = sparse.csr_matrix((np.ones(len(rows)), (rows, np.tile(who, len(levels)))), shape=shape)
    counts.sum_duplicates()
    counts.data = np.log1p(counts.data).astype(np.float32)
    settings = {"factors": _FACTORS, "iterations": 8, "regularization": 0.05, "random_state": 1, "num_threads": 1}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "OpenBLAS is configured", RuntimeWarning)  # advice on threads, not results
        model = AlternatingLeastSquares(**settings)
    model.fit(counts.astype(np.float32), show_progress=False)
    finest = np.full(len(queries), -1)
    for level in levels:
        found = places.get_indexer(pd.Index(_place(queries, level)))
        finest = np.where(found >= 0, found, finest)
    users = np.vstack([model.user_factors, model.user_factors.mean(axis=0)])[finest]
    return lambda block: np.asarray(users[block.rows] @ model.item_factors[block.candidates].T, dtype=np.float32)


def _place(loans: pd.DataFrame, level: str) -> npt.NDArray[np.object_]:
    named: npt.NDArray[np.object_] = (level + ":" + loans[level].astype("string").fillna("?")).to_numpy(dtype=object)
    return named


def recent_plan(plan: Plan, days: float) -> Plan:
    """Popularity in the state with a short half-life."""
    terms = tuple(t for t in plan.terms if t.name in ("nation", "state"))
    return Plan(region=plan.region, terms=terms, half_life=days)


def scorers_by_plan(plan: Plan, recent: Plan) -> Mapping[str, tuple[Plan, dict[str, Scorer]]]:
    """The baselines that need no learning, with the footprint plan each reads."""
    return {
        "popularity": (plan, popularity_scorers(plan)),
        "recent": (recent, {"recency": _weighted(recent.weights)}),
    }
