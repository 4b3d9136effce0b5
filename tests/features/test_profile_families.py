"""Hand-computed profiles, one family at a time. The day is 2026-10-15: the last whole month is September 2026."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.profile import build_profiles
from features.schema import PROFILE, SOURCES
from features.sources import SourceTables

DAY = date(2026, 10, 15)
FIRM = "91370602MA3TERT037"


def month(back: int) -> date:
    place = DAY.year * 12 + DAY.month - 1 - back
    return date(place // 12, place % 12 + 1, 1)


def profile(as_of: date = DAY, **sources: list[dict[str, Any]]) -> pd.Series:
    frames = {}
    for name, rows in sources.items():
        full = [{"uscc": FIRM, "known_on": date(2026, 10, 1)} | row for row in rows]
        frames[name] = pd.DataFrame(full).reindex(columns=SOURCES[name].names).astype(object)
    return build_profiles(SourceTables.from_frames(frames), as_of, enterprises=[FIRM]).loc[FIRM]


def invoice(number: int, back: int, amount: float, **other: Any) -> dict[str, Any]:
    row = {"direction": "output", "invoice_no": str(number), "issued_on": month(back), "status": "valid"}
    return row | {"counterparty": "a", "amount_cny": amount} | other


def test_the_columns_are_exactly_those_of_the_schema_and_an_unknown_enterprise_is_all_null() -> None:
    row = profile()
    assert list(row.index) == [column.name for column in PROFILE]
    assert row.isna().all()


def test_void_invoices_carry_no_money_and_reversals_count_negative() -> None:
    row = profile(
        invoices=[
            invoice(1, 1, 1000.0),
            invoice(2, 1, -200.0),
            invoice(3, 1, 5000.0, status="void"),
            invoice(4, 2, 200.1),
            invoice(5, 12, 0.2),
            invoice(6, 13, 777.0),
            invoice(7, 0, 888.0),
            invoice(8, 3, 400.0, direction="input"),
        ]
    )
    assert row["sales_3m_cny"] == 1000.1
    assert row["sales_12m_cny"] == 1000.3
    assert row["purchases_12m_cny"] == 400.0
    assert row["months_with_sales_12m"] == 3
    assert row["void_share_12m"] == pytest.approx(1 / 5)
    assert row["reversal_share_12m"] == pytest.approx(200 / 1200.3)
    assert row["gross_margin_12m"] == pytest.approx(1 - 400 / 1000.3)
    assert row["days_since_last_sale"] == 14
    assert row["freshness_invoices_days"] == 14


def test_growth_season_and_volatility_of_sales() -> None:
    # 12 months of 100 a year ago, then 150 in the last three months and 120 in the three before.
    amounts = {k: 150.0 if k <= 3 else 120.0 if k <= 6 else 100.0 for k in range(1, 19)}
    row = profile(invoices=[invoice(k, k, amount) for k, amount in amounts.items()])
    assert row["sales_growth_6m"] == pytest.approx((450 + 360) / 600 - 1)
    assert row["sales_growth_yoy_3m"] == pytest.approx(0.5)
    assert row["sales_trend_adjusted"] == pytest.approx(1.5 - 1.2)
    mean = 1410 / 12
    variance = (3 * (150 - mean) ** 2 + 3 * (120 - mean) ** 2 + 6 * (100 - mean) ** 2) / 12
    assert row["sales_volatility_12m"] == pytest.approx(variance**0.5 / mean)


def test_growth_without_a_base_is_unknown() -> None:
    row = profile(invoices=[invoice(1, 1, 100.0)])
    assert row[["sales_growth_6m", "sales_growth_yoy_3m", "sales_trend_adjusted"]].isna().all()
    assert row["sales_6m_cny"] == 100.0


def test_customers_are_counted_and_their_weight_measured() -> None:
    row = profile(
        invoices=[
            invoice(1, 1, 300.0, counterparty="a"),
            invoice(2, 8, 300.0, counterparty="a"),
            invoice(3, 2, 200.0, counterparty="b"),
            invoice(4, 9, 200.0, counterparty="c"),
            invoice(5, 2, 500.0, counterparty=None),
            invoice(6, 2, 100.0, counterparty="s", direction="input"),
        ]
    )
    assert row["customers_12m"] == 3
    assert row["customer_top_share_12m"] == pytest.approx(0.6)
    assert row["customer_concentration_12m"] == pytest.approx(0.36 + 0.04 + 0.04)
    assert row["customer_repeat_share_12m"] == pytest.approx(300 / 500)
    assert row["suppliers_12m"] == 1
    assert row["supplier_concentration_12m"] == 1.0


def test_a_month_without_a_filing_is_unknown_and_not_zero() -> None:
    filings = [
        {"period": month(k), "taxed_sales_cny": 100.0 * k, "tax_due_cny": 10.0, "tax_paid_cny": 10.0 if k > 1 else 4.0}
        for k in (1, 2, 7, 8)
    ]
    row = profile(tax=[*filings, {"period": month(3), "credit_grade": "B"}])
    assert row["taxed_sales_3m_cny"] == 300.0
    assert row["taxed_sales_12m_cny"] == 1800.0
    assert row["taxed_sales_growth_6m"] == pytest.approx(150 / 750 - 1)
    assert row["tax_months_filed_12m"] == 5
    assert row["tax_steadiness_12m"] == pytest.approx(3 / 12)
    assert row["tax_arrears_12m_cny"] == 6.0
    assert row["tax_burden_12m"] == pytest.approx(34 / 1800)
    assert row["tax_credit_grade"] == "B"
    assert row["taxed_sales_volatility_12m"] == pytest.approx((92500 / 1) ** 0.5 / 450)


def test_a_source_that_fell_silent_a_year_ago_leaves_its_sums_unknown() -> None:
    row = profile(tax=[{"period": month(20), "taxed_sales_cny": 5.0}])
    assert pd.isna(row["taxed_sales_12m_cny"])
    assert row["tax_months_filed_12m"] == 0


def test_social_security_and_utilities_against_sales() -> None:
    row = profile(
        social_security=[
            {"period": month(k), "headcount": 12 if k <= 3 else 10, "due_cny": 5.0, "paid_cny": 5.0 - (k == 2)}
            for k in range(1, 7)
        ],
        utilities=[
            {"period": month(k), "electricity_kwh": 50.5, "due_cny": 1.0, "paid_cny": 1.0} for k in range(1, 13)
        ],
        invoices=[invoice(1, 1, 1212.0)],
    )
    assert row["headcount"] == 12
    assert row["headcount_trend_6m"] == pytest.approx(0.2)
    assert row["social_arrears_months_12m"] == 1
    assert row["sales_per_head_cny"] == 101.0
    assert row["electricity_12m_kwh"] == 606.0
    assert row["electricity_volatility_12m"] == 0.0
    assert row["sales_per_kwh_cny"] == 2.0
    assert row["utility_arrears_months_12m"] == 0


def test_credit_keeps_the_worst_class_and_the_latest_balance() -> None:
    row = profile(
        credit=[
            {"period": month(1), "outstanding_cny": 600.0, "lenders": 2, "ever_borrowed": True, "overdue_cny": 0.0,
             "overdue_days": 0, "inquiries": 1, "maturing_90d_cny": 100.0, "loan_class": "pass"},
            {"period": month(5), "outstanding_cny": 900.0, "lenders": 3, "ever_borrowed": True, "overdue_cny": 7.0,
             "overdue_days": 12, "inquiries": 4, "loan_class": "substandard"},
            {"period": month(14), "overdue_cny": 9.0, "overdue_days": 99, "loan_class": "loss"},
        ],
        tax=[{"period": month(1), "taxed_sales_cny": 1200.0}],
    )  # fmt: skip
    assert row["loans_outstanding_cny"] == 600.0
    assert row["lenders_count"] == 2
    assert row["has_prior_loan"] == 1.0
    assert (row["overdue_months_12m"], row["overdue_days_max_12m"], row["overdue_now_cny"]) == (1, 12, 0)
    assert (row["credit_inquiries_3m"], row["credit_inquiries_6m"]) == (1, 5)
    assert row["loan_class_worst_12m"] == "substandard"
    assert row["debt_to_sales"] == 0.5


def test_registry_age_counts_whole_months() -> None:
    registry = {"registered_on": date(2024, 10, 15), "industry_code": "C3311", "division_code": "370602"}
    row = profile(registry=[registry | {"status": "active", "registered_capital_cny": 1e6}])
    assert row["age_months"] == 24
    assert (row["industry_code"], row["industry_section"], row["is_active"]) == ("C3311", "C", 1.0)
    assert pd.isna(row["is_agri_rural"])
    assert profile(as_of=date(2026, 10, 14), registry=[registry])["age_months"] == 23


def test_annual_report_speaks_of_the_latest_year() -> None:
    row = profile(
        annual_report=[
            {"year": 2025, "revenue_cny": 120.0, "assets_cny": 200.0, "liabilities_cny": 50.0, "net_profit_cny": -12.0},
            {"year": 2024, "revenue_cny": 100.0, "assets_cny": 1.0, "employees": 9},
        ]
    )
    assert row["revenue_annual_cny"] == 120.0
    assert row["revenue_growth_annual"] == pytest.approx(0.2)
    assert (row["leverage"], row["net_margin"]) == (0.25, pytest.approx(-0.1))
    assert pd.isna(row["employees_reported"])


def test_court_counts_are_zero_when_searched_and_null_when_not() -> None:
    nothing = profile(court=[{"case_no": "-", "filed_on": date(2026, 9, 1), "role": "defendant", "kind": "none"}])
    assert nothing["lawsuits_defendant_24m"] == nothing["lawsuits_amount_24m_cny"] == 0
    assert nothing["is_dishonest_listed"] == nothing["enforcements_open"] == 0
    row = profile(
        court=[
            {"case_no": "1", "filed_on": date(2024, 10, 16), "role": "defendant", "kind": "civil", "amount_cny": 5.0},
            {"case_no": "2", "filed_on": date(2024, 10, 15), "role": "defendant", "kind": "civil", "amount_cny": 7.0},
            {"case_no": "3", "filed_on": date(2026, 1, 1), "role": "plaintiff", "kind": "civil", "amount_cny": 9.0},
            {"case_no": "4", "filed_on": date(2020, 1, 1), "role": "defendant", "kind": "enforcement"},
            {"case_no": "5", "filed_on": date(2020, 1, 1), "role": "defendant", "kind": "enforcement",
             "closed_on": date(2021, 1, 1)},
        ]
    )  # fmt: skip
    assert (row["lawsuits_defendant_24m"], row["lawsuits_amount_24m_cny"]) == (1, 5.0)
    assert (row["enforcements_open"], row["is_dishonest_listed"]) == (1, 0)


def test_rights_honours_and_titles_count_while_in_force() -> None:
    own = {"granted_on": date(2025, 1, 1), "own": True, "pledged": False}
    row = profile(
        ip=[
            own | {"right_no": "1", "kind": "invention_patent", "pledged": True},
            own | {"right_no": "2", "kind": "invention_patent", "expires_on": date(2026, 10, 14)},
            own | {"right_no": "3", "kind": "design", "expires_on": DAY},
            own | {"right_no": "4", "kind": "trademark", "own": False},
        ],
        honours=[
            {"honour": "hnte", "granted_on": date(2023, 10, 16), "expires_on": date(2026, 10, 20)},
            {"honour": "little_giant", "granted_on": date(2024, 1, 1)},
            {"honour": "tech_sme", "granted_on": date(2020, 1, 1), "expires_on": date(2020, 12, 31)},
        ],
        real_estate=[
            {"property_no": "1", "kind": "factory", "appraised_value_cny": 100.0, "mortgaged_cny": 130.0},
            {"property_no": "2", "kind": "office", "appraised_value_cny": 50.0, "mortgaged_cny": 20.0},
            {"property_no": "3", "kind": "shop", "appraised_value_cny": 40.0},
        ],
    )
    assert (row["invention_patents"], row["utility_models"], row["trademarks"]) == (1, 1, 0)
    assert (row["ip_granted_24m"], row["ip_pledged"]) == (3, 1)
    assert (row["is_hnte"], row["is_srdi"], row["is_tech_sme"]) == (1, 1, 0)
    assert (row["honours_in_force"], row["honour_days_left"]) == (2, 5)
    assert (row["property_value_cny"], row["property_free_cny"]) == (190.0, 30.0)


def test_customs_against_sales() -> None:
    row = profile(
        customs=[{"period": month(k), "export_cny": 10.0 * k, "import_cny": 1.0} for k in range(1, 13)],
        invoices=[invoice(1, 1, 1560.0)],
    )
    assert (row["exports_12m_cny"], row["imports_12m_cny"], row["export_share"]) == (780.0, 12.0, 0.5)
    assert row["exports_growth_6m"] == pytest.approx(210 / 570 - 1)


def test_a_correction_counts_from_the_day_it_became_known() -> None:
    first = {"period": month(1), "headcount": 5, "known_on": date(2026, 10, 2)}
    corrected = {"period": month(1), "headcount": 8, "known_on": date(2026, 10, 9)}
    rows = [corrected, first]
    assert profile(as_of=date(2026, 10, 8), social_security=rows)["headcount"] == 5
    assert profile(as_of=date(2026, 10, 9), social_security=rows)["headcount"] == 8
