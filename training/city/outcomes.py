"""Loans once paid out: what they cost, how they end, and the trace they leave in the credit records."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from training.city.catalogue import Marketplace
from training.city.demands import Demands
from training.city.enterprises import Enterprises
from training.city.panel import Panel
from training.city.parameters import MONTHS, RECORD_MONTHS
from training.city.queues import File


@dataclass(frozen=True, kw_only=True)
class Loan:
    """One financing paid out; ``default_on`` is hidden until it comes."""

    application: int
    enterprise: int
    amount_cny: float
    annual_rate: float
    disbursed_on: date
    matures_on: date
    default_on: date | None
    on_balance: bool

    @classmethod
    def draw(
        cls, rng: np.random.Generator, enterprises: Enterprises, demands: Demands, marketplace: Marketplace, file: File
    ) -> "Loan":
        """Terms and fate of an approved file."""
        assert file.disbursed_on is not None
        product = marketplace.products[file.product]
        who = int(demands.enterprise[file.demand])
        low, high = float(str(product["rate_low"])), float(str(product["rate_high"]))
        quality = float(enterprises.quality[who, -1])
        rate = low + (high - low) / (1 + np.exp(quality + rng.normal(0, 0.8)))
        months = int(demands.term_months[file.demand])
        matures = file.disbursed_on + timedelta(days=round(months * 30.4375))
        yearly = 1 / (1 + np.exp(4.35 + 0.95 * quality))
        wait = float(rng.exponential(1 / yearly)) * 365
        default = file.disbursed_on + timedelta(days=min(45 + wait, 20_000))
        return cls(
            application=file.application,
            enterprise=who,
            amount_cny=float(demands.amount_cny[file.demand]),
            annual_rate=round(float(rate), 4),
            disbursed_on=file.disbursed_on,
            matures_on=matures,
            default_on=default if default < matures else None,
            on_balance=product["kind"] in {"loan", "lease"},
        )

    def outcome_on(self, day: date) -> str:
        """State on a day."""
        if self.disbursed_on > day:
            return "none"
        if self.default_on is not None and self.default_on <= day:
            return "defaulted"
        return "repaid" if self.matures_on <= day else "outstanding"


@dataclass(kw_only=True)
class Loans:
    """All financings, by application; each on the balance sheet is entered in the credit columns of the panel."""

    panel: Panel
    by_application: dict[int, Loan] = field(default_factory=dict)

    def pay_out(self, loan: Loan) -> None:
        """Take up a financing."""
        self.by_application[loan.application] = loan
        first = _month_of(loan.disbursed_on)
        if not loan.on_balance or first >= RECORD_MONTHS:
            return
        last = min(_month_of(loan.matures_on), RECORD_MONTHS)
        who, panel = loan.enterprise, self.panel
        panel.ever_borrowed[who, first:] = True
        panel.outstanding[who, first:last] += loan.amount_cny
        panel.lenders[who, first:last] += 1
        panel.inquiries[who, max(first - 1, 0)] += 1
        if loan.default_on is not None:
            start = _month_of(loan.default_on)
            for step, month in enumerate(range(start, RECORD_MONTHS)):
                panel.overdue_days[who, month] = max(int(panel.overdue_days[who, month]), 30 * (step + 1))
                panel.overdue[who, month] = max(float(panel.overdue[who, month]), 0.3 * loan.amount_cny)


def _month_of(day: date) -> int:
    return (day.year - MONTHS[0].year) * 12 + day.month - MONTHS[0].month
