"""The log: month by month lists are drawn and read, day by day files queue, are decided, paid out and paid back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from training.city.application import apply_logits, settle_intercept
from training.city.approval import Judgement, Lending, judge_files, meet_targets, set_habits
from training.city.catalogue import Marketplace
from training.city.demands import Demands
from training.city.enterprises import DIVISIONS, Enterprises, Floats, Ints
from training.city.holdings import Holdings
from training.city.institutions import KINDS, Institutions
from training.city.listing import Lists, draw_lists
from training.city.outcomes import Loan, Loans
from training.city.panel import Panel
from training.city.parameters import (
    DEMAND_MONTH_0,
    HOLD_OUT_FIRST_DAY,
    LAST_DAY,
    MAX_APPLICATIONS,
    MONTHS,
    World,
    stream,
)
from training.city.queues import File, Queues
from training.city.state import state_of
from training.city.ties import Ties, is_main

Admit = Callable[[int, Ints], npt.NDArray[np.int8]]
"""Verdicts (demands, products) of the demands ``rows`` published in a month."""


@dataclass(kw_only=True)
class City:
    """Everything that acts in the log of one world."""

    world: World
    enterprises: Enterprises
    panel: Panel
    holdings: Holdings
    institutions: Institutions
    marketplace: Marketplace
    ties: Ties
    demands: Demands
    seed: int


@dataclass(kw_only=True)
class Log:
    """What happened, still as arrays and files."""

    lending: Lending
    capacity: npt.NDArray[np.int64]
    exposures: list[pa.Table] = field(default_factory=list)
    pairs: list[pa.Table] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    loans: Loans
    reviewed: dict[tuple[int, date], int] = field(default_factory=dict)


def live(city: City, admit: Admit, month_done: Callable[[], None]) -> Log:
    """Simulate the twelve months of demands; the panel's credit columns take up the loans."""
    rng = stream(city.seed, 20)
    lending = set_habits(city.world, city.institutions, city.seed)
    popularity = np.zeros((len(DIVISIONS), len(city.marketplace)))
    intercept = 0.0
    log: Log | None = None
    queues: Queues | None = None
    for month in range(DEMAND_MONTH_0, len(MONTHS)):
        rows = np.nonzero(city.demands.month == month)[0]
        verdict = admit(month, rows)
        admitted = verdict > 0
        state = state_of(city.enterprises, city.panel, city.holdings, month)
        logit = _apply(city, rows, intercept)
        if log is None or queues is None:
            intercept = settle_intercept(logit, admitted)
            logit += intercept
            lending = _settle(city, lending, rows, state, month, logit, admitted)
            capacity = _capacities(city, logit, admitted)
            log = Log(lending=lending, capacity=capacity, loans=Loans(panel=city.panel))
            queues = Queues(capacity=capacity, rng=stream(city.seed, 21))
        apply_chance = 1 / (1 + np.exp(-logit))
        judgement = _judge(city, lending, rows, state, month)
        lists = draw_lists(rng, _old_score(rng, city, rows, popularity), admitted)
        _read_lists(rng, city, log, rows, lists, apply_chance, logit, judgement, popularity)
        _work_month(city, log, queues, month)
        if MONTHS[month].date() >= HOLD_OUT_FIRST_DAY:
            log.pairs.append(_pairs(city, rows, verdict, apply_chance, judgement))
        month_done()
    assert log is not None and queues is not None
    log.reviewed = queues.reviewed
    return log


def _apply(city: City, rows: Ints, intercept: float) -> Floats:
    return apply_logits(
        city.world, city.enterprises, city.institutions, city.ties, city.marketplace, city.demands, rows, intercept
    )


def _judge(city: City, lending: Lending, rows: Ints, state: dict[str, Floats], month: int) -> Judgement:
    return judge_files(
        city.world, lending, city.enterprises, city.ties, city.marketplace, city.demands, rows, state, month
    )


def _settle(
    city: City,
    lending: Lending,
    rows: Ints,
    state: dict[str, Floats],
    month: int,
    logit: Floats,
    admitted: npt.NDArray[np.bool_],
) -> Lending:
    weight = admitted / (1 + np.exp(-logit))
    shift = city.world.shift
    return meet_targets(lending, city.marketplace, _judge(city, lending, rows, state, month).logit - shift, weight)


