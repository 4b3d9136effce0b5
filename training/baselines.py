"""What a ranker must beat: popularity in place, the cheapest eligible, a logistic model, one lambdarank."""

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.pair_columns import PAIR_NAMES
from features.pairs import prepare_demands
from training.dataset import HELD_OUT_MONTHS, History, exposures_between, reviewed_between

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

MOST_ROWS = 60_000
"""Rows the logistic model of applying learns from: more change nothing but its time."""


def popularity_in_place(history: History, demand: NDArray[np.intp], product: NDArray[np.intp]) -> Floats:
    """Clicks on the product by enterprises of the district before the held-out months, else in the whole city."""
    level = prepare_demands(history.profiles, history.demands, history.published_on).levels["division_apply_effect"]
    shown = exposures_between(history, 0, history.months - HELD_OUT_MONTHS)
    clicked = shown[shown["clicked"]]
    products = len(history.catalog)
    place = level[clicked["demand"].to_numpy()] + 1
    size = (int(level.max()) + 2) * products
    local = np.bincount(place * products + clicked["product"].to_numpy(), minlength=size)
    everywhere = np.bincount(clicked["product"].to_numpy(), minlength=products)
    counted: Floats = local[(level[demand] + 1) * products + product] + everywhere[product] / (everywhere.sum() + 1.0)
    return counted


def cheapest(X: Matrix) -> Floats:
    """Declared yearly cost, lowest first."""
    return -X[:, PAIR_NAMES.index("declared_annual_cost")].astype(np.float64)


def logistic(history: History, shown_X: Matrix, reviewed_X: Matrix, X: Matrix) -> Floats:
    """Product of two plain logistic models: applied when shown, approved when reviewed; no position, no weights."""
    shown = exposures_between(history, 0, history.months - HELD_OUT_MONTHS)["applied"].to_numpy(dtype=int)
    reviewed = _reviewed(history)
    few = np.random.default_rng(0).permutation(len(shown))[:MOST_ROWS]
    p = _logistic(shown_X[few], shown[few], X)
    return p * _logistic(reviewed_X, reviewed, X)


def lambdarank(history: History, shown_X: Matrix, X: Matrix, seed: int) -> Floats:
    """One LightGBM lambdarank on lists as shown: approved 3, applied 2, clicked 1."""
    shown = exposures_between(history, 0, history.months - HELD_OUT_MONTHS)
    made = history.applications
    known = made[made["reviewed_on"] <= np.datetime64(history.known_until)]
    approved = known[known["approved"].eq(True)]
    pairs = set(zip(approved["demand"], approved["product"], strict=True))
    good = np.array([pair in pairs for pair in zip(shown["demand"], shown["product"], strict=True)])
    label = shown["clicked"].to_numpy(int) + shown["applied"].to_numpy(int) + (good & shown["applied"].to_numpy(bool))
    sizes = shown.groupby("demand", sort=True).size().to_numpy()
    parameters = {
        "objective": "lambdarank",
        "num_leaves": 15,
        "learning_rate": 0.1,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.6,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "verbose": -1,
    }
    model = lightgbm.train(parameters, lightgbm.Dataset(shown_X, label, group=sizes), 80)
    score: Floats = np.asarray(model.predict(X, num_threads=2))
    return score


def _reviewed(history: History) -> NDArray[np.intp]:
    rows = reviewed_between(history, 0, history.months - HELD_OUT_MONTHS, history.known_until)
    return rows["approved"].to_numpy(dtype=int)


def _logistic(X: Matrix, outcome: NDArray[np.intp], rows: Matrix) -> Floats:
    model = make_pipeline(
        SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(C=0.1, max_iter=60, tol=1e-2)
    )
    model.fit(X, outcome)
    chance: Floats = model.predict_proba(rows)[:, 1]
    return chance
