"""Repayment schedules: what is due on which day, to the fen.

Amounts are whole fen, interest is cut to the fen payment by payment, and the last payment clears what is left.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

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
    """Payments in fen: principal and interest due at ``days`` after the first day; ``paid_monthly`` unless at once."""

    days: tuple[int, ...]
    principal: list[int]
    interest: list[int]
    amount: int
    paid_monthly: bool


def repayment_schedule(terms: Terms) -> tuple[Payment, ...]:
    """Every payment with its day; a day that does not exist (31 April) is the last of its month.

    >>> repayment_schedule(Terms(amount_cny=Decimal(360000), annual_rate=Decimal("0.04"), first_day=date(2024, 1, 31),
    ...     months=1))[0]
    Payment(day=datetime.date(2024, 2, 29), principal_cny=Decimal('360000'), interest_cny=Decimal('1160'))
    """
    flows = flows_of(terms)
    start = terms.first_day.toordinal()
    return tuple(
        Payment(day=date.fromordinal(start + day), principal_cny=yuan(principal), interest_cny=yuan(interest))
        for day, principal, interest in zip(flows.days, flows.principal, flows.interest, strict=True)
    )


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
    if terms.months <= 0:
        return Flows((0,), [amount], [0], amount, False)
    days = payment_days(terms.first_day, terms.months)
    top, bottom = terms.annual_rate.as_integer_ratio()
    if terms.schedule == "bullet":
        interest = amount * top * days[-1] // (bottom * DAY_COUNTS[terms.day_count])
        return Flows(days[-1:], [amount], [interest], amount, False)
    if terms.schedule == "lease":
        parts: list[tuple[int, int]] = [(top, bottom * MONTHS)] * terms.months
    else:
        year = bottom * DAY_COUNTS[terms.day_count]
        parts = [(top * (day - before), year) for day, before in zip(days, (0, *days), strict=False)]
    due = _due(terms, amount)
    balance, principal, interests = amount, [], []
    for number, (share, whole) in enumerate(parts, start=1):
        interest = balance * share // whole
        repaid = balance if number == terms.months else min(balance, max(0, due(interest)))
        balance -= repaid
        principal.append(repaid)
        interests.append(interest)
    return Flows(days, principal, interests, amount, True)


class _Level:
    """Principal inside one level payment."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __call__(self, interest: int) -> int:
        return self.level - interest


class _Fixed:
    """The same principal every month."""

    def __init__(self, principal: int) -> None:
        self.principal = principal

    def __call__(self, interest: int) -> int:
        return self.principal


def _due(terms: Terms, amount: int) -> _Level | _Fixed:
    if terms.schedule in {"interest_only", "revolving"}:
        return _Fixed(0)
    if terms.schedule == "equal_principal":
        return _Fixed(amount // terms.months)
    monthly = terms.annual_rate / MONTHS
    if monthly == 0:
        return _Fixed(amount // terms.months)
    return _Level(int(amount * monthly / (1 - (1 + monthly) ** -terms.months)))


def yuan(fen: int) -> Decimal:
    """Fen as yuan with two decimals."""
    return Decimal(fen).scaleb(-2)
