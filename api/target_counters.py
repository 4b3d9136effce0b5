"""Counters of the plan's targets from the rows of the store: each says how it was counted and what it lacks.

Size and honours are those known on the day of counting, as far as the platform may read them. A financing whose
enterprise's size is not known counts neither as small nor as large: it widens the bounds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from api import asking
from api.instance import Instance
from matcher.domain import Text
from matcher.policy.lists import shown_counters
from matcher.policy.size import UNDETERMINED
from matcher.policy.targets import Cell, Counted
from matcher.standing import Row, size_of
from matcher.store import targets
from matcher.store.targets import Disbursement

SMALL = ("micro", "small")
_TECH = ("is_hnte", "is_tech_sme", "is_srdi")
Judge = Callable[[str], bool | None]


@dataclass(frozen=True, kw_only=True)
class _Year:
    """What a year's counters are made of; ``paid`` reaches back to the beginning."""

    year: int
    paid: tuple[Disbursement, ...]
    served: targets.Served
    had_loan: dict[str, bool]

    @property
    def paid_then(self) -> tuple[Disbursement, ...]:
        return tuple(each for each in self.paid if each.disbursed_on.year == self.year)


def counters(instance: Instance, year: int) -> dict[str, Counted]:
    """Every counter of a year up to the instance's day, by ``Target.counter``."""
    day = instance.clock.today()
    shown = shown_counters(instance.matcher.catalog.products, day)
    found = {name: _exact(Decimal(count), _SHOWN) for name, count in shown.items()}
    found |= {name: _unknown(text) for name, text in _NOT_RECORDED.items()}
    with instance.store.reading() as connection:
        since = targets.recording_since(connection)
        held = [each for each in targets.meetings(connection) if each is None or each <= day]
        if held and year >= min((each.year for each in held if each is not None), default=year):
            found["matchmaking_events"] = _meetings(held, year)
        if since is None or year < since.year or year > day.year:
            return found
        told = _from_desks(instance, connection, year, day)
    return found | (told if since <= date(year, 1, 1) else {name: _since(one, since) for name, one in told.items()})


def _since(counted: Counted, first: date) -> Counted:
    """What was counted in a year whose first days are not recorded: that much at least."""
    missing = Text(
        zh=f"自 {first.isoformat()} 起计；此前的办理记录平台尚无",
        en=f"counted from {first.isoformat()}: of the days before, the store has no record",
    )
    return replace(counted, highest=None, missing=(*counted.missing, missing))


def _from_desks(instance: Instance, connection: Connection, year: int, day: date) -> dict[str, Counted]:
    last = min(date(year, 12, 31), day)
    paid = targets.disbursements(connection, last)
    seen = _Year(
        year=year,
        paid=paid,
        served=targets.served(connection, date(year, 1, 1), last),
        had_loan=targets.had_loan_before(connection, {each.demand_id for each in paid}),
    )
    profiles = _Profiles(instance, connection, day)
    instance.profiles.prepare(sorted({each.uscc for each in seen.paid_then} | seen.served.enterprises), day)
    return {
        "mse_financing_cny": _money(seen.paid_then, profiles.is_small, _MSE, _SIZE_MISSING, profiles.size),
        "tech_loans_cny": _money(_loans(seen.paid_then), profiles.is_tech, _TECH_MONEY, _HONOURS_MISSING),
        "enterprises_served": _exact(Decimal(len(seen.served.enterprises)), _served_text(seen.served.visits)),
        "tech_enterprises_served": _count(seen.served.enterprises, profiles.is_tech, _TECH_SERVED, _HONOURS_MISSING),
        "first_time_borrowers": _first_time(seen),
    }


class _Profiles:
    """What is known of enterprises on the day of counting; each is asked once."""

    def __init__(self, instance: Instance, connection: Connection, day: date) -> None:
        self._instance, self._connection, self._day = instance, connection, day
        self._known: dict[str, Row] = {}

    def size(self, uscc: str) -> str:
        """Size class, ``undetermined`` where it is not known."""
        return size_of(self._row(uscc), self._day, self._instance.matcher.rulebook)

    def is_small(self, uscc: str) -> bool | None:
        """Whether it is micro or small; None where not known."""
        size = self.size(uscc)
        return None if size == UNDETERMINED else size in SMALL

    def is_tech(self, uscc: str) -> bool | None:
        """Whether it is a technology enterprise; None where no honour is known and one may be."""
        flags = [self._row(uscc)[name] for name in _TECH]
        if any(flags):
            return True
        return None if None in flags else False

    def _row(self, uscc: str) -> Row:
        if uscc not in self._known:
            self._known[uscc] = asking.profile_of(self._instance, self._connection, uscc, self._day)
        return self._known[uscc]


def _money(
    paid: Iterable[Disbursement], judge: Judge, how: Text, missing: Text, group: Callable[[str], str] | None = None
) -> Counted:
    """Sum over the enterprises judged to count; those nobody can judge widen the upper bound."""
    sure, open_ = Decimal(0), Decimal(0)
    unsaid = False
    cells: dict[str, tuple[set[str], Decimal]] = {}
    for each in paid:
        counts = judge(each.uscc)
        if counts is False:
            continue
        if each.amount_cny is None:
            unsaid = True
            continue
        if counts is None:
            open_ += each.amount_cny
            continue
        sure += each.amount_cny
        if group is not None:
            who, amount = cells.setdefault(group(each.uscc), (set(), Decimal(0)))
            cells[group(each.uscc)] = (who | {each.uscc}, amount + each.amount_cny)
    lacking = ((missing,) if open_ else ()) + ((_AMOUNT_MISSING,) if unsaid else ())
    breakdown = tuple(
        Cell(group=name, enterprises=len(who), amount=sum_) for name, (who, sum_) in sorted(cells.items())
    )
    return Counted(lowest=sure, highest=None if unsaid else sure + open_, how=how, missing=lacking, breakdown=breakdown)


