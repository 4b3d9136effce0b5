"""Schedules, costs and all-in rates, against figures worked by hand."""

import timeit
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.domain import Benefit, Demand, Kind, Product, Purpose, Repayment, Security, Text
from matcher.pricing import (
    SCHEDULES,
    TOLERANCE,
    Terms,
    all_in_rates,
    cost_of,
    payment_days,
    price_offer,
    price_offers,
    pricing_columns,
    repayment_schedule,
)

FIRST = date(2026, 3, 2)
TEXT = Text(zh="文", en="text")


def terms(**changes: Any) -> Terms:
    base: dict[str, Any] = {
        "amount_cny": Decimal(1_200_000),
        "annual_rate": Decimal("0.036"),
        "first_day": FIRST,
        "months": 12,
    }
    return Terms(**{**base, **changes})


def product(**changes: Any) -> Product:
    base: dict[str, Any] = {
        "product_id": "P-1",
        "version": 1,
        "institution_id": "I-1",
        "name": TEXT,
        "kind": Kind.LOAN,
        "security": Security.UNSECURED,
        "amount_min_cny": Decimal(10_000),
        "amount_max_cny": Decimal(10_000_000),
        "term_min_months": 1,
        "term_max_months": 120,
        "rate_low": Decimal("0.034"),
        "rate_high": Decimal("0.038"),
        "repayments": (Repayment.BULLET, Repayment.INSTALMENT),
        "days_to_disburse": 5,
    }
    return Product(**{**base, **changes})


def demand(**changes: Any) -> Demand:
    base: dict[str, Any] = {
        "uscc": "91370602MA3TERT037",
        "amount_cny": Decimal(1_200_000),
        "term_months": 12,
        "purpose": Purpose.WORKING_CAPITAL,
    }
    return Demand(**{**base, **changes})


def subsidy(status: str = "entitled", payee: str = "enterprise", amount: str | None = "10000.00") -> Benefit:
    return Benefit(
        measure="patent_pledge_subsidy",
        article="11",
        act="x",
        force="hard",
        status=status,
        amount_cny=None if amount is None else Decimal(amount),
        payee=payee,
        text=TEXT,
    )


def test_payment_days_fall_on_the_same_day_or_the_last_of_the_month() -> None:
    leap = [payment.day for payment in repayment_schedule(terms(first_day=date(2024, 1, 31), months=3))]
    assert leap == [date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30)]
    common = repayment_schedule(terms(first_day=date(2025, 1, 31), months=1))
    assert common[0].day == date(2025, 2, 28)
    assert repayment_schedule(terms(first_day=date(2024, 2, 29), months=12))[-1].day == date(2025, 2, 28)


def test_interest_only_pays_each_month_by_its_days() -> None:
    payments = repayment_schedule(terms(months=3))
    # 1,200,000 x 3.6 % / 360 = 120.00 a day; March 31, April 30, May 31 days
    assert [each.interest_cny for each in payments] == [Decimal(3720), Decimal(3600), Decimal(3720)]
    assert [each.principal_cny for each in payments] == [0, 0, Decimal(1_200_000)]


def test_a_bullet_pays_once() -> None:
    (payment,) = repayment_schedule(terms(schedule="bullet"))
    assert (payment.day, payment.interest_cny) == (date(2027, 3, 2), Decimal(43_800))  # 365 days at 120.00


def test_act_365_counts_a_year_of_365_days() -> None:
    (payment,) = repayment_schedule(terms(schedule="bullet", day_count="act/365"))
    assert payment.interest_cny == Decimal(43_200)
    (leap,) = repayment_schedule(terms(schedule="bullet", day_count="act/365", first_day=date(2024, 2, 1)))
    assert leap.interest_cny == Decimal("43318.35")  # 366 days


def test_equal_principal_repays_the_same_each_month() -> None:
    payments = repayment_schedule(terms(schedule="equal_principal"))
    assert {each.principal_cny for each in payments} == {Decimal(100_000)}
    assert [each.interest_cny for each in payments[:2]] == [Decimal(3720), Decimal(3300)]  # 110.00 a day in April


