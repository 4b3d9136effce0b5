"""One path for pair rows: the same to the last bit alone or in bulk, null as null, formulas as by hand."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.effects import Effects
from features.pair_codes import PURPOSES
from features.pair_columns import GROUPS, PAIR_COLUMNS, PAIR_NAMES, PROFILE_SIDE, schema_hash
from features.pairs import (
    pair_matrix,
    pair_rows,
    prepare_demands,
    prepare_products,
    size_levels,
)
from features.schema import NUMERIC_PROFILE, PROFILE_BY_NAME
from features.terms import COLLATERAL_KINDS
from matcher.domain import Collateral, CollateralKind, Demand, Purpose, Repayment
from matcher.eligibility import demand_columns
from tests.training.made_up import DAY, EFFECTS, demands, one, products, profiles, with_effects

RNG = np.random.default_rng(11)
N, M = 120, 37
PROFILES, DEMANDS, PRODUCTS = profiles(N, RNG), demands(N, RNG), with_effects(products(M, RNG))
LOGGED = RNG.integers(0, N, 4_000), RNG.integers(0, M, 4_000)
IN_BULK = pair_matrix(PROFILES, DEMANDS, PRODUCTS, *LOGGED, as_of=DAY)


def value(X: np.ndarray, name: str) -> float:
    return float(X[0, PAIR_NAMES.index(name)])


@given(st.integers(0, 3_999))
def test_a_row_alone_has_the_bits_of_the_row_in_bulk(row: int) -> None:
    i, j = LOGGED[0][row], LOGGED[1][row]
    alone = pair_matrix(one(PROFILES, i), one(DEMANDS, i), one(PRODUCTS, j), np.array([0]), np.array([0]), as_of=DAY)
    assert alone.tobytes() == IN_BULK[row : row + 1].tobytes()


@given(st.integers(0, N - 1), st.integers(1, M))
def test_a_request_over_part_of_the_catalogue_has_the_bits_of_the_log(demand: int, many: int) -> None:
    sides = prepare_demands(one(PROFILES, demand), one(DEMANDS, demand), DAY), prepare_products(PRODUCTS)
    served = pair_rows(*sides, np.zeros(many, dtype=int), np.arange(many))
    bulk = pair_matrix(PROFILES, DEMANDS, PRODUCTS, np.full(many, demand), np.arange(many), as_of=DAY)
    assert served.tobytes() == bulk.tobytes()


def test_the_matrix_is_float32_with_one_column_per_declaration() -> None:
    assert IN_BULK.dtype == np.float32
    assert IN_BULK.shape == (4_000, len(PAIR_COLUMNS))
    assert len(set(PAIR_NAMES)) == len(PAIR_NAMES)


def test_profile_columns_are_profile_columns_and_groups_are_known() -> None:
    graded = {"tax_credit_grade", "loan_class_worst_12m"}
    assert {c.name for c in PROFILE_SIDE} <= {*NUMERIC_PROFILE, *graded}
    assert {c.group for c in PAIR_COLUMNS} == set(GROUPS)
    assert all(c.zh and c.en and {c.apply_sign, c.approve_sign} <= {-1, 0, 1} for c in PAIR_COLUMNS)


def test_an_unknown_number_stays_unknown_in_its_column() -> None:
    unknown = {name: np.array([np.nan]) for name in NUMERIC_PROFILE}
    X = pair_matrix(unknown, one(DEMANDS, 0), PRODUCTS, np.array([0]), np.array([0]), as_of=DAY)
    numeric = [i for i, c in enumerate(PROFILE_SIDE) if c.name in PROFILE_BY_NAME]
    assert np.isnan(X[0, numeric]).all()
    assert np.isnan(value(X, "amount_share_of_turnover"))


def test_effects_left_out_are_null() -> None:
    X = pair_matrix(PROFILES, DEMANDS, products(3, np.random.default_rng(1)), np.array([0]), np.array([0]), as_of=DAY)
    assert np.isnan(value(X, "institution_approve_effect"))
    assert np.isnan(value(X, "section_approve_effect"))


def demand(**changes: object) -> Demand:
    members: dict[str, object] = {
        "uscc": "91370602MA3TERT037",
        "amount_cny": Decimal(2_000_000),
        "term_months": 12,
        "purpose": Purpose.EXPORT,
        "max_annual_rate": Decimal("0.05"),
        "repayment": Repayment.BULLET,
        "needed_by": date(2026, 12, 3),
    }
    return Demand(**(members | changes))  # type: ignore[arg-type]


def row_of(stated: Demand, profile: dict[str, float] | None = None, **product: object) -> np.ndarray:
    offer = one(products(1, np.random.default_rng(2)), 0)
    offer |= {name: np.array([v]) for name, v in product.items()}
    known = {name: np.array([v]) for name, v in (profile or {}).items()}
    columns = demand_columns([stated])
    return pair_matrix(known, columns, offer, np.array([0]), np.array([0]), as_of=DAY)


def test_the_margin_of_speed_counts_days_between_paying_out_and_the_need() -> None:
    assert value(row_of(demand(), days_to_disburse=3.0), "speed_margin") == 7.0
    assert np.isnan(value(row_of(demand(needed_by=None), days_to_disburse=3.0), "speed_margin"))


def test_headroom_is_the_highest_rate_accepted_less_the_lowest_quoted() -> None:
    assert value(row_of(demand(), rate_low=0.04), "rate_headroom") == pytest.approx(0.01, abs=1e-8)


def test_the_share_of_turnover_is_the_amount_over_invoiced_sales() -> None:
    share = row_of(demand(), {"sales_12m_cny": 8e6, "taxed_sales_12m_cny": 1e6})
    assert value(share, "amount_share_of_turnover") == pytest.approx(np.log1p(0.25), rel=1e-6)


def test_a_share_of_no_turnover_is_large_but_finite() -> None:
    assert np.isfinite(value(row_of(demand(), {"sales_12m_cny": 0.0}), "amount_share_of_turnover"))


def test_cover_counts_what_the_product_accepts_and_an_item_without_appraisal_leaves_it_unknown() -> None:
    house = Collateral(kind=CollateralKind.REAL_ESTATE, appraised_value_cny=Decimal(5_000_000))
    stock = Collateral(kind=CollateralKind.INVENTORY, appraised_value_cny=None)
    refuses = {f"accepts_{kind}": 0.0 for kind in COLLATERAL_KINDS}
    mortgage, both = (
        refuses | {"accepts_real_estate": 1.0},
        refuses
        | {
            "accepts_real_estate": 1.0,
            "accepts_inventory": 1.0,
        },
    )
    offering = demand(collateral=(house, stock))
    assert value(row_of(offering, **mortgage), "collateral_cover") == pytest.approx(np.log1p(2.5), rel=1e-6)
    assert np.isnan(value(row_of(offering, **both), "collateral_cover"))
    assert value(row_of(offering, **refuses), "collateral_cover") == 0.0


def test_a_product_for_any_purpose_is_not_made_for_this_one() -> None:
    none = {f"serves_{purpose}": 0.0 for purpose in PURPOSES}
    everything = {f"serves_{purpose}": 1.0 for purpose in PURPOSES}
    assert value(row_of(demand(), **everything), "purpose_match") == 0.0
    assert value(row_of(demand(), **none | {"serves_export": 1.0}), "purpose_match") == 1.0
    assert value(row_of(demand(), **none | {"serves_startup": 1.0}), "purpose_match") == 0.0


def test_an_exporter_meets_an_export_product_and_an_unknown_one_stays_unknown() -> None:
    assert value(row_of(demand(), {"exports_12m_cny": 5.0}, tag_export=1.0), "export_match") == 1.0
    assert value(row_of(demand(), {"exports_12m_cny": 0.0}, tag_export=1.0), "export_match") == 0.0
    assert np.isnan(value(row_of(demand(), tag_export=1.0), "export_match"))
    assert value(row_of(demand(), tag_export=0.0), "export_match") == 0.0


def test_a_repayment_not_asked_for_is_met_by_any_product() -> None:
    never = {"repays_bullet": 0.0, "repays_instalment": 0.0, "repays_revolving": 0.0}
    assert value(row_of(demand(repayment=Repayment.ANY), **never), "repayment_match") == 1.0
    assert value(row_of(demand(), **never), "repayment_match") == 0.0


def test_size_levels_rise_with_sales_and_unknown_is_no_level() -> None:
    assert size_levels(np.array([np.nan, 1e5, 1e6, 1e9])).tolist() == [-1, 0, 1, 9]


def test_effects_survive_json_and_reach_the_products_of_their_institution() -> None:
    again = Effects.from_json(EFFECTS.to_json())
    columns = again.columns(["P-3", "P-9"], ["B-3", "B-9"])
    assert columns["institution_approve_effect"].tolist() == [0.5, 0.0]
    assert columns["product_apply_effect"].tolist() == [0.2, 0.0]
    assert again.columns(["P-1"], ["B-1"])["section_approve_effect"][0, 2] == 0.4


def test_the_schema_hash_is_of_this_schema() -> None:
    assert len(schema_hash()) == 64
