"""Measures a ranker on held-out later months of a world, beside simple baselines and beside the oracle.

Only this module and the city read the truth. A query is a demand of the held-out months, its candidates every product
its published rules admit; the gain of a product is its true P(apply | seen) · P(approve | reviewed).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matcher.ranker import Ranker
from training import baselines, metrics
from training.city.truth import Truth, read_truth
from training.dataset import HELD_OUT_MONTHS, History, exposures_between, pair_matrix_of, reviewed_between
from training.fit import SEED

Floats = NDArray[np.float64]

MICRO_TURNOVER_CNY = 3e6
"""Sales of 12 months below which an enterprise counts as micro here, as in most rows of the size standard."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Held-out pairs: rows of demand and product, what the ranker says and what is true."""

    demand: NDArray[np.intp]
    product: NDArray[np.intp]
    X: NDArray[np.float32]
    said_p: Floats
    said_q: Floats
    true_p: Floats
    true_q: Floats

    def rows_of(self, frame: pd.DataFrame) -> NDArray[np.intp]:
        """Rows of logged pairs."""
        keys = pd.MultiIndex.from_arrays([self.demand, self.product])
        return keys.get_indexer(pd.MultiIndex.from_frame(frame[["demand", "product"]]))


def evaluate(
    history: History, world: Path, ranker: Ranker, *, with_baselines: bool = True, pairs: HeldOut | None = None
) -> dict[str, Any]:
    """Every measure of a ranker on a world, as plain numbers.

    Parameters
    ----------
    with_baselines
        Fit and rank the baselines too; they take most of the time.
    pairs
        The held-out pairs where they were made already.
    """
    truth = read_truth(world)
    held_out = pairs or held_out_pairs(history, world, ranker)
    ranking = {"model": held_out.said_p * held_out.said_q}
    if with_baselines:
        ranking |= _baselines(history, ranker, held_out)
    gain = held_out.true_p * held_out.true_q
    return {
        "held_out": {
            "from": history.held_out_from.isoformat(),
            "demands": len(np.unique(held_out.demand)),
            "pairs": len(gain),
        },
        "p_apply": {name: against_truth(held_out, rows, "p") for name, rows in segments(history, held_out).items()},
        "p_approve": {name: against_truth(held_out, rows, "q") for name, rows in segments(history, held_out).items()},
        "logged": _against_log(history, held_out),
        "ndcg_at_10": {name: metrics.ndcg(held_out.demand, score, gain) for name, score in ranking.items()}
        | {"oracle": metrics.ndcg(held_out.demand, gain, gain)},
        "examination": _examination(ranker, truth),
    }


def verdict(report: Mapping[str, Any]) -> dict[str, bool]:
    """Which aims the report meets: q AUC, calibration, NDCG against the oracle and against every baseline."""
    q, ranking = report["p_approve"]["overall"], dict(report["ndcg_at_10"])
    model, oracle = ranking.pop("model"), ranking.pop("oracle")
    return {
        "q_auc_at_least_95_percent_of_oracle": q["auc"] >= 0.95 * q["oracle_auc"],
        "ece_at_most_0.02": max(report["p_apply"]["overall"]["ece"], q["ece"]) <= 0.02,
        "ndcg_at_least_90_percent_of_oracle": model >= 0.9 * oracle,
        "above_every_baseline": all(model > other for other in ranking.values()),
    }


def held_out_pairs(history: History, world: Path, ranker: Ranker) -> HeldOut:
    """Every pair of the held-out months that the published rules admit, as the ranker and as the truth see it."""
    pairs = read_truth(world).pairs
    row_of = pd.Series(np.arange(len(history.demand_ids)), index=history.demand_ids)
    demand = row_of.loc[pairs["demand_id"].to_numpy()].to_numpy(dtype=np.intp)
    product = np.array([history.catalog.row_of[name] for name in pairs["product_id"]], dtype=np.intp)
    X = pair_matrix_of(history, ranker.effects, demand, product)
    scores = ranker.predict(X)
    return HeldOut(
        demand=demand,
        product=product,
        X=X,
        said_p=scores.p_apply,
        said_q=scores.p_approve,
        true_p=pairs["p_apply"].to_numpy(),
        true_q=pairs["p_approve"].to_numpy(),
    )


