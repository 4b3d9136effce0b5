"""Fits what each institution has chosen and been chosen for, from what was known before a day: decayed and shrunk."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import Effects
from features.pairs import prepare_demands
from training.dataset import History

Floats = NDArray[np.float64]

HALF_LIFE_DAYS = 150.0
STRENGTH = {"institution": 30.0, "product": 20.0, "level": 12.0}
"""Rows at the prior with which an institution, a product and a level begin."""


def effects_by_month(history: History, examination: Floats, until: int) -> dict[int, Effects]:
    """Effects known on the first day of every month before ``until``."""
    return {month: effects_known(history, examination, history.first_day(month)) for month in range(until)}


def effects_known(history: History, examination: Floats, day: date) -> Effects:
    """Effects from what was known before a day, as they survive the bundle's rounding.

    Clicks speak of being chosen, against the clicks expected at the positions shown; reviewed applications speak of
    approval, against the share approved. A product stands against its institution, a level likewise.
    """
    clicks, decisions = _clicks(history, examination, day), _decisions(history, day)
    fitted = Effects(
        by_institution={
            "institution_apply_effect": _effects(clicks, "institution", STRENGTH["institution"]),
            "institution_approve_effect": _effects(decisions, "institution", STRENGTH["institution"]),
        },
        by_product={
            "product_apply_effect": _effects(clicks, "product_id", STRENGTH["product"]),
            "product_approve_effect": _effects(decisions, "product_id", STRENGTH["product"]),
        },
        by_level={
            name: _level_effects(clicks if name.endswith("apply_effect") else decisions, name) for name in _LEVEL_NAMES
        },
    )
    return Effects.from_json(fitted.to_json())


_LEVEL_NAMES = (
    "section_approve_effect",
    "division_approve_effect",
    "size_approve_effect",
    "amount_approve_effect",
    "division_apply_effect",
)


def _clicks(history: History, examination: Floats, day: date) -> pd.DataFrame:
    shown = history.exposures[history.exposures["shown_on"] < np.datetime64(day)]
    weight = _decay(shown["shown_on"], day)
    seen = weight * examination[shown["position"].to_numpy() - 1]
    good = weight * shown["clicked"].to_numpy()
    return _facts(history, shown, good, seen * (good.sum() / max(seen.sum(), 1e-9)))


def _decisions(history: History, day: date) -> pd.DataFrame:
    known = history.applications
    known = known[known["approved"].notna() & (known["reviewed_on"] < np.datetime64(day))]
    weight = _decay(known["reviewed_on"], day)
    good = weight * known["approved"].astype(bool).to_numpy()
    return _facts(history, known, good, weight * (good.sum() / max(weight.sum(), 1e-9)))


def _decay(days: pd.Series, day: date) -> Floats:
    age = (np.datetime64(day) - days.to_numpy().astype("datetime64[D]")).astype(np.float64)
    decay: Floats = 0.5 ** (age / HALF_LIFE_DAYS)
    return decay


def _facts(history: History, rows: pd.DataFrame, good: Floats, expected: Floats) -> pd.DataFrame:
    product = rows["product"].to_numpy()
    columns = history.catalog.columns
    demand = rows["demand"].to_numpy()
    facts = {
        "institution": columns["institution_id"][product],
        "product_id": columns["product_id"][product],
        "good": good,
        "expected": expected,
    }
    levels = _levels(history)
    return pd.DataFrame(facts | {name: levels[name][demand] for name in _LEVEL_NAMES})


def _levels(history: History) -> Mapping[str, NDArray[np.intp]]:
    return prepare_demands(history.profiles, history.demands, history.published_on).levels


def _effects(facts: pd.DataFrame, key: str, strength: float) -> dict[str, float]:
    """Log of good over expected, shrunk to the institution's own where the key is finer than it."""
    base = facts["good"].sum() / max(len(facts), 1)
    pseudo = strength * max(base, 1e-3)
    expected = facts["expected"]
    if key != "institution":
        expected = expected * np.exp(_per_row(facts, "institution", STRENGTH["institution"] * max(base, 1e-3)))
    sums = pd.DataFrame({"good": facts["good"], "expected": expected}).groupby(facts[key]).sum()
    ratio = np.log((sums["good"] + pseudo) / (sums["expected"] + pseudo))
    return {str(name): float(value) for name, value in ratio.items()}


def _per_row(facts: pd.DataFrame, key: str, pseudo: float) -> Floats:
    sums = facts.groupby(key)[["good", "expected"]].transform("sum")
    ratio: Floats = np.log((sums["good"] + pseudo) / (sums["expected"] + pseudo)).to_numpy()
    return ratio


def _level_effects(facts: pd.DataFrame, name: str) -> dict[str, dict[str, float]]:
    """By institution and level: good over what the institution and the level, each alone, would expect."""
    known = facts[facts[name] >= 0]
    pseudo = STRENGTH["level"] * max(known["good"].sum() / max(len(known), 1), 1e-3)
    own = _per_row(known, "institution", pseudo) + _per_row(known, name, pseudo)
    sums = (
        pd.DataFrame({"good": known["good"], "expected": known["expected"] * np.exp(own)})
        .groupby([known["institution"], known[name]])
        .sum()
    )
    ratio = np.log((sums["good"] + pseudo) / (sums["expected"] + pseudo))
    table: dict[str, dict[str, float]] = {}
    for (institution, level), value in ratio.items():
        table.setdefault(str(institution), {})[str(int(level))] = float(value)
    return table
