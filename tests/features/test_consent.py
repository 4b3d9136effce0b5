"""Consent: what is not granted that day is withheld, and columns that mix sources need them all."""

from datetime import date

import pytest

from features.consent import ANYONE, Grant, permitted_sources, withheld_columns
from features.schema import SOURCES

FIRM = "91370602MA3TERT037"
DAY = date(2026, 10, 15)


def grant(source: str, **other: object) -> Grant:
    return Grant(
        **({"source": source, "purpose": "matching", "recipient": "bank-1", "granted_on": date(2026, 1, 1)} | other)  # type: ignore[arg-type]
    )


def test_a_grant_holds_from_its_first_to_its_last_day() -> None:
    grants = [grant("tax", expires_on=date(2026, 6, 30))]
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [bool(permitted_sources(grants, "bank-1", "matching", day)) for day in days] == [False, True, True, False]


def test_a_revocation_takes_effect_on_its_day_and_a_new_grant_restores() -> None:
    grants = [grant("tax", revoked_on=date(2026, 3, 1)), grant("tax", granted_on=date(2026, 5, 1))]
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 5, 1))
    assert [bool(permitted_sources(grants, "bank-1", "matching", day)) for day in days] == [True, False, True]


def test_a_grant_is_for_its_recipient_and_purpose_alone() -> None:
    grants = [grant("tax"), grant("court", recipient=ANYONE), grant("ip", purpose=ANYONE)]
    assert permitted_sources(grants, "bank-1", "matching", DAY) == {"tax", "court", "ip"}
    assert permitted_sources(grants, "bank-2", "matching", DAY) == {"court"}
    assert permitted_sources(grants, "bank-1", "marketing", DAY) == {"ip"}


def test_columns_that_mix_sources_drop_with_any_of_them() -> None:
    hidden = set(withheld_columns(set(SOURCES) - {"tax"}))
    assert {"sales_per_head_cny", "sales_per_kwh_cny", "debt_to_sales", "export_share", "tax_credit_grade"} <= hidden
    assert {"headcount", "sales_12m_cny"}.isdisjoint(hidden)
    assert withheld_columns(SOURCES) == ()
    with pytest.raises(ValueError, match="No source is called horoscope"):
        withheld_columns({"horoscope"})
