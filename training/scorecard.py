"""Fits a scorecard: a logistic model with weights of known sign on a few transformed factors, cut into integer points.

The transformed factor is linear inside the model, so its bins can only move one way, however few the defaults are; what
is not known stands at the mean and counts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from features.schema import PROFILE_BY_NAME
from matcher.domain import Text
from matcher.rating import Factor, RatingModel

Floats = NDArray[np.float64]

POINTS_TO_DOUBLE = 20
"""Points that double the odds of good against bad."""

BASE = 600
MOST_BINS = 10
LEAST_KNOWN_SHARE = 0.2
MIX = (0.08, 0.22, 0.38, 0.22, 0.10)
"""Share of the rated enterprises in A to E at the time of fitting; the limits on the probability follow from it."""

_FAR = 2.5
_STEEPEST = 2.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A factor that may enter: its column, whether more is safer, and whether it is read on a logarithmic scale."""

    column: str
    safer: bool
    logarithmic: bool
    text: Text


def _candidate(column: str, safer: bool, zh: str, en: str, *, logarithmic: bool = False) -> Candidate:
    return Candidate(column=column, safer=safer, logarithmic=logarithmic, text=Text(zh=zh, en=en))


CANDIDATES: tuple[Candidate, ...] = (
    _candidate("sales_12m_cny", True, "近12个月开票销售额（元）", "invoiced sales, 12 months (yuan)", logarithmic=True),
    _candidate("months_with_sales_12m", True, "近12个月有开票的月数", "months with sales, of 12"),
    _candidate("sales_volatility_12m", False, "月销售额波动系数", "volatility of monthly sales"),
    _candidate("customers_12m", True, "近12个月客户数", "customers of 12 months", logarithmic=True),
    _candidate("customer_top_share_12m", False, "最大客户销售占比", "share of the largest customer"),
    _candidate("tax_steadiness_12m", True, "近12个月按时足额纳税月份占比", "share of 12 months filed and paid in full"),
    _candidate("social_arrears_months_12m", False, "近12个月社保欠缴月数", "months of social security arrears, of 12"),
    _candidate("utility_arrears_months_12m", False, "近12个月水电气欠费月数", "months of utility arrears, of 12"),
    _candidate("overdue_months_12m", False, "近12个月贷款逾期月数", "months with an overdue loan, of 12"),
    _candidate("credit_inquiries_3m", False, "近3个月征信查询次数", "credit inquiries of 3 months"),
    _candidate("leverage", False, "资产负债率", "liabilities over assets"),
    _candidate("lawsuits_defendant_24m", False, "近24个月被诉案件数", "suits against it in 24 months"),
    _candidate("age_months", True, "成立月数", "months since registration", logarithmic=True),
)  # fmt: skip
"""Factors of every scorecard here; those that too few enterprises have on record are left out of a fit."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows to learn from.

    Parameters
    ----------
    profiles
        Profile rows as known before the outcome.
    defaulted
        1 or 0 per row.
    weight
        Weight per row; for loans the years observed, so that what is learnt is a yearly rate.
    """

    profiles: pd.DataFrame
    defaulted: Floats
    weight: Floats

    def rows(self, chosen: NDArray[np.intp]) -> "Sample":
        """The sample of some rows."""
        profiles = self.profiles.iloc[chosen]
        return Sample(profiles=profiles, defaulted=self.defaulted[chosen], weight=self.weight[chosen])


def fit_scorecard(sample: Sample, population: pd.DataFrame, *, version: str, ridge: float = 20.0) -> RatingModel:
    """The scorecard of a sample, with limits that give the population the mix of ``MIX``.

    Parameters
    ----------
    population
        Profile rows of everybody to be rated: bins and letters are cut on them, outcomes are not read.
    ridge
        Penalty on the squared weights of standardised factors.

    Raises
    ------
    ValueError
        If the sample holds no default, or nothing but defaults, or no factor works in its known direction.
    """
    if not 0 < sample.defaulted.sum() < len(sample.defaulted):
        raise ValueError("A scorecard needs some defaults and some loans that did not default.")
    chosen = [c for c in CANDIDATES if population[c.column].notna().mean() >= LEAST_KNOWN_SHARE]
    scales = [_Scale.of(c, _column(population, c.column)) for c in chosen]
    design = np.stack([scale.standard(_column(sample.profiles, scale.candidate.column)) for scale in scales], axis=1)
    weights = _weights(design, sample, ridge)
    factors = tuple(
        scale.factor(weight, _column(population, scale.candidate.column))
        for scale, weight in zip(scales, weights, strict=True)
        if weight * POINTS_TO_DOUBLE / np.log(2) >= 0.5
    )
    if not factors:
        raise ValueError("No factor tells default from no default in the direction it is known to.")
    return _calibrated(factors, sample, population, version)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """How one factor is put on a scale where more is safer and the mean is 0."""

    candidate: Candidate
    mean: float
    spread: float

    @classmethod
    def of(cls, candidate: Candidate, values: Floats) -> "_Scale":
        known = _read(candidate, values[~np.isnan(values)])
        return cls(candidate=candidate, mean=float(known.mean()), spread=float(known.std()) or 1.0)

    def standard(self, values: Floats) -> Floats:
        scaled = np.clip((_read(self.candidate, values) - self.mean) / self.spread, -_FAR, _FAR)
        return np.nan_to_num(scaled if self.candidate.safer else -scaled)

    def factor(self, weight: float, values: Floats) -> Factor:
        known = np.sort(values[~np.isnan(values)])
        edges = _edges(known, PROFILE_BY_NAME[self.candidate.column].unit)
        place, scaled = np.searchsorted(edges, known, side="right"), self.standard(known)
        means = np.array([scaled[place == bin_].mean() for bin_ in range(len(edges) + 1)])
        points = np.rint(means * weight * POINTS_TO_DOUBLE / np.log(2)).astype(int)
        return Factor(
            column=self.candidate.column,
            text=self.candidate.text,
            edges=tuple(edges.tolist()),
            points=tuple(points.tolist()),
        )


