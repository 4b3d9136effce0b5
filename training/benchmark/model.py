"""The lender model: footprint posterior with learned weights, pooled with naive Bayes, plus a fraction of a residual.

Everything that is chosen (decay, pooling, the residual's fraction) is chosen on windows before the one that is tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.footprint import Block, Doubles, Floats, Footprint, Plan
from training.benchmark.metrics import discounted_gain, rank_of_truth
from training.benchmark.posterior import Choices, Window, choices, learn_weights, positions
from training.benchmark.residual import add_residual, fit_residual
from training.datasets.us_loans import Lending

POOLS = (0.0, 0.2)
RESIDUALS = (0.0, 0.25, 0.5)
_WINDOWS = 3
_LEARN = 2500
_JUDGE = 3000
_NOISE = 0.005
"""NDCG@10 that 3,000 loans cannot tell apart: within it the smallest residual is taken, for trees drift worst."""

Tick = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A posterior ready to score blocks of its own plan.

    Parameters
    ----------
    plan
        Terms with the decay that was chosen; its own weights are naive Bayes.
    weights
        Learned weights of the terms.
    pool
        Share of the naive-Bayes log posterior in the pooled score.
    booster, residual
        The trees and the fraction of them that is added.
    """

    plan: Plan
    weights: Doubles
    pool: float = 0.0
    booster: lgb.Booster | None = None
    residual: float = 0.0

    def score(self, block: Block) -> Floats:
        """Unnormalised log posterior, (queries, candidates)."""
        base = block.utility((1.0 - self.pool) * self.weights + self.pool * self.plan.weights)
        if self.booster is None or self.residual == 0.0:
            return base
        return add_residual(block, self.plan, block.utility(self.weights), base, self.booster, self.residual)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting judged on a past window: mean NDCG@10 there."""

    judged_from: date
    half_life: float
    pool: float
    residual: float
    ndcg: float


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The model, the trials its settings were chosen by, and the labelled loans it learned from."""

    model: Model
    trials: tuple[Trial, ...]
    samples: tuple[list[Choices], ...]


def label_windows(loans: pd.DataFrame, features_before: date, labels_until: date) -> list[Window]:
    """The label window and up to two earlier ones of the same length, newest first.

    A window is at most a sixth of the history before it, so that a short history still has earlier ones. Windows with
    no labelled loan, or hardly any history, are skipped; where the asked window is empty the days before it serve.
    """
    labelled = loans[loans["institution"].notna() & (loans["day"] <= pd.Timestamp(labels_until))]
    days = labelled["day"].dt.date
    if not len(days):
        return []
    first_day = max(days.iloc[0], days.quantile(0.01, interpolation="lower")) if len(days) > 1000 else days.iloc[0]
    found: list[Window] = []
    start, last = min(features_before, labels_until + timedelta(days=1)), labels_until
    length = min((last - start).days + 1, max((start - first_day).days // 6, 1))
    length = max(length, 1)
    if start <= last and ((days >= start) & (days <= last)).any() and start > first_day:
        found.append(Window(features_before=start, first=start, last=last))
    while start > first_day and len(found) <= _WINDOWS + 1:
        last = start - timedelta(days=1)
        start = last - timedelta(days=length - 1)
        inside = (days >= start) & (days <= last)
        if inside.any() and (days < start).mean() >= 0.02:
            found.append(Window(features_before=start, first=start, last=last))
    return found


def learn(lending: Lending, windows: Sequence[Window], tick: Tick) -> Learned:
    """The model for the days after the newest window, with the settings that did best on it and the one before.

    Parameters
    ----------
    windows
        As :func:`label_windows`; with fewer than two nothing can be chosen and the first settings of each kind hold.
    """
    plans = {h: replace(lending.plan, half_life=h) for h in lending.half_lives}
    samples: dict[tuple[float, Window], list[Choices]] = {}

    def seen(half_life: float, window: Window) -> list[Choices]:
        if (half_life, window) not in samples:
            samples[half_life, window] = choices(lending.loans, window, plans[half_life], limit=_LEARN)
        return samples[half_life, window]

    trials: list[Trial] = []
    for judged in range(min(2, len(windows) - 1)):
        for half_life in lending.half_lives:
            tick(f"judging a half-life of {half_life:g} days on {windows[judged].first}")
            past = [seen(half_life, w) for w in windows[judged + 1 : judged + 1 + _WINDOWS]]
            if not any(past):
                continue
            model = _fit(plans[half_life], past)
            held = choices(lending.loans, windows[judged], model.plan, limit=_JUDGE, seed=7)
            trials += _judge(model, held, windows[judged].first)
    half_life, pool, residual = _best(trials, lending.half_lives[0])
    tick("learning the weights")
    newest = tuple(seen(half_life, w) for w in windows[:_WINDOWS])
    model = replace(_fit(plans[half_life], newest), pool=pool, residual=residual)
    return Learned(model=model, trials=tuple(trials), samples=newest)


def _fit(plan: Plan, samples: Sequence[Sequence[Choices]]) -> Model:
    weights = learn_weights(samples, plan.weights)
    return Model(plan=plan, weights=weights, booster=fit_residual(samples, plan, weights))


def _judge(model: Model, judged: Sequence[Choices], first: date) -> list[Trial]:
    out = []
    for pool, residual in product(POOLS, RESIDUALS):
        trial = replace(model, pool=pool, residual=residual)
        gains = [discounted_gain(rank_of_truth(trial.score(c.block), c.chosen)) for c in judged]
        mean = float(np.mean(np.concatenate(gains))) if gains else 0.0
        half_life = model.plan.half_life
        out.append(Trial(judged_from=first, half_life=half_life, pool=pool, residual=residual, ndcg=mean))
    return out


def _best(trials: Sequence[Trial], default: float) -> tuple[float, float, float]:
    if not trials:
        return default, 0.2, 0.25
    found: dict[tuple[float, float, float], list[float]] = {}
    for t in trials:
        found.setdefault((t.half_life, t.pool, t.residual), []).append(t.ndcg)
    mean = {setting: float(np.mean(values)) for setting, values in found.items()}
    near = [setting for setting in mean if mean[setting] >= max(mean.values()) - _NOISE]
    return min(near, key=lambda setting: (setting[2], -mean[setting]))


def score_all(
    footprint: Footprint, queries: pd.DataFrame, scorers: dict[str, Callable[[Block], Floats]]
) -> dict[str, Doubles]:
    """Rank of every query's true institution under every scorer; infinite where it is no candidate or unknown."""
    lender = footprint.institutions.get_indexer(pd.Index(queries["institution"])).astype(np.int64)
    ranks = {name: np.full(len(queries), np.inf) for name in scorers}
    for block in footprint.blocks(queries):
        place = positions(block, lender[block.rows])
        for name, scorer in scorers.items():
            ranks[name][block.rows] = rank_of_truth(scorer(block), place)
    return ranks
