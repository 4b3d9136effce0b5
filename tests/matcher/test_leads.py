"""What a lead says: masks nobody is told from, reasons as far as consent goes, unknowns as things to verify."""

from collections import Counter
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.dealings import DEALINGS_COLUMNS
from features.pair_columns import PAIR_COLUMNS, PAIR_NAMES
from features.schema import SOURCES
from matcher.domain import Benefit, Check, Reason, Text, Verdict
from matcher.lead_mask import CROWD, Crowd, Traits
from matcher.lead_texts import cover_of, freshness_of, told_columns, verify_of, why_this_firm
from matcher.leads import BRIDGE, FIRST_LOANS, GENERAL, RENEWALS, may_belong, needed_as_planned

WIDEST = "某企业（行业未披露·烟台市）"
TRAITS = st.builds(
    Traits,
    section=st.sampled_from(["C", "F", "Z", None]),
    division=st.sampled_from(["370602", "370611", "999999", None]),
    size=st.sampled_from(["micro", "small", "undetermined", None]),
)


def test_without_any_consent_nothing_is_told_that_was_computed_from_the_enterprise() -> None:
    told = told_columns(frozenset())
    shown = {column.name for column, may in zip(PAIR_COLUMNS, told, strict=True) if may and column.side == "pair"}
    assert shown == {
        "collateral_cover",
        "amount_position",
        "term_position",
        "repayment_match",
        "purpose_match",
        "declared_annual_cost",
        "rate_headroom",
        "speed_margin",
        "amount_approve_effect",
        "footprint_share",
    }


def test_ten_small_manufacturers_of_one_district_are_described_in_full_and_nine_are_not() -> None:
    small = Traits(section="C", division="370611", size="small")
    assert Crowd([small] * 10).describe(small) == Text(
        zh="某小型企业（制造业·福山区）", en="A small enterprise (manufacturing, Fushan District)"
    )
    others = [Traits(section="C", division="370611", size="micro")]
    assert Crowd([small] * 9 + others).describe(small).zh == "某企业（制造业·福山区）"
    elsewhere = [Traits(section="C", division="370602", size="micro")]
    assert Crowd([small] * 9 + elsewhere).describe(small).zh == "某企业（制造业·烟台市）"
    assert Crowd([small] * 9).describe(small).zh == WIDEST


@given(st.lists(TRAITS, max_size=60))
def test_a_description_is_shared_by_a_crowd_or_says_nothing(everybody: list[Traits]) -> None:
    crowd = Crowd(everybody)
    sharing = Counter(crowd.describe(traits).zh for traits in everybody)
    known = {(t.section, t.division, t.size) for t in everybody}
    for traits in everybody:
        said = crowd.describe(traits).zh
        fitting = sum(_fits(said, other) for other in everybody)
        assert said == WIDEST or fitting >= CROWD
    assert sum(sharing.values()) == len(everybody)
    assert len(sharing) <= len(known) + 1


def _fits(said: str, traits: Traits) -> bool:
    """Whether a description could mean these traits."""
    words = {
        "C": "制造业",
        "F": "批发和零售业",
        "370602": "芝罘区",
        "370611": "福山区",
        "micro": "微型",
        "small": "小型",
    }
    named = {word for word in words.values() if word in said}
    return named <= {words.get(code or "") for code in (traits.section, traits.division, traits.size)}


def test_what_others_leave_is_read_from_the_plan_and_never_leaves_nought_to_one() -> None:
    assert needed_as_planned(0.06, 0.5, 0.2, "outreach") == pytest.approx(0.6)
    assert needed_as_planned(0.1, 0.5, 0.2, "inbound") == pytest.approx(0.5)
    assert needed_as_planned(0.3, 0.5, 0.2, "outreach") == 1.0
    assert needed_as_planned(-1.0, 0.5, 0.2, "outreach") == 0.0
    assert needed_as_planned(0.3, 0.0, 0.2, "outreach") == 1.0