def _capacities(city: City, logit: Floats, admitted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Reviews a month: each group of institutions shares what is expected of it by its officers."""
    v = np.array(city.world.examination)
    chance = np.where(admitted, 1 / (1 + np.exp(-logit)), 0.0)
    reach = v.sum() / np.maximum(admitted.sum(axis=1), len(v))
    months = len(MONTHS) - DEMAND_MONTH_0
    scale = len(city.demands) / months / max(len(logit), 1)
    by_product = (chance * reach[:, None]).sum(axis=0) * scale
    load = np.bincount(city.marketplace.institution, by_product, minlength=len(city.institutions))
    group = np.maximum(city.institutions.kind - KINDS.index("rural_bank"), 0)
    capacity = np.zeros(len(load))
    for g in np.unique(group):
        mine = group == g
        blend = 0.5 * load[mine] / load[mine].sum() if load[mine].sum() > 0 else 0.0
        officers = city.institutions.officers[mine]
        capacity[mine] = load[mine].sum() * (blend + 0.5 * officers / officers.sum())
    return np.maximum(2, np.round(city.world.capacity_ratio * capacity)).astype(np.int64)


def _old_score(rng: np.random.Generator, city: City, rows: Ints, popularity: Floats) -> Floats:
    who = city.demands.enterprise[rows]
    counts = popularity[city.enterprises.division[who]]
    known = np.log((counts + 0.5) / (counts.mean(axis=1, keepdims=True) + 0.5))
    tie = city.ties.relationship[who][:, city.marketplace.institution]
    taste = rng.normal(0, 1.0, known.shape)
    return np.asarray(city.world.popularity * 0.7 * known + city.world.relationship_exposure * tie + taste)


def _read_lists(
    rng: np.random.Generator,
    city: City,
    log: Log,
    rows: Ints,
    lists: Lists,
    apply_chance: Floats,
    logit: Floats,
    judgement: Judgement,
    popularity: Floats,
) -> None:
    """Examine, click and apply; files enter ``log.files``, clicks the popularity of the place."""
    here = lists.product >= 0
    product = np.maximum(lists.product, 0)
    line = np.arange(len(rows))[:, None]
    seen = here & (rng.random(here.shape) < np.array(city.world.examination)[None, : here.shape[1]])
    p = apply_chance[line, product]
    p_click = 1 / (1 + np.exp(-(logit[line, product] + 1.3)))
    clicked = seen & (rng.random(here.shape) < p_click)
    applied = clicked & (rng.random(here.shape) < p / p_click)
    applied &= np.cumsum(applied, axis=1) <= MAX_APPLICATIONS
    delay = np.minimum(rng.geometric(0.45, here.shape) - 1, 10)
    published = city.demands.published_on[rows].astype("datetime64[D]")
    shown = np.broadcast_to(published[:, None], here.shape)
    on = shown + delay.astype("timedelta64[D]")
    applied &= on <= np.datetime64(LAST_DAY)
    d, k = np.nonzero(here)
    ids = np.array([p["product_id"] for p in city.marketplace.products], dtype=object)
    applied_on = np.where(applied[d, k], on[d, k], np.datetime64("NaT"))
    log.exposures.append(
        pa.table(
            {
                "demand_id": pa.array(city.demands.demand_id[rows[d]], pa.string()),
                "product_id": pa.array(ids[product[d, k]], pa.string()),
                "position": pa.array((k + 1).astype(np.int64)),
                "propensity": pa.array(lists.propensity[d, k]),
                "explored": pa.array(lists.explored[d, k]),
                "shown_on": pa.array(shown[d, k].astype("datetime64[D]"), pa.date32()),
                "clicked": pa.array(clicked[d, k]),
                "applied": pa.array(applied[d, k]),
                "applied_on": pa.array(applied_on.astype("datetime64[D]"), pa.date32(), from_pandas=True),
            }
        )
    )
    division = city.enterprises.division[city.demands.enterprise[rows]]
    np.add.at(popularity, (np.broadcast_to(division[:, None], here.shape)[clicked], product[clicked]), 1.0)
    _send_files(rng, city, log, rows, np.argwhere(applied), product, on, judgement)


def _send_files(
    rng: np.random.Generator,
    city: City,
    log: Log,
    rows: Ints,
    hits: Ints,
    product: Ints,
    on: npt.NDArray[np.datetime64],
    judgement: Judgement,
) -> None:
    approve = rng.random(len(hits)) < judgement.chance[hits[:, 0], product[hits[:, 0], hits[:, 1]]]
    keys = _priority(rng, city, rows, hits, product, judgement)
    for i, (d, k) in enumerate(hits):
        j = int(product[d, k])
        bank = int(city.marketplace.institution[j])
        day = pd.Timestamp(on[d, k]).date()
        days = int(city.marketplace.days[j])
        log.files.append(
            File(
                application=len(log.files),
                demand=int(rows[d]),
                product=j,
                bank=bank,
                applied_on=day,
                ready_on=day + timedelta(days=days // 2),
                key=day.toordinal() - float(keys[i]),
                approve=bool(approve[i]),
                reason="" if approve[i] else judgement.reason(log.lending, int(d), j, bank),
                days=days,
            )
        )


def _priority(
    rng: np.random.Generator, city: City, rows: Ints, hits: Ints, product: Ints, judgement: Judgement
) -> Floats:
    """Days by which a file passes others; what counts differs between institutions."""
    d, j = hits[:, 0], product[hits[:, 0], hits[:, 1]]
    bank = city.marketplace.institution[j]
    good = judgement.points[d].sum(axis=1)
    small = -np.log(city.demands.amount_cny[rows[d]] / 1e6)
    customer = is_main(city.ties, city.demands.enterprise[rows[d]], len(city.institutions))[np.arange(len(d)), bank]
    online = city.marketplace.listed("online", "tags")[j] & (rng.random(len(d)) < city.world.online_first)
    way = stream(city.seed, 15).integers(0, 3, len(city.institutions))[bank]
    mixed = np.choose(way, [0 * good, 3.0 * good, 4.0 * small])
    by_world = {"mixed": mixed, "quality": 5.0 * good, "customers": 15.0 * customer, "fifo": 0 * good}
    return np.asarray(by_world[city.world.queue] + 8.0 * online)


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


def _pairs(
    city: City, rows: Ints, verdict: npt.NDArray[np.int8], apply_chance: Floats, judgement: Judgement
) -> pa.Table:
    d, j = np.nonzero(verdict > 0)
    ids = np.array([p["product_id"] for p in city.marketplace.products], dtype=object)
    return pa.table(
        {
            "demand_id": pa.array(city.demands.demand_id[rows[d]], pa.string()),
            "product_id": pa.array(ids[j], pa.string()),
            "p_apply": pa.array(apply_chance[d, j]),
            "p_approve": pa.array(judgement.chance[d, j]),
            "verdict": pa.array(verdict[d, j]),
        }
    )
