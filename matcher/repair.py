"""Near misses: the products that few checks keep out, with the smallest verified change that lets the demand in.

A repair is offered only after the whole changed case was judged again and admitted. Products that nothing honest can
repair come last, with their failed checks and no repair.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matcher.catalog_rules import FAIL, PASS, UNKNOWN, CompiledRules, ProductCheck
from matcher.domain import Demand, NearMiss
from matcher.eligibility import ExtraCheck, Verdicts, judge
from matcher.eligibility_facts import Profile
from matcher.repair_steps import Case, Obstacles, repaired
from matcher.repair_texts import OFFICES

__all__ = ["OFFICES", "near_misses"]

ExtraChecks = Callable[[Profile, Demand], Sequence[ExtraCheck]]
"""Recomputes the checks decided elsewhere for a changed case."""

_EFFORT = {
    "demand.amount_cny": 1.0,
    "demand.term_months": 1.0,
    "demand.max_annual_rate": 1.0,
    "demand.days_left": 1.0,
    "demand.repayment": 1.0,
    "pair.amount_share_of_turnover": 1.5,
    "pair.debt_after_share_of_turnover": 1.5,
    "pair.amount_share_of_tax_paid": 1.5,
    "pair.collateral_cover": 2.0,
    "demand.offers": 2.0,
}
_EFFORT_OF_A_KIND = 3.0
_EFFORT_OF_A_RECORD = 0.5
_BEYOND = 1e6
_ATTEMPTS_PER_MISS = 3


@dataclass(frozen=True, kw_only=True)
class _Search:
    verdicts: Verdicts
    profile: Profile
    as_of: date
    extra_checks: ExtraChecks | None
    verdict_wanted: int


def near_misses(
    verdicts: Verdicts,
    profile: Profile,
    as_of: date,
    *,
    limit: int = 5,
    most_failures: int = 3,
    include_unknown: bool = True,
    preference: NDArray[np.float64] | None = None,
    extra_checks: ExtraChecks | None = None,
) -> tuple[NearMiss, ...]:
    """Products that at most ``most_failures`` checks keep out, the easiest to repair first.

    Parameters
    ----------
    verdicts, profile, as_of
        What ``judge`` gave, and what it was given.
    include_unknown
        Whether the list takes products that are unknown; if not, those are near misses too, repaired by records.
    preference
        Shape (products,): among equally easy ones the higher comes first.
    extra_checks
        Recomputes the extra checks for a changed case; needed where ``verdicts`` carry any.

    Raises
    ------
    ValueError
        If there are extra checks and no way to recompute them: a repair could not be verified.
    """
    if verdicts.extra and extra_checks is None:
        raise ValueError("Extra checks were judged: pass extra_checks, or no repair can be verified.")
    wanted = UNKNOWN if include_unknown else PASS
    search = _Search(verdicts=verdicts, profile=profile, as_of=as_of, extra_checks=extra_checks, verdict_wanted=wanted)
    effort = _effort(verdicts)
    near = (verdicts.verdict < wanted) & (verdicts.fail_count <= most_failures)
    rows = np.flatnonzero(near)
    liked = np.zeros(len(rows)) if preference is None else preference[rows]
    order = rows[np.lexsort((rows, -liked, effort[rows]))]
    promising = [int(row) for row in order if effort[row] < _BEYOND][: limit * _ATTEMPTS_PER_MISS]
    return _chosen(search, promising, [int(row) for row in order], limit)


def _chosen(search: _Search, promising: list[int], order: list[int], limit: int) -> tuple[NearMiss, ...]:
    found: list[NearMiss] = []
    for miss in _repairable(search, promising):
        found.append(miss)
        if len(found) == limit:
            return tuple(found)
    taken = {miss.product_index for miss in found}
    rest = [row for row in order if row not in taken][: limit - len(found)]
    return (*found, *(_miss(search, row, None) for row in rest))


def _repairable(search: _Search, rows: list[int]) -> Iterator[NearMiss]:
    for row in rows:
        case = _repaired(search, row)
        if case is not None:
            yield _miss(search, row, case)


def _miss(search: _Search, row: int, case: Case | None) -> NearMiss:
    failed = search.verdicts.failed(row)
    return NearMiss(product_index=row, failed=failed, repairs=case.repairs if case else ())


def _repaired(search: _Search, row: int) -> Case | None:
    """The repaired case of one product if judging it again admits it."""
    verdicts = search.verdicts
    start = Case(demand=verdicts.demand, profile=search.profile, as_of=search.as_of)
    case = repaired(start, _obstacles(verdicts, row))
    if case is None or not case.repairs:
        return None
    alone = verdicts.catalog.alone(row)
    verdict = int(judge(alone, case.profile, case.demand, search.as_of).verdict[0])
    if search.extra_checks is not None and verdict >= search.verdict_wanted:
        extra = search.extra_checks(case.profile, case.demand)
        verdict = min([verdict, *(int(check.verdict[row]) for check in extra)])
    return case if verdict >= search.verdict_wanted else None


def _obstacles(verdicts: Verdicts, row: int) -> Obstacles:
    rules = verdicts.catalog.rules
    checks, first = rules.checks[row], int(rules.first_check[row])
    answers = verdicts.condition_verdicts[rules.check_condition[first : first + len(checks)]]

    def having(wanted: int) -> list[ProductCheck]:
        return [check for check, answer in zip(checks, answers, strict=True) if answer == wanted]

    return Obstacles(product=verdicts.catalog.products[row], every=checks, failed=having(FAIL), unknown=having(UNKNOWN))


def _effort(verdicts: Verdicts) -> NDArray[np.float64]:
    """How hard every product is to repair; ``_BEYOND`` and more where something stands that nobody can change."""
    rules = verdicts.catalog.rules
    answers = verdicts.condition_verdicts
    of_condition = np.where(answers == FAIL, _condition_effort(rules), 0.0)
    of_condition += np.where(answers == UNKNOWN, _EFFORT_OF_A_RECORD, 0.0)
    effort = np.bincount(rules.check_product, of_condition[rules.check_condition], minlength=len(rules.checks))
    for extra in verdicts.extra:
        effort = effort + (extra.verdict == FAIL) * _BEYOND
    return np.asarray(effort, dtype=np.float64)


@lru_cache(maxsize=8)
def _condition_effort(rules: CompiledRules) -> NDArray[np.float64]:
    return np.array([_effort_of(condition.fact) for condition in rules.conditions])


def _effort_of(fact: str) -> float:
    if fact.startswith("demand.asks_"):
        return _EFFORT_OF_A_KIND
    return _EFFORT.get(fact.partition("#")[0], _BEYOND)
