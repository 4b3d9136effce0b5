"""Columns from the monthly statements: tax, social security, utilities, credit and customs.

A month that is not on record is unknown and counts nowhere: sums add the months on record and are null when the window
has none; growth compares means of the months on record. "Latest" is the latest month that reports the value.
"""

import ibis

from features.profile_seen import Table, seen_table
from features.profile_terms import mean_growth, months, ratio, volatility, yuan

LOAN_CLASSES = ("pass", "special_mention", "substandard", "doubtful", "loss")
"""The five categories, best first."""


def tax_family() -> Table:
    """One row per enterprise with a filing on record; key ``uscc``."""
    t = seen_table("tax")
    back, year = t.period_back, months(t.period_back, 1, 12)
    sales, paid = t.taxed_sales_cny_fen, t.tax_paid_cny_fen
    owed = ibis.greatest(t.tax_due_cny_fen - paid, 0)
    filed = t.count(where=year)
    return t.group_by("uscc").aggregate(
        **{f"taxed_sales_{m}m_cny": yuan(sales.sum(where=months(back, 1, m))) for m in (3, 6, 12)},
        taxed_sales_volatility_12m=volatility(sales, year),
        taxed_sales_growth_6m=mean_growth(sales, back, 6),
        tax_paid_12m_cny=yuan(paid.sum(where=year)),
        tax_burden_12m=ratio(paid.sum(where=year & sales.notnull()), sales.sum(where=year & paid.notnull())),
        tax_steadiness_12m=(filed > 0).ifelse(
            t.count(where=year & (paid >= t.tax_due_cny_fen)).cast("float64") / 12.0, ibis.null("float64")
        ),
        tax_months_filed_12m=filed,
        tax_arrears_12m_cny=yuan(owed.sum(where=year & t.tax_due_cny_fen.notnull() & paid.notnull())),
        tax_credit_grade=_latest(t.credit_grade, t.period_days),
        freshness_tax_days=t.known_on_days.min(),
    )


def social_security_family() -> Table:
    """One row per enterprise with a contribution month on record; key ``uscc``."""
    t = seen_table("social_security")
    return t.group_by("uscc").aggregate(
        headcount=_latest(t.headcount, t.period_days),
        headcount_trend_6m=mean_growth(t.headcount, t.period_back, 3),
        social_arrears_months_12m=_short_months(t),
        freshness_social_security_days=t.known_on_days.min(),
    )


def utilities_family() -> Table:
    """One row per enterprise with a bill on record; key ``uscc``."""
    t = seen_table("utilities")
    energy = t.electricity_kwh_fen
    return t.group_by("uscc").aggregate(
        electricity_volatility_12m=volatility(energy, months(t.period_back, 1, 12)),
        electricity_12m_kwh=yuan(energy.sum(where=months(t.period_back, 1, 12))),
        electricity_growth_6m=mean_growth(energy, t.period_back, 6),
        utility_arrears_months_12m=_short_months(t),
        freshness_utilities_days=t.known_on_days.min(),
    )


def credit_family() -> Table:
    """One row per enterprise with a credit month on record; key ``uscc``."""
    t = seen_table("credit")
    back, year = t.period_back, months(t.period_back, 1, 12)
    rank = ibis.cases(*((t.loan_class == name, place) for place, name in enumerate(LOAN_CLASSES)))
    g = t.group_by("uscc").aggregate(
        loans_outstanding_cny=yuan(_latest(t.outstanding_cny_fen, t.period_days)),
        lenders_count=_latest(t.lenders, t.period_days),
        has_prior_loan=t.ever_borrowed.cast("int64").max(),
        overdue_months_12m=_months_where(t.overdue_cny_fen > 0, year),
        overdue_days_max_12m=t.overdue_days.max(where=year),
        overdue_now_cny=yuan(_latest(t.overdue_cny_fen, t.period_days)),
        credit_inquiries_3m=t.inquiries.sum(where=months(back, 1, 3)),
        credit_inquiries_6m=t.inquiries.sum(where=months(back, 1, 6)),
        maturing_90d_cny=yuan(_latest(t.maturing_90d_cny_fen, t.period_days)),
        worst=rank.max(where=year),
        freshness_credit_days=t.known_on_days.min(),
    )
    worst = ibis.cases(*((g.worst == place, name) for place, name in enumerate(LOAN_CLASSES)))
    return g.mutate(loan_class_worst_12m=worst).drop("worst")


def customs_family() -> Table:
    """One row per enterprise with a customs month on record; key ``uscc``."""
    t = seen_table("customs")
    year = months(t.period_back, 1, 12)
    return t.group_by("uscc").aggregate(
        exports_12m_cny=yuan(t.export_cny_fen.sum(where=year)),
        imports_12m_cny=yuan(t.import_cny_fen.sum(where=year)),
        exports_growth_6m=mean_growth(t.export_cny_fen, t.period_back, 6),
        freshness_customs_days=t.known_on_days.min(),
    )


def _latest(value: Table, days: Table) -> Table:
    return value.argmin(days, where=value.notnull())


def _months_where(condition: Table, window: Table) -> Table:
    return condition.cast("int64").sum(where=window)


def _short_months(t: Table) -> Table:
    return _months_where(t.paid_cny_fen < t.due_cny_fen, months(t.period_back, 1, 12))
