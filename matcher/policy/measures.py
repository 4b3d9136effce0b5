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
    facts: Mapping[str, object] | CaseFacts, as_of: date, rulebook: Rulebook | None = None
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
    with localcontext(_EXACT):
        found = {
            name: _answer(Case(checked, as_of, laws[name], rulebook), function)
            for name, function in MEASURES.items()
            if name in laws
        }
        patent, trademark = found.get(measures_pledge.PATENT), found.get(measures_pledge.TRADEMARK)
        if patent is not None and trademark is not None:
            _count_once(found, checked, as_of, rulebook)
    if len(found) != len(laws):
        strangers = ", ".join(sorted(set(laws) - set(MEASURES)))
        raise NoLawInForceError(f"No function computes {strangers}: the measures are {', '.join(MEASURES)}.")
    return tuple(found.values())


def _answer(case: Case, function: Measure) -> Benefit:
    law = case.law
    if law.phase == "in_force" or (law.phase == "upcoming" and law.begun and function in _TELLS_AHEAD):
        return function(case)
    if law.phase == "upcoming":
        first = max(law.measure.citation.first_day, case.rulebook.act_first_day)
        return answer(case, "upcoming", figures={"in_force_from": first})
    return answer(case, "expired")


_TELLS_AHEAD = frozenset({measures_access.inclusive_scheme})  # shows headroom and priority before its first day


def _count_once(found: dict[str, Benefit], facts: CaseFacts, as_of: date, rulebook: Rulebook) -> None:
    patent, trademark = found[measures_pledge.PATENT], found[measures_pledge.TRADEMARK]
    if facts.pledge_kind is None or patent.status == "not_applicable" or trademark.status == "not_applicable":
        return
    laws = rulebook.on(as_of)
    found[measures_pledge.PATENT], found[measures_pledge.TRADEMARK] = measures_pledge.count_once(
        Case(facts, as_of, laws[measures_pledge.PATENT], rulebook),
        Case(facts, as_of, laws[measures_pledge.TRADEMARK], rulebook),
        patent,
        trademark,
    )
