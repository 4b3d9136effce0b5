"""The log: month by month lists are drawn and read, day by day files queue, are decided, paid out and paid back."""

from collections.abc import Callable
from dataclasses import dataclass
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
from training.city.luck import Luck
from training.city.outcomes import Loan, Loans
from training.city.parameters import DEMAND_MONTH_0, HOLD_OUT_FIRST_DAY, MONTHS
from training.city.queues import File, Queues
from training.city.reading import read_lists
from training.city.state import state_of

Admit = Callable[[int, Ints], npt.NDArray[np.int8]]
"""Verdicts (demands, products) of the demands ``rows`` published in a month."""


def live(city: City, admit: Admit, month_done: Callable[[], None]) -> Log:
    """Simulate the twelve months of demands; the panel's credit columns take up the loans."""
    life = Life(city, admit, Luck(city.seed))
    for month in range(DEMAND_MONTH_0, len(MONTHS)):
        arrivals = life.begin(month, admit)
        life.serve(arrivals, life.old_score(arrivals))
        if MONTHS[month].date() >= HOLD_OUT_FIRST_DAY:
            life.log.pairs.append(life.pairs(arrivals))
        month_done()
    life.log.reviewed = life.queues.reviewed
    return life.log


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """The demands of one month, and what is true of each with every product: (demands, products)."""

    month: int
    rows: Ints
    verdict: npt.NDArray[np.int8]
    logit: Floats
    judgement: Judgement


class Life:
    """A city lived through month by month, each month served by whatever lists it is given."""

    def __init__(self, city: City, admit: Admit, luck: Luck) -> None:
        self.city, self.luck = city, luck
        self.popularity = np.zeros((len(DIVISIONS), len(city.marketplace)))
        opening = np.nonzero(city.demands.month == DEMAND_MONTH_0)[0]
        self._first = admit(DEMAND_MONTH_0, opening)
        self.log, self._intercept = _open(city, opening, self._first > 0)
        self.queues = Queues(capacity=self.log.capacity, luck=luck)

    def begin(self, month: int, admit: Admit) -> Arrivals:
        """The demands that arrive in a month, with the verdicts of the published rules."""
        rows = np.nonzero(self.city.demands.month == month)[0]
        self.luck.turn(month, len(rows), len(self.city.marketplace))
        return Arrivals(
            month=month,
            rows=rows,
            verdict=self._first if month == DEMAND_MONTH_0 else admit(month, rows),
            judgement=_judge(self.city, self.log.lending, rows, month),
            logit=_apply(self.city, rows, self._intercept),
        )

    def old_score(self, arrivals: Arrivals) -> Floats:
        """What the old list orders by: popularity in place, the hidden relationship, a clerk's taste."""
        return _old_score(self.luck.listing, self.city, arrivals.rows, self.popularity)

    def serve(self, arrivals: Arrivals, score: Floats) -> None:
        """Show lists in order of a score, let them be read, and work the queues to the end of the month."""
        lists = draw_lists(self.luck.listing, score, arrivals.verdict > 0)
        known = arrivals.logit, arrivals.judgement, self.popularity
        read_lists(self.luck, self.city, self.log, arrivals.rows, lists, *known)
        _work_month(self.city, self.log, self.queues, arrivals.month)

    def pairs(self, arrivals: Arrivals) -> pa.Table:
        """The true chances of every admitted pair."""
        return _pairs(self.city, arrivals)


def _open(city: City, rows: Ints, admitted: npt.NDArray[np.bool_]) -> tuple[Log, float]:
    """Set intercepts and capacities from what the demands of the first month would do."""
    logit = _apply(city, rows, 0.0)
    intercept = settle_intercept(logit, admitted)
    weight = np.where(admitted, _sigmoid(logit + intercept), 0.0)
    lending = set_habits(city.world, city.institutions, city.seed)
    plain = _judge(city, lending, rows, DEMAND_MONTH_0).logit - city.world.shift
    lending = meet_targets(lending, city.marketplace, plain, weight)
    capacity = _capacities(city, weight, admitted)
    log = Log(lending=lending, capacity=capacity, loans=Loans(panel=city.panel))
    return log, intercept


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
                log.loans.pay_out(_loan(city, queues.luck, file))


def _loan(city: City, luck: Luck, file: File) -> Loan:
    rng = luck.loan(file.application, file.demand, file.product)
    return Loan.draw(rng, city.enterprises, city.demands, city.marketplace, file)


def _pairs(city: City, arrivals: Arrivals) -> pa.Table:
    d, j = np.nonzero(arrivals.verdict > 0)
    ids = np.array([p["product_id"] for p in city.marketplace.products], dtype=object)
    return pa.table(
        {
            "demand_id": pa.array(city.demands.demand_id[arrivals.rows[d]], pa.string()),
            "product_id": pa.array(ids[j], pa.string()),
            "p_apply": pa.array(_sigmoid(arrivals.logit[d, j])),
            "p_approve": pa.array(arrivals.judgement.chance[d, j]),
            "verdict": pa.array(arrivals.verdict[d, j]),
        }
    )
