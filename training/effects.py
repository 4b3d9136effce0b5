"""Fits what each institution has chosen and been chosen for, month by month, from what was known before each.

A first model says what the enterprise, the request and the terms would lead one to expect. What institutions, their
products, and institutions in an industry, a district or a size add to it are effects in log odds, all fitted together
with older rows fading, each shrunk to none by as much as effects of its kind are expected to spread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import Effects
from features.pairs import prepare_demands
from training.dataset import History
from training.footprint import joined

Floats = NDArray[np.float64]
Derivatives = Callable[[Floats], tuple[Floats, Floats]]
"""Gradient of minus the log likelihood by the log odds of each row, and its information."""

HALF_LIFE_DAYS = 180.0
ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of effect: its column, whether it differs by level, and its expected spread in log odds."""

    name: str
    by: str
    spread: float


APPLY_KINDS = (
    Kind(name="institution_apply_effect", by="institution", spread=0.4),
    Kind(name="product_apply_effect", by="product", spread=0.4),
    Kind(name="division_apply_effect", by="level", spread=0.4),
)
APPROVE_KINDS = (
    Kind(name="institution_approve_effect", by="institution", spread=0.5),
    Kind(name="product_approve_effect", by="product", spread=0.3),
    Kind(name="section_approve_effect", by="level", spread=0.5),
    Kind(name="division_approve_effect", by="level", spread=0.3),
    Kind(name="size_approve_effect", by="level", spread=0.25),
    Kind(name="amount_approve_effect", by="level", spread=0.25),
)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Rows that speak of effects.

    Parameters
    ----------
    expected
        Log odds the first model expects.
    known_on
        Day each row became known.
    derivatives
        Of some of the rows, named by index.
    """

    demand: NDArray[np.intp]
    product: NDArray[np.intp]
    expected: Floats
    known_on: NDArray[np.datetime64]
    derivatives: Callable[[NDArray[np.intp]], Derivatives]


def effects_by_month(history: History, applied: Evidence, approved: Evidence, until: int) -> dict[int, Effects]:
    """Effects known on the first day of each month up to and including ``until``."""
    apply_by_month = _Fit(history, applied, APPLY_KINDS).by_month(until)
    approve_by_month = _Fit(history, approved, APPROVE_KINDS).by_month(until)
    return {month: joined(apply_by_month[month], approve_by_month[month]) for month in range(until + 1)}


class _Fit:
    """Effects of one outcome, fitted month after month from where the month before ended."""

    def __init__(self, history: History, evidence: Evidence, kinds: tuple[Kind, ...]) -> None:
        self._history, self._evidence, self._kinds = history, evidence, kinds
        self._groups = {kind.name: _groups(history, evidence, kind) for kind in kinds}
        self._values = {name: np.zeros(len(labels)) for name, (_, labels) in self._groups.items()}

    def by_month(self, until: int) -> dict[int, Effects]:
        found = {}
        for month in range(until + 1):
            self._update(self._history.first_day(month))
            found[month] = self._effects()
        return found

    def _update(self, day: date) -> None:
        known_on = self._evidence.known_on
        rows = np.nonzero(known_on < np.datetime64(day))[0]
        if not len(rows):
            return
        fading = 0.5 ** ((np.datetime64(day) - known_on[rows]).astype(np.float64) / HALF_LIFE_DAYS)
        derivatives = self._evidence.derivatives(rows)
        log_odds = self._evidence.expected[rows].copy()
        groups = {name: group[rows] for name, (group, _) in self._groups.items()}
        for name, group in groups.items():
            log_odds += np.where(group >= 0, self._values[name][group], 0.0)
        for _ in range(ROUNDS):
            for kind in self._kinds:
                step = self._step(kind, groups[kind.name], fading, derivatives(log_odds))
                self._values[kind.name] += step
                log_odds += np.where(groups[kind.name] >= 0, step[groups[kind.name]], 0.0)

    def _step(self, kind: Kind, group: NDArray[np.intp], fading: Floats, derivatives: tuple[Floats, Floats]) -> Floats:
        gradient, information = derivatives
        values, held = self._values[kind.name], group >= 0
        slope = np.bincount(group[held], (fading * gradient)[held], len(values))
        curvature = np.bincount(group[held], (fading * information)[held], len(values))
        strength = 1.0 / kind.spread**2
        step: Floats = -(slope + strength * values) / (curvature + strength)
        return step

    def _effects(self) -> Effects:
        tables: dict[str, dict[str, dict[str, float]]] = {"institution": {}, "product": {}}
        levels: dict[str, dict[str, dict[str, float]]] = {}
        for kind in self._kinds:
            labels, values = self._groups[kind.name][1], self._values[kind.name].tolist()
            if kind.by == "level":
                levels[kind.name] = {}
                for (owner, level), value in zip(labels, values, strict=True):
                    levels[kind.name].setdefault(owner, {})[level] = value
            else:
                tables[kind.by][kind.name] = {label: v for (label, _), v in zip(labels, values, strict=True)}
        return Effects(by_institution=tables["institution"], by_product=tables["product"], by_level=levels)


def _groups(history: History, evidence: Evidence, kind: Kind) -> tuple[NDArray[np.intp], list[tuple[str, str]]]:
    """Group of each row, -1 where the level is unknown, and what each group is called."""
    columns = history.catalog.columns
    if kind.by == "product":
        return np.asarray(evidence.product, dtype=np.intp), [(str(name), "") for name in columns["product_id"]]
    names = [institution.institution_id for institution in history.catalog.institution_list]
    owners = pd.Series(range(len(names)), index=names)[columns["institution_id"]].to_numpy(dtype=np.intp)
    owner = np.asarray(owners[evidence.product], dtype=np.intp)
    if kind.by == "institution":
        return owner, [(name, "") for name in names]
    level = prepare_demands(history.profiles, history.demands, history.published_on).levels[kind.name][evidence.demand]
    codes, inverse = np.unique(np.where(level < 0, -1, owner * 10_000 + level), return_inverse=True)
    shift = int(len(codes) > 0 and codes[0] < 0)
    labels = [(names[code // 10_000], str(code % 10_000)) for code in codes[shift:].tolist()]
    return np.asarray(inverse - shift, dtype=np.intp), labels
