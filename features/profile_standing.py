"""Columns from records of standing: registry, annual report, court, IP, honours and real estate.

Of the sources that are searched rather than filed, a row of kind "none" says "searched, nothing found": counts are then
zero. Without any row they are null.
"""

import ibis

from features.profile_seen import Table, seen_table
from features.profile_terms import growth, ratio, yuan


def registry_family() -> Table:
    """One row per registered enterprise; key ``uscc``."""
    t = seen_table("registry")
    return t.select(
        uscc=t.uscc,
        age_months=t.registered_on_months,
        industry_code=t.industry_code,
        industry_section=t.industry_code.substr(0, 1),
        division_code=t.division_code,
        registered_capital_cny=yuan(t.registered_capital_cny_fen),
        is_active=(t.status == "active").cast("int64"),
        is_agri_rural=t.agri_rural.cast("int64"),
        freshness_registry_days=t.known_on_days,
    )


def annual_report_family() -> Table:
    """One row per enterprise with an annual report; everything is of the latest reported year; key ``uscc``."""
    t = seen_table("annual_report")
    last = t.group_by("uscc").aggregate(latest=t.year.max(), fresh=t.known_on_days.min())
    now = last.join(t, [last.uscc == t.uscc, last.latest == t.year]).select(
        last.uscc,
        last.fresh,
        t.year,
        t.employees,
        revenue=t.revenue_cny_fen,
        assets=t.assets_cny_fen,
        liabilities=t.liabilities_cny_fen,
        profit=t.net_profit_cny_fen,
    )
    before = t.select(before_uscc=t.uscc, following=t.year + 1, revenue_before=t.revenue_cny_fen)
    both = now.left_join(before, [now.uscc == before.before_uscc, now.year == before.following])
    return both.select(
        uscc=both.uscc,
        revenue_annual_cny=yuan(both.revenue),
        revenue_growth_annual=growth(both.revenue, both.revenue_before),
        assets_total_cny=yuan(both.assets),
        leverage=ratio(both.liabilities, both.assets),
        net_margin=ratio(both.profit, both.revenue),
        employees_reported=both.employees,
        freshness_annual_report_days=both.fresh,
    )


def court_family() -> Table:
    """One row per enterprise searched in court records; key ``uscc``."""
    t = seen_table("court")
    suit = (t.kind == "civil") & (t.role == "defendant") & t.filed_on_months.between(0, 23)
    # An absent closing day is a case still open.
    open_case = (t.closed_on_days < 0).fill_null(True)
    enforced = (t.kind == "enforcement") & (t.role == "defendant") & open_case
    return t.group_by("uscc").aggregate(
        lawsuits_defendant_24m=suit.sum(),
        lawsuits_amount_24m_cny=_sum_or_zero(t.amount_cny_fen, suit),
        enforcements_open=enforced.sum(),
        is_dishonest_listed=((t.kind == "dishonest") & open_case).cast("int64").max(),
        freshness_court_days=t.known_on_days.min(),
    )


def ip_family() -> Table:
    """One row per enterprise searched in the registers of rights; key ``uscc``."""
    t = seen_table("ip")
    real = t.kind != "none"
    in_force = real & (t.granted_on_days >= 0) & (t.expires_on_days <= 0).fill_null(True)
    own = t.own.fill_null(False)
    return t.group_by("uscc").aggregate(
        invention_patents=(in_force & own & (t.kind == "invention_patent")).sum(),
        utility_models=(in_force & own & t.kind.isin(("utility_model", "design"))).sum(),
        trademarks=(in_force & own & (t.kind == "trademark")).sum(),
        ip_granted_24m=(real & own & t.granted_on_months.between(0, 23)).sum(),
        ip_pledged=(in_force & t.pledged.fill_null(False)).sum(),
        freshness_ip_days=t.known_on_days.min(),
    )


def honours_family() -> Table:
    """One row per enterprise searched in the lists of honours; key ``uscc``."""
    t = seen_table("honours")
    in_force = (t.honour != "none") & (t.granted_on_days >= 0) & (t.expires_on_days <= 0).fill_null(True)

    def holds(*codes: str) -> Table:
        return (in_force & t.honour.isin(codes)).cast("int64").max()

    return t.group_by("uscc").aggregate(
        is_hnte=holds("hnte"),
        is_tech_sme=holds("tech_sme"),
        is_srdi=holds("srdi", "little_giant"),
        honours_in_force=in_force.sum(),
        honour_days_left=(-t.expires_on_days).min(where=in_force),
        freshness_honours_days=t.known_on_days.min(),
    )


def real_estate_family() -> Table:
    """One row per enterprise searched in the land register; key ``uscc``."""
    t = seen_table("real_estate")
    title = t.kind != "none"
    free = ibis.greatest(t.appraised_value_cny_fen - t.mortgaged_cny_fen, 0)
    both = t.appraised_value_cny_fen.notnull() & t.mortgaged_cny_fen.notnull()
    known_free = both.ifelse(free, ibis.null("int64"))
    return t.group_by("uscc").aggregate(
        property_value_cny=_sum_or_zero(t.appraised_value_cny_fen, title),
        property_free_cny=_sum_or_zero(known_free, title),
        freshness_real_estate_days=t.known_on_days.min(),
    )


def _sum_or_zero(fen: Table, condition: Table) -> Table:
    # Nothing of the kind is zero; something of the kind without any value is unknown.
    return yuan((condition.sum() == 0).ifelse(0, fen.sum(where=condition)))
