"""The log: month by month lists are drawn and read, day by day files queue, are decided, paid out and paid back."""

from collections.abc import Callable
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from training.city.actors import City, Log
from training.city.application import apply_logits, settle_intercept
from training.city.approval import Judgement, Lending, judge_files, meet_targets, set_habits
from training.city.enterprises import DIVISIONS, Floats, Ints
from training.city.institutions import KINDS
from training.city.listing import draw_lists
from training.city.outcomes import Loan, Loans
from training.city.parameters import DEMAND_MONTH_0, HOLD_OUT_FIRST_DAY, MONTHS, stream
from training.city.queues import File, Queues
from training.city.reading import read_lists
from training.city.state import state_of

Admit = Callable[[int, Ints], npt.NDArray[np.int8]]
"""Verdicts (demands, products) of the demands ``rows`` published in a month."""


def live(city: City, admit: Admit, month_done: Callable[[], None]) -> Log:
    """Simulate the twelve months of demands; the panel's credit columns take up the loans."""
    rng = stream(city.seed, 20)
    popularity = np.zeros((len(DIVISIONS), len(city.marketplace)))
    opening = np.nonzero(city.demands.month == DEMAND_MONTH_0)[0]
    verdict = admit(DEMAND_MONTH_0, opening)
    log, queues, intercept = _open(city, opening, verdict > 0)
    for month in range(DEMAND_MONTH_0, len(MONTHS)):
        rows = np.nonzero(city.demands.month == month)[0]
        verdict = verdict if month == DEMAND_MONTH_0 else admit(month, rows)
        judgement = _judge(city, log.lending, rows, month)
        logit = _apply(city, rows, intercept)
        lists = draw_lists(rng, _old_score(rng, city, rows, popularity), verdict > 0)
        read_lists(rng, city, log, rows, lists, logit, judgement, popularity)
        _work_month(city, log, queues, month)
        if MONTHS[month].date() >= HOLD_OUT_FIRST_DAY:
            log.pairs.append(_pairs(city, rows, verdict, logit, judgement))
        month_done()
    log.reviewed = queues.reviewed
    return log


def _open(city: City, rows: Ints, admitted: npt.NDArray[np.bool_]) -> tuple[Log, Queues, float]:
    """Set intercepts and capacities from what the demands of the first month would do."""
    logit = _apply(city, rows, 0.0)
    intercept = settle_intercept(logit, admitted)
    weight = np.where(admitted, _sigmoid(logit + intercept), 0.0)
    lending = set_habits(city.world, city.institutions, city.seed)
    plain = _judge(city, lending, rows, DEMAND_MONTH_0).logit - city.world.shift
    lending = meet_targets(lending, city.marketplace, plain, weight)
    capacity = _capacities(city, weight, admitted)
    log = Log(lending=lending, capacity=capacity, loans=Loans(panel=city.panel))
    return log, Queues(capacity=capacity, rng=stream(city.seed, 21)), intercept


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _apply(city: City, rows: Ints, intercept: float) -> Floats:
    return apply_logits(
        city.world, city.enterprises, city.institutions, city.ties, city.marketplace, city.demands, rows, intercept
    )


def _judge(city: City, lending: Lending, rows: Ints, month: int) -> Judgement:
    state = state_of(city.enterprises, city.panel, city.holdings, month)
    return judge_files(
        city.world, lending, city.enterprises, city.ties, city.marketplace, city.demands, rows, state, month
    )


def _capacities(city: City, chance: Floats, admitted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Reviews a month: each group of institutions shares what is expected of it by its officers."""
    v = np.array(city.world.examination)
    reach = v.sum() / np.maximum(admitted.sum(axis=1), len(v))
    months = len(MONTHS) - DEMAND_MONTH_0
    scale = len(city.demands) / months / max(len(chance), 1)
    by_product = (chance * reach[:, None]).sum(axis=0) * scale
    load = np.bincount(city.marketplace.institution, by_product, minlength=len(city.institutions))
    group = np.maximum(city.institutions.kind - KINDS.index("rural_bank"), 0)
    capacity = np.zeros(len(load))
    for g in np.unique(group):
        mine = group == g
        blend = 0.6 * load[mine] / load[mine].sum() if load[mine].sum() > 0 else 0.0
        officers = city.institutions.officers[mine]
        capacity[mine] = load[mine].sum() * (blend + 0.4 * officers / officers.sum())
    return np.maximum(2, np.round(city.world.capacity_ratio * capacity)).astype(np.int64)


def _old_score(rng: np.random.Generator, city: City, rows: Ints, popularity: Floats) -> Floats:
    who = city.demands.enterprise[rows]
    counts = popularity[city.enterprises.division[who]]
    known = np.log((counts + 0.5) / (counts.mean(axis=1, keepdims=True) + 0.5))
    tie = city.ties.relationship[who][:, city.marketplace.institution]
    taste = rng.normal(0, 1.0, known.shape)
    return np.asarray(city.world.popularity * 0.7 * known + city.world.relationship_exposure * tie + taste)


def _work_month(city: City, log: Log, queues: Queues, month: int) -> None:
    first = MONTHS[month].date()
    last = (MONTHS[month] + pd.offsets.MonthEnd(0)).date()
    days = [d.date() for d in pd.date_range(first, last)]
    workdays = sum(d.weekday() < 5 for d in days)
    arriving: dict[date, list[File]] = {}
    for file in log.files:
        if first <= file.applied_on <= last:
            arriving.setdefault(file.applied_on, []).append(file)
    for day in days:
        for file in arriving.get(day, ()):
            queues.enter(file)
        if day.weekday() < 5:
            for file in queues.work(day, workdays):
                log.loans.pay_out(_loan(city, file))


def _loan(city: City, file: File) -> Loan:
    rng = stream(city.seed, 22, file.application)
    return Loan.draw(rng, city.enterprises, city.demands, city.marketplace, file)


def _pairs(city: City, rows: Ints, verdict: npt.NDArray[np.int8], logit: Floats, judgement: Judgement) -> pa.Table:
    d, j = np.nonzero(verdict > 0)
    ids = np.array([p["product_id"] for p in city.marketplace.products], dtype=object)
    return pa.table(
        {
            "demand_id": pa.array(city.demands.demand_id[rows[d]], pa.string()),
            "product_id": pa.array(ids[j], pa.string()),
            "p_apply": pa.array(_sigmoid(logit[d, j])),
            "p_approve": pa.array(judgement.chance[d, j]),
            "verdict": pa.array(verdict[d, j]),
        }
    )
