"""Columns from invoices: sales, purchases, season, customers and suppliers.

Void invoices carry no money, red-letter reversals count negative. An enterprise with any invoice on record has zeros
for the months without one, because the feed is complete by nature; without any invoice all columns are null.
"""

import ibis

from features.profile_seen import Table, seen_table
from features.profile_terms import growth, months, ratio, volatility, yuan

_OUTPUT = "output"
_INPUT = "input"


def invoices_family() -> Table:
    """One row per enterprise with an invoice on record; key ``uscc``."""
    by_month = _by_month(seen_table("invoices"))
    sums = _sums(by_month)
    parties = _parties(seen_table("invoices"))
    joined = sums.left_join(parties, "uscc")
    return joined.select(**_columns(joined))


def _by_month(rows: Table) -> Table:
    fen, output, valid = rows.amount_cny_fen, rows.direction == _OUTPUT, rows.status == "valid"
    sold = valid & output & (fen > 0)
    return rows.group_by("uscc", back=rows.issued_on_back).aggregate(
        sales=fen.sum(where=valid & output),
        purchases=fen.sum(where=valid & (rows.direction == _INPUT)),
        reversed=(-fen).sum(where=valid & output & (fen < 0)),
        gross=fen.sum(where=sold),
        sold=sold.sum(),
        voided=(output & ~valid).sum(),
        issued=output.sum(),
        last_sale=rows.issued_on_days.min(where=sold & (rows.issued_on_days >= 0)),
        fresh=rows.known_on_days.min(),
    )


def _sums(m: Table) -> Table:
    def total(value: Table, first: int, last: int) -> Table:
        return value.sum(where=months(m.back, first, last)).fill_null(0)

    spans = {"3m": (1, 3), "6m": (1, 6), "12m": (1, 12)}
    year = months(m.back, 1, 12)
    return m.group_by("uscc").aggregate(
        **{f"sales_{label}": total(m.sales, *span) for label, span in spans.items()},
        **{f"purchases_{label}": total(m.purchases, *span) for label, span in spans.items()},
        before_6m=total(m.sales, 7, 12),
        before_3m=total(m.sales, 4, 6),
        year_ago_3m=total(m.sales, 13, 15),
        year_ago_before_3m=total(m.sales, 16, 18),
        months_with_sales_12m=(year & (m.sold > 0)).sum(),
        gross=total(m.gross, 1, 12),
        reversed=total(m.reversed, 1, 12),
        voided=total(m.voided, 1, 12),
        issued=total(m.issued, 1, 12),
        last_sale=m.last_sale.min(),
        fresh=m.fresh.min(),
        volatility=volatility(m.sales, year, ibis.literal(12)),
    )


def _parties(rows: Table) -> Table:
    year = rows.filter((rows.status == "valid") & months(rows.issued_on_back, 1, 12) & rows.counterparty.notnull())
    fen, recent = year.amount_cny_fen, months(year.issued_on_back, 1, 6)
    each = year.group_by("uscc", "direction", "counterparty").aggregate(
        net=fen.sum(),
        net_6m=fen.sum(where=recent),
        served=(fen > 0).sum(),
        served_before=((fen > 0) & ~recent).sum(),
    )
    bought, sold = each.direction == _INPUT, each.direction == _OUTPUT
    # Squares of fen pass the range of 64 bits; decimals of 36 digits hold them exactly.
    square = each.net.cast("decimal(19, 0)") * each.net.cast("decimal(19, 0)")
    gain, gain_6m = each.net > 0, each.net_6m > 0
    return each.group_by("uscc").aggregate(
        customers=(sold & (each.served > 0)).sum(),
        customer_top=each.net.max(where=sold & gain),
        customer_sum=each.net.sum(where=sold & gain),
        customer_squares=square.sum(where=sold & gain).cast("float64"),
        repeat_6m=each.net_6m.sum(where=sold & gain_6m & (each.served_before > 0)),
        customer_6m=each.net_6m.sum(where=sold & gain_6m),
        suppliers=(bought & (each.served > 0)).sum(),
        supplier_sum=each.net.sum(where=bought & gain),
        supplier_squares=square.sum(where=bought & gain).cast("float64"),
    )


def _columns(t: Table) -> dict[str, Table]:
    year_on_year = ratio(t.sales_3m, t.year_ago_3m)
    return {
        "uscc": t.uscc,
        **{f"{kind}_{m}_cny": yuan(t[f"{kind}_{m}"]) for kind in ("sales", "purchases") for m in ("3m", "6m", "12m")},
        "sales_growth_6m": growth(t.sales_6m, t.before_6m),
        "sales_growth_yoy_3m": year_on_year - 1.0,
        "sales_volatility_12m": t.volatility,
        "sales_trend_adjusted": year_on_year - ratio(t.before_3m, t.year_ago_before_3m),
        "months_with_sales_12m": t.months_with_sales_12m,
        "days_since_last_sale": t.last_sale,
        "gross_margin_12m": 1.0 - ratio(t.purchases_12m, t.sales_12m),
        "customers_12m": t.customers.fill_null(0),
        "customer_top_share_12m": ratio(t.customer_top, t.customer_sum),
        "customer_concentration_12m": _herfindahl(t.customer_squares, t.customer_sum),
        "customer_repeat_share_12m": ratio(t.repeat_6m.fill_null(0), t.customer_6m),
        "suppliers_12m": t.suppliers.fill_null(0),
        "supplier_concentration_12m": _herfindahl(t.supplier_squares, t.supplier_sum),
        "void_share_12m": ratio(t.voided, t.issued),
        "reversal_share_12m": ratio(t.reversed, t.gross),
        "freshness_invoices_days": t.fresh,
    }


def _herfindahl(squares: Table, total: Table) -> Table:
    whole = total.cast("float64")
    return (whole > 0).ifelse(squares / (whole * whole), ibis.null("float64"))
