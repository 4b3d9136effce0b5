"""Demand × product rows: the only path, for training and for serving.

Everything here is elementwise, so a row is the same to the last bit whether it is computed for one demand against the
whole catalogue or among half a million logged pairs. ``prepare_products`` is done once per catalogue,
``prepare_demands`` once per request; ``pair_rows`` then computes only what belongs to the pair.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.meeting import (
    LEVEL_EFFECTS,
    PAIR_FORMULAS,
    Columns,
    DemandSide,
    Floats,
    Meeting,
    ProductSide,
    amount_share_of_turnover,
    collateral_cover,
)
from features.pair_codes import (
    COLLATERAL,
    INSTITUTION_KINDS,
    LOAN_CLASSES,
    PRODUCT_KINDS,
    PURPOSES,
    REPAYMENTS,
    SECURITIES,
    TAGS,
    TAX_GRADES,
)
from features.pair_columns import (
    DEMAND_SIDE,
    OFFSETS,
    PAIR_COLUMNS,
    PAIR_SIDE,
    PRODUCT_SIDE,
    PROFILE_SIDE,
    PairColumn,
)

__all__ = [
    "PAIR_COLUMNS",
    "Columns",
    "DemandSide",
    "ProductSide",
    "amount_share_of_turnover",
    "collateral_cover",
    "demand_columns",
    "pair_matrix",
    "pair_rows",
    "prepare_demands",
    "prepare_products",
    "size_levels",
    "turnover",
]

SECTIONS = "ABCDEFGHIJKLMNOPQRST"
TURNOVER_STEPS = np.array([5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 3e8])
"""Upper ends, in yuan of 12-month sales, of the size levels that effects distinguish."""


class DemandLike(Protocol):
    """What a demand states, as ``matcher.domain.Demand`` does."""

    @property
    def amount_cny(self) -> Decimal: ...
    @property
    def term_months(self) -> int: ...
    @property
    def purpose(self) -> str: ...
    @property
    def max_annual_rate(self) -> Decimal | None: ...
    @property
    def collateral(self) -> Iterable[Any]: ...
    @property
    def repayment(self) -> str: ...
    @property
    def needed_by(self) -> date | None: ...


def demand_columns(demands: Sequence[DemandLike], as_of: Sequence[date]) -> dict[str, NDArray[Any]]:
    """Columns of demands as stated.

    Parameters
    ----------
    as_of
        Day on which each demand is looked at; ``days_until_needed`` counts from it.

    Returns
    -------
    dict
        ``amount_cny``, ``term_months``, ``purpose``, ``max_annual_rate`` and ``days_until_needed`` (NaN if not stated),
        ``repayment``, and per collateral kind ``collateral_<kind>``: yuan appraised, 0 when none is offered, NaN when
        an item of the kind has no appraisal.
    """
    return {
        "amount_cny": np.array([float(d.amount_cny) for d in demands], dtype=np.float64),
        "term_months": np.array([float(d.term_months) for d in demands], dtype=np.float64),
        "purpose": np.array([str(d.purpose) for d in demands], dtype=object),
        "repayment": np.array([str(d.repayment) for d in demands], dtype=object),
        "max_annual_rate": np.array(
            [np.nan if d.max_annual_rate is None else float(d.max_annual_rate) for d in demands], dtype=np.float64
        ),
        "days_until_needed": np.array(
            [
                np.nan if d.needed_by is None else float((d.needed_by - day).days)
                for d, day in zip(demands, as_of, strict=True)
            ],
            dtype=np.float64,
        ),
        **_collateral_columns(demands),
    }


def prepare_products(products: Columns) -> ProductSide:
    """The product side of pair rows.

    Parameters
    ----------
    products
        One row per product: the numbers of ``matcher.domain.Product`` under their names, ``kind``, ``security``,
        ``institution_kind`` as codes, flags ``tag_<tag>``, ``accepts_<collateral kind>``, ``repayment_<way>``,
        ``purpose_<purpose>`` (none set: any purpose), and the columns of ``features.effects.Effects.columns``;
        effects left out are null.
    """
    m = len(products["rate_low"])
    raw = {name: _floats(products[name]) for name in _PRODUCT_RAW}
    raw |= {name: _floats(products[name]) for name in _PRODUCT_FLAGS}
    raw |= {name: _optional(products, name, m) for name in _PRODUCT_EFFECTS}
    for prefix, codes in (("kind_", PRODUCT_KINDS), ("security_", SECURITIES)):
        raw |= _one_hot(products[prefix[:-1]], prefix, codes)
    raw |= _one_hot(products["institution_kind"], "institution_kind_", INSTITUTION_KINDS)
    years = np.maximum(raw["term_max_months"], 1.0) / 12.0
    raw["declared_annual_cost"] = (
        0.5 * (raw["rate_low"] + raw["rate_high"])
        + raw["guarantee_fee_rate"]
        + raw["upfront_fee_rate"] / np.maximum(years, 1.0)
    )
    raw["log_amount_min"] = np.log(np.maximum(raw["amount_min_cny"], 1.0))
    raw["log_amount_max"] = np.log(np.maximum(raw["amount_max_cny"], 1.0))
    effects = {name: _floats(products[name]) for name in LEVEL_EFFECTS if name in products}
    return ProductSide(block=_block(PRODUCT_SIDE, raw), raw=raw, effects=effects)


def prepare_demands(profiles: Columns, demands: Columns) -> DemandSide:
    """The demand side of pair rows.

    Parameters
    ----------
    profiles
        ``features.schema.PROFILE`` columns of the enterprise behind each demand, row by row as ``demands``; a column
        left out is null.
    demands
        As ``demand_columns`` gives them.
    """
    n = len(demands["amount_cny"])
    raw = {name: _optional(demands, name, n) for name in _DEMAND_RAW}
    raw |= {column.name: _profile_column(profiles, column.name, n) for column in PROFILE_SIDE}
    raw |= _one_hot(demands["purpose"], "purpose_", PURPOSES)
    raw |= {f"asks_{way}": _equals(demands["repayment"], way) for way in REPAYMENTS}
    raw["log_amount"] = np.log(np.maximum(raw["amount_cny"], 1.0))
    raw["turnover"] = turnover(profiles, n)
    raw["collateral_offered"] = _any_offered(raw)
    levels = {
        "section_approve_effect": _codes(profiles.get("industry_section"), n, SECTION_LEVELS),
        "division_approve_effect": _codes(profiles.get("division_code"), n, None),
        "size_approve_effect": size_levels(raw["turnover"]),
    }
    return DemandSide(block=_block((*PROFILE_SIDE, *DEMAND_SIDE), raw), raw=raw, levels=levels)


def pair_rows(
    demands: DemandSide, products: ProductSide, demand_row: NDArray[Any], product_row: NDArray[Any]
) -> NDArray[np.float32]:
    """The pair matrix from prepared sides: shape (pairs, ``len(PAIR_COLUMNS)``), null as NaN."""
    X = np.empty((len(demand_row), len(PAIR_COLUMNS)), dtype=np.float32)
    a = demands.block.shape[1]
    b = a + products.block.shape[1]
    X[:, :a] = demands.block[demand_row]
    X[:, a:b] = products.block[product_row]
    meet = Meeting(demands, products, demand_row, product_row)
    for index, column in enumerate(PAIR_SIDE, start=b):
        X[:, index] = _scaled(column, PAIR_FORMULAS[column.name](meet))
    return X


def pair_matrix(
    profiles: Columns,
    demands: Columns,
    products: Columns,
    demand_row: NDArray[Any],
    product_row: NDArray[Any],
) -> NDArray[np.float32]:
    """Rows for pairs of demand and product, given the three tables; see ``prepare_demands`` and ``prepare_products``.

    Parameters
    ----------
    demand_row, product_row
        Row of each pair in ``demands`` (and ``profiles``) and in ``products``.

    Returns
    -------
    numpy.ndarray
        float32, shape (pairs, columns of ``PAIR_COLUMNS``), null as NaN.
    """
    return pair_rows(prepare_demands(profiles, demands), prepare_products(products), demand_row, product_row)


def turnover(profiles: Columns, n: int) -> Floats:
    """Sales of 12 months in yuan: invoiced, else declared, else reported for the year; NaN when none is known."""
    value = _optional(profiles, "sales_12m_cny", n)
    for name in ("taxed_sales_12m_cny", "revenue_annual_cny"):
        value = np.where(np.isnan(value), _optional(profiles, name, n), value)
    return value


def size_levels(turnover_cny: Floats) -> NDArray[np.intp]:
    """Size level of 12-month sales among ``TURNOVER_STEPS``, -1 when unknown."""
    levels: NDArray[np.intp] = np.where(np.isnan(turnover_cny), -1, np.searchsorted(TURNOVER_STEPS, turnover_cny))
    return levels


def division_level(code: str | None) -> int:
    """Level of a county-level division: the last three digits of its code, -1 when unknown.

    >>> division_level("370602"), division_level(None)
    (602, -1)
    """
    return int(code[3:6]) if code and len(code) >= 6 and code[:6].isdigit() else -1


SECTION_LEVELS = {letter: index for index, letter in enumerate(SECTIONS)}
DIVISION_LEVELS = 1000

_PRODUCT_RAW = (
    "rate_low",
    "rate_high",
    "guarantee_fee_rate",
    "upfront_fee_rate",
    "days_to_disburse",
    "amount_min_cny",
    "amount_max_cny",
    "term_min_months",
    "term_max_months",
)
_PRODUCT_FLAGS = (
    *(f"tag_{tag}" for tag in TAGS),
    *(f"accepts_{kind}" for kind in COLLATERAL),
    *(f"repayment_{way}" for way in REPAYMENTS),
    *(f"purpose_{purpose}" for purpose in PURPOSES),
)
_PRODUCT_EFFECTS = (
    *OFFSETS,
    "institution_apply_effect",
    "institution_approve_effect",
    "product_apply_effect",
    "product_approve_effect",
)
_DEMAND_RAW = (
    "amount_cny",
    "term_months",
    "max_annual_rate",
    "days_until_needed",
    *(f"collateral_{kind}" for kind in COLLATERAL),
)
_PROFILE_CODES = {"tax_credit_grade": TAX_GRADES, "loan_class_worst_12m": LOAN_CLASSES}


def _scaled(column: PairColumn, value: Floats) -> Floats:
    if column.scale == "log":
        scaled: Floats = np.log1p(np.maximum(value, 0.0))
    elif column.scale == "signed_log":
        scaled = np.copysign(np.log1p(np.abs(value)), value)
    else:
        scaled = value
    return scaled


def _block(columns: tuple[PairColumn, ...], raw: Mapping[str, Floats]) -> NDArray[np.float32]:
    return np.stack([_scaled(c, raw[c.name]).astype(np.float32) for c in columns], axis=1)


def _floats(values: NDArray[Any]) -> Floats:
    contiguous: Floats = np.ascontiguousarray(values, dtype=np.float64)
    return contiguous


def _optional(columns: Columns, name: str, n: int) -> Floats:
    values = columns.get(name)
    return np.full(n, np.nan) if values is None else _floats(values)


def _profile_column(profiles: Columns, name: str, n: int) -> Floats:
    codes = _PROFILE_CODES.get(name)
    if codes is None:
        return _optional(profiles, name, n)
    values = profiles.get(name)
    if values is None:
        return np.full(n, np.nan)
    return np.array([codes.get(v, np.nan) for v in values], dtype=np.float64)


def _equals(values: NDArray[Any], code: str) -> Floats:
    return _floats(np.asarray(values, dtype=object) == code)


def _one_hot(values: NDArray[Any], prefix: str, codes: Iterable[str]) -> dict[str, Floats]:
    return {f"{prefix}{code}": _equals(values, code) for code in codes}


def _codes(values: NDArray[Any] | None, n: int, table: Mapping[str, int] | None) -> NDArray[np.intp]:
    if values is None:
        return np.full(n, -1, dtype=np.intp)
    if table is None:
        return np.array([division_level(v if isinstance(v, str) else None) for v in values], dtype=np.intp)
    return np.array([table.get(v, -1) for v in values], dtype=np.intp)


def _any_offered(raw: Mapping[str, Floats]) -> Floats:
    offered = np.zeros(len(raw["amount_cny"]), dtype=bool)
    for kind in COLLATERAL:
        value = raw[f"collateral_{kind}"]
        offered |= np.isnan(value) | (value > 0)
    return offered.astype(np.float64)


def _collateral_columns(demands: Sequence[DemandLike]) -> dict[str, Floats]:
    columns = {f"collateral_{kind}": np.zeros(len(demands)) for kind in COLLATERAL}
    for row, demand in enumerate(demands):
        for item in demand.collateral:
            value = item.appraised_value_cny
            columns[f"collateral_{item.kind}"][row] += np.nan if value is None else float(value)
    return columns
