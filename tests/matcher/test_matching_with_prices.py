"""Lists at prices: the score, its reasons, the fallback and the explored lines, and what never changes."""

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.catalog import Catalog
from matcher.catalog_json import parse_institution, parse_product
from matcher.domain import Demand
from matcher.explain import QUEUE_PRICE
from matcher.market import Examination, PriceTable, ReviewCapacity, ReviewQueue
from matcher.matching import Matcher, Question, Recommendation
from matcher.planning import MarketPlan, Sent, plan_market
from matcher.policy import default_rulebook
from matcher.ranker import Ranker
from tests.matcher.marketplace import demand_of, institution_members, product_members, random_profile, rule_members
from tests.training.made_up import write_tiny_bundle

DAY = date(2026, 10, 30)
BANKS = ("B-1", "B-2", "B-3")
CAPACITY = {name: ReviewCapacity(reviews=2.0, how="stated", officers=1) for name in BANKS}


@pytest.fixture(scope="module")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    folder = tmp_path_factory.mktemp("priced")
    write_tiny_bundle(folder)
    return Matcher(_catalog(), Ranker.load(folder), None, default_rulebook())


@lru_cache
def _catalog() -> Catalog:
    """Twenty products of three banks, five of which only firms with much staff may have."""
    products = [
        product_members(
            product_id=f"P-{number:02}",
            institution_id=BANKS[number % 3],
            rate_low=f"0.0{3 + number % 4}",
            rate_high=f"0.0{5 + number % 4}",
            days_to_disburse=1 + number,
            rules=[rule_members("profile.headcount", "ge", 10**9)] if number % 4 == 3 else [],
        )
        for number in range(20)
    ]
    return Catalog(
        [parse_institution(institution_members(name)) for name in BANKS], [parse_product(one) for one in products]
    )


def table(prices: dict[str, float], as_of: date = DAY) -> PriceTable:
    queues = {name: ReviewQueue(capacity=CAPACITY[name], load=9.0) for name in BANKS}
    curve = Examination(chance=(1.0, 0.8, 0.6), source="made up")
    return PriceTable(as_of=as_of, prices=prices, examination=curve, max_applications=3, queues=queues)


def question(**changes: object) -> Question:
    row = {**random_profile(3), "headcount": 20.0}
    return replace(Question(demand=demand_of(), as_of=DAY, profile=row), **changes)  # type: ignore[arg-type]


def facts(answer: Recommendation) -> dict[str, tuple[object, ...]]:
    return {
        item.product.product_id: (item.p_apply, item.p_approve, item.verdict, item.checks, item.cost, item.benefits)
        for item in answer.items
    }


def hold_to_the_account(answer: Recommendation) -> None:
    for place, item in enumerate(answer.items):
        assert item.p_apply is not None
        assert item.p_approve is not None
        assert item.still_needed is not None
        worth = item.p_apply * (item.p_approve * item.still_needed - item.queue_price)
        assert worth == pytest.approx(item.score, abs=1e-6)
        assert item.reason_base + sum(reason.contribution for reason in item.reasons) == pytest.approx(worth, abs=1e-6)
        if place + 1 < len(answer.items):
            margin = sum(reason.contribution for reason in item.versus_next)
            assert margin == pytest.approx(item.score - answer.items[place + 1].score, abs=1e-6)
    scores = [item.score for item in answer.items if not item.explored]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=40, deadline=None)
@given(
    prices=st.fixed_dictionaries({name: st.floats(0.0, 1.0) for name in BANKS}),
    top_n=st.integers(1, 50),
    include_unknown=st.booleans(),
    explore=st.sampled_from([0.0, 0.06, 1.0]),
    seed=st.text(max_size=8),
)
def test_the_account_holds_at_any_price_length_and_draw(
    matcher: Matcher, prices: dict[str, float], top_n: int, include_unknown: bool, explore: float, seed: str
) -> None:
    priced = matcher.with_prices(table(prices))
    asked = question(top_n=top_n, include_unknown=include_unknown, explore=explore, seed=seed)
    answer = priced.recommend(asked)
    hold_to_the_account(answer)
    assert answer == priced.recommend(asked)
    assert len(answer.items) == min(top_n, 15)
    assert len({item.product.product_id for item in answer.items}) == len(answer.items)
    assert all(item.queue_price <= 0.8 for item in answer.items)
    assert all(item.explored for item in answer.items) or explore < 1.0
    assert not any(item.explored for item in answer.items) or explore > 0.0
    assert answer.items[0].still_needed == 1.0


