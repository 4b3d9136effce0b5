"""The quality–latency curve: what larger models gain in ranking, and what they cost a request."""

import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.explain import accounts
from matcher.ranker import Ranker
from training.bundle import write_bundle
from training.dataset import pair_matrix_of, read_history
from training.evaluate import evaluate
from training.fit import Settings, Size, fit
from training.progress import steps
from training.train import bundle_of

SIZES: tuple[tuple[Size, Size], ...] = (
    (Size(trees=40, leaves=4, learning_rate=0.3), Size(trees=60, leaves=4, learning_rate=0.3)),
    (Size(trees=80, leaves=6, learning_rate=0.2), Size(trees=150, leaves=4, learning_rate=0.2)),
    (Size(trees=160, leaves=6, learning_rate=0.14), Size(trees=300, leaves=4, learning_rate=0.1)),
    (Size(trees=300, leaves=8, learning_rate=0.12), Size(trees=500, leaves=4, learning_rate=0.08)),
    (Size(trees=300, leaves=31, learning_rate=0.06), Size(trees=300, leaves=31, learning_rate=0.04)),
)
"""Sizes tried for p and q, smallest first; learning rates go down as trees go up."""

ROWS, SHOWN, REPEATS = 420, 10, 60


def curve(world: Path, scratch: Path, *, progress: bool = False) -> list[dict[str, Any]]:
    """One row per size: AUC, NDCG@10, milliseconds to score 420 rows and to account for ten."""
    history = read_history(world, progress=progress)
    rows, products = [], len(history.catalog)
    with steps(progress, "sizes", len(SIZES)) as step:
        for apply, approve in SIZES:
            settings = Settings(apply=apply, approve=approve)
            fitted = fit(history, settings)
            folder = write_bundle(scratch, bundle_of(history, fitted, settings, world.name, ""))
            ranker = Ranker.load(folder)
            X = pair_matrix_of(history, fitted.effects, np.zeros(ROWS, dtype=np.intp), np.arange(ROWS) % products)
            report = evaluate(history, world, ranker, with_baselines=False)
            score_ms, account_ms = _milliseconds(ranker, X)
            rows.append(
                {
                    "p": f"{apply.trees} × {apply.leaves}",
                    "q": f"{approve.trees} × {approve.leaves}",
                    "p_auc": report["p_apply"]["overall"]["auc"],
                    "q_auc": report["p_approve"]["overall"]["auc"],
                    "ndcg_at_10": report["ndcg_at_10"]["model"],
                    "score_420_ms": score_ms,
                    "account_10_ms": account_ms,
                }
            )
            shutil.rmtree(folder)
            step()
    return rows


def _milliseconds(ranker: Ranker, X: NDArray[np.float32]) -> tuple[float, float]:
    return _median(lambda: ranker.predict(X)), _median(lambda: _account(ranker, X))


def _account(ranker: Ranker, X: NDArray[np.float32]) -> None:
    accounts(ranker, X[:SHOWN], queue_price=np.full(SHOWN, 0.1), still_needed=np.linspace(1.0, 0.4, SHOWN))


def _median(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return float(np.median(times)) * 1e3