def test_equal_instalments_are_level_until_the_last_clears() -> None:
    payments = repayment_schedule(terms(schedule="equal_instalment"))
    totals = [each.principal_cny + each.interest_cny for each in payments]
    assert set(totals[:-1]) == {Decimal("101960.70")}  # 1,200,000 x 0.003 / (1 - 1.003^-12)
    assert sum(each.principal_cny for each in payments) == Decimal(1_200_000)


def test_a_lease_charges_a_twelfth_of_its_rate_each_month() -> None:
    payments = repayment_schedule(terms(schedule="lease", months=2))
    assert payments[0].interest_cny == Decimal(3600)
    rate = cost_of(terms(schedule="lease")).all_in_annual_rate
    assert Decimal("0.0362") < rate < Decimal("0.0366")  # 1.003^12 - 1, less as the first half-year has 184 days


def test_a_revolving_line_is_estimated_as_drawn_throughout() -> None:
    assert cost_of(terms(schedule="revolving")) == cost_of(terms(schedule="interest_only"))


def test_a_loan_without_interest_or_fees_costs_nothing() -> None:
    for schedule in SCHEDULES:
        found = cost_of(terms(annual_rate=Decimal(0), schedule=schedule))
        assert (found.total_cny, found.all_in_annual_rate) == (0, 0)


def test_a_bullet_of_one_year_costs_its_interest() -> None:
    found = cost_of(terms(schedule="bullet"))
    assert found.total_cny == Decimal("43800.00")
    assert found.all_in_annual_rate == Decimal("0.036500")  # 43,800 / 1,200,000 over 365 days


def test_a_fee_up_front_lowers_what_is_had() -> None:
    found = cost_of(terms(schedule="bullet", upfront_fee_rate=Decimal("0.01")))
    # 1,188,000 had, 1,243,800 paid: 1,243,800 / 1,188,000 - 1
    assert found.all_in_annual_rate == Decimal("0.046970")
    assert [(each.code, each.amount_cny) for each in found.components] == [
        ("interest", Decimal("43800.00")),
        ("upfront_fee", Decimal("12000.00")),
    ]


def test_a_guarantee_fee_is_paid_each_year_on_what_is_owed() -> None:
    found = cost_of(terms(months=18, guarantee_fee_rate=Decimal("0.01")), fee_article="7")
    fee = found.components[1]
    assert (fee.code, fee.amount_cny, fee.article) == ("guarantee_fee", Decimal("18000.00"), "7")  # 12,000 + half
    falling = cost_of(terms(months=24, schedule="equal_principal", guarantee_fee_rate=Decimal("0.01")))
    assert falling.components[1].amount_cny == Decimal("18000.00")  # 12,000 + 1 % of 600,000


def test_a_certain_subsidy_comes_off_with_its_article() -> None:
    found = cost_of(terms(schedule="bullet"), benefits=[subsidy()])
    assert found.total_cny == Decimal("33800.00")
    assert found.all_in_annual_rate == Decimal("0.028167")  # 33,800 / 1,200,000
    assert (found.components[-1].amount_cny, found.components[-1].article) == (Decimal("-10000.00"), "11")


@pytest.mark.parametrize(
    "beside",
    [
        subsidy(status="conditional"),
        subsidy(status="excluded", amount=None),
        subsidy(payee="bank"),
        subsidy(payee="guarantor"),
        subsidy(amount=None),
    ],
    ids=["conditional", "excluded", "bank", "guarantor", "no amount"],
)
def test_what_is_not_certain_money_of_the_enterprise_is_never_subtracted(beside: Benefit) -> None:
    assert cost_of(terms(), benefits=[beside]) == cost_of(terms())


