"""Cover and shares by hand: unknown stays unknown, nothing is not unknown."""

import numpy as np

from features.terms import (
    COLLATERAL_KINDS,
    amount_share_of_tax_paid,
    amount_share_of_turnover,
    collateral_cover,
    debt_after_share_of_turnover,
    turnover_cny,
)
from matcher.domain import CollateralKind

ESTATE, DEPOSIT = COLLATERAL_KINDS.index("real_estate"), COLLATERAL_KINDS.index("deposit")


def appraised(estate: float, deposit: float) -> np.ndarray:
    values = np.zeros((1, len(COLLATERAL_KINDS)))
    values[0, ESTATE], values[0, DEPOSIT] = estate, deposit
    return values


def accepts(*kinds: int) -> np.ndarray:
    mask = np.zeros((1, len(COLLATERAL_KINDS)), dtype=bool)
    mask[0, list(kinds)] = True
    return mask


def test_collateral_is_laid_out_in_the_order_of_its_kinds() -> None:
    assert tuple(CollateralKind) == COLLATERAL_KINDS


def test_cover_sums_accepted_kinds_only() -> None:
    amount = np.array([1_000_000.0])
    assert collateral_cover(appraised(9e5, 6e5), amount, accepts(ESTATE, DEPOSIT)) == [1.5]
    assert collateral_cover(appraised(9e5, 6e5), amount, accepts(DEPOSIT)) == [0.6]
    assert collateral_cover(appraised(9e5, 6e5), amount, accepts()) == [0.0]


def test_an_item_not_appraised_matters_only_where_it_is_accepted() -> None:
    amount = np.array([1_000_000.0])
    assert np.isnan(collateral_cover(appraised(np.nan, 6e5), amount, accepts(ESTATE, DEPOSIT)))
    assert collateral_cover(appraised(np.nan, 6e5), amount, accepts(DEPOSIT)) == [0.6]


def test_cover_summed_in_fen_is_exact_where_yuan_would_not_be() -> None:
    assert 0.1 + 0.2 != 0.3
    assert collateral_cover(appraised(0.1, 0.2), np.array([0.3]), accepts(ESTATE, DEPOSIT)) == [1.0]


def test_shares_take_the_first_turnover_known_and_nothing_is_infinite() -> None:
    nan = np.nan
    profiles = {
        "sales_12m_cny": np.array([4e6, nan, nan, nan, 0.0]),
        "taxed_sales_12m_cny": np.array([9e9, 2e6, nan, nan, 9e9]),
        "revenue_annual_cny": np.array([9e9, 9e9, 1e6, nan, 9e9]),
        "loans_outstanding_cny": np.array([1e6, nan, 0.0, 0.0, 0.0]),
        "tax_paid_12m_cny": np.array([1e5, nan, 0.0, 5e5, 1e6]),
    }
    amount = np.full(5, 1e6)
    np.testing.assert_array_equal(turnover_cny(profiles), [4e6, 2e6, 1e6, nan, 0.0])
    np.testing.assert_array_equal(amount_share_of_turnover(amount, profiles), [0.25, 0.5, 1.0, nan, np.inf])
    np.testing.assert_array_equal(debt_after_share_of_turnover(amount, profiles), [0.5, nan, 1.0, nan, np.inf])
    np.testing.assert_array_equal(amount_share_of_tax_paid(amount, profiles), [10.0, nan, np.inf, 2.0, 1.0])
