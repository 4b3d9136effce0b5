"""Offers as facts, the fee cap over a catalogue, targets and the two lists."""

import timeit
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from matcher.domain import (
    Collateral,
    CollateralKind,
    Demand,
    Institution,
    InstitutionKind,
    Kind,
    Product,
    Purpose,
    Repayment,
    Security,
    Text,
    Verdict,
)
from matcher.policy import assess, check_facts
from matcher.policy.benefits import borrower_of, lead_benefits, offer_benefits, offer_facts
from matcher.policy.fee_caps import FAIL, PASS, UNKNOWN, guarantee_cap_verdicts
from matcher.policy.lists import PolicyRow, column_names, list_version, policies, policy_rows, product_rows
from matcher.policy.targets import targets
from matcher.pricing import price_offers

AS_OF = date(2026, 3, 2)
SMALL: dict[str, float | str | None] = {
    "size_class": "small",
    "platform_rating": "B",
    "has_prior_loan": 0.0,
    "loans_outstanding_cny": 0.0,
    "is_agri_rural": 0.0,
    "invention_patents": 2.0,
    "is_hnte": 1.0,
}


def product(**changes: Any) -> Product:
    base: dict[str, Any] = {
        "product_id": "P-1",
        "version": 1,
        "institution_id": "I-1",
        "name": Text(zh="甲", en="A"),
        "kind": Kind.LOAN,
        "security": Security.UNSECURED,
        "amount_min_cny": Decimal(10_000),
        "amount_max_cny": Decimal(10_000_000),
        "term_min_months": 1,
        "term_max_months": 36,
        "rate_low": Decimal("0.034"),
        "rate_high": Decimal("0.046"),
        "repayments": (Repayment.BULLET,),
        "days_to_disburse": 5,
    }
    return Product(**{**base, **changes})


def demand(amount: int = 3_000_000, **changes: Any) -> Demand:
    return Demand(
        uscc="91370602MA3TERT037",
        amount_cny=Decimal(amount),
        term_months=12,
        purpose=Purpose.WORKING_CAPITAL,
        **changes,
    )


def institution(**changes: Any) -> Institution:
    return Institution(institution_id="I-1", name=Text(zh="行", en="Bank"), kind=InstitutionKind.CITY_BANK, **changes)


PATENT = (Collateral(kind=CollateralKind.INVENTION_PATENT),)
IP_LOAN = product(
    security=Security.RIGHTS_PLEDGE, collateral_kinds=(CollateralKind.INVENTION_PATENT,), tags=("ip_pledge", "scheme")
)


def test_a_scheme_loan_of_a_first_time_borrower() -> None:
    (found,) = offer_benefits(SMALL, demand(), product(tags=("scheme",)), institution(), AS_OF)
    assert (found.measure, found.status) == ("inclusive_scheme", "entitled")
    assert found.figures["priority"] is True


def test_a_balance_is_known_to_be_nothing_only_without_a_loan() -> None:
    profile = {**SMALL, "has_prior_loan": 1.0, "loans_outstanding_cny": 2e6}
    (found,) = offer_benefits(profile, demand(), product(tags=("scheme",)), institution(), AS_OF)
    assert (found.status, found.missing) == ("conditional", ("scheme_balance_cny",))


def test_a_pledged_patent_promises_a_subsidy_and_lowers_no_cost() -> None:
    found = offer_benefits(SMALL, demand(collateral=PATENT), IP_LOAN, institution(), AS_OF)
    subsidy = next(each for each in found if each.measure == "patent_pledge_subsidy")
    assert subsidy.status == "conditional"
    assert subsidy.amount_cny == Decimal("54750.00")  # 3,000,000 x 3.00 % x 365/360 x 60 %
    assert "repaid_on" in subsidy.missing
    with_subsidy, without = price_offers([IP_LOAN] * 2, demand(collateral=PATENT), AS_OF, benefits=[found, ()])
    assert with_subsidy == without


def test_a_plain_loan_concerns_no_measure() -> None:
    assert offer_benefits(SMALL, demand(), product(), institution(), AS_OF) == ()


def test_nan_in_a_profile_is_unknown() -> None:
    facts = offer_facts({"has_prior_loan": float("nan"), "size_class": None}, demand(), product(), institution(), AS_OF)
    assert facts.first_time_borrower is None
    assert facts.size_class is None


def test_what_a_lead_brings_the_bank_is_never_the_enterprises() -> None:
    found = lead_benefits(SMALL, demand(), product(), institution(is_local_legal_person=True), AS_OF)
    assert {each.payee for each in found} == {"bank"}
    assert {each.status for each in found} == {"conditional"}
    compensation = next(each for each in found if each.measure == "risk_compensation")
    assert compensation.figures["gross_cny"] == Decimal("1500000.00")