def _read(candidate: Candidate, values: Floats) -> Floats:
    """Values on the factor's scale; money and counts are never below zero on a logarithmic one."""
    result: Floats = np.log1p(np.maximum(values, 0.0)) if candidate.logarithmic else values
    return result


def _edges(known: Floats, unit: str) -> Floats:
    """Rounded quantiles that separate different values, none at or below the least value.

    Where nine in ten share the least value, as with overdue months, the quantiles of the others stand in.
    """
    above = known[known > known[0]]
    if 0 < len(above) < len(known) / MOST_BINS:
        return np.unique(np.quantile(above, (0.0, 0.5), method="lower"))
    steps = np.quantile(known, np.linspace(0, 1, MOST_BINS + 1)[1:-1])
    digits = 3 if unit in {"share", "ratio"} else 0
    rounded = np.unique(np.round(steps, digits))
    occupied = [edge for edge in rounded if known[0] < edge <= known[-1]]
    afters = [*occupied[1:], np.inf][: len(occupied)]
    return np.array([e for e, after in zip(occupied, afters, strict=True) if _any(known, e, after)])


def _any(known: Floats, low: float, high: float) -> bool:
    return bool(np.searchsorted(known, high, side="left") > np.searchsorted(known, low, side="left"))


def _weights(design: Floats, sample: Sample, ridge: float) -> Floats:
    """Weights of the factors, none below zero, of the penalised logistic model of not defaulting."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margin = parameters[0] - design @ parameters[1:]
        error = (expit(margin) - sample.defaulted) * sample.weight
        value = float((np.logaddexp(0.0, margin) - sample.defaulted * margin) @ sample.weight)
        slopes = -(design.T @ error) + ridge * parameters[1:]
        return value + 0.5 * ridge * float(parameters[1:] @ parameters[1:]), np.concatenate(([error.sum()], slopes))

    count = design.shape[1]
    bounds = [(None, None)] + [(0.0, None)] * count
    best = minimize(loss, np.full(count + 1, 0.1), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(best.x[1:], dtype=np.float64)


def _calibrated(factors: tuple[Factor, ...], sample: Sample, population: pd.DataFrame, version: str) -> RatingModel:
    plain = RatingModel(
        version=version,
        factors=factors,
        base=BASE,
        intercept=0.0,
        slope=-float(np.log(2)) / POINTS_TO_DOUBLE,
        limits=(0.1, 0.2, 0.3, 0.4),
        least_known=max(1, (len(factors) + 1) // 3),
    )
    intercept, slope = _line(plain.slope, plain.scores(profile_columns(plain, sample.profiles)), sample)
    probability = expit(intercept + slope * plain.scores(profile_columns(plain, population)))
    limits = np.quantile(probability, np.cumsum(MIX)[:-1])
    a, b, c, d = _rising([float(f"{limit:.4g}") for limit in limits])
    return RatingModel(
        version=version,
        factors=factors,
        base=BASE,
        intercept=float(f"{intercept:.10g}"),
        slope=float(f"{slope:.10g}"),
        limits=(a, b, c, d),
        least_known=plain.least_known,
    )


def profile_columns(model: RatingModel, profiles: pd.DataFrame) -> Mapping[str, NDArray[Any]]:
    """The columns a model reads, from a frame of profiles."""
    return {factor.column: _column(profiles, factor.column) for factor in model.factors}


def _line(slope: float, scores: NDArray[np.int64], sample: Sample) -> tuple[float, float]:
    """Intercept and slope of the log odds of default over the score, by likelihood.

    The penalty has shrunk the points, so the slope is fitted anew, at most ``_STEEPEST`` times the one of the points.
    """
    shift = (scores - BASE) / POINTS_TO_DOUBLE

    def loss(parameters: Floats) -> tuple[float, Floats]:
        odds = parameters[0] + parameters[1] * slope * POINTS_TO_DOUBLE * shift
        error = (expit(odds) - sample.defaulted) * sample.weight
        value = float((np.logaddexp(0.0, odds) - sample.defaulted * odds) @ sample.weight)
        return value, np.array([error.sum(), error @ (slope * POINTS_TO_DOUBLE * shift)])

    best = minimize(loss, np.array([-2.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(-20, 20), (0.5, _STEEPEST)])
    steeper = slope * float(best.x[1])
    return float(best.x[0]) - steeper * BASE, steeper


def _rising(limits: Sequence[float]) -> list[float]:
    result: list[float] = []
    for limit in limits:
        result.append(max(limit, result[-1] * 1.01) if result else limit)
    return result


def _column(profiles: pd.DataFrame, name: str) -> Floats:
    return profiles[name].to_numpy(dtype=np.float64)
