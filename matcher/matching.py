"""What a good match is, in one call: profile → standing → verdicts → two probabilities → order → reasons.

A ``Matcher`` is an immutable snapshot of one catalogue, one ranker and one law: a request holds one from start to end,
and whoever changes the catalogue makes another. Equal inputs give equal answers, to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from time import perf_counter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from features.pairs import Columns, pair_rows, prepare_demands
from features.schema import PROFILE
from matcher.catalog import Catalog
from matcher.domain import Benefit, Check, Cost, Demand, NearMiss, Product, Reason, Text, Verdict
from matcher.eligibility import UNKNOWN, VERDICTS, ExtraCheck, Verdicts, demand_columns, judge
from matcher.explain import Account, accounts, versus_next
from matcher.policy import Rulebook
from matcher.policy.benefits import Borrower, borrower_of, offer_benefits
from matcher.policy.fee_caps import CODE, guarantee_cap_verdicts
from matcher.pricing import all_in_rates, price_offer, pricing_columns
from matcher.ranker import Ranker
from matcher.rating import Rating, RatingModel
from matcher.reach import Reach, best_of_each
from matcher.repair import near_misses
from matcher.standing import Row, missing_sources, size_of

Floats = NDArray[np.float64]
Standing = Mapping[str, float | str | None]
"""A profile with ``size_class`` and ``platform_rating`` beside its columns."""
NEAR_MISSES = 5
NO_PRICES = "none"
_DAY_WEIGHT = 0.0001
"""Without a profile: what a day of waiting counts against a yearly rate, one basis point."""


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What an answer was made with; each version stays addressable."""

    model: str
    policy: str
    catalog: str
    prices: str
    features: str
    rating: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked for.

    Parameters
    ----------
    profile
        The enterprise's profile as it may be read; nulls where nothing is known or permitted.
    personalised
        False: ordered by declared terms and cost alone, the profile decides admission only.
    include_unknown
        Whether products with an unknown rule may be listed.
    """

    demand: Demand
    as_of: date
    profile: Row = field(repr=False)
    top_n: int = 10
    personalised: bool = True
    include_unknown: bool = True


@dataclass(frozen=True, kw_only=True)
class Item:
    """One product of the list; probabilities are ``None`` where the list is not personalised."""

    rank: int
    product: Product
    product_index: int
    score: float
    p_apply: float | None
    p_approve: float | None
    queue_price: float
    explored: bool
    verdict: Verdict
    checks: tuple[Check, ...]
    cost: Cost
    benefits: tuple[Benefit, ...]
    reason_base: float
    reasons: tuple[Reason, ...]
    versus_next: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The list, what it was counted from, and what stood in the way of the others.

    Parameters
    ----------
    counts
        ``catalog`` and its parts ``eligible``, ``unknown``, ``failed``.
    stages
        Seconds spent by stage; no part of the answer.
    """

    versions: Versions
    counts: Mapping[str, int]
    items: tuple[Item, ...]
    near_misses: tuple[NearMiss, ...]
    size_class: str
    rating: Rating | None
    missing_sources: tuple[str, ...]
    stages: Mapping[str, float] = field(compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """Products in the order of the list, with what the score of each was made of."""

    rows: NDArray[np.intp]
    score: Floats
    p_apply: Floats
    p_approve: Floats
    queue_price: Floats
    still_needed: Floats
    X: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """One listed product at the demand's terms: what the law grants, and what it costs after that."""

    row: int
    product: Product
    benefits: tuple[Benefit, ...]
    cost: Cost


class Matcher:
    """One catalogue, one ranker, one rating, one law, compiled together.

    Parameters
    ----------
    rating
        ``None`` where no rating is in service: then the platform rating is unknown.
    """

    def __init__(self, catalog: Catalog, ranker: Ranker, rating: RatingModel | None, rulebook: Rulebook) -> None:
        self.catalog, self.ranker, self.rating, self.rulebook = catalog, ranker, rating, rulebook
        self.versions = Versions(
            model=ranker.version,
            policy=rulebook.version,
            catalog=catalog.version,
            prices=NO_PRICES,
            features=str(ranker.manifest["schema_hash"])[:16],
            rating="none" if rating is None else rating.version,
        )
        self._products = ranker.prepare(catalog.columns)
        self._pricing = pricing_columns(catalog.products)
        self._days = np.asarray(catalog.columns["days_to_disburse"], dtype=np.float64)
        self._prices: Floats = np.zeros(len(catalog))

    def with_catalog(self, catalog: Catalog) -> "Matcher":
        """The same with another catalogue."""
        return Matcher(catalog, self.ranker, self.rating, self.rulebook)

    def recommend(self, question: Question) -> Recommendation:
        """The products this enterprise can really have, in the order in which it should try them."""
        clock = _Stages()
        columns = self.profile_columns(question.profile)
        rating, size, profile = self._standing(question)
        clock.stop("standing")
        verdicts = self._judge(profile, question)
        clock.stop("eligibility")
        items = self._personalised if question.personalised else self._declared
        found = items(question, columns, profile, verdicts, clock)
        missed = near_misses(
            verdicts,
            profile,
            question.as_of,
            limit=NEAR_MISSES,
            include_unknown=question.include_unknown,
            extra_checks=lambda changed, demand: self._fee_cap(cast(Standing, changed), demand, question.as_of),
        )
        clock.stop("near_misses")
        return Recommendation(
            versions=self.versions,
            counts={"catalog": len(self.catalog), **verdicts.counts()},
            items=found,
            near_misses=missed,
            size_class=size,
            rating=rating,
            missing_sources=missing_sources(question.profile),
            stages=clock.seconds,
        )

    def rate(self, profile: Row) -> Rating | None:
        """The platform rating of a profile, ``None`` where no rating is in service."""
        return None if self.rating is None else self.rating.rate(profile)

    @staticmethod
    def profile_columns(row: Row) -> Columns:
        """One profile as columns of length one: float64 for numbers and flags, object for codes."""
        return {
            column.name: np.array([row.get(column.name)], dtype=object if column.dtype == "string" else np.float64)
            for column in PROFILE
        }

    def pair_matrix(
        self, profiles: Sequence[Row], demands: Sequence[Demand], products: NDArray[np.intp], as_of: date
    ) -> NDArray[np.float32]:
        """Pair rows of demands with one product each, by its row in the catalogue: the rows a list would hold."""
        columns = {
            column.name: np.array(
                [row.get(column.name) for row in profiles], dtype=object if column.dtype == "string" else np.float64
            )
            for column in PROFILE
        }
        side = prepare_demands(columns, demand_columns(demands), as_of)
        return pair_rows(side, self._products, np.arange(len(demands)), products)

    def judge(self, question: Question) -> Verdicts:
        """Verdicts alone, for whoever needs no list."""
        return self._judge(self._standing(question)[2], question)

    def reach(self, question: Question) -> tuple[Reach, ...]:
        """The institutions to offer a demand to, best first, each by its best product.

        Only products whose every rule passes; where there is none, those with an unknown rule, and they say so.
        """
        verdicts = self.judge(question)
        best = UNKNOWN + 1 if (verdicts.verdict > UNKNOWN).any() else UNKNOWN
        rows = np.flatnonzero(verdicts.verdict == best)
        if not len(rows):
            return ()
        columns = self.profile_columns(question.profile)
        side = prepare_demands(columns, demand_columns([question.demand]), question.as_of)
        scores = self.ranker.predict(pair_rows(side, self._products, np.zeros(len(rows), dtype=np.intp), rows))
        return best_of_each(self.catalog, rows, scores, self._prices[rows], VERDICTS[best])

    def _standing(self, question: Question) -> tuple[Rating | None, str, Standing]:
        rating = self.rate(question.profile)
        size = size_of(question.profile, question.as_of, self.rulebook)
        letter = None if rating is None else rating.letter
        return rating, size, {**question.profile, "size_class": size, "platform_rating": letter}

    def _judge(self, profile: Standing, question: Question) -> Verdicts:
        extra = self._fee_cap(profile, question.demand, question.as_of)
        return judge(self.catalog, profile, question.demand, question.as_of, extra)

    def _fee_cap(self, profile: Standing, demand: Demand, as_of: date) -> tuple[ExtraCheck, ...]:
        """The law's hard cap on government guarantors' fees, as one more check over the catalogue."""
        capped = guarantee_cap_verdicts(
            self.catalog.columns, borrower_of(profile), demand.amount_cny, as_of, self.rulebook
        )
        return (ExtraCheck(code=CODE, verdict=capped.verdict, describe=capped.describe),)

    def _personalised(
        self,
        question: Question,
        columns: Columns,
        profile: Standing,
        verdicts: Verdicts,
        clock: "_Stages",
    ) -> tuple[Item, ...]:
        admitted = _admitted(verdicts, question)
        side = prepare_demands(columns, demand_columns([question.demand]), question.as_of)
        X = pair_rows(side, self._products, np.zeros(len(admitted), dtype=np.intp), admitted)
        clock.stop("pairs")
        scores = self.ranker.predict(X)
        clock.stop("scoring")
        order = self._order(admitted, X, scores.p_apply, scores.p_approve, question.top_n)
        explained = accounts(self.ranker, order.X, queue_price=order.queue_price, still_needed=order.still_needed)
        clock.stop("reasons")
        offers = self._offers(question, profile, order.rows)
        clock.stop("benefits_and_cost")
        items = _items(verdicts, offers, explained)
        made = zip(items, order.score, order.p_apply, order.p_approve, order.queue_price, strict=True)
        items = tuple(
            replace(item, score=float(score), p_apply=float(p), p_approve=float(q), queue_price=float(price))
            for item, score, p, q, price in made
        )
        clock.stop("checks")
        return items

    def _order(self, rows: NDArray[np.intp], X: NDArray[np.float32], p: Floats, q: Floats, top_n: int) -> _Order:
        """The list by ``p · (q · H − λ)``; prices are zero and H is 1 until the market serves here."""
        price = self._prices[rows]
        needed = np.ones(len(rows))
        score = p * (q * needed - price)
        chosen = np.lexsort((rows, -score))[:top_n]
        return _Order(
            rows=rows[chosen],
            score=score[chosen],
            p_apply=p[chosen],
            p_approve=q[chosen],
            queue_price=price[chosen],
            still_needed=needed[chosen],
            X=X[chosen],
        )

    def _declared(
        self,
        question: Question,
        _columns: Columns,
        profile: Standing,
        verdicts: Verdicts,
        clock: "_Stages",
    ) -> tuple[Item, ...]:
        """The same products by declared terms: lowest all-in rate first, a day of waiting costs a basis point."""
        admitted = _admitted(verdicts, question)
        demand = question.demand
        rates = all_in_rates(self._pricing, demand.term_months, question.as_of, demand.repayment)
        score = -(rates + _DAY_WEIGHT * self._days)[admitted]
        chosen = admitted[np.lexsort((admitted, -score))[: question.top_n]]
        explained = tuple(_declared_account(float(rates[row]), float(self._days[row])) for row in chosen)
        clock.stop("scoring")
        offers = self._offers(question, profile, chosen)
        clock.stop("benefits_and_cost")
        items = _items(verdicts, offers, explained)
        clock.stop("checks")
        return items

    def _offers(self, question: Question, profile: Standing, rows: NDArray[np.intp]) -> tuple[_Offer, ...]:
        """Benefits and exact cost of the products listed."""
        borrower = borrower_of(profile)
        return tuple(self._offer(question, borrower, row) for row in rows.tolist())

    def _offer(self, question: Question, borrower: Borrower, row: int) -> _Offer:
        product = self.catalog.products[row]
        institution = self.catalog.institutions[product.institution_id]
        benefits = offer_benefits(borrower, question.demand, product, institution, question.as_of, self.rulebook)
        cost = price_offer(product, question.demand, question.as_of, benefits=benefits)
        return _Offer(row=row, product=product, benefits=benefits, cost=cost)


class _Stages:
    """Seconds by stage, for metrics and the bench."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = perf_counter()

    def stop(self, stage: str) -> None:
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def _items(verdicts: Verdicts, offers: tuple[_Offer, ...], explained: tuple[Account, ...]) -> tuple[Item, ...]:
    above = versus_next(explained)
    return tuple(
        Item(
            rank=place + 1,
            product=offer.product,
            product_index=offer.row,
            score=account.score,
            p_apply=None,
            p_approve=None,
            queue_price=0.0,
            explored=False,
            verdict=VERDICTS[int(verdicts.verdict[offer.row])],
            checks=verdicts.checks(offer.row),
            cost=offer.cost,
            benefits=offer.benefits,
            reason_base=account.base,
            reasons=account.reasons,
            versus_next=above[place],
        )
        for place, (offer, account) in enumerate(zip(offers, explained, strict=True))
    )


def _admitted(verdicts: Verdicts, question: Question) -> NDArray[np.intp]:
    least = UNKNOWN if question.include_unknown else UNKNOWN + 1
    return np.flatnonzero(verdicts.verdict >= least)


def _declared_account(rate: float, days: float) -> Account:
    """The account of a list made without the profile: its two declared terms, from nothing."""
    cost = Reason(
        code="all_in_rate",
        group="price",
        contribution=-rate,
        text=Text(zh=f"综合年化成本 {rate:.2%}", en=f"All-in yearly cost {rate:.2%}"),
    )
    speed = Reason(
        code="days_to_disburse",
        group="speed",
        contribution=-_DAY_WEIGHT * days,
        text=Text(zh=f"{days:.0f} 天放款", en=f"Disbursed in {days:.0f} days"),
    )
    reasons = tuple(each for each in (cost, speed) if each.contribution)
    return Account(score=cost.contribution + speed.contribution, base=0.0, reasons=reasons)
