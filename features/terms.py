"""What the terms of a demand come to against the enterprise and the product: cover and shares that rules speak of.

Rules and models read the same figures from here. Every function is elementwise, so one demand and a million give the
same bits. Unknown stays NaN: an item not appraised makes the cover unknown, no turnover on record a share.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
"""Named columns of one length."""

Floats = NDArray[np.float64]

COLLATERAL_KINDS: tuple[str, ...] = (
    "real_estate",
    "machinery",
    "inventory",
    "receivable",
    "warehouse_receipt",
    "invention_patent",
    "trademark",
    "export_order",
    "deposit",
    "equity",
)
"""The order in which collateral is laid out in columns and in acceptance masks."""

TURNOVER_COLUMNS: tuple[str, ...] = ("sales_12m_cny", "taxed_sales_12m_cny", "revenue_annual_cny")
"""Twelve-month sales: invoiced, else declared, else of the latest reported year."""

PAIR_PROFILE_COLUMNS: tuple[str, ...] = (*TURNOVER_COLUMNS, "loans_outstanding_cny", "tax_paid_12m_cny")
"""Profile columns the shares below are made of."""


def collateral_cover(appraised_cny: Floats, amount_cny: Floats, accepts: NDArray[np.bool_]) -> Floats:
    """Appraised value of the offered collateral a product accepts, over the amount asked.

    Parameters
    ----------
    appraised_cny
        Shape (n, 10), yuan by collateral kind in the order of ``COLLATERAL_KINDS``: 0 where none is offered, NaN where
        an item offered has no appraisal.
    amount_cny
        Shape (n,), above zero.
    accepts
        Shape (n, 10) or (1, 10), the kinds the product accepts.

    Returns
    -------
    numpy.ndarray
        Shape (n,). 0 where nothing acceptable is offered, NaN where an acceptable item is not appraised. Summed in fen,
        so that a cover right at a threshold is right at it.
    """
    total = np.zeros(np.broadcast_shapes(appraised_cny.shape[:1], accepts.shape[:1]))
    for kind in range(len(COLLATERAL_KINDS)):
        total = total + np.where(accepts[:, kind], np.rint(appraised_cny[:, kind] * 100.0), 0.0)
    cover: Floats = total / np.rint(amount_cny * 100.0)
    return cover


def turnover_cny(profiles: Columns) -> Floats:
    """Twelve-month sales: the first of ``TURNOVER_COLUMNS`` that is known, NaN where none is."""
    first, *others = (np.asarray(profiles[name], dtype=np.float64) for name in TURNOVER_COLUMNS)
    result = first
    for other in others:
        result = np.where(np.isnan(result), other, result)
    return result


def share_of(amount_cny: Floats, base_cny: Floats) -> Floats:
    """Amount over a base; infinite where the base is known to be nothing or less, NaN where it is not known."""
    positive = base_cny > 0
    share = np.asarray(amount_cny, dtype=np.float64) / np.where(positive, base_cny, 1.0)
    result: Floats = np.where(np.isnan(base_cny), np.nan, np.where(positive, share, np.inf))
    return result


def amount_share_of_turnover(amount_cny: Floats, profiles: Columns) -> Floats:
    """Amount asked over twelve-month sales; see ``turnover_cny`` and ``share_of``."""
    return share_of(amount_cny, turnover_cny(profiles))


def debt_after_share_of_turnover(amount_cny: Floats, profiles: Columns) -> Floats:
    """Loans outstanding and the amount asked together, over twelve-month sales."""
    debt = np.asarray(profiles["loans_outstanding_cny"], dtype=np.float64) + amount_cny
    return np.where(np.isnan(debt), np.nan, share_of(debt, turnover_cny(profiles)))


def amount_share_of_tax_paid(amount_cny: Floats, profiles: Columns) -> Floats:
    """Amount asked over the tax paid in twelve months: how many years of tax a tax loan lends on."""
    return share_of(amount_cny, np.asarray(profiles["tax_paid_12m_cny"], dtype=np.float64))
