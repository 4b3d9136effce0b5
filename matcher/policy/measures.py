"""Every measure of a rulebook, answered for one case: ``assess``."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Context, localcontext

from matcher.domain import Benefit
from matcher.policy import measures_access, measures_money, measures_pledge
from matcher.policy.answer import Case, answer
from matcher.policy.facts import CaseFacts, check_facts
from matcher.policy.rulebook import NoLawInForceError, Rulebook, default_rulebook

Measure = Callable[[Case], Benefit]

MEASURES: dict[str, Measure] = {
    function.__name__: function
    for function in (
        measures_access.inclusive_scheme,
        measures_access.first_loan_cultivation,
        measures_money.inclusive_incentive,
        measures_money.risk_compensation,
        measures_money.guarantee_fee_cap,
        measures_money.re_guarantee_fee_cap,
        measures_money.bridge_fee_cut,
        measures_access.renewal_fast_track,
        measures_access.equity_loan_guarantee,
        measures_pledge.patent_pledge_subsidy,
        measures_pledge.trademark_pledge_subsidy,
        measures_access.tech_finance,
        measures_access.fund_investment_subsidy,
        measures_access.export_finance,
        measures_access.supply_chain_finance,
    )
}
"""What the code can compute, by name; a rulebook says which of them a city has."""

_EXACT = Context(prec=60)  # money of fifteen digits times rates and days stays exact until it is cut to the fen


def assess(
    facts: Mapping[str, object] | CaseFacts,
    as_of: date,
    rulebook: Rulebook | None = None,
    measures: frozenset[str] | None = None,
) -> tuple[Benefit, ...]:
    """One answer for every measure of the rulebook, in the order of ``MEASURES``.

    Parameters
    ----------
    facts
        What is known of the case; absent or null is unknown.
    as_of
        The day of the question: the law in force, the prime rates published and the repayments made by then.
    rulebook
        The city's law; Yantai's if not given.
    measures
        Only these; all of the rulebook if not given.

    Raises
    ------
    InvalidFactsError
        Facts that cannot be true as written, each with a hint.
    NoLawInForceError
        The rulebook has a measure of this name without one of its values, or a measure no code computes.
    """
    rulebook = rulebook or default_rulebook()
    checked = facts if isinstance(facts, CaseFacts) else check_facts(facts)
    laws = rulebook.on(as_of)
    asked = laws.keys() if measures is None else laws.keys() & measures
    strangers = asked - MEASURES.keys()
    if strangers:
        raise NoLawInForceError(f"No function computes {', '.join(sorted(strangers))}: see MEASURES.")
    found: dict[str, Benefit] = {}
    with localcontext(_EXACT):
        for name, function in MEASURES.items():
            if name in asked:
                found[name] = _answer(Case(checked, as_of, laws[name], rulebook), function)
        patent, trademark = found.get(measures_pledge.PATENT), found.get(measures_pledge.TRADEMARK)
        if patent and trademark and checked.pledge_kind is not None:
            found[patent.measure], found[trademark.measure] = measures_pledge.count_once(
                Case(checked, as_of, laws[patent.measure], rulebook),
                Case(checked, as_of, laws[trademark.measure], rulebook),
                patent,
                trademark,
            )
    return tuple(found.values())


def _answer(case: Case, function: Measure) -> Benefit:
    law = case.law
    if law.phase == "in_force":
        return function(case)
    if law.phase == "expired":
        return answer(case, "expired")
    if law.begun and function in _TELLS_AHEAD:
        return function(case)
    first = max(law.measure.citation.first_day, case.rulebook.act_first_day)
    return answer(case, "upcoming", figures={"in_force_from": first})


_TELLS_AHEAD = frozenset({measures_access.inclusive_scheme})  # shows headroom and priority before its first day
