"""Financing demands: who asks for how much, for what, by when, and what is offered as security."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from training.city.enterprises import Bools, Enterprises, Floats, Ints
from training.city.holdings import Holdings
from training.city.panel import Panel
from training.city.parameters import DEMAND_MONTH_0, FIRST_DEMAND_DAY, LAST_DAY, MONTHS, World, stream

PURPOSES = ("working_capital", "equipment", "construction", "loan_repayment", "startup", "export", "research")
KINDS = ("loan", "guarantee", "lease", "insurance")
_ASKED = (
    (("loan",), 0.62),
    (("loan", "lease"), 0.15),
    (("loan", "guarantee"), 0.09),
    (("lease",), 0.05),
    (("guarantee",), 0.05),
    (("insurance",), 0.04),
)
COLLATERAL = (
    "real_estate",
    "machinery",
    "inventory",
    "receivable",
    "warehouse_receipt",
    "invention_patent",
    "trademark",
    "export_order",
    "deposit",
    "equity",
)
REPAYMENTS = ("any", "bullet", "instalment", "revolving")


@dataclass(frozen=True, kw_only=True)
class Demands:
    """All demands in order of publication, one row each.

    ``offered`` is (demands, collateral kinds); ``appraised_cny`` is 0 where nothing is offered and NaN where an item
    has no appraisal. ``thrift`` and ``haste`` are hidden: how much a rate and a day's delay weigh with this enterprise.
    """

    demand_id: npt.NDArray[np.object_]
    enterprise: Ints
    amount_cny: Floats
    term_months: Ints
    purpose: Ints
    asked: Bools
    max_annual_rate: Floats
    offered: Bools
    appraised_cny: Floats
    repayment: Ints
    needed_in_days: Floats
    published_on: npt.NDArray[np.datetime64]
    month: Ints
    thrift: Floats
    haste: Floats

    def __len__(self) -> int:
        return len(self.demand_id)


def publish_demands(
    world: World, enterprises: Enterprises, panel: Panel, holdings: Holdings, count: int, seed: int
) -> Demands:
    """Draw ``count`` demands over the last twelve months; a third of the enterprises ask for nothing."""
    rng = stream(seed, 12)
    n = len(enterprises)
    span = (LAST_DAY - FIRST_DEMAND_DAY).days + 1
    day = np.sort(rng.integers(0, span, count))
    weight = rng.gamma(1.2, 1.0, n) * (rng.random(n) < 0.68) * np.array([0.8, 1.3, 1.6])[enterprises.size]
    who = rng.choice(n, count, p=weight / weight.sum())
    published = np.datetime64(FIRST_DEMAND_DAY) + day.astype("timedelta64[D]")
    month = np.searchsorted(MONTHS.to_numpy().astype("datetime64[D]"), published, side="right") - 1
    turnover = np.maximum(panel.sales[:, DEMAND_MONTH_0 - 12 : DEMAND_MONTH_0].sum(axis=1)[who], 50_000)
    amount = np.exp(0.55 * np.log(0.25 * turnover) + 0.45 * np.log(1_200_000) + rng.normal(0, 0.62, count))
    purpose = _purposes(rng, enterprises, panel, who, month)
    asked = _asked(rng, purpose)
    offered, appraised = _security(rng, enterprises, holdings, who, amount, purpose)
    long = np.isin(purpose, [1, 2])
    term = np.where(
        long,
        rng.choice([24, 36, 48], count, p=[0.5, 0.4, 0.1]),
        rng.choice([3, 6, 12, 24, 36], count, p=[0.1, 0.2, 0.5, 0.12, 0.08]),
    )
    stated = rng.random(count) < 0.45
    return Demands(
        demand_id=np.array([f"D-{i + 1:06d}" for i in range(count)], dtype=object),
        enterprise=who,
        amount_cny=np.maximum(50_000.0, np.round(amount, -4)),
        term_months=term.astype(np.int64),
        purpose=purpose,
        asked=asked,
        max_annual_rate=np.where(stated, np.round(rng.uniform(0.042, 0.09, count), 3), np.nan),
        offered=offered,
        appraised_cny=appraised,
        repayment=rng.choice(4, count, p=[0.72, 0.1, 0.1, 0.08]),
        needed_in_days=np.where(rng.random(count) < 0.4, rng.integers(6, 75, count), np.nan),
        published_on=published,
        month=month.astype(np.int64),
        thrift=np.exp(rng.normal(0.1 * enterprises.size[who], 0.25, count)),
        haste=np.exp(rng.normal(0.0, 0.25, count)),
    )


def _purposes(rng: np.random.Generator, e: Enterprises, panel: Panel, who: Ints, month: Ints) -> Ints:
    k = len(who)
    weight = np.tile(np.array([0.56, 0.12, 0.05, 0.02, 0.01, 0.01, 0.01]), (k, 1))
    borrowed = panel.outstanding[who, month - 1] > 0
    young = (np.datetime64(FIRST_DEMAND_DAY) - e.registered_on[who]).astype(int) < 3 * 365
    weight[:, 1] *= np.where(e.section[who] == "C", 1.8, 1.0)
    weight[:, 2] *= np.where(e.section[who] == "E", 2.0, 0.7)
    weight[:, 3] += np.where(borrowed, 0.22, 0.0)
    weight[:, 4] += np.where(young, 0.18, 0.0)
    weight[:, 5] += np.where(e.exporter[who], 0.3, 0.0)
    weight[:, 6] += np.where(e.tech[who], 0.2, 0.0)
    edges = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    return np.asarray(np.minimum((rng.random(k)[:, None] > edges).sum(axis=1), 6), dtype=np.int64)


def _asked(rng: np.random.Generator, purpose: Ints) -> Bools:
    choice = rng.choice(len(_ASKED), len(purpose), p=[share for _, share in _ASKED])
    table = np.array([[k in kinds for k in KINDS] for kinds, _ in _ASKED])
    asked = table[choice]
    lease_fits = np.isin(purpose, [0, 1, 2])
    asked[:, 2] &= lease_fits
    asked[~asked.any(axis=1), 0] = True
    return asked


def _security(
    rng: np.random.Generator, e: Enterprises, h: Holdings, who: Ints, amount: Floats, purpose: Ints
) -> tuple[Bools, Floats]:
    k = len(who)
    maker = np.isin(e.section[who], ["C", "E", "A", "G"])
    trader = np.isin(e.section[who], ["F", "C"])
    free = np.maximum(h.property_value - h.mortgaged, 0.0)[who]
    chance = np.zeros((k, len(COLLATERAL)))
    chance[:, 0] = np.where(free > 0, 0.72, 0.05)
    chance[:, 1] = np.where(maker, 0.28, 0.03) + 0.15 * (purpose == 1)
    chance[:, 2] = np.where(trader, 0.16, 0.02)
    chance[:, 3] = np.where(trader | maker, 0.24, 0.08)
    chance[:, 4] = np.where(trader, 0.06, 0.01)
    chance[:, 5] = np.where(h.rights["invention_patent"][who] > 0, 0.5, 0.0)
    chance[:, 6] = np.where(h.rights["trademark"][who] > 0, 0.15, 0.0)
    chance[:, 7] = np.where(e.exporter[who], 0.45, 0.0)
    chance[:, 8] = 0.03
    chance[:, 9] = 0.04
    offered = rng.random((k, len(COLLATERAL))) < chance
    typical = np.array([2.0, 1.0, 1.4, 1.3, 1.3, 0.8, 0.4, 1.4, 0.3, 1.0])
    value = amount[:, None] * typical * rng.lognormal(0, 0.5, offered.shape)
    value[:, 0] = np.where(free > 0, np.minimum(np.maximum(free, 0.5 * amount), 8 * amount), value[:, 0])
    appraised = np.where(rng.random(offered.shape) < 0.16, np.nan, np.round(np.maximum(value, 10_000), -4))
    return offered, np.where(offered, appraised, 0.0)


def demand_columns(demands: Demands, enterprises: Enterprises, rows: Ints) -> dict[str, npt.NDArray[np.generic]]:
    """Some demands as the columns ``matcher.eligibility.judge_many`` reads."""
    needed = demands.needed_in_days[rows]
    by = demands.published_on[rows] + np.nan_to_num(needed).astype("timedelta64[D]")
    columns: dict[str, npt.NDArray[np.generic]] = {
        "uscc": enterprises.uscc[demands.enterprise[rows]],
        "purpose": np.array(PURPOSES, dtype=object)[demands.purpose[rows]],
        "repayment": np.array(REPAYMENTS, dtype=object)[demands.repayment[rows]],
        "amount_cny": demands.amount_cny[rows],
        "term_months": demands.term_months[rows].astype(float),
        "max_annual_rate": demands.max_annual_rate[rows],
        "needed_by": np.where(np.isnan(needed), np.datetime64("NaT"), by),
    }
    for k, kind in enumerate(KINDS):
        columns[f"asks_{kind}"] = demands.asked[rows, k].astype(float)
    for k, kind in enumerate(COLLATERAL):
        columns[f"offers_{kind}"] = demands.offered[rows, k].astype(float)
        columns[f"appraised_{kind}_cny"] = demands.appraised_cny[rows, k]
    return columns


def demand_table(demands: Demands, enterprises: Enterprises) -> pa.Table:
    """Demands as published: what an enterprise states, and nothing of what it keeps to itself."""
    kinds = [[KINDS[k] for k in np.nonzero(row)[0]] for row in demands.asked]
    items = [
        [
            {"kind": COLLATERAL[k], "appraised_value_cny": None if np.isnan(row[k]) else float(row[k])}
            for k in np.nonzero(has)[0]
        ]
        for has, row in zip(demands.offered, demands.appraised_cny, strict=True)
    ]
    collateral = pa.list_(pa.struct([("kind", pa.string()), ("appraised_value_cny", pa.float64())]))
    needed = [
        None if np.isnan(d) else p + timedelta(days=int(d))
        for p, d in zip(pd.DatetimeIndex(demands.published_on).date, demands.needed_in_days, strict=True)
    ]
    return pa.table(
        {
            "demand_id": pa.array(demands.demand_id, pa.string()),
            "uscc": pa.array(enterprises.uscc[demands.enterprise], pa.string()),
            "amount_cny": pa.array(demands.amount_cny),
            "term_months": pa.array(demands.term_months),
            "purpose": pa.array(np.array(PURPOSES, dtype=object)[demands.purpose], pa.string()),
            "kinds": pa.array(kinds, pa.list_(pa.string())),
            "max_annual_rate": pa.array(demands.max_annual_rate, from_pandas=True),
            "collateral": pa.array(items, collateral),
            "repayment": pa.array(np.array(REPAYMENTS, dtype=object)[demands.repayment], pa.string()),
            "needed_by": pa.array(needed, pa.date32()),
            "published_on": pa.array(demands.published_on.astype("datetime64[D]"), pa.date32()),
        }
    )
