"""The institutions' footprint month by month, and their averages, from what was known before each."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.effects import OTHERS, Effects
from features.footprint_city import LEVEL_TERMS, city_events, city_tables
from features.pairs import prepare_demands
from training.dataset import History

Floats = NDArray[np.float64]

PRIOR_LINES, PRIOR_FILES = 30.0, 20.0
"""Lines and files the average of all is worth in that of one product."""


def with_footprint(history: History, effects: Mapping[int, Effects], *, levels: bool) -> dict[int, Effects]:
    """Effects of each month with the averages known before it, and with the footprint where ``levels`` says so."""
    days = {month: history.first_day(month) for month in effects}
    found = {month: joined(each, averages_of(history, days[month])) for month, each in effects.items()}
    if not levels:
        return found
    return {month: joined(each, footprint_of(history, days[month])) for month, each in found.items()}


def joined(first: Effects, second: Effects) -> Effects:
    """Both, as they survive the bundle's rounding."""
    both = Effects(
        by_institution={**first.by_institution, **second.by_institution},
        by_product={**first.by_product, **second.by_product},
        by_level={**first.by_level, **second.by_level},
    )
    return Effects.from_json(both.to_json())


def averages_of(history: History, day: date) -> Effects:
    """How products were met with before a day, and each institution's share of applications: what dealings compare."""
    columns, before = history.catalog.columns, np.datetime64(day)
    owner = np.asarray(columns["institution_id"], dtype=object)
    institutions = sorted({str(name) for name in owner})
    shown, made = history.exposures, history.applications
    shown = shown[(shown["shown_on"] < before).to_numpy()]
    applied = shown["applied"].to_numpy(dtype=float) * (shown["applied_on"] < before).to_numpy(dtype=float)
    made = made[(made["applied_on"] < before).to_numpy()]
    decided = _decided(history, day)
    chosen = pd.Series(owner[made["product"].to_numpy()]).value_counts()
    share = {name: float((chosen.get(name, 0.0) + 1.0) / (len(made) + len(institutions))) for name in institutions}
    names, approved = columns["product_id"], decided["approved"].to_numpy(dtype=float)
    return Effects(
        by_institution={"institution_choice_share": {**share, OTHERS: 1.0 / len(institutions)}},
        by_product={
            "product_apply_average": _averages(names, shown["product"].to_numpy(), applied, PRIOR_LINES),
            "product_approve_average": _averages(names, decided["product"].to_numpy(), approved, PRIOR_FILES),
        },
        by_level={},
    )


def footprint_of(history: History, day: date) -> Effects:
    """What institutions financed before a day, as smoothed log ratios; nothing later enters."""
    owner = np.asarray(history.catalog.columns["institution_id"], dtype=object)
    decided = _decided(history, day)
    financed = decided[decided["approved"].to_numpy(dtype=float) > 0]
    levels = prepare_demands(history.profiles, history.demands, history.published_on).levels
    demand = financed["demand"].to_numpy()
    events = city_events(
        owner[financed["product"].to_numpy()],
        financed["reviewed_on"].to_numpy().astype("datetime64[D]"),
        {name: levels[f"footprint_{name}"][demand] for name in LEVEL_TERMS},
    )
    shares, tables = city_tables(events, day, sorted({str(name) for name in owner}))
    return Effects(
        by_institution={"footprint_share": shares},
        by_product={},
        by_level={f"footprint_{name}": table for name, table in tables.items()},
    )


def _decided(history: History, day: date) -> pd.DataFrame:
    """Files whose outcome was known before a day."""
    made = history.applications
    known = made["approved"].notna().to_numpy() & (made["reviewed_on"] < np.datetime64(day)).to_numpy()
    return made[known]


def _averages(names: NDArray[np.object_], product: NDArray[np.intp], outcome: Floats, prior: float) -> dict[str, float]:
    """Share of yes per product, drawn to that of all as if ``prior`` more had been seen; a half where there is none."""
    yes, rows = np.bincount(product, outcome, len(names)), np.bincount(product, minlength=len(names))
    usual = (float(yes.sum()) + 0.5) / (float(rows.sum()) + 1.0)
    found = (yes + prior * usual) / (rows + prior)
    return {OTHERS: usual} | dict(zip([str(name) for name in names], found.tolist(), strict=True))
