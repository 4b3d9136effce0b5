"""One plan of the whole market: open demands and reviews → prices of a review, and leads for every institution."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from features.dealings import Dealings
from matcher.calibration import Floats
from matcher.catalog import Catalog
from matcher.domain import Demand
from matcher.eligibility import UNKNOWN
from matcher.exposure import MAX_APPLICATIONS
from matcher.market import Examination, Plan, PriceTable, ReviewCapacity, ReviewQueue, plan_blocks
from matcher.market.candidates import Blocks
from matcher.market.floor import exposure_floor
from matcher.market.inbound import Inbound, inbound
from matcher.market.leads import lead_rows
from matcher.market.prices import extended
from matcher.matching import Matcher
from matcher.ranker import Scores
from matcher.standing import Row
from matcher.store.lead_lists import LeadRow

TOP_N = 10
NEW_DAYS = 90
"""Days after its first day for which a product counts as new."""

_SCORED_AT_ONCE = 256
_DENSE_PAIRS = 2_000_000
_MOST_LOST = 0.02
Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One file an institution has and has not decided."""

    demand_id: str
    product_id: str
    institution_id: str


@dataclass(frozen=True, kw_only=True)
class MarketPlan:
    """What one plan decides.

    Parameters
    ----------
    lists
        Leads by institution, best first; one row an enterprise, who applied among those to be called.
    pairs
        Pairs of demand and product scored.
    """

    prices: PriceTable
    lists: Mapping[str, tuple[LeadRow, ...]] = field(repr=False)
    pairs: int

    @property
    def lists_version(self) -> str:
        """Version of the lists: that of the prices and a digest of the leads."""
        digest = hashlib.sha256(repr(sorted(self.lists.items())).encode()).hexdigest()[:12]
        return f"{self.prices.version}-{digest}"


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Demands with what is known of the enterprises behind them, row by row."""

    profiles: Sequence[Row]
    demands: Sequence[Demand]
    dealings: Dealings | None

    def some(self, rows: NDArray[np.intp]) -> "_Asked":
        """Those in these rows, each once."""
        return _Asked(
            profiles=[self.profiles[row] for row in rows.tolist()],
            demands=[self.demands[row] for row in rows.tolist()],
            dealings=None if self.dealings is None else self.dealings.behind(rows),
        )

    def scores(
        self, matcher: Matcher, as_of: date, demand_row: NDArray[np.intp], product_row: NDArray[np.intp]
    ) -> Scores:
        """Chances of pairs, as the list of each demand has them."""
        return matcher.score_many(self.profiles, self.demands, as_of, demand_row, product_row, self.dealings)


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Admitted pairs, row by row: those of demand i lie from ``start[i]`` to ``start[i + 1]``, by product."""

    products: int
    start: NDArray[np.int64]
    product: NDArray[np.int32]
    apply: NDArray[np.float32]
    approve: NDArray[np.float32]

    def blocks(self) -> Blocks:
        """The market as dense blocks of rows, 0 where not admitted."""
        step = max(1, _DENSE_PAIRS // max(1, self.products))
        demands = len(self.start) - 1

        def blocks() -> Iterable[tuple[Floats, Floats]]:
            for first in range(0, demands, step):
                end = min(first + step, demands)
                part = slice(self.start[first], self.start[end])
                row = np.repeat(np.arange(end - first), np.diff(self.start[first : end + 1]))
                p, q = np.zeros((2, end - first, self.products))
                p[row, self.product[part]] = self.apply[part]
                q[row, self.product[part]] = self.approve[part]
                yield p, q

        return blocks

    def chances(self, demand: int, product: int) -> tuple[float, float]:
        """Both chances of an admitted pair."""
        first, end = int(self.start[demand]), int(self.start[demand + 1])
        place = first + int(np.searchsorted(self.product[first:end], product))
        return float(self.apply[place]), float(self.approve[place])


def plan_market(
    matcher: Matcher,
    profiles: Sequence[Row],
    demands: Sequence[Demand],
    capacity: Mapping[str, ReviewCapacity],
    *,
    as_of: date,
    sent: Iterable[Sent] = (),
    decided: frozenset[tuple[str, str]] = frozenset(),
    examination: Examination | None = None,
    max_applications: int = MAX_APPLICATIONS,
    dealings: Dealings | None = None,
    advance: Advance = lambda _demands: None,
) -> MarketPlan:
    """Prices and leads for the demands that stand open.

    Parameters
    ----------
    profiles
        One per demand, as the platform may read it.
    capacity
        By institution; one not named is never taken to be full.
    sent
        Files institutions have and have not decided.
    decided
        (demand, institution) pairs that were answered: no lead is made of them.
    examination
        The ranker's curve where none is given.
    dealings
        Earlier dealings behind the demands as known on the day, row by row as ``demands``; ``None`` is unknown.
    advance
        Told the number of demands scored after each block.
    """
    seen = examination or curve_of(matcher)
    asked = _Asked(profiles=profiles, demands=demands, dealings=dealings)
    pairs = _scored(matcher, asked, as_of, advance)
    made = _Planned.of(matcher.catalog, pairs, demands, capacity, seen, max_applications, as_of)
    table = PriceTable(
        as_of=as_of,
        prices={name: round(price, 9) for name, price in made.prices().items() if price > 0.0},
        examination=seen,
        max_applications=max_applications,
        queues=made.queues(capacity),
        planner=made.method,
        expected_funded={name: round(value, 3) for name, value in made.plan.expected_funded.items()},
        floored=made.floored,
        demands=len(demands),
        model=matcher.ranker.version,
        catalog=matcher.catalog.version,
    )
    files = _files(matcher, asked, as_of, sent, table)
    return MarketPlan(prices=table, lists=_lead_lists(made, demands, files, decided), pairs=len(pairs.product))


def curve_of(matcher: Matcher) -> Examination:
    """The examination curve of the ranker in service, with its interval where the bundle states one."""
    manifest = matcher.ranker.manifest
    interval = manifest.get("examination_interval") or {}
    return Examination(
        chance=tuple(float(value) for value in manifest["examination"]),
        low=tuple(float(value) for value in interval.get("low", ())),
        high=tuple(float(value) for value in interval.get("high", ())),
        source=matcher.ranker.version,
    )


def _scored(matcher: Matcher, every: _Asked, as_of: date, advance: Advance) -> _Pairs:
    counts, products, p, q = [np.zeros(1, dtype=np.int64)], [], [], []
    for first in range(0, len(every.demands), _SCORED_AT_ONCE):
        asked = every.some(np.arange(first, min(first + _SCORED_AT_ONCE, len(every.demands))))
        admitted = matcher.judge_many(asked.profiles, asked.demands, as_of) >= UNKNOWN
        demand_row, product_row = np.nonzero(admitted)
        scores = asked.scores(matcher, as_of, demand_row, product_row)
        counts.append(admitted.sum(axis=1, dtype=np.int64))
        products.append(product_row.astype(np.int32))
        p.append(scores.p_apply.astype(np.float32))
        q.append(scores.p_approve.astype(np.float32))
        advance(len(asked.demands))
    empty = np.zeros(0, dtype=np.float32)
    return _Pairs(
        products=len(matcher.catalog),
        start=np.cumsum(np.concatenate(counts)),
        product=np.concatenate([empty.astype(np.int32), *products]),
        apply=np.concatenate([empty, *p]),
        approve=np.concatenate([empty, *q]),
    )


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """A plan with the pairs and the catalogue it was made for."""

    catalog: Catalog
    pairs: _Pairs
    plan: Plan
    room: Floats
    method: str
    floored: bool

    @classmethod
    def of(
        cls,
        catalog: Catalog,
        pairs: _Pairs,
        demands: Sequence[Demand],
        capacity: Mapping[str, ReviewCapacity],
        seen: Examination,
        max_applications: int,
        as_of: date,
    ) -> "_Planned":
        """Plan once; where that leaves small institutions or new products short of views, again with a floor."""
        place = {name: row for row, name in enumerate(catalog.institutions)}
        owner = np.array([place[product.institution_id] for product in catalog.products], dtype=np.int64)
        room = np.array([capacity[name].left if name in capacity else np.inf for name in place], dtype=np.float64)
        curve = extended(np.asarray(seen.chance), TOP_N)[:TOP_N]

        def planned(floor: Floats | None) -> Plan:
            return plan_blocks(
                pairs.blocks(),
                owner,
                room,
                shape=(len(demands), len(catalog)),
                examination=curve,
                max_applications=max_applications,
                top_n=TOP_N,
                exposure_floor=floor,
            )

        free = planned(None)
        floor = _floor(catalog, owner, room, _views(free, curve, len(catalog)), as_of)
        chosen, floored = free, False
        if floor is not None:
            held = planned(floor)
            if held.expected_funded["prices"] >= (1.0 - _MOST_LOST) * free.expected_funded["prices"]:
                chosen, floored = replace(held, expected_funded=free.expected_funded), True
        return cls(catalog=catalog, pairs=pairs, plan=chosen, room=room, method=free.method, floored=floored)

    def prices(self) -> dict[str, float]:
        """Price of a review by institution."""
        return dict(zip(self.catalog.institutions, self.plan.prices.tolist(), strict=True))

    def queues(self, capacity: Mapping[str, ReviewCapacity]) -> dict[str, ReviewQueue]:
        """Capacity and expected load of every institution whose capacity is known."""
        loads = zip(self.catalog.institutions, self.plan.load.tolist(), strict=True)
        return {
            name: ReviewQueue(capacity=capacity[name], load=round(load, 3)) for name, load in loads if name in capacity
        }


def _views(plan: Plan, curve: Floats, products: int) -> Floats:
    shown = plan.lists >= 0
    seen = np.broadcast_to(curve, plan.lists.shape)[shown]
    return np.bincount(plan.lists[shown], weights=seen, minlength=products).astype(np.float64)


def _floor(catalog: Catalog, owner: NDArray[np.int64], room: Floats, views: Floats, as_of: date) -> Floats | None:
    small = np.array([one.is_small for one in catalog.institutions.values()], dtype=bool)[owner]
    first = as_of - timedelta(days=NEW_DAYS)
    new = np.array([first < product.valid_from <= as_of for product in catalog.products], dtype=bool)
    return exposure_floor(views, owner, room, small=small, new=new)


@dataclass(frozen=True, kw_only=True)
class _Files:
    """Files sent, scored and valued, with the place of each one's demand."""

    sent: tuple[Sent, ...]
    demand: NDArray[np.intp]
    apply: Floats
    approve: Floats
    worth: Inbound


def _files(matcher: Matcher, every: _Asked, as_of: date, sent: Iterable[Sent], table: PriceTable) -> _Files:
    place = {demand.demand_id: row for row, demand in enumerate(every.demands)}
    known = tuple(one for one in sent if one.demand_id in place and one.product_id in matcher.catalog.row_of)
    demand = np.array([place[one.demand_id] for one in known], dtype=np.intp)
    product = np.array([matcher.catalog.row_of[one.product_id] for one in known], dtype=np.intp)
    asked, row = np.unique(demand, return_inverse=True)
    if len(asked):
        scores = every.some(asked).scores(matcher, as_of, row, product)
        p, q = scores.p_apply, scores.p_approve
    else:
        p = q = np.zeros(0)
    price = np.array([table.prices.get(one.institution_id, 0.0) for one in known], dtype=np.float64)
    worth = inbound(len(every.demands), demand, q, price)
    return _Files(sent=known, demand=demand, apply=p, approve=q, worth=worth)


def _lead_lists(
    made: _Planned, demands: Sequence[Demand], files: _Files, decided: frozenset[tuple[str, str]]
) -> dict[str, tuple[LeadRow, ...]]:
    names = list(made.catalog.institutions)
    found: dict[str, list[tuple[int, LeadRow]]] = {name: [] for name in names}
    for place, one in enumerate(files.sent):
        if (one.demand_id, one.institution_id) not in decided:
            row = LeadRow(
                demand_id=one.demand_id,
                product_id=one.product_id,
                value=float(files.worth.value[place]),
                p_apply=float(files.apply[place]),
                p_approve=float(files.approve[place]),
                origin="inbound",
            )
            found[one.institution_id].append((int(files.demand[place]), row))
    for lead in lead_rows(_to_be_called(made.plan, demands, files, decided, names).candidates, _calls(made.room)):
        p, q = made.pairs.chances(lead.demand, lead.product)
        row = LeadRow(
            demand_id=str(demands[lead.demand].demand_id),
            product_id=made.catalog.products[lead.product].product_id,
            value=lead.value,
            p_apply=p,
            p_approve=q,
            origin="outreach",
        )
        found[names[lead.institution]].append((lead.demand, row))
    return {name: _one_an_enterprise(rows, demands) for name, rows in found.items()}


def _calls(room: Floats) -> Floats:
    """Calls an institution can make: as many as reviews; where these are not known, as many as others make."""
    known = room[np.isfinite(room)]
    return np.where(np.isfinite(room), room, float(np.median(known)) if known.size else 0.0)


def _to_be_called(
    plan: Plan, demands: Sequence[Demand], files: _Files, decided: frozenset[tuple[str, str]], names: Sequence[str]
) -> Plan:
    """The plan's pairs for calls: those who applied need another bank less, and an institution calls none it knows."""
    candidates = plan.candidates
    apply = candidates.apply * files.worth.need[candidates.demand_order][:, None].astype(candidates.apply.dtype)
    place = {str(demand.demand_id): row for row, demand in enumerate(demands)}
    known = decided | {(one.demand_id, one.institution_id) for one in files.sent}
    pairs = [(place[demand], institution) for demand, institution in known if demand in place]
    if pairs and candidates.width:
        row_of = np.empty(candidates.demands, dtype=np.int64)
        row_of[candidates.demand_order] = np.arange(candidates.demands)
        rank = {names[int(each)]: row for row, each in enumerate(candidates.institution_order)}
        for demand, institution in pairs:
            row = row_of[demand]
            apply[row, candidates.institution[row] == rank.get(institution, -1)] = 0.0
    return replace(plan, candidates=replace(candidates, apply=apply))


def _one_an_enterprise(rows: Sequence[tuple[int, LeadRow]], demands: Sequence[Demand]) -> tuple[LeadRow, ...]:
    """Best lead of each enterprise, who applied before who is to be called, best first."""
    best: dict[str, LeadRow] = {}
    for demand, row in sorted(rows, key=lambda each: (each[1].origin != "inbound", -each[1].value, each[0])):
        best.setdefault(demands[demand].uscc, row)
    return tuple(sorted(best.values(), key=lambda row: (-row.value, row.demand_id)))