def test_a_month_and_a_day_that_is_none() -> None:
    month = cost_of(terms(months=1, schedule="bullet"))
    assert month.total_cny == Decimal("3720.00")
    assert month.all_in_annual_rate == Decimal("0.037116")  # 1.0031^(365/31) - 1
    for schedule in SCHEDULES:
        none = cost_of(terms(months=0, schedule=schedule))
        assert (none.total_cny, none.all_in_annual_rate) == (0, 0)
    assert cost_of(terms(months=0, upfront_fee_rate=Decimal("0.01"))).all_in_annual_rate == Decimal("0.010000")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_subsidy_above_all_that_is_paid_has_a_rate_below_nothing(schedule: str) -> None:
    found = cost_of(terms(schedule=schedule, amount_cny=Decimal(100_000)), benefits=[subsidy(amount="9000")])
    assert found.total_cny < 0
    assert -1 < found.all_in_annual_rate < 0


def test_fees_above_what_is_lent_have_a_rate_still() -> None:
    found = cost_of(terms(upfront_fee_rate=Decimal("1.2")))
    assert found.all_in_annual_rate > 1


def test_an_unknown_schedule_or_day_count_is_named() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'balloon'"):
        cost_of(terms(schedule="balloon"))
    with pytest.raises(ValueError, match="unknown day count '30/360'"):
        cost_of(terms(day_count="30/360"))


def test_an_offer_is_priced_at_the_middle_of_its_rates_and_repaid_as_asked() -> None:
    bullet = price_offer(product(), demand(), FIRST)
    assert bullet == cost_of(terms())
    instalment = price_offer(product(), demand(repayment=Repayment.INSTALMENT), FIRST)
    assert instalment == cost_of(terms(schedule="equal_instalment"))
    only_bullet = product(repayments=(Repayment.BULLET,))
    assert price_offer(only_bullet, demand(repayment=Repayment.INSTALMENT), FIRST) == bullet


def test_a_guarantee_costs_its_fee_and_an_insurance_its_premium() -> None:
    guarantee = product(kind=Kind.GUARANTEE, guarantee_fee_rate=Decimal("0.01"))
    found = price_offer(guarantee, demand(term_months=18), FIRST)
    assert found.total_cny == Decimal("18000.00")
    assert found.all_in_annual_rate == Decimal("0.010000")
    insurance = price_offer(product(kind=Kind.INSURANCE), demand(), FIRST)
    assert [(each.code, each.amount_cny) for each in insurance.components] == [("premium", Decimal("43200.00"))]


def test_a_capped_fee_carries_the_article() -> None:
    cap = Benefit(
        measure="guarantee_fee_cap",
        article="7",
        act="x",
        force="hard",
        status="entitled",
        amount_cny=None,
        payee="enterprise",
        text=TEXT,
    )
    guarantee = product(kind=Kind.GUARANTEE, guarantee_fee_rate=Decimal("0.01"))
    assert price_offer(guarantee, demand(), FIRST, benefits=[cap]).components[0].article == "7"
    assert price_offer(guarantee, demand(), FIRST).components[0].article is None


RATES = st.decimals(min_value=0, max_value="0.24", places=4)
FEES = st.decimals(min_value=0, max_value="0.03", places=3)
TERMS = st.builds(
    Terms,
    amount_cny=st.decimals(min_value=10_000, max_value=10**8, places=2),
    annual_rate=RATES,
    first_day=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    months=st.integers(1, 60),
    schedule=st.sampled_from(SCHEDULES),
    day_count=st.sampled_from(("act/360", "act/365")),
    guarantee_fee_rate=FEES,
    upfront_fee_rate=FEES,
)


@given(TERMS)
def test_every_schedule_repays_exactly_what_was_lent(lent: Terms) -> None:
    payments = repayment_schedule(lent)
    assert sum(each.principal_cny for each in payments) == lent.amount_cny
    assert all(each.principal_cny >= 0 and each.interest_cny >= 0 for each in payments)
    assert [each.day for each in payments] == sorted(each.day for each in payments)


@given(TERMS)
def test_components_add_up_and_the_rate_makes_the_flows_worth_nothing(lent: Terms) -> None:
    found = cost_of(lent)
    assert found.total_cny == sum(each.amount_cny for each in found.components)
    upfront = next((each.amount_cny for each in found.components if each.code == "upfront_fee"), Decimal(0))
    flows = [(lent.first_day, upfront - lent.amount_cny)]
    flows += [(each.day, each.principal_cny + each.interest_cny) for each in repayment_schedule(lent)]
    if lent.guarantee_fee_rate == 0:
        growth = 1 + float(found.all_in_annual_rate)
        worth = sum(float(paid) * growth ** (-(day - lent.first_day).days / 365) for day, paid in flows)
        assert abs(worth) <= float(lent.amount_cny) * 1e-5


