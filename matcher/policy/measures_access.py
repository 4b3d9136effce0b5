"""Measures that open a door: the inclusive scheme, first loans, renewals, referrals and flags. None of them pays."""

from datetime import timedelta
from decimal import Decimal

from matcher.domain import Benefit
from matcher.policy.answer import (
    ZERO,
    Case,
    Condition,
    Figure,
    answer,
    excluded,
    known,
    member,
    settle,
    to_fen,
)


def inclusive_scheme(case: Case) -> Benefit:
    """Article 4: an unsecured, guaranteed or rights-pledge loan to a micro or small enterprise rated C or better.

    ``headroom_cny`` is what the borrower may still draw before this loan; ``priority`` is absent while unknown. The
    scheme begins on its own first day, for the loan as for the day asked.
    """
    facts, law = case.facts, case.law
    figures = _scheme_figures(case)
    signed_before = facts.signed_on is not None and facts.signed_on < law.measure.citation.first_day
    if law.phase == "upcoming" or signed_before:
        figures["in_force_from"] = law.measure.citation.first_day
        return answer(case, "upcoming", figures=figures)
    conditions = (
        ("size_class", member(facts.size_class, law.codes("sizes"))),
        ("platform_rating", member(facts.platform_rating, law.codes("ratings"))),
        ("security_kind", member(facts.security_kind, law.codes("securities"))),
        *_within_cap(facts.amount_cny, facts.scheme_balance_cny, law.number("single_borrower_cap_cny")),
    )
    return settle(case, conditions, figures=figures)


def _within_cap(amount: Decimal | None, balance: Decimal | None, cap: Decimal) -> tuple[Condition, ...]:
    if (amount or ZERO) + (balance or ZERO) > cap:  # what is known is too much already
        return (("amount_cny", False),)
    return ("amount_cny", known(amount)), ("scheme_balance_cny", known(balance))


def _scheme_figures(case: Case) -> dict[str, Figure]:
    facts, law = case.facts, case.law
    figures: dict[str, Figure] = {}
    if facts.scheme_balance_cny is not None:
        figures["headroom_cny"] = to_fen(max(ZERO, law.number("single_borrower_cap_cny") - facts.scheme_balance_cny))
    unsecured = member(facts.security_kind, law.codes("priority_securities"))
    small = None if facts.amount_cny is None else facts.amount_cny <= law.number("priority_limit_cny")
    favoured = any_of(facts.first_time_borrower, unsecured)
    priority = False if small is False or favoured is False else (True if small and favoured else None)
    if priority is not None:
        figures["priority"] = priority
    return figures


def any_of(*flags: bool | None) -> bool | None:
    """Or, with unknown: one yes settles it, only all no is no."""
    if True in flags:
        return True
    return None if None in flags else False


def first_loan_cultivation(case: Case) -> Benefit:
    """Article 5: a lead flag for an enterprise with no operating loan on record. Unknown is not first.

    ``evidence_on`` is the day the credit system was asked; evidence dated after ``as_of`` settles nothing yet.
    """
    facts = case.facts
    evidence = facts.first_time_evidence_on
    figures: dict[str, Figure] = {}
    conditions: tuple[Condition, ...] = (("first_time_borrower", facts.first_time_borrower),)
    if evidence is not None:
        figures["evidence_on"] = evidence
        if evidence > case.as_of:
            conditions = (*conditions, ("first_time_evidence_on", None))
    return settle(case, conditions, figures=figures)


def renewal_fast_track(case: Case) -> Benefit:
    """Article 9: a decision within calendar days of the complete file, as a rule, for whitelisted enterprises."""
    facts = case.facts
    figures: dict[str, Figure] = {}
    if facts.renewal_filed_on is not None:
        days = int(case.law.number("decision_days"))
        figures["decision_due_on"] = facts.renewal_filed_on + timedelta(days=days)
    conditions = (
        ("on_renewal_whitelist", facts.on_renewal_whitelist),
        ("renewal_filed_on", known(facts.renewal_filed_on)),
    )
    return settle(case, conditions, figures=figures)


def equity_loan_guarantee(case: Case) -> Benefit:
    """Article 10: a referral for high-growth and innovative enterprises; no number, consent for each recipient."""
    facts = case.facts
    return _flagged(
        case,
        ("tech_sme", facts.tech_sme),
        ("hnte", facts.hnte),
        ("srdi", facts.srdi),
        ("high_growth", facts.high_growth),
    )


def tech_finance(case: Case) -> Benefit:
    """Article 11: 科信贷 and 成果贷 for technology enterprises (any of the three honours)."""
    facts = case.facts
    return _flagged(case, ("hnte", facts.hnte), ("tech_sme", facts.tech_sme), ("srdi", facts.srdi))


def export_finance(case: Case) -> Benefit:
    """Article 1: the cross-border platform, FX hedging and export-insurance finance, each flagged by its own fact."""
    facts = case.facts
    flags = (
        ("exporter", facts.exporter),
        ("fx_exposure", facts.fx_exposure),
        ("export_credit_insured", facts.export_credit_insured),
    )
    names = ("cross_border_platform", "fx_hedging", "export_insurance_finance")
    figures: dict[str, Figure] = {name: flag for name, (_, flag) in zip(names, flags, strict=True) if flag is not None}
    return _flagged(case, *flags, figures=figures)


def supply_chain_finance(case: Case) -> Benefit:
    """Article 1: order, warehouse-receipt, inventory and receivable finance behind a confirmed anchor enterprise."""
    facts, kinds = case.facts, case.facts.supply_chain_kind
    if kinds == ():
        return answer(case, "not_applicable")
    served = None if kinds is None else tuple(kind for kind in kinds if kind in case.law.codes("kinds"))
    figures: dict[str, Figure] = dict.fromkeys(served or (), True)
    conditions = (
        ("anchor_relation_confirmed", facts.anchor_relation_confirmed),
        ("supply_chain_kind", None if served is None else bool(served)),
    )
    return settle(case, conditions, figures=figures)


def fund_investment_subsidy(case: Case) -> Benefit:
    """Article 11: text only. The plan states no ratio, so what would settle an amount is the ratio itself."""
    return answer(case, "conditional", missing=("subsidy_ratio",))


def _flagged(case: Case, *flags: Condition, figures: dict[str, Figure] | None = None) -> Benefit:
    """One yes opens the door, only all no closes it."""
    found = any_of(*(flag for _, flag in flags))
    if found is False:
        return excluded(case, flags[0][0], figures=figures)
    if found is None:
        return settle(case, tuple(each for each in flags if each[1] is None), figures=figures)
    return answer(case, "entitled", figures=figures)
