"""The law of each measure: monotone in amount, never above the cap, never negative, unknown never pays."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.domain import Benefit
from matcher.policy import assess
from matcher.policy.facts import CHAIN_KINDS, FACTS, PLEDGES, RATINGS, SECURITIES, SIZES

DAY = date(2024, 6, 1)
MONEY = st.decimals(min_value=0, max_value=10**9, places=2)
RATE = st.decimals(min_value=0, max_value="0.2", places=5)
SHARE = st.decimals(min_value=0, max_value=1, places=2)
DAYS = st.integers(0, 1200)
DATES = st.dates(date(2022, 1, 1), date(2025, 12, 31))


def _of(name: str) -> st.SearchStrategy[object]:
    codes = {
        "size_class": st.sampled_from(SIZES),
        "platform_rating": st.sampled_from(RATINGS),
        "security_kind": st.sampled_from(SECURITIES),
        "pledge_kind": st.lists(st.sampled_from(PLEDGES), max_size=3),
        "supply_chain_kind": st.lists(st.sampled_from(CHAIN_KINDS), max_size=2),
        "day_count": st.sampled_from(("act/360", "act/365")),
        "annual_rate": RATE,
        "quoted_fee_rate": st.decimals(min_value=0, max_value="0.03", places=4),
        "base_daily_fee_rate": st.decimals(min_value=0, max_value="0.001", places=5),
        "liability_share": SHARE,
        "days": DAYS,
        "bridge_days": DAYS,
        "balance_increase_cny": st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    }
    if name in codes:
        return codes[name]
    if name.endswith("_on"):
        return DATES
    return MONEY if name.endswith("_cny") else st.booleans()


CASES = st.fixed_dictionaries({}, optional={name: _of(name) for name in FACTS})
WHOLE = st.fixed_dictionaries({name: _of(name) for name in FACTS})

CAPS = {"patent_pledge_subsidy": Decimal(500_000), "trademark_pledge_subsidy": Decimal(100_000)}


def answers(facts: dict[str, object], as_of: date = DAY) -> dict[str, Benefit]:
    return {each.measure: each for each in assess(facts, as_of)}


def paid(facts: dict[str, object], measure: str, as_of: date = DAY) -> Decimal:
    found = answers(facts, as_of)[measure]
    return found.amount_cny if found.status == "entitled" and found.amount_cny else Decimal(0)


@given(CASES, DATES)
def test_an_answer_is_well_formed(facts: dict[str, object], as_of: date) -> None:
    for found in assess(facts, as_of):
        assert (found.status == "conditional") == bool(found.missing)
        assert len(set(found.missing)) == len(found.missing)
        if found.status in {"excluded", "upcoming", "expired", "not_applicable"}:
            assert found.amount_cny is None
        if found.amount_cny is not None:
            assert found.amount_cny >= 0
            assert found.amount_cny == found.amount_cny.quantize(Decimal("0.01"))
            assert found.amount_cny <= CAPS.get(found.measure, Decimal("Infinity"))
        for name in found.missing:
            assert facts.get(name) in (None, "undetermined") or found.measure in {
                "patent_pledge_subsidy",
                "trademark_pledge_subsidy",
                "first_loan_cultivation",
            }


@given(WHOLE, st.sampled_from(sorted(FACTS)))
def test_forgetting_a_fact_never_pays(facts: dict[str, object], forgotten: str) -> None:
    before = answers(facts)
    after = answers({name: value for name, value in facts.items() if name != forgotten})
    for measure, found in after.items():
        if found.status != "entitled" or not found.amount_cny:
            continue
        if forgotten in {"base_daily_fee_rate", "day_count"}:
            continue  # the plan's own cut without the base rate, and act/360 unless said
        if forgotten == "signed_on" and measure == "inclusive_scheme":
            continue
        assert before[measure].status == "entitled", f"{measure} pays for not knowing {forgotten}"
        assert found.amount_cny <= (before[measure].amount_cny or Decimal(0))


@given(CASES)
def test_an_empty_answer_and_a_null_are_the_same(facts: dict[str, object]) -> None:
    assert assess({**dict.fromkeys(FACTS), **facts}, DAY) == assess(facts, DAY)


@given(CASES, st.dates(date(2000, 1, 1), date(2023, 8, 6)))
def test_before_the_act_everything_is_upcoming(facts: dict[str, object], as_of: date) -> None:
    assert {each.status for each in assess(facts, as_of)} == {"upcoming"}


@given(CASES)
def test_one_contract_is_never_subsidised_twice(facts: dict[str, object]) -> None:
    found = answers({**facts, "pledge_kind": ["invention_patent", "trademark"]})
    alive = [name for name in CAPS if found[name].status in {"entitled", "conditional"}]
    assert len(alive) <= 1


GROWING = {
    "inclusive_incentive": ("balance_increase_cny", {"institution_local_legal_person": True}),
    "risk_compensation": (
        "principal_outstanding_cny",
        {"size_class": "small", "npl_confirmed": True, "recovered_cny": "1000", "guarantor_payout_cny": "5000"},
    ),
    "bridge_fee_cut": (
        "principal_cny",
        {"size_class": "small", "platform_rating": "B", "bridge_days": 9, "renewal_commitment": True},
    ),
    "patent_pledge_subsidy": (
        "interest_paid_cny",
        {
            "pledge_kind": "invention_patent",
            "own_patent": True,
            "first_pledge": True,
            "annual_rate": "0.041",
            "signed_on": "2023-09-15",
            "repaid_on": "2024-05-01",
            "provincial_subsidy_conditions_met": False,
            "subsidy_received_cny": "0",
        },
    ),
}
GROWING["trademark_pledge_subsidy"] = (
    "interest_paid_cny",
    {**GROWING["patent_pledge_subsidy"][1], "pledge_kind": "trademark"},
)


@pytest.mark.parametrize("measure", GROWING)
@given(amounts=st.tuples(MONEY, MONEY))
def test_more_never_pays_less(measure: str, amounts: tuple[Decimal, Decimal]) -> None:
    name, facts = GROWING[measure]
    less, more = sorted(amounts)
    assert paid({**facts, name: less}, measure) <= paid({**facts, name: more}, measure)


@given(MONEY, MONEY, MONEY)
def test_recoveries_never_raise_a_compensation(principal: Decimal, recovered: Decimal, payout: Decimal) -> None:
    facts = {**GROWING["risk_compensation"][1], "principal_outstanding_cny": principal}
    nothing = paid({**facts, "recovered_cny": 0, "guarantor_payout_cny": 0}, "risk_compensation")
    some = paid({**facts, "recovered_cny": recovered, "guarantor_payout_cny": payout}, "risk_compensation")
    assert some <= nothing <= principal / 2


@given(MONEY, MONEY)
def test_what_was_received_and_what_is_due_never_exceed_the_cap(interest: Decimal, received: Decimal) -> None:
    name, facts = GROWING["patent_pledge_subsidy"]
    due = paid({**facts, name: interest, "subsidy_received_cny": received}, "patent_pledge_subsidy")
    assert due + min(received, CAPS["patent_pledge_subsidy"]) <= CAPS["patent_pledge_subsidy"]
    assert due <= interest * Decimal("0.6")


@given(MONEY, MONEY, MONEY)
def test_holding_more_never_lowers_the_fee_cap_rate(new: Decimal, held: Decimal, more: Decimal) -> None:
    facts = {"guarantor_is_government": True, "size_class": "micro", "guaranteed_amount_cny": new + 1}
    for measure in ("guarantee_fee_cap", "re_guarantee_fee_cap"):
        low = answers({**facts, "existing_guaranteed_cny": held})[measure].figures["cap_rate"]
        high = answers({**facts, "existing_guaranteed_cny": held + more})[measure].figures["cap_rate"]
        assert isinstance(low, Decimal)
        assert isinstance(high, Decimal)
        assert low <= high


@given(MONEY, MONEY)
def test_the_scheme_never_lets_a_borrower_past_its_cap(amount: Decimal, balance: Decimal) -> None:
    facts = {"size_class": "micro", "platform_rating": "A", "security_kind": "unsecured"}
    found = answers({**facts, "amount_cny": amount, "scheme_balance_cny": balance})["inclusive_scheme"]
    assert (found.status == "entitled") == (amount + balance <= 10_000_000)
    headroom = found.figures["headroom_cny"]
    assert isinstance(headroom, Decimal)
    assert headroom >= 0


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_a_renewal_is_due_three_days_on(filed: date) -> None:
    facts = {"on_renewal_whitelist": True, "renewal_filed_on": filed}
    assert answers(facts)["renewal_fast_track"].figures["decision_due_on"] == filed + timedelta(days=3)


FLAGS = {
    "first_loan_cultivation": ("first_time_borrower",),
    "equity_loan_guarantee": ("tech_sme", "hnte", "srdi", "high_growth"),
    "tech_finance": ("hnte", "tech_sme", "srdi"),
    "export_finance": ("exporter", "fx_exposure", "export_credit_insured"),
    "supply_chain_finance": ("anchor_relation_confirmed",),
}


@pytest.mark.parametrize("measure", FLAGS)
@given(values=st.lists(st.sampled_from((True, False, None)), min_size=4, max_size=4))
def test_a_flag_is_raised_by_a_yes_and_lowered_by_no_alone(measure: str, values: list[bool | None]) -> None:
    names = FLAGS[measure]
    facts: dict[str, object] = dict(zip(names, values, strict=False))
    found = answers({**facts, "supply_chain_kind": "order"})[measure]
    given_values = [facts[name] for name in names]
    expected = "entitled" if True in given_values else ("conditional" if None in given_values else "excluded")
    assert found.status == expected
    assert found.amount_cny is None


@given(CASES)
def test_a_fund_subsidy_never_shows_a_number(facts: dict[str, object]) -> None:
    found = answers(facts)["fund_investment_subsidy"]
    assert found.amount_cny is None
    assert not found.figures
