"""Bad facts are refused with the field and a hint; a missing fact never is."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from matcher.policy import InvalidFactsError, assess, check_facts
from matcher.policy.facts import FACTS


def refusal(**facts: object) -> tuple[str, str, str]:
    with pytest.raises(InvalidFactsError) as caught:
        check_facts(facts)
    (error,) = caught.value.errors
    return error.field, error.message.zh, error.message.en


@pytest.mark.parametrize(
    ("name", "given", "hint"),
    [
        ("amount_cny", "-1", "cannot be negative: write 0 for none"),
        ("renewal_filed_on", "9999-12-31", "must lie between"),
        ("signed_on", "0001-01-15", "must lie between"),
        ("annual_rate", "1e999", "a rate is a share per year"),
        ("amount_cny", -0.01, "cannot be negative"),
        ("amount_cny", float("nan"), "must be finite"),
        ("amount_cny", Decimal("NaN"), "must be finite"),
        ("amount_cny", float("inf"), "must be finite"),
        ("amount_cny", "NaN", "not a number"),
        ("amount_cny", "Infinity", "not a number"),
        ("amount_cny", "three million", "not a number"),
        ("amount_cny", "1_000", "not a number"),
        ("amount_cny", "1,000", "not a number"),
        ("amount_cny", "１００", "not a number"),
        ("amount_cny", "", "not a number"),
        ("amount_cny", "1e999", "too large"),
        ("amount_cny", True, "must be a number"),
        ("amount_cny", [1], "must be a number"),
        ("balance_increase_cny", "nan", "not a number"),
        ("annual_rate", "4.35", "for 4.35 % write 0.0435"),
        ("annual_rate", 4.35, "for 4.35 % write 0.0435"),
        ("annual_rate", "1", "for 1 % write 0.01"),
        ("annual_rate", "-0.01", "cannot be negative"),
        ("quoted_fee_rate", "1.5", "for 1.5 % write 0.015"),
        ("quoted_fee_rate", "0.8", "for 0.8 % write 0.008"),
        ("base_daily_fee_rate", "0.5", "for 0.5 % write 0.005"),
        ("liability_share", "40", "for 40 % write 0.4"),
        ("days", "-1", "whole number of days"),
        ("days", "1.5", "whole number of days"),
        ("bridge_days", -7, "whole number of days"),
        ("days", "1e9", "whole number of days"),
        ("size_class", "tiny", "use one of micro, small"),
        ("size_class", 1, "use one of micro"),
        ("platform_rating", "F", "use one of A, B, C, D, E"),
        ("platform_rating", "c", "use one of A, B, C, D, E"),
        ("security_kind", "handshake", "use one of unsecured"),
        ("pledge_kind", "patent", "use one of invention_patent"),
        ("pledge_kind", ["invention_patent", "patent"], "use one of invention_patent"),
        ("day_count", "30/360", "use one of act/360, act/365"),
        ("supply_chain_kind", "barter", "use one of order"),
        ("signed_on", "2023-8-7", "written as 2023-08-07"),
        ("signed_on", "07/08/2023", "written as 2023-08-07"),
        ("signed_on", "20230807", "written as 2023-08-07"),
        ("signed_on", "2023-02-29", "a day that exists"),
        ("signed_on", "2023-08-07T00:00:00Z", "written as 2023-08-07"),
        ("signed_on", datetime(2023, 8, 7), "written as 2023-08-07"),  # noqa: DTZ001
        ("signed_on", 20230807, "written as 2023-08-07"),
        ("own_patent", "true", "must be true or false"),
        ("own_patent", 1, "must be true or false"),
        ("free_lunch", True, "no such fact"),
        ("free_lunch", None, "no such fact"),
    ],
)
def test_a_bad_fact_is_refused_with_a_hint(name: str, given: object, hint: str) -> None:
    field, zh, en = refusal(**{name: given})
    assert field == name
    assert hint in en
    assert zh


def test_every_bad_fact_is_named_at_once() -> None:
    with pytest.raises(InvalidFactsError, match="annual_rate") as caught:
        assess({"annual_rate": "4.35", "days": -1, "own_patent": True}, date(2024, 6, 1))
    assert [each.field for each in caught.value.errors] == ["annual_rate", "days"]


def test_a_missing_fact_is_never_an_error() -> None:
    assert check_facts(dict.fromkeys(FACTS)) == check_facts({})
    assert {each.status for each in assess(dict.fromkeys(FACTS), date(2024, 6, 1))} == {"conditional"}


def test_a_fall_of_the_balance_is_the_one_negative() -> None:
    assert check_facts({"balance_increase_cny": "-5"}).balance_increase_cny == Decimal(-5)


@pytest.mark.parametrize("given", ["0.0435", 0.0435, Decimal("0.0435"), "4.35e-2"])
def test_a_rate_is_exact_however_it_is_written(given: object) -> None:
    assert check_facts({"annual_rate": given}).annual_rate == Decimal("0.0435")


@pytest.mark.parametrize("given", [3_000_000, "3000000", 3e6, "3000000.00", "3e6"])
def test_money_is_exact_however_it_is_written(given: object) -> None:
    assert check_facts({"amount_cny": given}).amount_cny == Decimal(3_000_000)


def test_a_rate_one_step_below_a_hundred_per_cent_is_taken() -> None:
    assert check_facts({"annual_rate": "0.9999", "liability_share": "1"}).liability_share == Decimal(1)


def test_one_pledge_or_several() -> None:
    assert check_facts({"pledge_kind": "trademark"}).pledge_kind == ("trademark",)
    assert check_facts({"pledge_kind": ["trademark", "trademark"]}).pledge_kind == ("trademark",)
