"""The champion behaves as a banker would expect: better facts never hurt, worse terms never attract."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.pair_columns import OFFSETS, PAIR_COLUMNS, PAIR_NAMES
from features.pairs import pair_rows, prepare_demands
from matcher.domain import Demand, Purpose
from matcher.eligibility import demand_columns
from matcher.ranker import Ranker
from tests.training.made_up import products

CHAMPIONS = Path(__file__).resolve().parents[2] / "models" / "ranker"
CATALOGUE = products(30, np.random.default_rng(8))
ALL = np.arange(30)

FIRM: dict[str, float | str] = {
    "sales_12m_cny": 8e6,
    "taxed_sales_12m_cny": 7.5e6,
    "tax_paid_12m_cny": 3e5,
    "tax_steadiness_12m": 0.9,
    "property_value_cny": 4e6,
    "property_free_cny": 1e6,
    "leverage": 0.5,
    "overdue_months_12m": 0.0,
    "lawsuits_defendant_24m": 0.0,
    "age_months": 60.0,
    "headcount": 25.0,
    "has_prior_loan": 1.0,
    "is_dishonest_listed": 0.0,
    "tax_credit_grade": "B",
    "industry_section": "C",
    "division_code": "370602",
}


@pytest.fixture(scope="module")
def champion() -> Ranker:
    return Ranker.load(CHAMPIONS)


def scores(ranker: Ranker, catalogue: dict[str, Any] = CATALOGUE, **changes: float | str) -> tuple[np.ndarray, ...]:
    profile = {
        name: np.array([value], dtype=object if isinstance(value, str) else float)
        for name, value in (FIRM | changes).items()
    }
    asked = Demand(
        uscc="91370602MA3TERT037", amount_cny=Decimal(2_000_000), term_months=12, purpose=Purpose.WORKING_CAPITAL
    )
    sides = prepare_demands(profile, demand_columns([asked]), date(2026, 11, 23)), ranker.prepare(catalogue)
    found = ranker.predict(pair_rows(*sides, np.zeros(30, dtype=int), ALL))
    return found.p_apply, found.p_approve


@settings(max_examples=30, deadline=None)
@given(low=st.floats(0.01, 1e8), more=st.floats(0, 1e8))
@pytest.mark.parametrize(
    "better", ["property_free_cny", "tax_paid_12m_cny", "sales_12m_cny", "tax_steadiness_12m", "age_months"]
)
def test_more_of_what_is_good_never_lowers_approval(champion: Ranker, better: str, low: float, more: float) -> None:
    _, before = scores(champion, **{better: low})
    _, after = scores(champion, **{better: low + more})
    assert (after >= before - 1e-12).all()


@settings(max_examples=30, deadline=None)
@given(low=st.floats(0, 24), more=st.floats(0, 24))
@pytest.mark.parametrize(
    "worse", ["overdue_months_12m", "lawsuits_defendant_24m", "leverage", "is_dishonest_listed", "void_share_12m"]
)
def test_more_of_what_is_bad_never_raises_approval(champion: Ranker, worse: str, low: float, more: float) -> None:
    _, before = scores(champion, **{worse: low})
    _, after = scores(champion, **{worse: low + more})
    assert (after <= before + 1e-12).all()


def test_a_better_tax_grade_never_lowers_approval(champion: Ranker) -> None:
    by_grade = [scores(champion, tax_credit_grade=grade)[1] for grade in "DCMBA"]
    assert all((better >= worse - 1e-12).all() for worse, better in pairwise(by_grade))


@settings(max_examples=30, deadline=None)
@given(dearer=st.floats(0, 0.1), slower=st.floats(0, 60))
def test_dearer_or_slower_never_attracts(champion: Ranker, dearer: float, slower: float) -> None:
    before, _ = scores(champion)
    worse = CATALOGUE | {
        "rate_low": CATALOGUE["rate_low"] + dearer,
        "rate_high": CATALOGUE["rate_high"] + dearer,
        "days_to_disburse": CATALOGUE["days_to_disburse"] + slower,
    }
    after, _ = scores(champion, worse)
    assert (after <= before + 1e-12).all()


def test_no_tree_reads_an_offset(champion: Ranker) -> None:
    X = np.zeros((2, len(PAIR_COLUMNS)), dtype=np.float32)
    X[1, [PAIR_NAMES.index(name) for name in OFFSETS]] = 3.0
    p, q = champion.raw(X)
    assert p[0] == p[1]
    assert q[0] == q[1]


def test_the_champion_fits_in_a_repository() -> None:
    assert sum(path.stat().st_size for path in CHAMPIONS.rglob("*") if path.is_file()) < 1_500_000
