"""How likely an application was to be reviewed at all: the weight of what the reviewed ones say of the others."""

from datetime import timedelta

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import NO_EFFECTS
from training.dataset import History, pair_matrix_of

Floats = NDArray[np.float64]

LONGEST_WAIT_DAYS = 60
"""A file that waited longer will not be reviewed any more; younger ones are undecided and teach nothing here."""
CLIP = (0.4, 2.5)
"""Weights outside are cut: a little bias for much less variance."""
LEAST_ROWS = 50


def review_weights(history: History, reviewed: pd.DataFrame, X: NDArray[np.float32], seed: int, threads: int) -> Floats:
    """Clipped inverse chance of review of reviewed applications, their mean 1.

    Learnt from applications old enough for their review to be settled, as known at the end of learning.

    Parameters
    ----------
    X
        Pair rows of ``reviewed`` without effects.
    """
    made = history.applications
    settled = made[made["applied_on"] <= np.datetime64(history.known_until - timedelta(days=LONGEST_WAIT_DAYS))]
    outcome = (settled["reviewed_on"] <= np.datetime64(history.known_until)).to_numpy(dtype=float)
    if min(outcome.sum(), len(outcome) - outcome.sum()) < LEAST_ROWS:
        return np.ones(len(reviewed))
    rows = pair_matrix_of(history, NO_EFFECTS, settled["demand"].to_numpy(), settled["product"].to_numpy())
    parameters = {
        "objective": "binary",
        "num_leaves": 12,
        "learning_rate": 0.1,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.5,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbose": -1,
    }
    model = lightgbm.train(parameters, lightgbm.Dataset(_with_crowding(history, settled, rows), outcome), 60)
    chance = np.asarray(model.predict(_with_crowding(history, reviewed, X), num_threads=threads))
    clipped = np.clip(outcome.mean() / chance, *CLIP)
    weight: Floats = clipped / clipped.mean()
    return weight


def _with_crowding(history: History, rows: pd.DataFrame, X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pair rows with the officers' load beside them: the month's applications at the institution over its reviews."""
    owner = history.catalog.columns["institution_id"]
    made = history.applications
    load = pd.DataFrame({"at": owner[made["product"].to_numpy()], "month": made["applied_on"].dt.to_period("M")})
    count = load.value_counts()
    keys = pd.MultiIndex.from_arrays([owner[rows["product"].to_numpy()], rows["applied_on"].dt.to_period("M")])
    reviews = history.catalog.columns["reviews_per_month"][rows["product"].to_numpy()]
    crowding = count.reindex(keys).to_numpy(dtype=float) / np.maximum(reviews, 1.0)
    return np.column_stack([X, crowding]).astype(np.float32)
