"""The all-in rate of every product of a catalogue at once, as a ranking feature: floats, close to ``pricing``.

The months of a term are taken as equal parts of its days, so that annuities close; the answer lies within
``TOLERANCE`` of ``pricing.price_offer`` before subsidies. The amount cancels out, so the rates of a catalogue are kept
by term, days and repayment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from matcher.domain import Kind, Product, Repayment
from matcher.pricing import DAY_COUNTS, payment_days, schedule_of

TOLERANCE = 0.0015
"""Largest difference from the exact rate: 15 basis points, met at one month; 5 from six months on."""

Floats = npt.NDArray[np.float64]

_MONTHS = 12
_YEAR = 365
_ROUNDS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class PricingColumns:
    """What pricing needs of each product, in catalogue order.

    Parameters
    ----------
    rate
        Middle of the quoted yearly rates.
    service
        Guarantees and insurances: a fee for cover, nothing lent.
    lease
        Rentals: a twelfth of the rate each month.
    instalment
        By repayment asked for: whether the product then repays in equal instalments.
    """

    rate: Floats
    fee: Floats
    upfront: Floats
    service: npt.NDArray[np.bool_]
    lease: npt.NDArray[np.bool_]
    instalment: dict[Repayment, npt.NDArray[np.bool_]]
    kept: dict[tuple[int, int, Repayment], Floats] = field(default_factory=dict, repr=False)


def pricing_columns(products: Sequence[Product]) -> PricingColumns:
    """The columns of a catalogue, built once per version of it."""
    rate = np.array([float(each.rate_low + each.rate_high) / 2 for each in products])
    fee = np.array([float(each.guarantee_fee_rate) for each in products])
    guarantee = np.array([each.kind is Kind.GUARANTEE for each in products], dtype=bool)
    insurance = np.array([each.kind is Kind.INSURANCE for each in products], dtype=bool)
    lease = np.array([each.kind is Kind.LEASE for each in products], dtype=bool)
    instalment = {
        asked: np.array([schedule_of(each, asked) in {"equal_instalment", "lease"} for each in products], dtype=bool)
        for asked in Repayment
    }
    return PricingColumns(
        rate=np.where(guarantee & (fee > 0), fee, rate),
        fee=np.where(guarantee | insurance, 0.0, fee),
        upfront=np.array([float(each.upfront_fee_rate) for each in products]),
        service=guarantee | insurance,
        lease=lease,
        instalment=instalment,
    )


def all_in_rates(
    columns: PricingColumns, term_months: int, as_of: date, repayment: Repayment = Repayment.ANY
) -> Floats:
    """Annualised all-in rate of every product for a term drawn on ``as_of``, before subsidies.

    Returns
    -------
    array of shape (products,)
        Shares per year; read-only, kept for the next demand of this term.
    """
    days = payment_days(as_of, term_months)[-1] if term_months > 0 else 0
    key = (term_months, days, repayment)
    found = columns.kept.get(key)
    if found is None:
        found = _rates(columns, max(term_months, 0), days, columns.instalment[repayment])
        found.flags.writeable = False
        columns.kept[key] = found
    return found


def _rates(columns: PricingColumns, months: int, days: int, instalment: npt.NDArray[np.bool_]) -> Floats:
    if months == 0:
        return columns.upfront.copy()
    month = days / months
    growth = columns.rate * np.where(columns.lease, 1 / _MONTHS, month / DAY_COUNTS["act/360"])
    level = np.where(instalment, _level(columns.rate / _MONTHS, months), growth)
    debts = [_owed(growth, level, start) for start in range(0, months, _MONTHS)]
    last = _owed(growth, level, months)

    def worth(force: Floats) -> Floats:
        """Value of the debt less everything paid, at a monthly force of interest."""
        value = 1 - columns.upfront - last * np.exp(-months * force) - level * _annuity(force, months)
        for year, owed in enumerate(debts):
            covered = min(_MONTHS, months - year * _MONTHS) / _MONTHS
            value = value - columns.fee * owed * covered * np.exp(-year * _MONTHS * force)
        return value

    start = np.log1p(growth) + (columns.fee + columns.upfront * _MONTHS / months) / _MONTHS
    rates = np.expm1(_YEAR / month * _secant(worth, start))
    service = columns.rate + columns.upfront * _MONTHS / months
    return np.asarray(np.where(columns.service, service, rates), dtype=np.float64)


def _annuity(force: Floats, months: int) -> Floats:
    """Worth of one yuan at the end of each month."""
    safe = np.where(np.abs(force) < 1e-9, 1e-9, force)
    return np.asarray(-np.expm1(-months * safe) / np.expm1(safe), dtype=np.float64)


def _level(monthly: Floats, months: int) -> Floats:
    return 1 / _annuity(np.log1p(monthly), months)


def _owed(growth: Floats, level: Floats, months: int) -> Floats:
    """What is owed after the payment of a month, per yuan lent."""
    if months == 0:
        return np.ones_like(growth)
    force = np.log1p(growth)
    return np.asarray(np.exp(months * force) * (1 - level * _annuity(force, months)), dtype=np.float64)


def _secant(worth: Callable[[Floats], Floats], start: Floats) -> Floats:
    """Roots of one smooth function per product, all at once: scipy's array solver costs ten times as much."""
    before, now = start, start + 1e-4
    value_before, value = worth(before), worth(now)
    for _ in range(_ROUNDS):
        slope = value - value_before
        step = np.where(np.abs(slope) > 1e-18, value * (now - before) / np.where(slope == 0, 1, slope), 0.0)
        before, value_before = now, value
        now = now - step
        value = worth(now)
    return now
