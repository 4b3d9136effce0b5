"""What a lead says to the bank's reader: reasons told as far as consent goes, what to verify, how fresh the data are.

An observed value of a source is named only where the enterprise lets this institution read that source; otherwise the
reason speaks of its group alone. What is unknown is never held against anybody: it becomes a thing to verify.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from features.dealings import DEALINGS_COLUMNS
from features.pair_columns import PAIR_COLUMNS
from features.schema import PROFILE_BY_NAME, SOURCES
from matcher.domain import Benefit, Check, Reason, Text, Verdict
from matcher.explain import LIST_POSITION, Account
from matcher.standing import Row

SOMEBODY_ELSE = "others_first"
"""Code of the reason that says what other institutions' chances take from a lead."""
STALE_DAYS = {
    "tax": 75,
    "invoices": 75,
    "social_security": 75,
    "utilities": 75,
    "credit": 75,
    "customs": 75,
    "annual_report": 550,
    "court": 400,
    "ip": 400,
    "honours": 400,
    "real_estate": 800,
}
"""Age in days from which a source is to be asked again: monthly returns, yearly ones, and what is searched at need."""

_SALES = ("invoices", "tax", "annual_report")
_COMPUTED: dict[str, tuple[str, ...]] = {
    "amount_share_of_turnover": _SALES,
    "debt_after_share_of_turnover": (*_SALES, "credit"),
    "amount_share_of_tax_paid": ("tax",),
    "property_cover": ("real_estate",),
    "size_approve_effect": _SALES,
    "section_approve_effect": ("registry",),
    "division_approve_effect": ("registry",),
    "division_apply_effect": ("registry",),
    "footprint_place": ("registry",),
    "footprint_industry": ("registry",),
    "footprint_request": _SALES,
    "tech_match": ("honours",),
    "ip_match": ("ip",),
    "export_match": ("customs",),
    "agri_match": ("registry",),
    "first_loan_match": ("credit",),
    "renewal_match": ("credit",),
}
"""Columns of a pair that are no column of the profile but let a source be guessed at."""
_OWN_OFFER = frozenset({"price", "speed", "product", "institution"})
_OWN_FIGURES = frozenset({"headroom_cny", "evidence_on"})


@dataclass(frozen=True, kw_only=True)
class Verify:
    """One thing an officer must settle.

    Parameters
    ----------
    code
        Of the rule, or of the source.
    kind
        ``rule`` for an admission rule that is unknown, ``missing`` for a source without data, ``stale`` for an old one.
    settle_with
        The datum that settles it: a source, or a field of the demand.
    """

    code: str
    kind: str
    settle_with: str
    text: Text


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """The newest a source knows of the enterprise, and its age in days."""

    known_on: date
    age_days: int


@lru_cache(maxsize=512)
def told_columns(sources: frozenset[str]) -> NDArray[np.bool_]:
    """Which columns of a pair row an institution that may read these sources may be told; shape (columns,).

    What the enterprise had to do with institutions before is for none of them: it speaks of the others too.
    """
    told = np.array([c.name not in DEALINGS_COLUMNS and _uses(c.name) <= sources for c in PAIR_COLUMNS])
    told.flags.writeable = False
    return told


def reasons_of(account: Account, needed: float) -> tuple[Reason, ...]:
    """The account's reasons for a bank: its place among the others takes the place of a place in a list."""
    return tuple(
        replace(reason, code=SOMEBODY_ELSE, group=SOMEBODY_ELSE, text=_others(needed))
        if reason.code == LIST_POSITION
        else reason
        for reason in account.reasons
    )


def why_this_firm(reasons: Sequence[Reason], most: int) -> tuple[Reason, ...]:
    """The strongest reasons that speak of the enterprise rather than of the institution's own offer."""
    return tuple(reason for reason in reasons if reason.group not in _OWN_OFFER)[:most]


def verify_of(checks: Sequence[Check], profile: Row) -> tuple[Verify, ...]:
    """What to verify: unknown rules first, then old sources, then missing ones no rule has named yet."""
    rules = tuple(_rule(check) for check in checks if check.verdict is Verdict.UNKNOWN)
    named = {each.settle_with for each in rules}
    ages = {name: profile.get(f"freshness_{name}_days") for name in SOURCES}
    stale = tuple(
        _stale(name, int(age))
        for name, age in ages.items()
        if isinstance(age, (int, float)) and age > STALE_DAYS.get(name, np.inf)
    )
    missing = tuple(_missing(name) for name, age in ages.items() if age is None and name not in named)
    return (*rules, *stale, *missing)


def freshness_of(profile: Row, as_of: date) -> dict[str, Freshness]:
    """How old the newest datum of each source is; sources of which nothing is known are left out."""
    found = {}
    for name in SOURCES:
        age = profile.get(f"freshness_{name}_days")
        if isinstance(age, (int, float)):
            found[name] = Freshness(known_on=as_of - timedelta(days=int(age)), age_days=int(age))
    return found


def cover_of(benefits: Sequence[Benefit], sources: Collection[str]) -> tuple[Benefit, ...]:
    """The covers that apply or may apply; figures that tell of the enterprise's own credit need its consent."""
    return tuple(
        each
        if "credit" in sources
        else replace(each, figures={k: v for k, v in each.figures.items() if k not in _OWN_FIGURES})
        for each in benefits
        if each.status in {"entitled", "conditional", "upcoming"}
    )


def _uses(name: str) -> frozenset[str]:
    column = PROFILE_BY_NAME.get(name)
    return frozenset(_COMPUTED.get(name, ()) if column is None else column.uses)


def _others(needed: float) -> Text:
    return Text(
        zh=f"其他机构：本机构的审批起决定作用的概率为 {needed:.0%}",
        en=f"Other institutions: the chance that no other approval comes first is {needed:.0%}",
    )


def _rule(check: Check) -> Verify:
    datum = check.settle_with or ""
    zh, en = _datum(datum)
    return Verify(
        code=check.code,
        kind="rule",
        settle_with=datum,
        text=Text(zh=f"{check.clause.zh}：待核实，以{zh}为准", en=f"{check.clause.en}: to be settled by {en}"),
    )


def _stale(name: str, age: int) -> Verify:
    source = SOURCES[name]
    return Verify(
        code=name,
        kind="stale",
        settle_with=name,
        text=Text(
            zh=f"{source.title_zh}数据已 {age} 天未更新，请重新核实",
            en=f"The newest of {source.title_en} is {age} days old: ask again",
        ),
    )


def _missing(name: str) -> Verify:
    source = SOURCES[name]
    return Verify(
        code=name,
        kind="missing",
        settle_with=name,
        text=Text(zh=f"无{source.title_zh}数据，请向企业核实", en=f"No {source.title_en} on record: ask for them"),
    )


def _datum(settle_with: str) -> tuple[str, str]:
    source = SOURCES.get(settle_with)
    if source is not None:
        return f"{source.title_zh}数据", source.title_en
    if settle_with.startswith("demand."):
        return "企业所提需求", f"what the demand says ({settle_with})"
    return settle_with or "企业材料", settle_with or "the enterprise's documents"
