"""Interest subsidies for pledged patents and trademarks (article 11): one contract is subsidised once.

``missing`` names a prime rate the rulebook lacks as ``lpr_1y`` and its month: ``"lpr_1y 2026-09"``.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from matcher.domain import Benefit, Text
from matcher.policy.answer import (
    NO_MONEY,
    ZERO,
    Case,
    Condition,
    Figure,
    answer,
    excluded,
    known,
    negation,
    settle,
    to_fen,
)
from matcher.policy.facts import CaseFacts
from matcher.policy.statutes_parser import PrimeRate

PATENT = "patent_pledge_subsidy"
TRADEMARK = "trademark_pledge_subsidy"


@dataclass(slots=True)
class _Interest:
    """Interest as a fraction, kept undivided so that the fen is exact; ``paid`` when it is what was paid."""

    numerator: Decimal
    denominator: Decimal
    paid: bool


def patent_pledge_subsidy(case: Case) -> Benefit:
    """Subsidy for the first pledge of the enterprise's own invention patent, once principal and interest are paid."""
    return _subsidy(case, (("own_patent", case.facts.own_patent),))


def trademark_pledge_subsidy(case: Case) -> Benefit:
    """Subsidy for the first pledge of a trademark; the same formula under a cap of its own."""
    return _subsidy(case, ())


def count_once(patent_case: Case, trademark_case: Case, patent: Benefit, trademark: Benefit) -> tuple[Benefit, Benefit]:
    """One contract pledging both is subsidised by the larger of the two, never both.

    On equal amounts the certain one stands, else the patent's.
    """
    alive = ("entitled", "conditional")
    if patent.status not in alive or trademark.status not in alive:
        return patent, trademark
    order = (patent.amount_cny or ZERO, patent.status == "entitled")
    if order >= (trademark.amount_cny or ZERO, trademark.status == "entitled"):
        return patent, excluded(trademark_case, "other_measure")
    return excluded(patent_case, "other_measure"), trademark


def _subsidy(case: Case, own: tuple[Condition, ...]) -> Benefit:
    facts, law = case.facts, case.law
    kinds = facts.pledge_kind
    if kinds is not None and law.codes("kinds").isdisjoint(kinds):
        if law.codes("excluded_kinds").isdisjoint(kinds):
            return answer(case, "not_applicable")
        return excluded(case, "pledge_kind")
    conditions: tuple[Condition, ...] = (
        ("pledge_kind", known(kinds)),
        *own,
        ("first_pledge", facts.first_pledge),
        ("provincial_subsidy_conditions_met", negation(facts.provincial_subsidy_conditions_met)),
        ("subsidy_received_cny", known(facts.subsidy_received_cny)),
        ("signed_on", known(facts.signed_on)),
    )
    figures: dict[str, Figure] = {}
    rate = _prime_rate(case)
    if facts.signed_on is not None and rate is None:
        year, month = _month_before(facts.signed_on)
        conditions = (*conditions, (f"lpr_1y {year:04d}-{month:02d}", None))
    interest = _interest(facts, case.as_of)
    conditions = (*conditions, *_repaid(facts, case.as_of, interest))
    amount = _amount(case, rate, interest, figures)
    return settle(case, conditions, amount=amount, figures=figures, note=_recheck(rate))


def _repaid(facts: CaseFacts, as_of: date, interest: _Interest | None) -> tuple[Condition, ...]:
    repaid = True if facts.repaid_on is not None and facts.repaid_on <= as_of else None
    paid = True if interest is not None and interest.paid else known(facts.interest_paid_cny)
    return ("annual_rate", known(facts.annual_rate)), ("repaid_on", repaid), ("interest_paid_cny", paid)


def _interest(facts: CaseFacts, as_of: date) -> _Interest | None:
    """What was paid; else, or when repayment lies ahead, a projection of simple interest over the days."""
    one = Decimal(1)
    paid = None
    if facts.interest_paid_cny is not None:
        paid = _Interest(facts.interest_paid_cny, one, True)
    ahead = facts.repaid_on is not None and facts.repaid_on > as_of
    if paid is not None and not ahead:
        return paid
    if facts.principal_cny is None or facts.annual_rate is None or facts.days is None:
        return paid
    year = Decimal(_YEAR_DAYS[facts.day_count or "act/360"])
    return _Interest(facts.principal_cny * facts.annual_rate * facts.days, year, False)


_YEAR_DAYS = {"act/360": 360, "act/365": 365}


def _amount(
    case: Case, rate: PrimeRate | None, interest: _Interest | None, figures: dict[str, Figure]
) -> Decimal | None:
    facts, law = case.facts, case.law
    actual = facts.annual_rate
    left = max(ZERO, law.number("cap_cny") - (facts.subsidy_received_cny or ZERO))
    if facts.subsidy_received_cny is not None:
        figures["cap_left_cny"] = to_fen(left)
    if rate is not None:
        figures["lpr_1y"] = rate.one_year
        figures["lpr_published_on"] = rate.published_on
        figures["lpr_sources"] = str(rate.sources)
    if interest is not None:
        figures["interest_cny"] = to_fen(interest.numerator / interest.denominator)
    if rate is None or interest is None or actual is None:
        return None
    share = law.number("share_of_interest")
    figures["subsidy_rate"] = share * min(rate.one_year, actual)
    if actual <= rate.one_year:
        uncapped = interest.numerator * share / interest.denominator
    else:
        uncapped = interest.numerator * share * rate.one_year / (interest.denominator * actual)
    return min(left, uncapped) if uncapped else NO_MONEY


def _prime_rate(case: Case) -> PrimeRate | None:
    signed = case.facts.signed_on
    if signed is None:
        return None
    year, month = _month_before(signed)
    return case.rulebook.one_year_rate(year, month, case.as_of)


def _month_before(day: date) -> tuple[int, int]:
    return (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)


def _recheck(rate: PrimeRate | None) -> Text | None:
    if rate is None or rate.sources > 1:
        return None
    return Text(zh="该月LPR仅有一处转录，使用前须复核", en=f"prime rate: {rate.status}")
