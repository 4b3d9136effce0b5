"""Who is admitted: three answers, inclusive bounds, and one truth for one demand, many, and a reader of the wire."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.catalog_json import product_json
from matcher.domain import Check, Collateral, CollateralKind, Demand, Kind, Purpose, Repayment, Text, Verdict
from matcher.eligibility import FAIL, PASS, UNKNOWN, ExtraCheck, judge, judge_many
from tests.matcher.marketplace import (
    DAY,
    catalog_of,
    demand_of,
    product_members,
    random_catalog,
    random_demand,
    random_profile,
    rule_members,
)


def verdict_of(demand: Demand | None = None, profile: Mapping[str, object] | None = None, **product: object) -> int:
    catalog = catalog_of(product_members(**product))
    return int(judge(catalog, profile or {}, demand or demand_of(), DAY).verdict[0])


def rule_verdict(field: str, operator: str, value: object, datum: object) -> int:
    return verdict_of(profile={field: datum}, rules=[rule_members(f"profile.{field}", operator, value)])


def failed_codes(demand: Demand, **product: object) -> set[str]:
    verdicts = judge(catalog_of(product_members(**product)), {}, demand, DAY)
    return {check.code for check in verdicts.failed(0)}


def test_a_product_without_rules_admits_a_demand_within_its_limits() -> None:
    assert verdict_of() == PASS


@pytest.mark.parametrize(
    ("operator", "value", "datum", "expected"),
    [
        ("ge", "24", 24.0, PASS),
        ("ge", "24", 23.999, FAIL),
        ("le", "24", 24.0, PASS),
        ("le", "24", 24.001, FAIL),
        ("eq", "24", 24.0, PASS),
        ("ne", "24", 24.0, FAIL),
        ("ge", "24", None, UNKNOWN),
        ("ne", "24", float("nan"), UNKNOWN),
    ],
)
def test_numbers_compare_with_the_bound_included(operator: str, value: str, datum: object, expected: int) -> None:
    assert rule_verdict("age_months", operator, value, datum) == expected


@pytest.mark.parametrize(
    ("operator", "value", "datum", "expected"),
    [
        ("eq", "C3311", "C3311", PASS),
        ("ne", "C3311", "C3311", FAIL),
        ("in", ["C3311", "C3312"], "C3312", PASS),
        ("in", ["C3311"], "C33", FAIL),
        ("not_in", ["C3311"], "C3312", PASS),
        ("not_in", ["C3311"], "C3311", FAIL),
        ("starts_with_any", ["C33", "F"], "C3311", PASS),
        ("starts_with_any", ["C34", "F"], "C3311", FAIL),
        ("starts_with_any", ["C33110"], "C3311", FAIL),
        ("starts_with_none", ["K", "C3"], "C3311", FAIL),
        ("starts_with_none", ["K", "D"], "C3311", PASS),
        ("starts_with_none", ["K"], None, UNKNOWN),
        ("not_in", ["K"], "", UNKNOWN),
    ],
)
def test_codes_compare_literally_or_by_prefix(operator: str, value: object, datum: object, expected: int) -> None:
    assert rule_verdict("industry_code", operator, value, datum) == expected


def test_a_flag_is_true_false_or_unknown() -> None:
    assert [rule_verdict("is_hnte", "eq", True, datum) for datum in (1.0, 0.0, None, True)] == [2, 0, 1, 2]


def test_an_undetermined_size_is_unknown_not_a_class() -> None:
    assert rule_verdict("size_class", "in", ["micro", "small"], "undetermined") == UNKNOWN
    assert rule_verdict("size_class", "in", ["micro", "small"], "medium") == FAIL


def test_one_failing_rule_outweighs_an_unknown_one() -> None:
    rules = [
        rule_members("profile.age_months", "ge", "24", "old_enough"),
        rule_members("profile.is_hnte", "eq", True, "hnte"),
    ]
    assert verdict_of(profile={"is_hnte": 0.0}, rules=rules) == FAIL
    assert verdict_of(profile={"is_hnte": 1.0}, rules=rules) == UNKNOWN


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("99999.99", {"amount_min"}), ("100000", set()), ("3000000", set()), ("3000000.01", {"amount_max"})],
)
def test_the_amount_lies_within_the_limits_both_included(amount: str, expected: set[str]) -> None:
    assert failed_codes(demand_of(amount_cny=Decimal(amount))) == expected


@pytest.mark.parametrize(("term", "expected"), [(2, {"term_min"}), (3, set()), (12, set()), (13, {"term_max"})])
def test_the_term_lies_within_the_limits_both_included(term: int, expected: set[str]) -> None:
    assert failed_codes(demand_of(term_months=term)) == expected


def test_a_product_is_on_offer_from_its_first_to_its_last_day() -> None:
    next_day, day_before = (DAY + timedelta(days=1)).isoformat(), (DAY - timedelta(days=1)).isoformat()
    assert failed_codes(demand_of(), valid_from=DAY.isoformat(), valid_to=DAY.isoformat()) == set()
    assert failed_codes(demand_of(), valid_from=next_day) == {"valid_from"}
    assert failed_codes(demand_of(), valid_to=day_before) == {"valid_to"}


def test_what_the_demand_asks_is_checked_under_its_own_codes() -> None:
    assert failed_codes(demand_of(kinds=(Kind.GUARANTEE,))) == {"kind"}
    assert failed_codes(demand_of(max_annual_rate=Decimal("0.0399"))) == {"rate"}
    assert failed_codes(demand_of(max_annual_rate=Decimal("0.04"))) == set()
    assert failed_codes(demand_of(needed_by=DAY + timedelta(days=6))) == {"speed"}
    assert failed_codes(demand_of(needed_by=DAY + timedelta(days=7))) == set()
    assert failed_codes(demand_of(repayment=Repayment.REVOLVING)) == {"repayment"}
    assert failed_codes(demand_of(repayment=Repayment.REVOLVING), repayments=["any"]) == set()
    assert failed_codes(demand_of(purpose=Purpose.EXPORT), purposes=["research"]) == {"purpose"}


def test_what_the_demand_does_not_ask_is_not_shown() -> None:
    codes = {check.code for check in judge(catalog_of(product_members()), {}, demand_of(), DAY).checks(0)}
    assert {"rate", "speed"}.isdisjoint(codes)
    assert {"kind", "amount_max", "valid_from"} <= codes


COVER = rule_members("pair.collateral_cover", "ge", "1.5")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((), FAIL),
        ((("machinery", "9000000"),), FAIL),
        ((("real_estate", "1500000"),), PASS),
        ((("real_estate", "1499999.99"),), FAIL),
        ((("real_estate", "900000"), ("deposit", "600000")), PASS),
        ((("real_estate", "900000"), ("real_estate", "600000")), PASS),
        ((("real_estate", None),), UNKNOWN),
        ((("real_estate", "1500000"), ("machinery", None)), PASS),
    ],
)
def test_cover_counts_what_the_product_accepts(items: tuple[tuple[str, str | None], ...], expected: int) -> None:
    offered = tuple(
        Collateral(kind=CollateralKind(kind), appraised_value_cny=None if value is None else Decimal(value))
        for kind, value in items
    )
    demand = demand_of(collateral=offered)
    assert verdict_of(demand, rules=[COVER], collateral_kinds=["real_estate", "deposit"]) == expected


def test_collateral_of_a_kind_not_accepted_fails_by_kind() -> None:
    machinery = (Collateral(kind=CollateralKind.MACHINERY),)
    assert failed_codes(demand_of(collateral=machinery), collateral_kinds=["deposit"]) == {"collateral_kind"}
    assert failed_codes(demand_of(collateral=machinery), collateral_kinds=["machinery"]) == set()


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"sales_12m_cny": 2e6}, PASS),
        ({"sales_12m_cny": 1.9e6, "revenue_annual_cny": 9e9}, FAIL),
        ({"taxed_sales_12m_cny": 2e6}, PASS),
        ({"revenue_annual_cny": 2e6}, PASS),
        ({"sales_12m_cny": 0.0}, FAIL),
        ({}, UNKNOWN),
    ],
)
def test_an_amount_is_held_against_the_first_turnover_known(profile: dict[str, object], expected: int) -> None:
    assert verdict_of(profile=profile, rules=[rule_members("pair.amount_share_of_turnover", "le", "0.5")]) == expected


def test_a_check_can_be_recomputed_from_what_it_shows() -> None:
    rules = [rule_members("profile.age_months", "ge", "24"), rule_members("profile.is_hnte", "eq", True, "hnte")]
    checks = judge(catalog_of(product_members(rules=rules)), {"age_months": 18.5}, demand_of(), DAY).checks(0)
    assert (checks[0].observed, checks[0].required, checks[0].settle_with) == ("18.5", "≥ 24", None)
    assert (checks[1].verdict, checks[1].observed, checks[1].settle_with) == (Verdict.UNKNOWN, None, "honours")


def test_counts_add_up_and_an_extra_check_can_only_lower() -> None:
    catalog = catalog_of(*(product_members(product_id=f"P-{n}") for n in range(3)))
    shown = Check(
        code="guarantee_fee_cap",
        verdict=Verdict.FAIL,
        clause=Text(zh="费率上限", en="fee cap"),
        observed="0.02",
        required="≤ 0.01",
        settle_with=None,
    )
    extra = ExtraCheck(
        code="guarantee_fee_cap",
        verdict=np.array([FAIL, UNKNOWN, PASS], dtype=np.int8),
        describe=lambda row: shown if row == 0 else None,
    )
    verdicts = judge(catalog, {}, demand_of(), DAY, extra=[extra])
    assert verdicts.counts() == {"eligible": 1, "unknown": 1, "failed": 1}
    assert verdicts.failed(0) == (shown,)
    assert verdicts.fail_count.tolist() == [1, 0, 0]


def test_an_empty_catalogue_judges_to_nothing() -> None:
    assert judge(catalog_of(), {}, demand_of(), DAY).counts() == {"eligible": 0, "unknown": 0, "failed": 0}


def as_columns(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    codes = {name for profile in profiles for name, value in profile.items() if isinstance(value, str)}
    return {
        name: np.array([profile[name] for profile in profiles], dtype=object if name in codes else np.float64)
        for name in profiles[0]
    }


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_many_demands_at_once_get_what_each_would_get_alone(seed: int) -> None:
    catalog = random_catalog(seed)
    profiles = [random_profile(seed + n) for n in range(6)]
    demands = [random_demand(seed + n) for n in range(8)]
    rows = np.array([0, 1, 2, 3, 4, 5, -1, 0])
    days = np.array([DAY + timedelta(days=n) for n in range(8)], dtype="datetime64[D]")
    together = judge_many(catalog, as_columns(profiles), demands, days, profile_row=rows)
    for n, demand in enumerate(demands):
        profile = profiles[rows[n]] if rows[n] >= 0 else {}
        alone = judge(catalog, profile, demand, DAY + timedelta(days=n))
        assert np.array_equal(together[n], alone.verdict)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_reader_of_the_wire_finds_the_same_verdicts(seed: int) -> None:
    catalog, profile, demand = random_catalog(seed, products=15), random_profile(seed + 1), random_demand(seed + 2)
    verdicts = judge(catalog, profile, demand, DAY)
    for row, product in enumerate(catalog.products):
        expected = naive_verdicts(product_json(product, "en"), profile, demand, DAY)
        shown = {check.code: check.verdict.value for check in verdicts.checks(row)}
        assert shown == expected
        assert verdicts.fail_count[row] == list(expected.values()).count("fail")


def naive_verdicts(product: Mapping[str, Any], profile: Mapping[str, Any], demand: Demand, day: date) -> dict[str, str]:
    """The verdict of every check by plain reading of the product's JSON, one comparison at a time."""
    answers = {
        rule["code"]: naive_rule(rule["operator"], rule["value"], naive_datum(rule["field"], product, profile, demand))
        for rule in product["rules"]
    }
    amount, offered = float(demand.amount_cny), {item.kind.value for item in demand.collateral}
    plain: dict[str, bool | None] = {
        "amount_min": amount >= float(product["amount_min_cny"]),
        "amount_max": amount <= float(product["amount_max_cny"]),
        "term_min": demand.term_months >= product["term_min_months"],
        "term_max": demand.term_months <= product["term_max_months"],
        "valid_from": product["valid_from"] <= day.isoformat(),
        "kind": product["kind"] in demand.kinds,
        "purpose": demand.purpose in product["purposes"] if product["purposes"] else None,
        "valid_to": product["valid_to"] >= day.isoformat() if product["valid_to"] else None,
        "rate": float(product["rate_low"]) <= float(demand.max_annual_rate) if demand.max_annual_rate else None,
        "speed": day + timedelta(days=product["days_to_disburse"]) <= demand.needed_by if demand.needed_by else None,
        "repayment": None
        if "any" in product["repayments"]
        else demand.repayment == "any" or demand.repayment in product["repayments"],
        "collateral_kind": bool(offered & set(product["collateral_kinds"])) if product["collateral_kinds"] else None,
    }
    return answers | {code: "pass" if holds else "fail" for code, holds in plain.items() if holds is not None}