@given(TERMS, FEES)
def test_a_dearer_loan_never_has_a_lower_rate(lent: Terms, more: Decimal) -> None:
    base = cost_of(lent).all_in_annual_rate
    dust = Decimal("0.00001")
    assert cost_of(replace(lent, annual_rate=lent.annual_rate + more)).all_in_annual_rate >= base - dust
    assert cost_of(replace(lent, upfront_fee_rate=lent.upfront_fee_rate + more)).all_in_annual_rate >= base - dust
    assert cost_of(replace(lent, guarantee_fee_rate=lent.guarantee_fee_rate + more)).all_in_annual_rate >= base - dust


@given(TERMS, st.decimals(min_value=0, max_value=1000, places=2))
def test_a_certain_subsidy_never_raises_the_rate(lent: Terms, amount: Decimal) -> None:
    with_subsidy = cost_of(lent, benefits=[subsidy(amount=str(amount))])
    assert with_subsidy.all_in_annual_rate <= cost_of(lent).all_in_annual_rate
    assert with_subsidy.total_cny == cost_of(lent).total_cny - amount


OFFERS = st.builds(
    lambda kind, low, spread, fee, upfront, repays: product(
        kind=kind,
        rate_low=low,
        rate_high=low + spread,
        guarantee_fee_rate=fee,
        upfront_fee_rate=upfront,
        repayments=repays,
    ),
    st.sampled_from(list(Kind)),
    RATES,
    FEES,
    st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("0.015")]),
    st.sampled_from([Decimal(0), Decimal("0.002"), Decimal("0.01")]),
    st.permutations([Repayment.BULLET, Repayment.INSTALMENT, Repayment.REVOLVING]).map(lambda each: tuple(each[:2])),
)


@given(
    st.lists(OFFERS, min_size=1, max_size=4),
    st.integers(0, 60),
    st.dates(date(2024, 1, 1), date(2027, 1, 1)),
    st.sampled_from(list(Repayment)),
)
def test_the_rates_of_a_catalogue_are_close_to_the_exact_ones(
    offers: list[Product], months: int, as_of: date, repayment: Repayment
) -> None:
    fast = all_in_rates(pricing_columns(offers), months, as_of, repayment)
    exact = price_offers(offers, demand(term_months=months, repayment=repayment), as_of)
    limit = TOLERANCE if months < 12 else 0.002
    assert np.abs(fast - [float(each.all_in_annual_rate) for each in exact]).max() <= limit + 1e-6


def test_the_rates_of_a_catalogue_are_kept_for_the_next_demand() -> None:
    columns = pricing_columns([product()])
    first = all_in_rates(columns, 12, FIRST)
    assert all_in_rates(columns, 12, FIRST) is first
    assert not first.flags.writeable
    assert payment_days(FIRST, 12)[-1] == 365


def test_a_catalogue_is_priced_in_a_fraction_of_a_millisecond() -> None:
    offers = [product(rate_low=Decimal(20 + row % 40) / 1000, rate_high=Decimal("0.08")) for row in range(400)]
    columns = pricing_columns(offers)

    def priced() -> None:
        columns.kept.clear()
        all_in_rates(columns, 24, FIRST)

    assert min(timeit.repeat(priced, number=20, repeat=5)) / 20 < 2e-3  # 0.16 ms measured; room for a busy machine


def test_ten_offers_are_priced_exactly_in_about_half_a_millisecond() -> None:
    offers = [product(rate_low=Decimal(20 + row) / 1000, guarantee_fee_rate=Decimal("0.01")) for row in range(10)]
    best = min(timeit.repeat(lambda: price_offers(offers, demand(), FIRST), number=20, repeat=5)) / 20
    assert best < 3e-3  # 0.4 ms measured; room for a busy machine
