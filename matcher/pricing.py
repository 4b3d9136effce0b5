"""What an offer costs: schedules, interest, fees and the annualised all-in rate, to the fen.

Money is counted in whole fen, interest is cut to the fen payment by payment; floats live in the root finder only.
Only entitlements that are certain and reach the enterprise lower a cost; conditional ones are shown beside it.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from matcher.domain import Benefit, Cost, CostComponent, Demand, Kind, Product, Repayment

SCHEDULES = ("bullet", "equal_instalment", "equal_principal", "interest_only", "revolving", "lease")
DAY_COUNTS = {"act/360": 360, "act/365": 365}

_FEN = 100
_MONTHS = 12
_YEAR = 365  # days of the year by which flows are annualised
_RATE_STEP = Decimal("0.000001")
_FEE_CAP = "guarantee_fee_cap"  # the measure that caps a guarantor's fee


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
class _Flows:
    """Payments in fen by month: principal and interest due at ``days`` after the first day."""

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
    flows = _flows(terms)
    start = terms.first_day.toordinal()
    return tuple(
        Payment(day=date.fromordinal(start + day), principal_cny=_yuan(principal), interest_cny=_yuan(interest))
        for day, principal, interest in zip(flows.days, flows.principal, flows.interest, strict=True)
    )


def cost_of(terms: Terms, *, fee_article: str | None = None, benefits: Iterable[Benefit] = ()) -> Cost:
    """Total cost over the term and the annualised all-in rate (IRR of the dated flows).

    Parameters
    ----------
    fee_article
        Article that caps the guarantee fee, when one does.
    benefits
        Answers of the law; those ``entitled``, with an amount, to the enterprise come off, on the last day.
    """
    flows = _flows(terms)
    upfront = _share_of(flows.amount, terms.upfront_fee_rate)
    fees = _yearly_fees(flows, terms.guarantee_fee_rate, terms.months)
    certain = [each for each in benefits if _lowers_cost(each)]
    components = [CostComponent(code="interest", amount_cny=_yuan(sum(flows.interest)))]
    if fees:
        fee = _yuan(sum(amount for _, amount in fees))
        components.append(CostComponent(code="guarantee_fee", amount_cny=fee, article=fee_article))
    if upfront:
        components.append(CostComponent(code="upfront_fee", amount_cny=_yuan(upfront)))
    components += _subsidies(certain)
    received = sum(int(each.amount_cny * _FEN) for each in certain if each.amount_cny is not None)
    rate = _irr(flows, upfront, fees, received)
    return _cost(components, rate)


def service_cost(
    code: str, amount_cny: Decimal, yearly_rate: Decimal, months: int, upfront_fee_rate: Decimal, article: str | None
) -> Cost:
    """Cost of a guarantee or an insurance: fee or premium on the whole amount, per year of cover; nothing is lent."""
    amount = int(amount_cny * _FEN)
    fee = int(amount * yearly_rate * months / _MONTHS)
    upfront = _share_of(amount, upfront_fee_rate)
    components = [CostComponent(code=code, amount_cny=_yuan(fee), article=article)]
    if upfront:
        components.append(CostComponent(code="upfront_fee", amount_cny=_yuan(upfront)))
    years = months / _MONTHS if months else 1.0
    return _cost(components, (fee + upfront) / amount / years if amount else 0.0)


def offer_terms(product: Product, demand: Demand, first_day: date) -> Terms:
    """The terms one product would give one demand: the middle of its quoted rates, repaid as asked if it can be.

    A bullet loan pays its interest monthly and its principal at the end, as banks here do.
    """
    return Terms(
        amount_cny=demand.amount_cny,
        annual_rate=(product.rate_low + product.rate_high) / 2,
        first_day=first_day,
        months=demand.term_months,
        schedule=schedule_of(product, demand.repayment),
        guarantee_fee_rate=product.guarantee_fee_rate,
        upfront_fee_rate=product.upfront_fee_rate,
    )


_SCHEDULE_OF = {
    Repayment.ANY: "interest_only",
    Repayment.BULLET: "interest_only",
    Repayment.INSTALMENT: "equal_instalment",
    Repayment.REVOLVING: "revolving",
}


def schedule_of(product: Product, asked: Repayment) -> str:
    """The schedule a product repays by: the one asked for where it offers it, else its own first."""
    if product.kind is Kind.LEASE:
        return "lease"
    offered = product.repayments or (Repayment.BULLET,)
    return _SCHEDULE_OF[asked if asked in offered else offered[0]]


def price_offer(
    product: Product,
    demand: Demand,
    as_of: date,
    *,
    benefits: Sequence[Benefit] = (),
) -> Cost:
    """What one product would cost one demand, drawn on ``as_of``.

    Parameters
    ----------
    benefits
        The law's answers for this offer: what is certain comes off, and a capped guarantee fee carries its article.
    """
    article = next((each.article for each in benefits if each.measure == _FEE_CAP and each.status == "entitled"), None)
    if product.kind is Kind.GUARANTEE:
        fee = product.guarantee_fee_rate or (product.rate_low + product.rate_high) / 2
        return service_cost(
            "guarantee_fee", demand.amount_cny, fee, demand.term_months, product.upfront_fee_rate, article
        )
    if product.kind is Kind.INSURANCE:
        premium = (product.rate_low + product.rate_high) / 2
        return service_cost("premium", demand.amount_cny, premium, demand.term_months, product.upfront_fee_rate, None)
    return cost_of(offer_terms(product, demand, as_of), fee_article=article, benefits=benefits)


def price_offers(
    products: Sequence[Product],
    demand: Demand,
    as_of: date,
    *,
    benefits: Sequence[Sequence[Benefit]] | None = None,
) -> tuple[Cost, ...]:
    """``price_offer`` of each product, in order, for the few that are shown."""
    answers = benefits if benefits is not None else [()] * len(products)
    return tuple(
        price_offer(product, demand, as_of, benefits=given) for product, given in zip(products, answers, strict=True)
    )


def _lowers_cost(benefit: Benefit) -> bool:
    return benefit.status == "entitled" and benefit.payee == "enterprise" and bool(benefit.amount_cny)


def _subsidies(certain: Iterable[Benefit]) -> list[CostComponent]:
    return [
        CostComponent(code=each.measure, amount_cny=-each.amount_cny, article=each.article)
        for each in certain
        if each.amount_cny is not None
    ]


def _cost(components: Sequence[CostComponent], rate: float) -> Cost:
    return Cost(
        all_in_annual_rate=Decimal(str(round(rate, 6))).quantize(_RATE_STEP),
        total_cny=sum((each.amount_cny for each in components), Decimal(0)),
        components=tuple(components),
    )


def _yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def _share_of(amount: int, rate: Decimal) -> int:
    return int(amount * rate) if rate else 0


@lru_cache(maxsize=4096)
def payment_days(first_day: date, months: int) -> tuple[int, ...]:
    """Days after the first day of every monthly payment."""
    start = first_day.toordinal()
    found = []
    for month in range(1, months + 1):
        year, index = divmod(first_day.year * _MONTHS + first_day.month - 1 + month, _MONTHS)
        last = monthrange(year, index + 1)[1]
        found.append(date(year, index + 1, min(first_day.day, last)).toordinal() - start)
    return tuple(found)


def _flows(terms: Terms) -> _Flows:
    if terms.schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule {terms.schedule!r}: use one of {', '.join(SCHEDULES)}")
    amount = int(terms.amount_cny * _FEN)
    if terms.months <= 0:
        return _Flows((0,), [amount], [0], amount, False)
    days = payment_days(terms.first_day, terms.months)
    top, bottom = terms.annual_rate.as_integer_ratio()
    if terms.schedule == "bullet":
        interest = amount * top * days[-1] // (bottom * DAY_COUNTS[terms.day_count])
        return _Flows(days[-1:], [amount], [interest], amount, False)
    if terms.schedule == "lease":
        parts: list[tuple[int, int]] = [(top, bottom * _MONTHS)] * terms.months
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
    return _Flows(days, principal, interests, amount, True)


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
    monthly = terms.annual_rate / _MONTHS
    if monthly == 0:
        return _Fixed(amount // terms.months)
    return _Level(int(amount * monthly / (1 - (1 + monthly) ** -terms.months)))


def _yearly_fees(flows: _Flows, rate: Decimal, months: int) -> list[tuple[int, int]]:
    """(day, fen) of the fee at the start of each year, on what is then outstanding."""
    if not rate or months <= 0:
        return []
    fees, balance = [], flows.amount
    top, bottom = rate.as_integer_ratio()
    for start in range(0, months, _MONTHS):
        if start and flows.paid_monthly:
            balance -= sum(flows.principal[start - _MONTHS : start])
        day = flows.days[start - 1] if start and flows.paid_monthly else start * _YEAR // _MONTHS
        covered = min(_MONTHS, months - start)
        fees.append((day, balance * top * covered // (bottom * _MONTHS)))
    return fees


def _irr(flows: _Flows, upfront: int, fees: Sequence[tuple[int, int]], received: int) -> float:
    """Yearly rate at which what was paid is worth what was had; a loan of no days gives its cost as a share."""
    last = flows.days[-1]
    cost = sum(flows.interest) + upfront + sum(amount for _, amount in fees) - received
    if flows.amount <= 0:
        return 0.0
    if last == 0:
        return cost / flows.amount
    times = np.array([0, *flows.days, last, *(day for day, _ in fees)], dtype=np.float64) / _YEAR
    paid = np.array(flows.principal, dtype=np.float64) + np.array(flows.interest, dtype=np.float64)
    amounts = np.concatenate(([upfront - flows.amount], paid, [-received], [amount for _, amount in fees]))

    def worth(force: float) -> float:
        return float(amounts @ np.exp(-force * times))

    low, high = -0.5, 0.5
    while worth(low) < 0:
        low *= 2
    while worth(high) > 0:
        high *= 2
    return float(np.expm1(brentq(worth, low, high, xtol=1e-10)))