def naive_datum(field: str, product: Mapping[str, Any], profile: Mapping[str, Any], demand: Demand) -> Any:
    room, _, name = field.partition(".")
    if room == "profile":
        return None if profile.get(name) == "undetermined" else profile.get(name)
    if room == "demand":
        value = getattr(demand, name)
        return float(value) if isinstance(value, Decimal) else value
    if name == "collateral_cover":
        values = [c.appraised_value_cny for c in demand.collateral if c.kind in product["collateral_kinds"]]
        return None if None in values else float(sum(values, Decimal(0)) / demand.amount_cny)
    turnover = next(
        (profile[n] for n in ("sales_12m_cny", "taxed_sales_12m_cny", "revenue_annual_cny") if profile[n] is not None),
        None,
    )
    debt = 0.0 if name != "debt_after_share_of_turnover" else profile["loans_outstanding_cny"]
    base = profile["tax_paid_12m_cny"] if name == "amount_share_of_tax_paid" else turnover
    if base is None or debt is None:
        return None
    return (debt + float(demand.amount_cny)) / base if base > 0 else float("inf")


def naive_rule(operator: str, value: Any, datum: Any) -> str:
    if datum is None:
        return "unknown"
    if isinstance(datum, float | int):
        value = float(value)
    holds = {
        "eq": lambda: datum == value,
        "ne": lambda: datum != value,
        "ge": lambda: datum >= value,
        "le": lambda: datum <= value,
        "in": lambda: datum in value,
        "not_in": lambda: datum not in value,
        "starts_with_any": lambda: any(datum.startswith(code) for code in value),
        "starts_with_none": lambda: not any(datum.startswith(code) for code in value),
    }[operator]()
    return "pass" if holds else "fail"
