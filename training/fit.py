"""Fits a ranker to a world's log: two monotone models, calibrated forward in time, with shrunken institutions.

p = P(apply | seen) learns from what was shown, q = P(approve | reviewed) from what was reviewed; the rest is censored.
The same history, seed and libraries give the same bundle to the last byte.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import Effects
from features.pair_columns import PAIR_COLUMNS, PAIR_NAMES
from matcher.calibration import Calibration, expit
from training import apply_likelihood as looks
from training.calibrate import binary_loss, fit_calibration, shrunken_offsets
from training.dataset import History, exposures_between, pair_matrix_of, reviewed_between
from training.effects import effects_by_month, effects_known
from training.progress import steps
from training.review import review_weights

Floats = NDArray[np.float64]

SEED = 20261031
OFFSET_SPREAD = 0.25
"""Expected spread of an institution's offset in log odds: what offsets are shrunk by."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the two models are; chosen on the quality–latency curve (decision record 0003)."""

    trees: int
    leaves: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a fit is done with.

    Parameters
    ----------
    shuffled
        Break every tie between rows and outcomes: a control that must end at chance.
    """

    apply: Size = Size(trees=160, leaves=12, learning_rate=0.08)
    approve: Size = Size(trees=160, leaves=8, learning_rate=0.06)
    seed: int = SEED
    threads: int = 2
    shuffled: bool = False


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Everything a bundle is written from."""

    apply_model: lightgbm.Booster = field(repr=False)
    approve_model: lightgbm.Booster = field(repr=False)
    effects: Effects = field(repr=False)
    apply_calibration: Calibration
    approve_calibration: Calibration
    examination: Floats
    gap: float
    rows: Mapping[str, int]


def fit(history: History, settings: Settings | None = None, *, progress: bool = False) -> Fitted:
    """Fit both models to what was known at the end of the calibration months.

    The trees learn from the months before calibration; calibration and offsets are fitted on the later ones.
    """
    settings = settings or Settings()
    with steps(progress, "fit", 5) as step:
        shown = exposures_between(history, 0, history.months - _held_out(history))
        examination = looks.examination_of(shown)
        effects = effects_by_month(history, examination, history.months - _held_out(history))
        step()
        apply_model, gap, examination = _fit_apply(history, effects, examination, settings)
        step()
        approve_model = _fit_approve(history, effects, settings)
        step()
        known = effects_known(history, examination, history.held_out_from)
        apply_calibration, apply_offsets = _calibrate_apply(history, effects, apply_model, gap, examination, settings)
        step()
        approve_calibration, approve_offsets = _calibrate_approve(history, effects, approve_model, settings)
        step()
    offsets = {"institution_apply_offset": apply_offsets, "institution_approve_offset": approve_offsets}
    known = replace(known, by_institution={**known.by_institution, **offsets})
    return Fitted(
        apply_model=apply_model,
        approve_model=approve_model,
        effects=Effects.from_json(known.to_json()),
        apply_calibration=apply_calibration,
        approve_calibration=approve_calibration,
        examination=np.round(examination, 6),
        gap=gap,
        rows={
            "shown": len(shown),
            "reviewed": len(reviewed_between(history, 0, history.months, history.known_until)),
        },
    )


def settings_as_facts(settings: Settings) -> dict[str, Any]:
    """Settings as the manifest names them."""
    return asdict(settings)


def _held_out(history: History) -> int:
    return history.months - history.calibrated_from - 2


def _fit_apply(
    history: History, effects: Mapping[int, Effects], examination: Floats, settings: Settings
) -> tuple[lightgbm.Booster, float, Floats]:
    """A first short fit tells how items that chance placed appeal, hence v_k; the second uses it."""
    shown = exposures_between(history, 0, history.calibrated_from)
    X = _rows(history, effects, shown)
    order = np.random.default_rng(settings.seed).permutation(len(shown)) if settings.shuffled else slice(None)
    day, delays = np.datetime64(history.known_until), looks.delay_curve(shown, np.datetime64(history.known_until))
    gap, model = 0.0, None
    for trees in (40, settings.apply.trees):
        seen = looks.looks_of(shown.iloc[order], examination, delays, day)
        begin, gap = looks.start(seen)
        parameters = {**_parameters(settings, settings.apply, "apply_sign"), "objective": looks.objective(seen, gap)}
        data = lightgbm.Dataset(X, np.zeros(len(X)), init_score=np.full(len(X), begin), free_raw_data=False)
        model = lightgbm.train(parameters, data, trees)
        if trees == 40:
            appeal = begin + np.asarray(model.predict(X, raw_score=True, num_threads=settings.threads))
            examination = looks.examination_of(shown, expit(appeal + gap))
    if model is None:
        raise AssertionError("no model was fitted")
    return model, gap, examination