def true_examination(world: Path) -> Floats:
    """The true chance that each position is looked at, for whoever judges an estimate of it."""
    return np.asarray(read_truth(world).examination, dtype=np.float64)


def segments(history: History, held_out: HeldOut) -> dict[str, NDArray[np.intp]]:
    """Rows of all pairs, of first-time borrowers, of micro firms, and of the ten selected for each demand."""
    first_time = history.profiles["has_prior_loan"][held_out.demand] == 0
    sales = np.fmin(history.profiles["sales_12m_cny"], history.profiles["taxed_sales_12m_cny"])[held_out.demand]
    score = pd.Series(held_out.said_p * held_out.said_q)
    rank = score.groupby(held_out.demand).rank(method="first", ascending=False).to_numpy()
    return {
        "overall": np.arange(len(score)),
        "first_time_borrowers": np.nonzero(first_time)[0],
        "micro": np.nonzero(sales < MICRO_TURNOVER_CNY)[0],
        "selected": np.nonzero(rank <= metrics.TOP)[0],
    }


def against_truth(held_out: HeldOut, rows: NDArray[np.intp], which: str) -> dict[str, float]:
    """Measures of one probability, ``p`` or ``q``, on some of the pairs."""
    said, true = (held_out.said_p, held_out.true_p) if which == "p" else (held_out.said_q, held_out.true_q)
    return _measures(said[rows], true[rows], true[rows])


def _measures(said: Floats, true: Floats, outcome: Floats) -> dict[str, float]:
    if len(said) < metrics.ECE_BINS or not 0 < outcome.sum() < len(outcome):
        return {"rows": float(len(said))}
    return {
        "rows": float(len(said)),
        "auc": metrics.auc(said, outcome),
        "oracle_auc": metrics.auc(true, outcome),
        "ece": metrics.expected_calibration_error(said, outcome),
        "oracle_ece": metrics.expected_calibration_error(true, outcome),
        "mean_said": float(said.mean()),
        "mean_true": float(outcome.mean()),
    }


def _against_log(history: History, held_out: HeldOut) -> dict[str, Any]:
    """On logged rows alone: q on what was reviewed in the end, p on what was shown, by its true chance."""
    end = history.months
    reviewed = reviewed_between(history, end - HELD_OUT_MONTHS, end, None)
    shown = exposures_between(history, end - HELD_OUT_MONTHS, end)
    at, on = held_out.rows_of(reviewed), held_out.rows_of(shown)
    return {
        "p_approve_reviewed": _measures(
            held_out.said_q[at], held_out.true_q[at], reviewed["approved"].to_numpy(dtype=float)
        ),
        "p_apply_shown": _measures(held_out.said_p[on], held_out.true_p[on], held_out.true_p[on]),
    }


def _baselines(history: History, ranker: Ranker, held_out: HeldOut) -> dict[str, Floats]:
    end = history.months - HELD_OUT_MONTHS
    shown_X, reviewed_X = (
        pair_matrix_of(history, ranker.effects, rows["demand"].to_numpy(), rows["product"].to_numpy())
        for rows in (exposures_between(history, 0, end), reviewed_between(history, 0, end, history.known_until))
    )
    return {
        "popularity_in_place": baselines.popularity_in_place(history, held_out.demand, held_out.product),
        "cheapest_eligible": baselines.cheapest(held_out.X),
        "logistic": baselines.logistic(history, shown_X, reviewed_X, held_out.X),
        "lambdarank": baselines.lambdarank(history, shown_X, held_out.X, SEED),
    }


def _examination(ranker: Ranker, truth: Truth) -> dict[str, list[float]]:
    return {
        "estimated": [float(v) for v in ranker.manifest["examination"]],
        "true": [float(v) for v in truth.examination],
    }
