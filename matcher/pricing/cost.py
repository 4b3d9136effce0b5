"""What an offer costs: schedules, interest, fees and the annualised all-in rate, to the fen.

Money is counted in whole fen, interest is cut to the fen payment by payment; floats live in the root finder only.
Only entitlements that are certain and reach the enterprise lower a cost; conditional ones are shown beside it.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from operator import add, mul

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from matcher.domain import Benefit, Cost, CostComponent, Demand, Kind, Product, Repayment
from matcher.pricing.schedules import FEN, MONTHS, Flows, Terms, flows_of, yuan

Floats = npt.NDArray[np.float64]

_YEAR = 365  # days of the year by which flows are annualised
_STEP = 0.001  # half the narrowest bracket a root is sought in
_WIDENINGS = 8  # of that bracket, each fourfold
_PRECISION = 1e-9
_RATE_STEP = Decimal("0.000001")
_FEE_CAP = "guarantee_fee_cap"  # the measure that caps a guarantor's fee


def cost_of(terms: Terms, *, fee_article: str | None = None, benefits: Iterable[Benefit] = ()) -> Cost:
    """Total cost over the term and the annualised all-in rate (IRR of the dated flows).

    Parameters
    ----------
    fee_article
        Article that caps the guarantee fee, when one does.
    benefits
        Answers of the law; those ``entitled``, with an amount, to the enterprise come off, on the last day.
    """
    flows = flows_of(terms)
    upfront = _share_of(flows.amount, terms.upfront_fee_rate)
    fees = _yearly_fees(flows, terms.guarantee_fee_rate, terms.months)
    certain = [each for each in benefits if _lowers_cost(each)]
    components = [CostComponent(code="interest", amount_cny=yuan(sum(flows.interest)))]
    if fees:
        fee = yuan(sum(fees))
        components.append(CostComponent(code="guarantee_fee", amount_cny=fee, article=fee_article))
    if upfront:
        components.append(CostComponent(code="upfront_fee", amount_cny=yuan(upfront)))
    components += _subsidies(certain)
    received = sum(int(each.amount_cny * FEN) for each in certain if each.amount_cny is not None)
    rate = _irr(flows, upfront, fees, received)
    return _cost(components, rate)


def service_cost(
    code: str, amount_cny: Decimal, yearly_rate: Decimal, months: int, upfront_fee_rate: Decimal, article: str | None
) -> Cost:
    """Cost of a guarantee or an insurance: fee or premium on the whole amount, per year of cover; nothing is lent."""
    amount = int(amount_cny * FEN)
    fee = int(amount * yearly_rate * months / MONTHS)
    upfront = _share_of(amount, upfront_fee_rate)
    components = [CostComponent(code=code, amount_cny=yuan(fee), article=article)]
    if upfront:
        components.append(CostComponent(code="upfront_fee", amount_cny=yuan(upfront)))
    years = months / MONTHS if months else 1.0
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


def _share_of(amount: int, rate: Decimal) -> int:
    return int(amount * rate) if rate else 0


def _yearly_fees(flows: Flows, rate: Decimal, months: int) -> list[int]:
    """Fen of the fee at the start of each year, on what is then outstanding; the last year by its months."""
    if not rate or months <= 0:
        return []
    fees, balance = [], flows.amount
    top, bottom = rate.as_integer_ratio()
    for start in range(0, months, MONTHS):
        fees.append(balance * top * min(MONTHS, months - start) // (bottom * MONTHS))
        balance -= sum(flows.principal[start : start + MONTHS])
    return fees


@lru_cache(maxsize=4096)
def _years(days: tuple[int, ...]) -> Floats:
    """Years from the first day to every payment, the first day itself in front."""
    return np.array((0, *days), dtype=np.float64) / _YEAR


def _irr(flows: Flows, upfront: int, fees: Sequence[int], received: int) -> float:
    """Yearly rate at which what was paid is worth what was had; a loan of no days gives its cost as a share."""
    cost = sum(flows.interest) + upfront + sum(fees) - received
    if flows.amount <= 0:
        return 0.0  # nothing lent
    if flows.days[-1] == 0 or upfront + sum(fees[:1]) >= flows.amount:
        return cost / flows.amount
    paid = [upfront - flows.amount, *map(add, flows.principal, flows.interest)]
    for year, fee in enumerate(fees):
        paid[year * MONTHS] += fee
    paid[-1] -= received
    return _root(
        np.array(paid, dtype=np.float64), _years(flows.days), cost / sum(map(mul, flows.principal, flows.days))
    )


def _root(paid: Floats, years: Floats, cost_per_day: float) -> float:
    """The rate near the simple one; the simple one itself where the flows change sign too often to have a root."""

    def worth(force: float) -> float:
        """Worth of what is paid less what was had, at a yearly force of interest; falls as the force grows."""
        return float(paid @ np.exp(years * -force))

    guess = cost_per_day * _YEAR
    reach = abs(guess) / 8 + _STEP
    for _ in range(_WIDENINGS):
        if worth(guess - reach) >= 0 >= worth(guess + reach):
            return math.expm1(brentq(worth, guess - reach, guess + reach, xtol=_PRECISION))
        reach *= 4
    return guess
