"""Repayment schedules: what is due on which day, to the fen.

Amounts are whole fen, interest is cut to the fen payment by payment, and the last payment clears what is left.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

SCHEDULES = ("bullet", "equal_instalment", "equal_principal", "interest_only", "revolving", "lease")
DAY_COUNTS = {"act/360": 360, "act/365": 365}

FEN = 100
MONTHS = 12


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is lent and for what.

    Parameters
    ----------
    annual_rate
        Interest per year, as a share; for a lease the rate its rentals are computed with.
    months
        Whole months; 0 is repaid on the first day.
    schedule
        ``bullet`` (all at the end), ``equal_instalment``, ``equal_principal``, ``interest_only`` (interest monthly,
        principal at the end), ``revolving`` (an estimate: the whole line drawn throughout), ``lease`` (equal rentals in
        arrears, a twelfth of the rate each month whatever its days).
    guarantee_fee_rate
        Per year, paid at the start of each year on what is then outstanding, the last year by its months.
    upfront_fee_rate
        Share of the amount, paid once on the first day.
    """

    amount_cny: Decimal
    annual_rate: Decimal
    first_day: date
    months: int
    schedule: str = "interest_only"
    day_count: str = "act/360"
    guarantee_fee_rate: Decimal = Decimal(0)
    upfront_fee_rate: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One dated payment of the borrower."""

    day: date
    principal_cny: Decimal
    interest_cny: Decimal


@dataclass(slots=True)
class Flows:
    """Fen due each month, principal and interest, at ``days`` after the first day."""

    days: tuple[int, ...]
    principal: list[int]
    interest: list[int]
    amount: int


def repayment_schedule(terms: Terms) -> tuple[Payment, ...]:
    """Every payment with its day; a day that does not exist (31 April) is the last of its month.

    >>> repayment_schedule(Terms(amount_cny=Decimal(360000), annual_rate=Decimal("0.04"), first_day=date(2024, 1, 31),
    ...     months=1))[0]
    Payment(day=datetime.date(2024, 2, 29), principal_cny=Decimal('360000.00'), interest_cny=Decimal('1160.00'))
    """
    flows = flows_of(terms)
    start = terms.first_day.toordinal()
    payments = tuple(
        Payment(day=date.fromordinal(start + day), principal_cny=yuan(principal), interest_cny=yuan(interest))
        for day, principal, interest in zip(flows.days, flows.principal, flows.interest, strict=True)
    )
    return payments[-1:] if terms.schedule == "bullet" else payments


@lru_cache(maxsize=4096)
def payment_days(first_day: date, months: int) -> tuple[int, ...]:
    """Days after the first day of every monthly payment."""
    start = first_day.toordinal()
    found = []
    for month in range(1, months + 1):
        year, index = divmod(first_day.year * MONTHS + first_day.month - 1 + month, MONTHS)
        last = monthrange(year, index + 1)[1]
        found.append(date(year, index + 1, min(first_day.day, last)).toordinal() - start)
    return tuple(found)


def flows_of(terms: Terms) -> Flows:
    """Every payment of the terms, in fen.

    Raises
    ------
    ValueError
        No such schedule or day count.
    """
    if terms.schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {terms.schedule!r}: use one of {', '.join(SCHEDULES)}")
    if terms.day_count not in DAY_COUNTS:
        raise ValueError(f"unknown day count {terms.day_count!r}: use one of {', '.join(DAY_COUNTS)}")
    amount = int(terms.amount_cny * FEN)
    months = terms.months
    if months <= 0:
        return Flows((0,), [amount], [0], amount)
    days = payment_days(terms.first_day, months)
    top, bottom = terms.annual_rate.as_integer_ratio()
    year = bottom * DAY_COUNTS[terms.day_count]
    if terms.schedule == "bullet":
        return Flows(days, _at_the_end(amount, months), _at_the_end(amount * top * days[-1] // year, months), amount)
    gaps = _gaps(terms.first_day, months)
    if terms.schedule in {"interest_only", "revolving"}:
        by_gap = {gap: amount * top * gap // year for gap in set(gaps)}
        return Flows(days, _at_the_end(amount, months), [by_gap[gap] for gap in gaps], amount)
    if terms.schedule == "equal_principal":
        return _falling(days, [top * gap for gap in gaps], year, amount, fixed=amount // months)
    if terms.schedule == "lease":
        return _falling(days, [top] * months, bottom * MONTHS, amount, level=_level(terms, amount))
    return _falling(days, [top * gap for gap in gaps], year, amount, level=_level(terms, amount))


def _at_the_end(amount: int, months: int) -> list[int]:
    return [0] * (months - 1) + [amount]


@lru_cache(maxsize=4096)
def _gaps(first_day: date, months: int) -> tuple[int, ...]:
    days = payment_days(first_day, months)
    return tuple(day - before for before, day in pairwise((0, *days)))


def _falling(
    days: tuple[int, ...], shares: list[int], whole: int, amount: int, *, level: int = 0, fixed: int = 0
) -> Flows:
    """A debt that falls each month: by a level payment less its interest, or by a fixed principal; the last clears."""
    balance = amount
    principal: list[int] = []
    interests: list[int] = []
    for share in shares:
        interest = balance * share // whole
        repaid = fixed or min(balance, max(0, level - interest))
        balance -= repaid
        principal.append(repaid)
        interests.append(interest)
    principal[-1] += balance
    return Flows(days, principal, interests, amount)


def _level(terms: Terms, amount: int) -> int:
    """The monthly payment of an annuity at a twelfth of the yearly rate."""
    monthly = terms.annual_rate / MONTHS
    if monthly == 0:
        return amount // terms.months
    return int(amount * monthly / (1 - (1 + monthly) ** -terms.months))


def yuan(fen: int) -> Decimal:
    """Fen as yuan with two decimals."""
    return Decimal(fen).scaleb(-2)