def test_a_value_is_told_only_with_leave_to_every_source_it_uses() -> None:
    nothing, tax = told_columns(frozenset()), told_columns(frozenset({"tax"}))
    place = PAIR_NAMES.index
    assert not nothing[place("tax_paid_12m_cny")]
    assert not nothing[place("has_prior_loan")]
    assert not nothing[place("first_loan_match")]
    assert not nothing[place("amount_share_of_turnover")]
    assert nothing[place("amount_cny")]
    assert nothing[place("rate_low")]
    assert tax[place("tax_paid_12m_cny")]
    assert tax[place("amount_share_of_tax_paid")]
    assert not tax[place("debt_after_share_of_turnover")]
    untold = np.flatnonzero(~told_columns(frozenset(SOURCES)))
    assert tuple(PAIR_NAMES[column] for column in untold) == DEALINGS_COLUMNS


@given(st.frozensets(st.sampled_from(sorted(SOURCES))), st.sampled_from(sorted(SOURCES)))
def test_more_leave_never_tells_less(sources: frozenset[str], more: str) -> None:
    assert not (told_columns(sources) & ~told_columns(sources | {more})).any()


def test_unknown_rules_old_sources_and_missing_ones_are_things_to_verify_each_once() -> None:
    profile: dict[str, float | str | None] = {f"freshness_{name}_days": 10.0 for name in SOURCES}
    profile |= {"freshness_tax_days": 76.0, "freshness_credit_days": None, "freshness_ip_days": None}
    profile |= {"freshness_registry_days": 9_000.0, "freshness_utilities_days": 75.0}
    clause = Text(zh="征信无不良", en="no bad credit")
    checks = [_check("clean", Verdict.UNKNOWN, clause, "credit"), _check("age", Verdict.PASS, clause, None)]
    found = verify_of(checks, profile)
    assert [(each.kind, each.code, each.settle_with) for each in found] == [
        ("rule", "clean", "credit"),
        ("stale", "tax", "tax"),
        ("missing", "ip", "ip"),
    ]
    assert found[0].text.zh == "征信无不良：待核实，以信贷数据为准"
    assert "76" in found[1].text.en


def test_why_this_firm_leaves_the_institutions_own_offer_out() -> None:
    reasons = [
        Reason(code=group, group=group, contribution=1.0, text=Text(zh=group, en=group))
        for group in ("institution", "tax", "price", "fit", "legal")
    ]
    assert [reason.group for reason in why_this_firm(reasons, 2)] == ["tax", "fit"]


def test_freshness_names_the_day_and_leaves_out_what_nobody_knows() -> None:
    found = freshness_of({"freshness_tax_days": 31.0, "freshness_credit_days": None}, date(2026, 3, 31))
    assert list(found) == ["tax"]
    assert (found["tax"].known_on, found["tax"].age_days) == (date(2026, 2, 28), 31)


def test_a_cover_that_is_excluded_is_not_shown_and_own_figures_need_leave_to_the_credit_record() -> None:
    open_door = _benefit("conditional", {"headroom_cny": Decimal(10), "gross_cny": Decimal(5)})
    shut = _benefit("excluded", {})
    assert cover_of([open_door, shut], {"credit"}) == (open_door,)
    (told,) = cover_of([open_door, shut], {"tax"})
    assert dict(told.figures) == {"gross_cny": Decimal(5)}


def test_unknown_is_neither_a_first_borrower_nor_a_renewal() -> None:
    assert may_belong(FIRST_LOANS, {"has_prior_loan": 0.0})
    assert not may_belong(FIRST_LOANS, {"has_prior_loan": 1.0})
    assert not may_belong(FIRST_LOANS, {"has_prior_loan": None})
    for name in (RENEWALS, BRIDGE):
        assert may_belong(name, {"maturing_90d_cny": 0.01})
        assert not may_belong(name, {"maturing_90d_cny": 0.0})
        assert not may_belong(name, {})
    assert may_belong(GENERAL, {})


def test_told_columns_cannot_be_changed_by_a_reader() -> None:
    with pytest.raises(ValueError, match="read-only"):
        np.logical_not(told_columns(frozenset()), out=told_columns(frozenset()))


def _check(code: str, verdict: Verdict, clause: Text, settle_with: str | None) -> Check:
    return Check(code=code, verdict=verdict, clause=clause, observed=None, required="", settle_with=settle_with)


def _benefit(status: str, figures: dict[str, Decimal]) -> Benefit:
    return Benefit(
        measure="risk_compensation",
        article="6",
        act="8",
        force="soft",
        status=status,
        amount_cny=None,
        payee="bank",
        figures=dict(figures),
        text=Text(zh="", en=""),
    )
