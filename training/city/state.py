"""What an officer who asks for every paper would find out about an enterprise in a month: records without gaps."""

import numpy as np

from training.city.enterprises import Enterprises, Floats, months_between
from training.city.holdings import Holdings
from training.city.panel import Panel
from training.city.parameters import MONTHS


def state_of(enterprises: Enterprises, panel: Panel, holdings: Holdings, month: int) -> dict[str, Floats]:
    """Facts at the start of a month, from the whole months before it; shape (enterprises,) each.

    ``grade`` is 0 (A) to 4 (D); money in yuan; shares and ratios as numbers; counts as counts.
    """
    year = slice(month - 12, month)
    late, early = slice(month - 6, month), slice(month - 12, month - 6)
    sales = panel.sales[:, year]
    total = sales.sum(axis=1)
    mean = np.maximum(sales.mean(axis=1), 1.0)
    due = np.maximum(panel.tax_due[:, year].sum(axis=1), 1.0)
    missing = sum((~present).astype(float) for source, present in holdings.present.items() if source != "customs")
    return {
        "turnover": np.maximum(total, 1.0),
        "growth": panel.sales[:, late].sum(axis=1) / np.maximum(panel.sales[:, early].sum(axis=1), 1.0) - 1,
        "volatility": sales.std(axis=1) / mean,
        "leverage": enterprises.leverage,
        "margin": enterprises.margin,
        "overdue_days": panel.overdue_days[:, year].max(axis=1).astype(float),
        "inquiries": panel.inquiries[:, month - 3 : month].sum(axis=1).astype(float),
        "grade": panel.grade[:, month - 1].astype(float),
        "tax_paid_share": panel.tax_paid[:, year].sum(axis=1) / due,
        "social_arrears": (~panel.social_paid[:, year]).sum(axis=1).astype(float),
        "age_months": months_between(enterprises.registered_on, MONTHS[month]),
        "lenders": panel.lenders[:, month - 1].astype(float),
        "prior_loan": panel.ever_borrowed[:, month - 1].astype(float),
        "debt_share": panel.outstanding[:, month - 1] / np.maximum(total, 1.0),
        "cases": _case_load(holdings, month, len(enterprises)),
        "exports": panel.export[:, year].sum(axis=1),
        "property_free": np.maximum(holdings.property_value - holdings.mortgaged, 0.0),
        "missing": np.asarray(missing, dtype=float),
        "quality": enterprises.quality[:, month],
    }


def _case_load(holdings: Holdings, month: int, n: int) -> Floats:
    """Cases filed by the start of a month, the graver kinds counting for more."""
    day = MONTHS[month].to_datetime64()
    weight = {"civil": 0.5, "enforcement": 2.0, "dishonest": 4.0}
    return np.asarray(sum(w * holdings.cases.known_before(day, kind, n) for kind, w in weight.items()))
