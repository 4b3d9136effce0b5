"""What a good match is, in one call: profile → standing → verdicts → two probabilities → order → reasons.

A ``Matcher`` is an immutable snapshot of one catalogue, one ranker and one law: a request holds one from start to end,
and whoever changes the catalogue makes another. Equal inputs give equal answers, to the last bit.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from time import perf_counter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from features.dealings import Dealings, dealings_of
from features.pairs import Columns, pair_rows, prepare_demands
from features.schema import PROFILE
from matcher.catalog import Catalog
from matcher.domain import Demand, Kind
from matcher.eligibility import UNKNOWN, VERDICTS, ExtraCheck, Verdicts, demand_columns, judge, judge_many
from matcher.explain import DAY_WEIGHT, accounts, declared_account
from matcher.exposure import Exposure, by_relevance
from matcher.market import PriceTable
from matcher.offers import items_of, offers_of
from matcher.policy import Rulebook
from matcher.policy.benefits import borrower_of
from matcher.policy.fee_caps import CODE, guarantee_cap_verdicts
from matcher.pricing import all_in_rates, pricing_columns
from matcher.ranker import Ranker, Scores
from matcher.rating import Rating, RatingModel
from matcher.reach import Reach, best_of_each, first_of_each
from matcher.recommendation import Item, Question, Recommendation, Versions
from matcher.repair import near_misses
from matcher.standing import Row, missing_sources, size_of

__all__ = ["Item", "Matcher", "Question", "Recommendation", "Versions"]

Floats = NDArray[np.float64]
Standing = Mapping[str, float | str | None]
"""A profile with ``size_class`` and ``platform_rating`` beside its columns."""
NEAR_MISSES = 5
NO_PRICES = "none"


@dataclass(frozen=True, kw_only=True)
class _Order:
    """Products in the order of the list, with what the score of each was made of."""

    rows: NDArray[np.intp]
    score: Floats
    p_apply: Floats
    p_approve: Floats
    queue_price: Floats
    still_needed: Floats
    explored: NDArray[np.bool_]
    propensity: Floats
    X: NDArray[np.float32]


class Matcher:
    """One catalogue, one ranker, one rating, one law, compiled together.

    Parameters
    ----------
    rating
        ``None`` where no rating is in service: then the platform rating is unknown.
    prices
        What a review costs at each institution; ``None`` before the first plan: then nothing is charged.
    """

    def __init__(
        self,
        catalog: Catalog,
        ranker: Ranker,
        rating: RatingModel | None,
        rulebook: Rulebook,
        prices: PriceTable | None = None,
    ) -> None:
        self.catalog, self.ranker, self.rating, self.rulebook, self.prices = catalog, ranker, rating, rulebook, prices
        self.versions = Versions(
            model=ranker.version,
            policy=rulebook.version,
            catalog=catalog.version,
            prices=NO_PRICES if prices is None else prices.version,
            features=str(ranker.manifest["schema_hash"])[:16],
            rating="none" if rating is None else rating.version,
        )
        self._products = ranker.prepare(catalog.columns)
        self._pricing = pricing_columns(catalog.products)
        self._days = np.asarray(catalog.columns["days_to_disburse"], dtype=np.float64)
        self._exposure = Exposure.of(catalog, ranker, prices)

    def with_catalog(self, catalog: Catalog) -> "Matcher":
        """The same with another catalogue."""
        return Matcher(catalog, self.ranker, self.rating, self.rulebook, self.prices)

    def with_ranker(self, ranker: Ranker) -> "Matcher":
        """The same with another ranker; prices stay until the next plan."""
        return Matcher(self.catalog, ranker, self.rating, self.rulebook, self.prices)

    def with_prices(self, prices: PriceTable | None) -> "Matcher":
        """The same at other prices; nothing else is compiled again."""
        other = copy(self)
        other.prices = prices
        other.versions = replace(self.versions, prices=NO_PRICES if prices is None else prices.version)
        other._exposure = Exposure.of(self.catalog, self.ranker, prices)
        return other

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
            prices_stale=self.prices is not None and self.prices.is_stale(question.as_of),
            stages=clock.seconds,
        )

    def judge_many(self, profiles: Sequence[Row], demands: Sequence[Demand], as_of: date) -> NDArray[np.int8]:
        """Verdicts of many demands, one profile each, shape (demands, products); equal to ``judge`` one by one."""
        known = self.standing_columns(profiles, as_of)
        verdicts = judge_many(self.catalog, known, demands, as_of)
        for place, (row, demand) in enumerate(zip(profiles, demands, strict=True)):
            if Kind.GUARANTEE in demand.kinds:
                standing = {name: known[name][place] for name in ("size_class", "platform_rating")}
                for extra in self._fee_cap({**row, **standing}, demand, as_of):
                    np.minimum(verdicts[place], extra.verdict, out=verdicts[place])
        return verdicts

    def standing_columns(self, profiles: Sequence[Row], as_of: date) -> dict[str, NDArray[Any]]:
        """Profiles as columns, with ``size_class`` and ``platform_rating`` beside them."""
        columns: dict[str, NDArray[Any]] = dict(self.profile_columns(*profiles))
        unrated = np.full(len(profiles), None, dtype=object)
        letters = unrated if self.rating is None else self.rating.rate_many(columns)
        sizes = [size_of(row, as_of, self.rulebook) for row in profiles]
        return columns | {"size_class": np.array(sizes, dtype=object), "platform_rating": letters}

    def score_many(
        self,
        profiles: Sequence[Row],
        demands: Sequence[Demand],
        as_of: date,
        demand_row: NDArray[np.intp],
        product_row: NDArray[np.intp],
        dealings: Dealings | None = None,
    ) -> Scores:
        """Probabilities of pairs of a demand (and its profile) and a product, by their rows; as lists have them.

        Parameters
        ----------
        dealings
            Earlier dealings behind the demands, ``None`` where nobody knows of any.
        """
        side = prepare_demands(self.profile_columns(*profiles), demand_columns(demands), as_of, dealings)
        return self.ranker.predict(pair_rows(side, self._products, demand_row, product_row))

    def rate(self, profile: Row) -> Rating | None:
        """The platform rating of a profile, ``None`` where no rating is in service."""
        return None if self.rating is None else self.rating.rate(profile)

    @staticmethod
    def profile_columns(*rows: Row) -> Columns:
        """Profiles as columns, one value a profile: float64 for numbers and flags, object for codes."""
        return {
            column.name: np.array(
                [row.get(column.name) for row in rows], dtype=object if column.dtype == "string" else np.float64
            )
            for column in PROFILE
        }

    def pair_matrix(
        self, profiles: Sequence[Row], demands: Sequence[Demand], products: NDArray[np.intp], as_of: date
    ) -> NDArray[np.float32]:
        """Pair rows of demands with one product each, by its row in the catalogue: the rows a list would hold."""
        side = prepare_demands(self.profile_columns(*profiles), demand_columns(demands), as_of)
        return pair_rows(side, self._products, np.arange(len(demands)), products)

    def judge(self, question: Question) -> Verdicts:
        """Verdicts alone, for whoever needs no list."""
        return self._judge(self._standing(question)[2], question)

    def reach(self, question: Question) -> tuple[Reach, ...]:
        """The institutions to offer a demand to, best first, each by its best product.

        Only products whose every rule passes; where there is none, those with an unknown rule, and they say so. Not
        personalised, by declared terms alone.
        """
        verdicts = self.judge(question)
        best = UNKNOWN + 1 if (verdicts.verdict > UNKNOWN).any() else UNKNOWN
        rows = np.flatnonzero(verdicts.verdict == best)
        if not len(rows):
            return ()
        if not question.personalised:
            return first_of_each(self.catalog, rows, -self._burden(question)[rows], VERDICTS[best])
        columns = self.profile_columns(question.profile)
        dealings = dealings_of(question.dealings, self.catalog.row_of)
        side = prepare_demands(columns, demand_columns([question.demand]), question.as_of, dealings)
        scores = self.ranker.predict(pair_rows(side, self._products, np.zeros(len(rows), dtype=np.intp), rows))
        return best_of_each(self.catalog, rows, scores, self._exposure.charged(rows, question.as_of), VERDICTS[best])

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
        dealings = dealings_of(question.dealings, self.catalog.row_of)
        side = prepare_demands(columns, demand_columns([question.demand]), question.as_of, dealings)
        X = pair_rows(side, self._products, np.zeros(len(admitted), dtype=np.intp), admitted)
        clock.stop("pairs")
        scores = self.ranker.predict(X)
        clock.stop("scoring")
        order = self._order(admitted, X, scores, question)
        clock.stop("market")
        explained = accounts(
            self.ranker,
            order.X,
            queue_price=order.queue_price,
            still_needed=order.still_needed,
            queue_texts=self._exposure.queue_texts(order.rows, order.queue_price, question.as_of),
        )
        clock.stop("reasons")
        offers = offers_of(self.catalog, self.rulebook, question, profile, order.rows)
        clock.stop("benefits_and_cost")
        items = tuple(
            replace(
                item,
                score=float(order.score[row]),
                p_apply=float(order.p_apply[row]),
                p_approve=float(order.p_approve[row]),
                queue_price=float(order.queue_price[row]),
                still_needed=float(order.still_needed[row]),
                explored=bool(order.explored[row]),
                propensity=float(order.propensity[row]),
            )
            for row, item in enumerate(items_of(verdicts, offers, explained))
        )
        clock.stop("checks")
        return items

    def _order(self, rows: NDArray[np.intp], X: NDArray[np.float32], scores: Scores, question: Question) -> _Order:
        """The list by ``p · (q · H − λ)``, with the lines that are drawn instead."""
        p, q = scores.p_apply, scores.p_approve
        if question.by_relevance:
            served = by_relevance(p, q, rows, question.top_n)
        else:
            served = self._exposure.serve(
                p,
                q,
                rows,
                as_of=question.as_of,
                top_n=question.top_n,
                explore=question.explore,
                seed=question.seed,
            )
        chosen = served.order
        return _Order(
            rows=rows[chosen],
            score=served.score,
            p_apply=p[chosen],
            p_approve=q[chosen],
            queue_price=served.price,
            still_needed=served.need,
            explored=served.explored,
            propensity=served.propensity,
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
        admitted, rates = _admitted(verdicts, question), self._rates(question)
        score = -self._burden(question)[admitted]
        chosen = admitted[np.lexsort((admitted, -score))[: question.top_n]]
        explained = tuple(declared_account(float(rates[row]), float(self._days[row])) for row in chosen)
        clock.stop("scoring")
        offers = offers_of(self.catalog, self.rulebook, question, profile, chosen)
        clock.stop("benefits_and_cost")
        items = items_of(verdicts, offers, explained)
        clock.stop("checks")
        return items

    def _burden(self, question: Question) -> Floats:
        """All-in rate of every product at the demand's terms, and a basis point for each day of waiting."""
        return self._rates(question) + DAY_WEIGHT * self._days

    def _rates(self, question: Question) -> Floats:
        demand = question.demand
        return all_in_rates(self._pricing, demand.term_months, question.as_of, demand.repayment)


class _Stages:
    """Seconds by stage, for metrics and the bench."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = perf_counter()

    def stop(self, stage: str) -> None:
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def _admitted(verdicts: Verdicts, question: Question) -> NDArray[np.intp]:
    least = UNKNOWN if question.include_unknown else UNKNOWN + 1
    return np.flatnonzero(verdicts.verdict >= least)