def _fit_approve(history: History, effects: Mapping[int, Effects], settings: Settings) -> lightgbm.Booster:
    reviewed = reviewed_between(history, 0, history.calibrated_from, history.known_until)
    outcome = reviewed["approved"].astype(float).to_numpy()
    if settings.shuffled:
        outcome = np.random.default_rng(settings.seed).permutation(outcome)
    X = _rows(history, effects, reviewed)
    weight = review_weights(history, effects, reviewed, settings.seed, settings.threads)
    parameters = {**_parameters(settings, settings.approve, "approve_sign"), "objective": "binary"}
    return lightgbm.train(parameters, lightgbm.Dataset(X, outcome, weight=weight), settings.approve.trees)


def _calibrate_apply(
    history: History,
    effects: Mapping[int, Effects],
    model: lightgbm.Booster,
    gap: float,
    examination: Floats,
    settings: Settings,
) -> tuple[Calibration, dict[str, float]]:
    shown = exposures_between(history, history.calibrated_from, history.months - _held_out(history))
    day = np.datetime64(history.known_until)
    delays = looks.delay_curve(exposures_between(history, 0, history.calibrated_from), day)
    seen = looks.looks_of(shown, examination, delays, day)
    raw = np.asarray(model.predict(_rows(history, effects, shown), raw_score=True, num_threads=settings.threads))

    def loss(log_odds: Floats) -> tuple[float, Floats]:
        gradient, _ = looks.derivatives(log_odds, gap, seen)
        return -len(log_odds) * looks.log_likelihood(log_odds, gap, seen), gradient

    calibration = fit_calibration(raw, loss)
    return calibration, _offsets(history, shown, *looks.derivatives(calibration.log_odds(raw), gap, seen))


def _calibrate_approve(
    history: History, effects: Mapping[int, Effects], model: lightgbm.Booster, settings: Settings
) -> tuple[Calibration, dict[str, float]]:
    reviewed = reviewed_between(
        history, history.calibrated_from, history.months - _held_out(history), history.known_until
    )
    outcome = reviewed["approved"].astype(float).to_numpy()
    weight = review_weights(history, effects, reviewed, settings.seed, settings.threads)
    raw = np.asarray(model.predict(_rows(history, effects, reviewed), raw_score=True, num_threads=settings.threads))
    calibration = fit_calibration(raw, binary_loss(outcome, weight))
    q = expit(calibration.log_odds(raw))
    return calibration, _offsets(history, reviewed, weight * (q - outcome), weight * q * (1.0 - q))


def _offsets(history: History, rows: pd.DataFrame, gradient: Floats, information: Floats) -> dict[str, float]:
    catalog = history.catalog
    names = [institution.institution_id for institution in catalog.institution_list]
    owner = pd.Series(range(len(names)), index=names)[catalog.columns["institution_id"]].to_numpy()
    group = owner[rows["product"].to_numpy()]
    values = shrunken_offsets(group, len(names), gradient, information, OFFSET_SPREAD)
    return dict(zip(names, values.tolist(), strict=True))


def _rows(history: History, effects: Mapping[int, Effects], rows: pd.DataFrame) -> NDArray[np.float32]:
    return pair_matrix_of(history, effects, rows["demand"].to_numpy(), rows["product"].to_numpy())


def _parameters(settings: Settings, size: Size, sign: str) -> dict[str, Any]:
    return {
        "num_leaves": size.leaves,
        "learning_rate": size.learning_rate,
        "min_data_in_leaf": 60,
        "lambda_l2": 5.0,
        "feature_fraction": 0.6,
        "max_bin": 127,
        "monotone_constraints": [getattr(column, sign) for column in PAIR_COLUMNS],
        "monotone_constraints_method": "basic",
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "verbose": -1,
    }


COLUMN_COUNT = len(PAIR_NAMES)
