"""The facts a case may state, checked at the door. Absent or null is unknown; a wrong fact is refused with a hint.

Numbers come as decimal strings, integers or floats and leave as Decimal; days as ISO texts or dates; flags as booleans.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from matcher.domain import Text

RATINGS = ("A", "B", "C", "D", "E")
SIZES = ("micro", "small", "medium", "large", "not_classified", "undetermined")
SECURITIES = (
    "unsecured",
    "guarantee",
    "mortgage",
    "rights_pledge",
    "movable_pledge",
    "warehouse_receipt",
    "inventory",
    "receivable",
)
PLEDGES = (
    "invention_patent",
    "utility_model",
    "design",
    "trademark",
    "receivable",
    "warehouse_receipt",
    "equity",
    "deposit_receipt",
)
CHAIN_KINDS = ("order", "warehouse_receipt", "inventory", "receivable")
DAY_COUNTS = ("act/360", "act/365")

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LARGEST = Decimal("1e15")  # far above any city's money: keeps sums exact and typing errors out
_DAYS_MOST = Decimal(36600)  # a hundred years
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)  # any later and the days counted from it do not exist
_PLAUSIBLE_FEE = Decimal("0.1")  # no guarantor asks a tenth a year, no bridge fund a tenth a day: per cent by mistake


@dataclass(frozen=True, kw_only=True)
class FactError:
    """One refused fact: its name, and what is wrong with it and what to write instead."""

    field: str
    message: Text


class InvalidFactsError(ValueError):
    """Facts that cannot be true as written; ``errors`` has one entry per refused fact."""

    def __init__(self, errors: tuple[FactError, ...]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message.en}" for each in errors))
        self.errors = errors


@dataclass(slots=True, kw_only=True)
class CaseFacts:
    """One case as far as it is known: ``None`` is unknown, never zero and never no.

    Money is yuan, rates are shares per year (``base_daily_fee_rate`` per day), ``liability_share`` is 1 for all.
    """

    size_class: str | None = None
    platform_rating: str | None = None
    security_kind: str | None = None
    amount_cny: Decimal | None = None
    scheme_balance_cny: Decimal | None = None
    first_time_borrower: bool | None = None
    signed_on: date | None = None
    first_time_evidence_on: date | None = None
    institution_local_legal_person: bool | None = None
    balance_increase_cny: Decimal | None = None
    npl_confirmed: bool | None = None
    principal_outstanding_cny: Decimal | None = None
    recovered_cny: Decimal | None = None
    guarantor_payout_cny: Decimal | None = None
    guarantor_is_government: bool | None = None
    agri_rural: bool | None = None
    guaranteed_amount_cny: Decimal | None = None
    existing_guaranteed_cny: Decimal | None = None
    quoted_fee_rate: Decimal | None = None
    liability_share: Decimal | None = None
    principal_cny: Decimal | None = None
    bridge_days: Decimal | None = None
    base_daily_fee_rate: Decimal | None = None
    renewal_commitment: bool | None = None
    temporary_difficulty: bool | None = None
    on_renewal_whitelist: bool | None = None
    renewal_filed_on: date | None = None
    tech_sme: bool | None = None
    hnte: bool | None = None
    srdi: bool | None = None
    high_growth: bool | None = None
    pledge_kind: tuple[str, ...] | None = None
    own_patent: bool | None = None
    first_pledge: bool | None = None
    annual_rate: Decimal | None = None
    repaid_on: date | None = None
    interest_paid_cny: Decimal | None = None
    days: Decimal | None = None
    day_count: str | None = None
    provincial_subsidy_conditions_met: bool | None = None
    subsidy_received_cny: Decimal | None = None
    exporter: bool | None = None
    fx_exposure: bool | None = None
    export_credit_insured: bool | None = None
    anchor_relation_confirmed: bool | None = None
    supply_chain_kind: tuple[str, ...] | None = None


class _RefusedError(ValueError):
    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh=zh, en=en)


def _negative() -> _RefusedError:
    return _RefusedError(
        "不能为负：没有请写0，未知请留空", "cannot be negative: write 0 for none, leave it out when unknown"
    )


def _number(given: object) -> Decimal:
    if type(given) is Decimal:
        number = given
    elif isinstance(given, str):
        if not _NUMBER.fullmatch(given):
            raise _RefusedError(f"“{given[:40]}”不是数字", f'{given[:40]!r} is not a number: write it as "12345.67"')
        number = Decimal(given)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        number = Decimal(str(given))
    else:
        raise _RefusedError("应为数字", 'must be a number, best as a decimal string such as "12345.67"')
    if not number.is_finite():
        raise _RefusedError("不能为NaN或无穷；未知请留空", "must be finite: leave an unknown number out instead")
    return number


def _signed_money(given: object) -> Decimal:
    number = _number(given)
    if abs(number) > _LARGEST:
        raise _RefusedError("金额过大，请以元为单位", "too large: write yuan")
    return number


def _money(given: object) -> Decimal:
    number = _signed_money(given)
    if number < 0:
        raise _negative()
    return number


def _whole_days(given: object) -> Decimal:
    number = _number(given)
    if not 0 <= number <= _DAYS_MOST or number != int(number):
        raise _RefusedError("应为非负整数天数", "must be a whole number of days, not negative")
    return number


def _rate(given: object, most: Decimal = Decimal(1)) -> Decimal:
    number = _number(given)
    if number < 0:
        raise _negative()
    if number > _LARGEST:
        raise _RefusedError("利率须写成小数，如0.0435", "a rate is a share per year, such as 0.0435")
    if number >= most:
        share = number.scaleb(-2).normalize()
        raise _RefusedError(
            f"利率须写成小数，不是百分数：若指{number}%，请写{share:f}",
            f"a rate is a share, not per cent: for {number} % write {share:f}",
        )
    return number


def _fee_rate(given: object) -> Decimal:
    return _rate(given, _PLAUSIBLE_FEE)


def _share(given: object) -> Decimal:
    number = _number(given)
    if number < 0:
        raise _negative()
    if number > _LARGEST:
        raise _RefusedError("份额须在0与1之间", "a share lies between 0 and 1, such as 0.8")
    if number > 1:
        share = number.scaleb(-2).normalize()
        raise _RefusedError(
            f"份额须在0与1之间：若指{number}%，请写{share:f}",
            f"a share lies between 0 and 1: for {number} % write {share:f}",
        )
    return number


def _flag(given: object) -> bool:
    if given is True or given is False:
        return given
    raise _RefusedError("应为true或false；未知请留空", "must be true or false: leave it out when unknown")


def _day(given: object) -> date:
    day = given if type(given) is date else _written_day(given)
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise _RefusedError(
            f"须在{_FIRST_DAY}至{_LAST_DAY}之间；未知请留空",
            f"must lie between {_FIRST_DAY} and {_LAST_DAY}: leave it out when unknown",
        )
    return day


def _written_day(given: object) -> date:
    try:
        if isinstance(given, str) and _DAY.fullmatch(given):
            return date.fromisoformat(given)
    except ValueError:  # a day no month has, answered below
        given = None
    raise _RefusedError("应为存在的日期，格式2023-08-07", "must be a day that exists, written as 2023-08-07")


def _code(allowed: tuple[str, ...]) -> Callable[[object], str]:
    def check(given: object) -> str:
        if isinstance(given, str) and given in allowed:
            return str(given)
        choices = ", ".join(allowed)
        raise _RefusedError(f"未知取值；可用：{choices}", f"unknown code {given!r:.40}: use one of {choices}")

    return check


def _codes(allowed: tuple[str, ...]) -> Callable[[object], tuple[str, ...]]:
    check = _code(allowed)

    def check_all(given: object) -> tuple[str, ...]:
        if isinstance(given, list | tuple):
            return tuple(dict.fromkeys(check(each) for each in given))
        return (check(given),)

    return check_all


_BY_TYPE: dict[object, Callable[[object], object]] = {
    Decimal | None: _money,
    bool | None: _flag,
    date | None: _day,
}
_BY_NAME: dict[str, Callable[[object], object]] = {
    "size_class": _code(SIZES),
    "platform_rating": _code(RATINGS),
    "security_kind": _code(SECURITIES),
    "pledge_kind": _codes(PLEDGES),
    "supply_chain_kind": _codes(CHAIN_KINDS),
    "day_count": _code(DAY_COUNTS),
    "balance_increase_cny": _signed_money,
    "annual_rate": _rate,
    "quoted_fee_rate": _fee_rate,
    "base_daily_fee_rate": _fee_rate,
    "liability_share": _share,
    "days": _whole_days,
    "bridge_days": _whole_days,
}
FACTS: dict[str, Callable[[object], object]] = {
    each.name: _BY_NAME.get(each.name) or _BY_TYPE[each.type] for each in fields(CaseFacts)
}
"""Every fact that may be stated, with its check."""


def check_facts(facts: Mapping[str, object]) -> CaseFacts:
    """The facts typed, unknown ones left ``None``.

    Raises
    ------
    InvalidFactsError
        With every refused fact: negative money or days, NaN, a code or a name nobody knows, a day that is none, a rate
        written as per cent.

    >>> check_facts({"annual_rate": "0.0435", "recovered_cny": None}).annual_rate
    Decimal('0.0435')
    """
    known: dict[str, object] = {}
    errors: list[FactError] = []
    for name, given in facts.items():
        check = FACTS.get(name)
        if check is None:
            errors.append(_unknown_name(name))
            continue
        if given is None:
            continue
        try:
            known[name] = check(given)
        except _RefusedError as refused:
            errors.append(FactError(field=name, message=refused.text))
    if errors:
        raise InvalidFactsError(tuple(errors))
    return CaseFacts(**known)  # type: ignore[arg-type]  # each value was typed by its field's own check


def _unknown_name(name: str) -> FactError:
    return FactError(
        field=str(name), message=Text(zh="没有这个事实字段", en="no such fact: see the facts each measure reads")
    )