def test_a_price_moves_a_bank_down_and_is_a_reason_of_its_own_that_names_the_day(matcher: Matcher) -> None:
    free = matcher.recommend(question(top_n=50))
    dear = matcher.with_prices(table({free.items[0].product.institution_id: 0.5})).recommend(question(top_n=50))
    assert dear.items[0].product.institution_id != free.items[0].product.institution_id
    assert facts(dear) == facts(free)
    item = next(each for each in dear.items if each.queue_price)
    (reason,) = (each for each in item.reasons if each.code == QUEUE_PRICE)
    assert "review queue is full until 2026-10-31 (9 files are expected, 2 can be reviewed)" in reason.text.en
    assert "排满至 2026-10-31" in reason.text.zh
    assert reason.contribution < 0
    assert not any(each.code == QUEUE_PRICE for other in free.items for each in other.reasons)


@pytest.mark.parametrize(("days", "stale"), [(3, False), (4, True), (-4, True), (-2, False)])
def test_prices_of_another_week_are_not_charged_and_the_answer_says_so(
    matcher: Matcher, days: int, stale: bool
) -> None:
    priced = matcher.with_prices(table(dict.fromkeys(BANKS, 0.3), DAY - timedelta(days=days)))
    answer = priced.recommend(question())
    assert answer.prices_stale is stale
    assert answer.versions.prices == priced.versions.prices != "none"
    assert {item.queue_price for item in answer.items} == ({0.0} if stale else {0.3})
    hold_to_the_account(answer)


def test_without_a_table_nothing_is_charged_and_the_need_falls_down_the_list(matcher: Matcher) -> None:
    answer = matcher.recommend(question(top_n=50))
    assert (answer.versions.prices, answer.prices_stale) == ("none", False)
    needed = [item.still_needed for item in answer.items if item.still_needed is not None]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] == 1.0 > needed[-1]


def test_drawn_lines_come_from_what_is_admitted_and_follow_from_the_seed(matcher: Matcher) -> None:
    asked = [question(explore=0.5, seed=str(number), include_unknown=False) for number in range(30)]
    answers = [matcher.recommend(each) for each in asked]
    assert {item.verdict.value for answer in answers for item in answer.items} == {"pass"}
    assert len({tuple(item.product.product_id for item in answer.items) for answer in answers}) > 20
    drawn = [item.explored for answer in answers for item in answer.items]
    assert 0.4 < sum(drawn) / len(drawn) < 0.6
    for answer in answers:
        left = 15
        for item in answer.items:
            assert item.propensity == pytest.approx(0.5 / left + (0.0 if item.explored else 0.5)) or item.explored
            left -= 1


def test_a_list_without_the_profile_knows_no_price_and_no_draw(matcher: Matcher) -> None:
    asked = question(personalised=False, explore=1.0, seed="x")
    plain, priced = matcher.recommend(asked), matcher.with_prices(table(dict.fromkeys(BANKS, 0.5))).recommend(asked)
    assert plain.items == priced.items
    assert not any(item.explored for item in plain.items)


def test_an_answer_of_before_the_market_is_by_relevance(matcher: Matcher) -> None:
    answer = matcher.recommend(question(by_relevance=True, top_n=50))
    worth = [item.p_apply * item.p_approve for item in answer.items if item.p_apply and item.p_approve]
    assert [item.score for item in answer.items] == pytest.approx(worth)
    assert {item.still_needed for item in answer.items} == {1.0}


def test_other_parts_keep_the_prices(matcher: Matcher) -> None:
    priced = matcher.with_prices(table({"B-1": 0.3}))
    assert priced.with_catalog(_catalog()).versions == priced.versions
    assert priced.with_ranker(matcher.ranker).versions == priced.versions
    assert priced.with_prices(None).versions == matcher.versions