def _count(usccs: Iterable[str], judge: Judge, how: Text, missing: Text) -> Counted:
    judged = [judge(uscc) for uscc in usccs]
    sure, open_ = judged.count(True), judged.count(None)
    return Counted(lowest=Decimal(sure), highest=Decimal(sure + open_), how=how, missing=(missing,) if open_ else ())


def _first_time(seen: _Year) -> Counted:
    """Enterprises whose first loan here was paid out in the year and that had none before, as known when asked."""
    first: dict[str, Disbursement] = {}
    for each in _loans(seen.paid):
        first.setdefault(each.uscc, each)
    then = [each for each in first.values() if each.disbursed_on.year == seen.year]
    before = {each.uscc: seen.had_loan.get(each.demand_id) for each in then}

    def judge(uscc: str) -> bool | None:
        known = before[uscc]
        return None if known is None else not known

    return _count(before, judge, _FIRST, _CREDIT_MISSING)


def _loans(paid: Iterable[Disbursement]) -> tuple[Disbursement, ...]:
    return tuple(each for each in paid if each.kind == "loan")


def _meetings(held: Sequence[date | None], year: int) -> Counted:
    sure, undated = sum(each is not None and each.year == year for each in held), held.count(None)
    return Counted(
        lowest=Decimal(sure), highest=Decimal(sure + undated), how=_MEETINGS, missing=(_DAY_MISSING,) if undated else ()
    )


def _exact(value: Decimal, how: Text) -> Counted:
    return Counted(lowest=value, highest=value, how=how)


def _unknown(missing: Text) -> Counted:
    return Counted(lowest=None, highest=None, missing=(missing,))


def _served_text(visits: int) -> Text:
    return Text(
        zh=f"当年机构已联系或办理、或出席对接活动的企业，去重；共 {visits} 次",
        en=f"distinct enterprises a desk was in touch with, or that came to a meeting; {visits} times in all",
    )


_SHOWN = Text(
    zh="计数日在架产品，每个产品一个二维码", en="products on offer on the day of counting, each under a QR code"
)
_MSE = Text(
    zh="机构已放款金额；按计数日企业规模取小型、微型",
    en="paid out by institutions; micro and small by size on the day of counting",
)
_TECH_MONEY = Text(
    zh="向高新技术、科技型中小、专精特新企业放款的贷款",
    en="loans paid out to HNTE, technology-based SME or SRDI enterprises",
)
_TECH_SERVED = Text(
    zh="所服务企业中的高新技术、科技型中小、专精特新企业",
    en="those of the enterprises served that are HNTE, tech SME or SRDI",
)
_FIRST = Text(
    zh="首笔贷款于当年放款、且推荐时征信无经营性贷款的企业",
    en="enterprises whose first loan was paid out in the year and whose record showed none when it was recommended",
)
_MEETINGS = Text(zh="当年已举办的对接活动", en="matchmaking events whose day lies in the year and is over")
_SIZE_MISSING = Text(zh="部分企业的规模（从业人数、营业收入）", en="the size of some enterprises (headcount, revenue)")
_HONOURS_MISSING = Text(zh="部分企业的资质荣誉数据", en="the honours of some enterprises")
_CREDIT_MISSING = Text(zh="部分企业贷款前的征信数据", en="the credit record of some enterprises before the loan")
_AMOUNT_MISSING = Text(zh="部分放款的金额", en="the amount of some disbursements")
_DAY_MISSING = Text(zh="部分活动的日期", en="the day of some events")
_DESKS = Text(zh="该年机构办理记录（平台尚无）", en="what institutions' desks did in that year; the store has none")
_NOT_RECORDED = {
    "enterprises_verified": Text(zh="企业实名认证记录", en="a record of each enterprise's verification"),
    "cross_border_financing_cny": Text(
        zh="放款是否经由跨境金融服务平台", en="whether a disbursement went through the cross-border platform"
    ),
    "cross_border_growth": Text(zh="上年跨境平台融资额", en="last year's cross-border financing"),
    "incentive_approved_cny": Text(zh="激励资金批复", en="approvals of incentive funds"),
    "government_guarantee_balance_cny": Text(
        zh="政府性担保机构的在保责任比例与解保记录", en="the liability share and releases of government guarantors"
    ),
    "renewal_balance_cny": Text(
        zh="贷款是否为无还本续贷及其余额", en="whether a loan renews without repayment, and its balance"
    ),
    "matchmaking_events": Text(zh="对接活动记录", en="a record of matchmaking events"),
    "mse_financing_cny": _DESKS,
    "tech_loans_cny": _DESKS,
    "enterprises_served": _DESKS,
    "tech_enterprises_served": _DESKS,
    "first_time_borrowers": _DESKS,
}
"""What settles a counter the store has no rows for."""
