"""Near misses: a repair is the smallest honest change, and applying what it says admits the demand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.catalog_fields import RULE_FIELDS, FieldType
from matcher.domain import Collateral, CollateralKind, Demand, Kind, NearMiss, Repair, Repayment
from matcher.eligibility import FAIL, PASS, UNKNOWN, ExtraCheck, judge
from matcher.repair import OFFICES, near_misses
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


def misses_of(demand: Demand, profile: dict[str, Any] | None = None, **product: object) -> tuple[NearMiss, ...]:
    known = profile or {}
    return near_misses(judge(catalog_of(product_members(**product)), known, demand, DAY), known, DAY)


def only_repair(demand: Demand, profile: dict[str, Any] | None = None, **product: object) -> Repair:
    (miss,) = misses_of(demand, profile, **product)
    (repair,) = miss.repairs
    return repair


def test_a_product_that_admits_is_no_near_miss() -> None:
    assert misses_of(demand_of()) == ()


@pytest.mark.parametrize(
    ("stated", "field", "after"),
    [
        ({"amount_cny": Decimal(4_000_000)}, "demand.amount_cny", "3000000"),
        ({"amount_cny": Decimal(80_000)}, "demand.amount_cny", "100000"),
        ({"term_months": 24}, "demand.term_months", "12"),
        ({"term_months": 1}, "demand.term_months", "3"),
        ({"max_annual_rate": Decimal("0.03")}, "demand.max_annual_rate", "0.04"),
        ({"repayment": Repayment.REVOLVING}, "demand.repayment", "bullet"),
        ({"needed_by": DAY}, "demand.needed_by", (DAY + timedelta(days=7)).isoformat()),
        ({"kinds": (Kind.GUARANTEE,)}, "demand.kinds", "guarantee,loan"),
    ],
)
def test_the_repair_goes_to_the_nearest_bound(stated: dict[str, Any], field: str, after: str) -> None:
    repair = only_repair(demand_of(**stated))
    assert (repair.field, repair.after, repair.office) == (field, after, "enterprise")


def test_an_amount_over_the_share_of_turnover_comes_down_to_it() -> None:
    rules = [rule_members("pair.amount_share_of_turnover", "le", "0.3")]
    repair = only_repair(demand_of(), {"sales_12m_cny": 2_000_001.0}, rules=rules)
    assert (repair.before, repair.after) == ("1000000", "600000")
    assert repair.text.zh == "将金额降至 60 万元"
    assert repair.text.en == "lower the amount to 600,000 yuan"


def test_debt_already_there_leaves_less_room() -> None:
    rules = [rule_members("pair.debt_after_share_of_turnover", "le", "0.5")]
    known = {"sales_12m_cny": 3e6, "loans_outstanding_cny": 8e5}
    assert only_repair(demand_of(), known, rules=rules).after == "700000"


def test_a_tenth_of_the_amount_is_another_project() -> None:
    (miss,) = misses_of(demand_of(amount_cny=Decimal(30_000_000)))
    assert (miss.failed[0].code, miss.repairs) == ("amount_max", ())


COVER = {"collateral_kinds": ["deposit", "real_estate"], "rules": [rule_members("pair.collateral_cover", "ge", "1.5")]}


def test_collateral_is_added_of_a_kind_the_records_show() -> None:
    assert only_repair(demand_of(), **COVER).after == "deposit:1500000"
    assert only_repair(demand_of(), {"property_free_cny": 1.0}, **COVER).after == "real_estate:1500000"


def test_collateral_a_little_short_lowers_the_amount_and_much_too_short_asks_for_more() -> None:
    def offering(value: int) -> Demand:
        return demand_of(collateral=(Collateral(kind=CollateralKind.REAL_ESTATE, appraised_value_cny=Decimal(value)),))

    assert only_repair(offering(1_350_000), **COVER).after == "900000"
    assert only_repair(offering(300_000), **COVER).after == "real_estate:1200000"


def test_a_missing_record_is_asked_of_its_keeper_where_unknown_does_not_do() -> None:
    catalog = catalog_of(product_members(rules=[rule_members("profile.tax_paid_12m_cny", "ge", "5000")]))
    verdicts = judge(catalog, {}, demand_of(), DAY)
    assert near_misses(verdicts, {}, DAY) == ()
    (miss,) = near_misses(verdicts, {}, DAY, include_unknown=False)
    assert (miss.repairs[0].field, miss.repairs[0].after, miss.repairs[0].office) == (
        "profile.tax_paid_12m_cny",
        "5000",
        "tax",
    )


def test_what_nobody_can_change_gets_no_repair_and_comes_last() -> None:
    young = product_members(product_id="P-age", rules=[rule_members("profile.age_months", "ge", "24")])
    short = product_members(product_id="P-term", term_max_months=6)
    catalog = catalog_of(young, short)
    profile = {"age_months": 3.0}
    first, second = near_misses(judge(catalog, profile, demand_of(), DAY), profile, DAY)
    assert (first.product_index, first.repairs[0].after) == (1, "6")
    assert (second.product_index, second.failed[0].code, second.repairs) == (0, "own_rule", ())


def test_more_than_three_failures_are_not_near() -> None:
    far = {"amount_max_cny": "200000", "term_max_months": 4, "days_to_disburse": 90, "repayments": ["revolving"]}
    demand = demand_of(needed_by=DAY, repayment=Repayment.BULLET)
    assert misses_of(demand, **far) == ()


def test_among_equally_easy_ones_the_preferred_comes_first() -> None:
    catalog = catalog_of(*(product_members(product_id=f"P-{n}", term_max_months=6) for n in range(8)))
    verdicts = judge(catalog, {}, demand_of(), DAY)
    liked = np.array([0, 0, 3, 0, 0, 9, 0, 1.0])
    misses = near_misses(verdicts, {}, DAY, limit=3, preference=liked)
    assert [miss.product_index for miss in misses] == [5, 2, 7]


def test_a_repair_that_the_law_then_forbids_is_not_offered() -> None:
    catalog = catalog_of(product_members(term_max_months=6))

    def cap(verdict: int) -> list[ExtraCheck]:
        answer = np.array([verdict], dtype=np.int8)
        return [ExtraCheck(code="guarantee_fee_cap", verdict=answer, describe=lambda row: None)]

    verdicts = judge(catalog, {}, demand_of(), DAY, extra=cap(PASS))
    assert near_misses(verdicts, {}, DAY, extra_checks=lambda profile, demand: cap(PASS))[0].repairs
    assert not near_misses(verdicts, {}, DAY, extra_checks=lambda profile, demand: cap(FAIL))[0].repairs
    with pytest.raises(ValueError, match="extra_checks"):
        near_misses(verdicts, {}, DAY)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), include_unknown=st.booleans())
def test_doing_what_the_repairs_say_admits_the_demand(seed: int, include_unknown: bool) -> None:
    catalog, demand = random_catalog(seed, products=60, rules=2), random_demand(seed + 1)
    profile = random_profile(seed + 2)
    verdicts = judge(catalog, profile, demand, DAY)
    wanted = UNKNOWN if include_unknown else PASS
    misses = near_misses(verdicts, profile, DAY, include_unknown=include_unknown)
    assert len({miss.product_index for miss in misses}) == len(misses) <= 5
    for miss in misses:
        assert verdicts.verdict[miss.product_index] < wanted
        assert len(miss.failed) <= 3
        if miss.repairs:
            after_demand, after_profile = apply(miss.repairs, demand, dict(profile))
            again = judge(catalog, after_profile, after_demand, DAY)
            assert again.verdict[miss.product_index] >= wanted
            assert all(repair.office in OFFICES for repair in miss.repairs)


def apply(repairs: tuple[Repair, ...], demand: Demand, profile: dict[str, Any]) -> tuple[Demand, dict[str, Any]]:
    """The case after an enterprise did what it was told, reading nothing but the repairs."""
    for repair in repairs:
        room, _, name = repair.field.partition(".")
        if room == "profile":
            profile[name] = met(repair.after, name)
        elif name == "collateral":
            demand = replace(demand, collateral=after_items(demand, repair))
        elif room == "demand":
            demand = replace(demand, **{name: READ[name](repair.after)})
    return demand, profile


def met(after: str, name: str) -> float | str:
    """A record that meets the requirement, read as the type of its field says."""
    ruled_out = after.startswith(("ne ", "not_in ", "starts_with_none "))
    if RULE_FIELDS[f"profile.{name}"].type is FieldType.CODE:
        return "-" if ruled_out else after.split(", ")[0]
    return float(after.removeprefix("ne ")) + ruled_out


def after_items(demand: Demand, repair: Repair) -> tuple[Collateral, ...]:
    kind, _, value = repair.after.partition(":")
    item = Collateral(kind=CollateralKind(kind), appraised_value_cny=Decimal(value) if value else None)
    if repair.text.en.startswith("add"):
        return (*demand.collateral, item)
    unvalued = next(i for i in demand.collateral if i.kind == kind and i.appraised_value_cny is None)
    return tuple(item if other is unvalued else other for other in demand.collateral)


READ: dict[str, Any] = {
    "amount_cny": Decimal,
    "term_months": int,
    "max_annual_rate": Decimal,
    "repayment": Repayment,
    "needed_by": date.fromisoformat,
    "kinds": lambda text: tuple(Kind(kind) for kind in text.split(",")),
}