def columns(*quotes: str, government: bool = True) -> dict[str, "np.ndarray[Any, Any]"]:
    return {
        "kind": np.array(["guarantee"] * len(quotes) + ["loan"], dtype=object),
        "is_government_guarantor": np.array([float(government)] * len(quotes) + [0.0]),
        "guarantee_fee_rate": np.array([float(each) for each in quotes] + [0.09]),
    }


@pytest.mark.parametrize(
    ("profile", "amount", "expected", "warned"),
    [
        ({}, 5_000_000, (PASS, FAIL, FAIL), (0, 0, 0)),
        ({}, 5_000_001, (PASS, PASS, PASS), (0, 0, 1)),
        ({"loans_outstanding_cny": 1.0, "has_prior_loan": 1.0}, 3_000_000, (PASS, UNKNOWN, UNKNOWN), (0, 0, 0)),
        ({"size_class": "medium"}, 3_000_000, (PASS, PASS, PASS), (0, 0, 0)),
        ({"size_class": "undetermined"}, 3_000_000, (PASS, UNKNOWN, UNKNOWN), (0, 0, 0)),
        ({"size_class": "medium", "is_agri_rural": 1.0}, 3_000_000, (PASS, PASS, FAIL), (0, 1, 0)),
        ({"size_class": "medium", "is_agri_rural": None}, 3_000_000, (PASS, PASS, UNKNOWN), (0, 1, 0)),
    ],
)
def test_the_fee_cap_over_a_catalogue(
    profile: dict[str, Any], amount: int, expected: tuple[int, ...], warned: tuple[int, ...]
) -> None:
    borrower = borrower_of({**SMALL, **profile})
    found = guarantee_cap_verdicts(columns("0.01", "0.015", "0.0151"), borrower, Decimal(amount), AS_OF)
    assert found.verdict.tolist() == [*expected, PASS]
    assert found.warned.tolist() == [*map(bool, warned), False]
    assert found.describe(3) is None


def test_a_fee_above_a_hard_cap_says_which_article() -> None:
    found = guarantee_cap_verdicts(columns("0.015"), borrower_of(SMALL), Decimal(5_000_000), AS_OF)
    check = found.describe(0)
    assert check is not None
    assert (check.verdict, check.observed, check.required) == (Verdict.FAIL, "0.015", "≤ 0.01")
    assert "第7条" in check.clause.zh
    assert "article 7" in check.clause.en


def test_a_fee_that_is_warned_about_names_the_cap_it_is_above() -> None:
    farm = borrower_of({**SMALL, "size_class": "medium", "is_agri_rural": 1.0})
    check = guarantee_cap_verdicts(columns("0.012"), farm, Decimal(3_000_000), AS_OF).describe(0)
    assert check is not None
    assert (check.verdict, check.required) == (Verdict.PASS, "≤ 0.01")
    assert "the quote is above it" in check.clause.en


def test_a_fee_within_either_tier_still_names_the_cap() -> None:
    profile = {**SMALL, "loans_outstanding_cny": 5.0, "has_prior_loan": 1.0}
    check = guarantee_cap_verdicts(columns("0.01"), borrower_of(profile), Decimal(3_000_000), AS_OF).describe(0)
    assert check is not None
    assert (check.verdict, check.required) == (Verdict.PASS, "≤ 0.01")


def test_an_unknown_tier_names_what_settles_it() -> None:
    profile = {**SMALL, "loans_outstanding_cny": 5.0, "has_prior_loan": 1.0}
    found = guarantee_cap_verdicts(columns("0.015"), borrower_of(profile), Decimal(3_000_000), AS_OF)
    check = found.describe(0)
    assert check is not None
    assert (check.verdict, check.settle_with) == (Verdict.UNKNOWN, "existing_guaranteed_cny")


def test_a_commercial_guarantor_and_the_days_before_the_act_know_no_cap() -> None:
    quotes = columns("0.03", government=False)
    borrower, amount = borrower_of(SMALL), Decimal(3_000_000)
    assert guarantee_cap_verdicts(quotes, borrower, amount, AS_OF).verdict.tolist() == [PASS, PASS]
    assert guarantee_cap_verdicts(columns("0.03"), borrower, amount, date(2023, 8, 6)).verdict[0] == PASS
    assert guarantee_cap_verdicts(columns("0.03"), borrower, amount, date(2023, 8, 7)).verdict[0] == FAIL


