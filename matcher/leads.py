"""Leads: enterprises worth an officer's hour, each with its account, what to verify and which policy covers it.

Nothing here depends on how the plan was made. The plan says which demand goes to which institution and in what order;
probabilities, reasons and verdicts are those of today's profile, so that a revoked consent is felt at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.pairs import Columns
from matcher.domain import Benefit, Check, Demand, Product, Reason, Text, Verdict
from matcher.eligibility import VERDICTS, ExtraCheck, judge
from matcher.explain import Account, accounts
from matcher.lead_texts import (
    Freshness,
    Verify,
    cover_of,
    freshness_of,
    reasons_of,
    told_columns,
    verify_of,
)
from matcher.matching import Matcher, Standing
from matcher.policy.benefits import Borrower, borrower_of, lead_benefits, offer_benefits
from matcher.policy.facts import CaseFacts
from matcher.policy.fee_caps import CODE, guarantee_cap_verdicts
from matcher.policy.measures import assess
from matcher.ranker import Scores
from matcher.standing import Row, size_of

INBOUND, OUTREACH = "inbound", "outreach"
FIRST_LOANS, RENEWALS, BRIDGE, GENERAL = "first-loans", "renewals", "bridge", "general"
_DOUBTFUL = frozenset({"substandard", "doubtful", "loss"})
_LONG_OVERDUE = 90.0
_PLACES = 12
"""Of a value: what a plan placed higher must not show less for the last bit of a float."""


@dataclass(frozen=True, kw_only=True)
class NamedList:
    """A list of leads with the article it serves and what the officer is to do with it."""

    name: str
    title: Text
    article: str | None
    act: str | None
    todo: Text


_ACT = "烟营办便函〔2023〕8号"
LISTS = {
    each.name: each
    for each in (
        NamedList(
            name=GENERAL,
            title=Text(zh="融资线索", en="Leads"),
            article=None,
            act=None,
            todo=Text(
                zh="按“本机构审批起决定作用的概率”排序，自上而下联系；披露名称与联系方式须有企业授权。",
                en="Ordered by the chance that your approval is the one that counts: work from the top; "
                "name and contact need the enterprise's consent.",
            ),
        ),
        NamedList(
            name=FIRST_LOANS,
            title=Text(zh="首贷培植", en="First-loan cultivation"),
            article="5",
            act=_ACT,
            todo=Text(
                zh="征信无经营性贷款记录：查询征信确认首贷户，辅导开户与报税材料，优先匹配信用类首贷产品，放款后登记首贷证据日期。",
                en="No operating loan on record: confirm it in the credit system, help with account and tax papers, "
                "offer an unsecured first loan where one fits, and record the day of the evidence.",
            ),
        ),
        NamedList(
            name=RENEWALS,
            title=Text(zh="到期续贷", en="Renewals about to mature"),
            article="9",
            act=_ACT,
            todo=Text(
                zh="90天内有贷款到期：确认是否本机构贷款及是否在“无还本续贷”白名单；材料齐备后原则上3天内办结续贷审批。",
                en="A loan matures within 90 days: find out whether it is yours and whether the enterprise is on the "
                "renewal whitelist; decide within 3 days of the complete file, as a rule.",
            ),
        ),
        NamedList(
            name=BRIDGE,
            title=Text(zh="应急转贷", en="Bridge-fund cases"),
            article="8",
            act=_ACT,
            todo=Text(
                zh="90天内有贷款到期、评级C级及以上的小微企业：核实暂时困难与基本面，出具续贷承诺，协助申请市级应急转贷基金。",
                en="A micro or small enterprise rated C or better with a loan maturing within 90 days: check that the "
                "difficulty is temporary, commit to renew, and help it ask the city's bridge fund.",
            ),
        ),
    )
}
"""The lists an institution can ask for, by name."""


@dataclass(frozen=True, kw_only=True)
class LeadCase:
    """One lead to be told: a demand, a product of the institution, and what may be read and told.

    Parameters
    ----------
    product_row
        Row of the product in the catalogue.
    profile
        As the platform may read it, nulls elsewhere.
    sources
        Sources this institution may read: only their values are named.
    needed
        Chance that no other institution's approval comes first, as planned; 1 where nothing was planned.
    """

    demand: Demand
    product_row: int
    profile: Row = field(repr=False)
    sources: frozenset[str]
    origin: str = OUTREACH
    needed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Lead:
    """One lead as told to the institution.

    Parameters
    ----------
    value
        Chance that this institution's approval is the one that counts; ``reason_base`` and the contributions of
        ``reasons`` add up to it, to 1e-6.
    verdict
        Of the product's rules today; a lead that fails is shown to nobody.
    lists
        Names of the lists beside the general one it belongs to.
    """

    case: LeadCase
    product: Product
    value: float
    p_apply: float
    p_approve: float
    reason_base: float
    reasons: tuple[Reason, ...]
    verdict: Verdict
    verify: tuple[Verify, ...]
    policy_cover: tuple[Benefit, ...]
    freshness: dict[str, Freshness]
    size_class: str
    lists: frozenset[str]


def leads(matcher: Matcher, cases: Sequence[LeadCase], as_of: date) -> tuple[Lead, ...]:
    """The leads of one page, in the order given: one array call for all scores and accounts."""
    if not cases:
        return ()
    X = _matrix(matcher, cases, as_of)
    scores = matcher.ranker.predict(X)
    applied = np.array([case.origin == INBOUND for case in cases])
    explained = accounts(
        matcher.ranker,
        X,
        queue_price=np.zeros(len(cases)),
        still_needed=np.array([case.needed for case in cases]),
        applied=applied,
        told=np.stack([told_columns(case.sources) for case in cases]),
    )
    letters = _letters(matcher, [case.profile for case in cases])
    return tuple(
        _lead(matcher, case, scores, explained[row], row, letters[row], as_of) for row, case in enumerate(cases)
    )


def worths(matcher: Matcher, cases: Sequence[LeadCase], as_of: date) -> NDArray[np.float64]:
    """What each lead is worth today, without reasons: to place leads no plan has placed."""
    if not cases:
        return np.zeros(0)
    scores = matcher.ranker.predict(_matrix(matcher, cases, as_of))
    applied = np.array([case.origin == INBOUND for case in cases])
    needed = np.array([case.needed for case in cases])
    worth: NDArray[np.float64] = np.where(applied, 1.0, scores.p_apply) * scores.p_approve * needed
    return worth


def needed_as_planned(value: float, p_apply: float, p_approve: float, origin: str) -> float:
    """The chance, between 0 and 1, that no other approval comes first, from what a plan kept of a lead.

    >>> needed_as_planned(0.06, 0.5, 0.2, "outreach"), needed_as_planned(0.1, 0.5, 0.2, "inbound")
    (0.6, 0.5)
    """
    alone = p_approve if origin == INBOUND else p_apply * p_approve
    return min(1.0, max(0.0, value / alone)) if alone > 0 else 1.0


def may_belong(name: str, profile: Row) -> bool:
    """Whether the profile lets a lead stand in a list, before rating and law are asked; unknown is no."""
    if name == FIRST_LOANS:
        return profile.get("has_prior_loan") == 0
    if name in (RENEWALS, BRIDGE):
        maturing = profile.get("maturing_90d_cny")
        return isinstance(maturing, (int, float)) and maturing > 0
    return True


def _matrix(matcher: Matcher, cases: Sequence[LeadCase], as_of: date) -> NDArray[np.float32]:
    return matcher.pair_matrix(
        [case.profile for case in cases],
        [case.demand for case in cases],
        np.array([case.product_row for case in cases], dtype=np.intp),
        as_of,
    )


def _letters(matcher: Matcher, profiles: Sequence[Row]) -> Sequence[str | None]:
    if matcher.rating is None:
        return [None] * len(profiles)
    columns: Columns = {
        factor.column: np.array([row.get(factor.column) for row in profiles], dtype=np.float64)
        for factor in matcher.rating.factors
    }
    letters: Sequence[str | None] = matcher.rating.rate_many(columns).tolist()
    return letters


def _lead(
    matcher: Matcher, case: LeadCase, scores: Scores, account: Account, row: int, letter: str | None, as_of: date
) -> Lead:
    size = size_of(case.profile, as_of, matcher.rulebook)
    profile: Standing = {**case.profile, "size_class": size, "platform_rating": letter}
    borrower = borrower_of(profile)
    verdict, checks = _judged(matcher, case, profile, borrower, as_of)
    product = matcher.catalog.products[case.product_row]
    return Lead(
        case=case,
        product=product,
        value=round(account.score, _PLACES),
        p_apply=float(scores.p_apply[row]),
        p_approve=float(scores.p_approve[row]),
        reason_base=account.base,
        reasons=reasons_of(account, case.needed),
        verdict=verdict,
        verify=verify_of(checks, case.profile),
        policy_cover=cover_of(_benefits(matcher, case, product, borrower, as_of), case.sources),
        freshness=freshness_of(case.profile, as_of),
        size_class=size,
        lists=_lists(matcher, case, borrower, as_of),
    )


def _judged(
    matcher: Matcher, case: LeadCase, profile: Standing, borrower: Borrower, as_of: date
) -> tuple[Verdict, tuple[Check, ...]]:
    alone = matcher.catalog.alone(case.product_row)
    capped = guarantee_cap_verdicts(alone.columns, borrower, case.demand.amount_cny, as_of, matcher.rulebook)
    extra = ExtraCheck(code=CODE, verdict=capped.verdict, describe=capped.describe)
    verdicts = judge(alone, profile, case.demand, as_of, [extra])
    return VERDICTS[int(verdicts.verdict[0])], verdicts.checks(0)


def _benefits(
    matcher: Matcher, case: LeadCase, product: Product, borrower: Borrower, as_of: date
) -> tuple[Benefit, ...]:
    """What covers the institution, then what the enterprise has of this offer."""
    institution = matcher.catalog.institutions[product.institution_id]
    asked = (borrower, case.demand, product, institution, as_of, matcher.rulebook)
    return (*lead_benefits(*asked), *offer_benefits(*asked))


def _lists(matcher: Matcher, case: LeadCase, borrower: Borrower, as_of: date) -> frozenset[str]:
    names = {name for name in (FIRST_LOANS, RENEWALS) if may_belong(name, case.profile)}
    if RENEWALS in names and _bridges(matcher, case, borrower, as_of):
        names.add(BRIDGE)
    return frozenset(names)


def _bridges(matcher: Matcher, case: LeadCase, borrower: Borrower, as_of: date) -> bool:
    """Article 8 as documented: of a size and a rating the law names, no serious default, a loan about to mature."""
    overdue = case.profile.get("overdue_days_max_12m")
    serious = (
        case.profile.get("is_dishonest_listed") == 1
        or case.profile.get("loan_class_worst_12m") in _DOUBTFUL
        or (isinstance(overdue, (int, float)) and overdue >= _LONG_OVERDUE)
    )
    if serious or borrower.platform_rating is None:
        return False
    facts = CaseFacts(size_class=borrower.size_class, platform_rating=borrower.platform_rating)
    found = assess(facts, as_of, matcher.rulebook, frozenset({"bridge_fee_cut"}))
    return any(each.status in {"entitled", "conditional"} and "size_class" not in each.missing for each in found)
