"""Fits a ranker to a world's log: two monotone models, calibrated forward in time, with shrunken institutions.

p = P(apply | seen) learns from what was shown, q = P(approve | reviewed) from what was reviewed; the rest is censored.
First models read no effect of institutions; what these leave unexplained gives the effects of each month; the models
that serve read both. The same history, seed and libraries give the same bundle to the last byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import NO_EFFECTS, Effects
from features.pair_columns import COLUMN_OF, FOOTPRINT_NAMES, PAIR_COLUMNS, PAIR_NAMES
from matcher.calibration import Calibration, expit
from training import apply_likelihood as looking
from training.apply_likelihood import Looks
from training.calibrate import binary_loss, fit_calibration, shrunken_offsets
from training.dataset import HELD_OUT_MONTHS, History, exposures_between, pair_matrix_of, reviewed_between
from training.effects import Evidence, effects_by_month
from training.footprint import with_footprint
from training.hidden import APPROVE_CLIP, exposure_weights, hidden_shift
from training.progress import steps
from training.review import review_weights

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

SEED = 20261031
OFFSET_SPREAD = 0.2
"""Expected spread of an institution's offset in log odds: what offsets are shrunk by."""
APPLY_CLIP = 100.0
"""Largest inverse propensity of exposure in calibrating p: chance tells how others than favourites appeal."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a model is; chosen on the quality–latency curve (decision record 0003)."""

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
    footprint
        Read the institutions' footprint beside their effects; out by decision record 0013.
    """

    apply: Size = Size(trees=160, leaves=6, learning_rate=0.14)
    approve: Size = Size(trees=300, leaves=4, learning_rate=0.1)
    seed: int = SEED
    threads: int = 2
    shuffled: bool = False
    footprint: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the pair columns both models read."""
        left_out = () if self.footprint else FOOTPRINT_NAMES
        return tuple(name for name in PAIR_NAMES if name not in left_out)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Everything a bundle is written from."""

    apply_model: lightgbm.Booster = field(repr=False)
    approve_model: lightgbm.Booster = field(repr=False)
    effects: Effects = field(repr=False)
    apply_calibration: Calibration
    approve_calibration: Calibration
    examination: Floats
    rows: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class _Apply:
    """What was shown up to the end of learning, and how it was looked at."""

    shown: pd.DataFrame
    looks: Looks
    learn: NDArray[np.intp]
    calibrate: NDArray[np.intp]
    expected: Floats
    begin: float
    gap: float
    examination: Floats


@dataclass(frozen=True, kw_only=True)
class _Approve:
    """What was reviewed up to the end of learning."""

    reviewed: pd.DataFrame
    outcome: Floats
    weight: Floats
    learn: NDArray[np.intp]
    calibrate: NDArray[np.intp]
    expected: Floats


def fit(history: History, settings: Settings | None = None, *, progress: bool = False) -> Fitted:
    """Fit both models to what was known at the end of the calibration months.

    The trees learn from the months before calibration; calibration and offsets are fitted on the later ones.
    """
    settings = settings or Settings()
    end = history.months - HELD_OUT_MONTHS
    with steps(progress, "fit", 6) as step:
        applied = _first_apply(history, end, settings)
        step()
        approved = _first_approve(history, end, settings)
        step()
        effects = effects_by_month(history, *_evidence(applied, approved), end)
        effects = with_footprint(history, effects, levels=settings.footprint)
        step()
        apply_rows, approve_rows = (
            pair_matrix_of(history, effects, rows["demand"].to_numpy(), rows["product"].to_numpy())
            for rows in (applied.shown, approved.reviewed)
        )
        step()
        apply_model = _apply_model(apply_rows, applied, settings.apply.trees, settings)
        approve_model = _approve_model(approve_rows, approved, settings)
        step()
        apply_calibration, apply_offsets = _calibrate_apply(history, apply_rows, applied, apply_model, settings)
        approve_calibration, approve_offsets = _calibrate_approve(
            history, approve_rows, approved, approve_model, settings
        )
        step()
    offsets = {"institution_apply_offset": apply_offsets, "institution_approve_offset": approve_offsets}
    known = replace(effects[end], by_institution={**effects[end].by_institution, **offsets})
    return Fitted(
        apply_model=apply_model,
        approve_model=approve_model,
        effects=Effects.from_json(known.to_json()),
        apply_calibration=apply_calibration,
        approve_calibration=approve_calibration,
        examination=np.round(applied.examination, 6),
        rows={"shown": len(applied.shown), "reviewed": len(approved.reviewed)},
    )


def _first_apply(history: History, end: int, settings: Settings) -> _Apply:
    """A first short fit tells how what chance placed appeals, hence v_k, and what effects start from."""
    shown = exposures_between(history, 0, end).reset_index(drop=True)
    if settings.shuffled:
        shown = _shuffled(shown, ("clicked", "applied", "applied_on", "at_risk"), settings.seed)
    X = pair_matrix_of(history, NO_EFFECTS, shown["demand"].to_numpy(), shown["product"].to_numpy())
    day = np.datetime64(history.known_until)
    delays = looking.delay_curve(shown, day)
    learn, calibrate = _split(history, shown)
    examination, expected = looking.examination_of(shown), np.zeros(len(shown))
    for trees in (40, 80):
        looks = looking.looks_of(shown, examination, delays, day)
        begin, gap = looking.start(looks)
        applied = _Apply(
            shown=shown,
            looks=looks,
            learn=learn,
            calibrate=calibrate,
            expected=expected,
            begin=begin,
            gap=gap,
            examination=examination,
        )
        model = _apply_model(X, applied, trees, settings)
        expected = begin + _raw(model, X, settings)
        examination = looking.examination_of(shown, expit(expected + gap))
    return replace(
        applied, expected=expected, examination=examination, looks=looking.looks_of(shown, examination, delays, day)
    )


def _first_approve(history: History, end: int, settings: Settings) -> _Approve:
    reviewed = reviewed_between(history, 0, end, history.known_until).reset_index(drop=True)
    if settings.shuffled:
        reviewed = _shuffled(reviewed, ("approved",), settings.seed)
    X = pair_matrix_of(history, NO_EFFECTS, reviewed["demand"].to_numpy(), reviewed["product"].to_numpy())
    learn, calibrate = _split(history, reviewed)
    approved = _Approve(
        reviewed=reviewed,
        outcome=reviewed["approved"].to_numpy(dtype=float),
        weight=review_weights(history, reviewed, X, settings.seed, settings.threads),
        learn=learn,
        calibrate=calibrate,
        expected=np.zeros(len(reviewed)),
    )
    return replace(approved, expected=_raw(_approve_model(X, approved, settings), X, settings))


def _evidence(applied: _Apply, approved: _Approve) -> tuple[Evidence, Evidence]:
    def of_looks(rows: NDArray[np.intp]) -> Any:
        part = applied.looks.part(rows)
        return lambda log_odds: looking.derivatives(log_odds, applied.gap, part)

    def of_reviews(rows: NDArray[np.intp]) -> Any:
        outcome, weight = approved.outcome[rows], approved.weight[rows]

        def derivatives(log_odds: Floats) -> tuple[Floats, Floats]:
            q = expit(log_odds)
            return weight * (q - outcome), weight * q * (1.0 - q)

        return derivatives

    return (
        _evidence_of(applied.shown, applied.expected, "shown_on", of_looks),
        _evidence_of(approved.reviewed, approved.expected, "reviewed_on", of_reviews),
    )


def _evidence_of(rows: pd.DataFrame, expected: Floats, day: str, derivatives: Any) -> Evidence:
    return Evidence(
        demand=rows["demand"].to_numpy(),
        product=rows["product"].to_numpy(),
        expected=expected,
        known_on=rows[day].to_numpy().astype("datetime64[D]"),
        derivatives=derivatives,
    )


def _apply_model(X: Matrix, applied: _Apply, trees: int, settings: Settings) -> lightgbm.Booster:
    rows = applied.learn
    parameters = _parameters(settings, settings.apply, "apply_sign")
    parameters["objective"] = looking.objective(applied.looks.part(rows), applied.gap)
    data = lightgbm.Dataset(_read(X[rows], settings), np.zeros(len(rows)), init_score=np.full(len(rows), applied.begin))
    return lightgbm.train(parameters, data, trees)


def _approve_model(X: Matrix, approved: _Approve, settings: Settings) -> lightgbm.Booster:
    rows = approved.learn
    parameters = {**_parameters(settings, settings.approve, "approve_sign"), "objective": "binary"}
    data = lightgbm.Dataset(_read(X[rows], settings), approved.outcome[rows], weight=approved.weight[rows])
    return lightgbm.train(parameters, data, settings.approve.trees)


def _calibrate_apply(
    history: History, X: Matrix, applied: _Apply, model: lightgbm.Booster, settings: Settings
) -> tuple[Calibration, dict[str, float]]:
    rows = applied.calibrate
    looks, raw = applied.looks.part(rows).applications_alone(), _raw(model, X[rows], settings)
    propensity = applied.shown["propensity"].to_numpy()[rows]
    weight = exposure_weights(propensity, APPLY_CLIP)

    def loss(log_odds: Floats) -> tuple[float, Floats]:
        gradient, _ = looking.derivatives(log_odds, 0.0, looks)
        return -float(weight @ looking.log_likelihood(log_odds, 0.0, looks)), weight * gradient

    calibration = fit_calibration(raw, loss)
    # Offsets compare institutions, and the favourites tell more of that: lower weights, around their own mean.
    weight, log_odds = exposure_weights(propensity, APPROVE_CLIP), calibration.log_odds(raw)
    gradient, information = looking.derivatives(log_odds, 0.0, looks)
    centre = -(weight @ gradient) / (weight @ information)
    gradient, information = looking.derivatives(log_odds + centre, 0.0, looks)
    product = applied.shown["product"].to_numpy()[rows]
    return calibration, _offsets(history, product, weight * gradient, weight * information)


def _calibrate_approve(
    history: History, X: Matrix, approved: _Approve, model: lightgbm.Booster, settings: Settings
) -> tuple[Calibration, dict[str, float]]:
    rows = approved.calibrate
    raw, outcome = _raw(model, X[rows], settings), approved.outcome[rows]
    weight = approved.weight[rows] * exposure_weights(approved.reviewed["propensity"].to_numpy()[rows], APPROVE_CLIP)
    calibration = fit_calibration(raw, binary_loss(outcome, weight))
    hidden = hidden_shift(
        calibration.log_odds(_raw(model, X, settings)),
        approved.outcome,
        approved.weight,
        approved.reviewed["propensity"].to_numpy(),
    )
    q = expit(calibration.log_odds(raw))
    left = weight * (q - outcome), weight * q * (1.0 - q)
    calibration = replace(calibration, intercept=round(calibration.intercept + hidden, 9))
    return calibration, _offsets(history, approved.reviewed["product"].to_numpy()[rows], *left)


def _offsets(history: History, product: NDArray[np.intp], gradient: Floats, information: Floats) -> dict[str, float]:
    names = [institution.institution_id for institution in history.catalog.institution_list]
    owner = pd.Series(range(len(names)), index=names)[history.catalog.columns["institution_id"]].to_numpy()
    values = shrunken_offsets(
        np.asarray(owner[product], dtype=np.intp), len(names), gradient, information, OFFSET_SPREAD
    )
    return dict(zip(names, values.tolist(), strict=True))


def _split(history: History, rows: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the months that teach the trees, and of those that calibrate."""
    early = history.month[rows["demand"].to_numpy()] < history.calibrated_from
    return np.nonzero(early)[0], np.nonzero(~early)[0]


def _shuffled(rows: pd.DataFrame, names: tuple[str, ...], seed: int) -> pd.DataFrame:
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows.assign(**{name: rows[name].to_numpy()[order] for name in names})


def _raw(model: lightgbm.Booster, X: Matrix, settings: Settings) -> Floats:
    read = _read(X, settings)
    raw: Floats = np.asarray(model.predict(read, raw_score=True, num_threads=settings.threads))
    return raw


def _read(X: Matrix, settings: Settings) -> Matrix:
    """The columns the models read."""
    return X[:, [COLUMN_OF[name] for name in settings.columns]]


def _parameters(settings: Settings, size: Size, sign: str) -> dict[str, Any]:
    return {
        "num_leaves": size.leaves,
        "learning_rate": size.learning_rate,
        "min_data_in_leaf": 60,
        "lambda_l2": 5.0,
        "feature_fraction": 0.6,
        "max_bin": 127,
        "monotone_constraints": [getattr(PAIR_COLUMNS[COLUMN_OF[name]], sign) for name in settings.columns],
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "verbose": -1,
    }