def planned(matcher: Matcher, **more: object) -> MarketPlan:
    demands = [replace(demand_of(), demand_id=f"D-{n:02}", uscc=f"E-{n // 2:02}") for n in range(24)]
    profiles = [{**random_profile(n // 2), "headcount": 20.0} for n in range(24)]
    return plan_market(matcher, profiles, demands, CAPACITY, as_of=DAY, **more)  # type: ignore[arg-type]


def test_many_verdicts_are_those_of_one_by_one(matcher: Matcher) -> None:
    profiles = [random_profile(seed) for seed in range(12)]
    many = matcher.judge_many(profiles, [demand_of()] * 12, DAY)
    for row, profile in enumerate(profiles):
        assert many[row].tolist() == matcher.judge(question(profile=profile)).verdict.tolist()


def test_a_plan_prices_the_crowded_and_calls_each_enterprise_once_an_institution(matcher: Matcher) -> None:
    plan = planned(matcher)
    assert plan == planned(matcher)
    assert plan.prices.demands == 24
    assert plan.prices.prices
    assert all(0.0 < price <= 1.0 for price in plan.prices.prices.values())
    assert plan.prices.queues["B-1"].capacity == CAPACITY["B-1"]
    assert plan.prices.planner in plan.prices.expected_funded
    for institution, leads in plan.lists.items():
        assert len(leads) <= 2
        firms = [int(lead.demand_id[2:]) // 2 for lead in leads]
        assert len(set(firms)) == len(firms)
        assert {lead.origin for lead in leads} <= {"outreach"}
        owners = {_catalog().products[_catalog().row_of[lead.product_id]].institution_id for lead in leads}
        assert owners <= {institution}
        values = [lead.value for lead in leads]
        assert values == sorted(values, reverse=True)


def test_who_applied_leads_and_is_called_by_nobody_it_knows(matcher: Matcher) -> None:
    sent = [Sent(demand_id="D-03", product_id="P-00", institution_id="B-1")]
    leads = planned(matcher, sent=sent).lists["B-1"]
    (inbound,) = (lead for lead in leads if lead.origin == "inbound")
    assert (inbound.demand_id, inbound.product_id) == ("D-03", "P-00")
    assert inbound.value == pytest.approx(inbound.p_approve)
    assert [lead.demand_id for lead in leads].count("D-03") == 1
    gone = planned(matcher, sent=sent, decided=frozenset({("D-03", "B-1")})).lists["B-1"]
    assert "D-03" not in {lead.demand_id for lead in gone}


def test_no_demand_gives_an_empty_plan_and_nothing_is_charged(matcher: Matcher) -> None:
    plan = plan_market(matcher, [], [], CAPACITY, as_of=DAY)
    assert plan.prices.prices == {}
    assert set(plan.lists.values()) == {()}


def test_a_new_product_short_of_views_has_the_market_planned_with_a_floor(matcher: Matcher) -> None:
    others = [product_members(product_id=f"P-{number}", institution_id="B-3") for number in range(30, 46)]
    dear = product_members(product_id="P-99", institution_id="B-3", rate_low="0.2", rate_high="0.3")
    new = {**dear, "days_to_disburse": 80, "valid_from": "2026-10-01"}
    products = [*_catalog().products, *(parse_product(one) for one in [*others, new])]
    catalog = Catalog(list(_catalog().institutions.values()), products)
    other = matcher.with_catalog(catalog)
    room = {**CAPACITY, "B-3": ReviewCapacity(reviews=60.0, how="stated", officers=9)}
    demands = [replace(demand_of(), demand_id=f"D-{n:02}", uscc=f"E-{n:02}") for n in range(24)]
    profiles = [{**random_profile(n), "headcount": 20.0} for n in range(24)]
    free = planned_for(matcher, profiles, demands, room)
    held = planned_for(other, profiles, demands, room)
    assert (free.floored, held.floored) == (False, True)


def planned_for(
    matcher: Matcher,
    profiles: list[dict[str, float | str | None]],
    demands: list[Demand],
    room: dict[str, ReviewCapacity],
) -> PriceTable:
    return plan_market(matcher, profiles, demands, room, as_of=DAY).prices