@pytest.mark.parametrize(
    ("counter", "counted", "reached"),
    [
        ("products_and_services", 400, "yes"),
        ("products_and_services", 399, "no"),
        ("products_with_qr", 100, "no"),
        ("products_with_qr", 101, "yes"),
        ("first_time_borrowers", 3500, "no"),
        ("first_time_borrowers", 3501, "yes"),
        ("cross_border_growth", 0.2, "no"),
        ("cross_border_growth", Decimal("0.2001"), "yes"),
        ("mse_financing_cny", Decimal("30000000000"), "yes"),
        ("mse_financing_cny", Decimal("29999999999.99"), "no"),
        ("tech_enterprises_served", None, "unknown"),
        ("tech_enterprises_served", float("nan"), "unknown"),
    ],
)
def test_a_target_is_reached_or_not_or_unknown(counter: str, counted: Any, reached: str) -> None:
    found = next(each for each in targets({counter: counted}, 2023) if each.target.counter == counter)
    assert found.reached == reached


def test_targets_are_those_of_seven_articles_and_of_their_year() -> None:
    found = targets({}, 2023)
    assert {each.target.citation.article for each in found} == {"1", "2", "3", "5", "7", "9", "11"}
    assert {each.reached for each in found} == {"unknown"}
    assert {each.observed for each in found} == {None}
    assert targets({}, 2024) == ()


def test_the_list_of_policies_has_one_row_per_measure() -> None:
    rows = policy_rows(date(2023, 12, 31))
    assert len(rows) == 15
    phases = {row.measure: row.phase for row in rows}
    assert phases["inclusive_scheme"] == "upcoming"
    assert phases["bridge_fee_cut"] == "in_force"
    cut = next(row for row in rows if row.measure == "bridge_fee_cut")
    assert "cut_per_day = 0.0001 rate_per_day" in cut.values
    assert column_names(PolicyRow)[:2] == ("measure", "title_zh")
    assert list_version(rows) == list_version(policy_rows(date(2023, 12, 30)))
    assert list_version(rows) != list_version(policy_rows(date(2024, 1, 1)))


def test_the_rulebook_as_data_cites_every_value() -> None:
    found = {each.measure.name: each for each in policies(AS_OF)}
    caps = {value.name: value.citation.force for value in found["guarantee_fee_cap"].values}
    assert caps["lower_tier_rate"] == "hard"
    assert caps["upper_tier_rate"] == "soft"


def test_the_list_of_products_holds_what_is_on_offer_that_day() -> None:
    catalogue = [
        product(product_id="P-2"),
        product(),
        product(product_id="P-3", valid_to=date(2026, 3, 1)),
        product(product_id="P-4", valid_from=date(2026, 3, 3)),
    ]
    rows = product_rows(catalogue, {"I-1": institution()}, AS_OF)
    assert [row.product_id for row in rows] == ["P-1", "P-2"]
    assert rows[0].rate_low == Decimal("0.034")


def best_of(call: Any, number: int) -> float:
    call()
    return min(timeit.repeat(call, number=number, repeat=7)) / number


def test_a_case_is_assessed_in_a_tenth_of_a_millisecond() -> None:
    facts = {
        "size_class": "small",
        "platform_rating": "B",
        "security_kind": "unsecured",
        "amount_cny": "3000000",
        "scheme_balance_cny": "0",
        "pledge_kind": "invention_patent",
        "own_patent": True,
        "first_pledge": True,
        "annual_rate": "0.04",
        "interest_paid_cny": "121666.67",
        "signed_on": "2023-09-15",
        "repaid_on": "2024-09-14",
    }
    assert best_of(lambda: assess(facts, AS_OF), 100) < 250e-6  # 70 microseconds measured; room for a busy machine


def test_the_offers_shown_cost_about_a_millisecond() -> None:
    shown = [product(tags=("scheme", "tech_finance"), rate_low=Decimal(30 + row) / 1000) for row in range(8)]
    shown += [IP_LOAN, product(kind=Kind.GUARANTEE, guarantee_fee_rate=Decimal("0.01"))]
    asked = demand(collateral=PATENT)
    bank = institution()

    def benefits_and_costs() -> None:
        borrower = borrower_of(SMALL)
        found = [offer_benefits(borrower, asked, each, bank, AS_OF) for each in shown]
        price_offers(shown, asked, AS_OF, benefits=found)

    assert best_of(benefits_and_costs, 20) < 3e-3  # 0.6 ms measured; room for a busy machine


def test_typed_facts_are_taken_as_they_are() -> None:
    facts = {"exporter": True}
    assert assess(check_facts(facts), AS_OF) == assess(facts, AS_OF)
    assert [each.measure for each in assess(facts, AS_OF, measures=frozenset({"export_finance"}))] == ["export_finance"]
