"""A search for the sizes of both models, judged on the calibration months alone; the held-out months stay unseen.

Every trial is fitted to the months before the calibration months and judged by what it says of these: the likelihood
of applications among what was shown, and of approvals among what was reviewed. Optuna is imported when it is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from features.pair_columns import COLUMN_OF
from matcher.calibration import expit
from training import apply_likelihood as looking
from training.dataset import (
    CALIBRATION_MONTHS,
    HELD_OUT_MONTHS,
    History,
    exposures_between,
    pair_matrix_of,
    reviewed_between,
)
from training.fit import Fitted, Settings, Size, fit
from training.progress import steps
from training.until import until

TREES, LEAVES, RATES = (60, 400), (4, 12), (0.05, 0.2)
"""Bounds of the space, the same for both models."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search found.

    Parameters
    ----------
    loss, usual
        Mean negative log likelihood, of applications and of approvals added, of the chosen and of the usual sizes.
    trials
        Loss of every trial with its sizes, in the order in which they were tried.
    """

    settings: Settings
    loss: float
    usual: float
    trials: tuple[Mapping[str, float], ...] = field(repr=False)


def search(history: History, trials: int, settings: Settings | None = None, *, progress: bool = False) -> Searched:
    """Try ``trials`` sizes, the usual ones first, and keep the best.

    Parameters
    ----------
    settings
        What everything but the sizes is taken from; its sizes are the usual ones.

    Raises
    ------
    ValueError
        If the log has too few months before the calibration months to learn from.
    """
    import optuna

    settings = settings or Settings()
    end = history.months - HELD_OUT_MONTHS
    earlier = end - CALIBRATION_MONTHS
    if earlier <= CALIBRATION_MONTHS:
        raise ValueError(
            f"{history.months} months of demands are too few to search on: {earlier} would be learned from"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed))
    study.enqueue_trial(_numbers(settings))
    with steps(progress, "search", trials) as step:

        def tried(trial: Any) -> float:
            tried_with = _suggested(trial, settings)
            found = loss(history, fit(until(history, earlier), tried_with), tried_with.columns, earlier, end)
            step()
            return found

        study.optimize(tried, n_trials=trials)
    losses = [float(each.values[0]) for each in study.trials]
    return Searched(
        settings=_settings(study.best_params, settings),
        loss=min(losses),
        usual=losses[0],
        trials=tuple({"loss": value, **each.params} for value, each in zip(losses, study.trials, strict=True)),
    )


def loss(history: History, fitted: Fitted, columns: Sequence[str], first: int, end: int) -> float:
    """Mean negative log likelihood of what happened in the months from ``first`` up to ``end``, as known then."""
    shown = exposures_between(history, first, end).reset_index(drop=True)
    reviewed = reviewed_between(history, first, end, history.known_until)
    day = np.datetime64(history.known_until)
    looks = looking.looks_of(shown, fitted.examination, looking.delay_curve(shown, day), day).applications_alone()
    applied = _log_odds(history, fitted, columns, shown, "p")
    approved, outcome = _log_odds(history, fitted, columns, reviewed, "q"), reviewed["approved"].to_numpy(dtype=float)
    q = np.clip(expit(approved), 1e-9, 1.0 - 1e-9)
    of_q = -np.mean(outcome * np.log(q) + (1.0 - outcome) * np.log(1.0 - q))
    return float(of_q - looking.log_likelihood(applied, 0.0, looks).mean())


def _log_odds(history: History, fitted: Fitted, columns: Sequence[str], rows: Any, which: str) -> Any:
    X = pair_matrix_of(history, fitted.effects, rows["demand"].to_numpy(), rows["product"].to_numpy())
    model = fitted.apply_model if which == "p" else fitted.approve_model
    calibration = fitted.apply_calibration if which == "p" else fitted.approve_calibration
    return calibration.log_odds(
        np.asarray(model.predict(X[:, [COLUMN_OF[name] for name in columns]], raw_score=True, num_threads=1))
    )


def _numbers(settings: Settings) -> dict[str, float]:
    return {
        f"{name}_{of}": getattr(size, of)
        for name, size in (("apply", settings.apply), ("approve", settings.approve))
        for of in ("trees", "leaves", "learning_rate")
    }


def _suggested(trial: Any, settings: Settings) -> Settings:
    chosen = {}
    for name in ("apply", "approve"):
        chosen[f"{name}_trees"] = trial.suggest_int(f"{name}_trees", *TREES, step=20)
        chosen[f"{name}_leaves"] = trial.suggest_int(f"{name}_leaves", *LEAVES)
        chosen[f"{name}_learning_rate"] = trial.suggest_float(f"{name}_learning_rate", *RATES, log=True)
    return _settings(chosen, settings)


def _settings(chosen: Mapping[str, Any], settings: Settings) -> Settings:
    return replace(settings, apply=_size(chosen, "apply"), approve=_size(chosen, "approve"))


def _size(chosen: Mapping[str, Any], name: str) -> Size:
    return Size(
        trees=int(chosen[f"{name}_trees"]),
        leaves=int(chosen[f"{name}_leaves"]),
        learning_rate=float(chosen[f"{name}_learning_rate"]),
    )
