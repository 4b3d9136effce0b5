"""Demand × product rows: the only path, for training and for serving.

Everything here is elementwise, so a row is the same to the last bit whether it is computed for one demand against the
whole catalogue or among half a million logged pairs. ``prepare_products`` is done once per catalogue,
``prepare_demands`` once per request; ``pair_rows`` then computes only what belongs to the pair.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.dealings import Dealings
from features.meeting import (
    FOOTPRINT_TABLES,
    LEVEL_EFFECTS,
    PAIR_FORMULAS,
    Columns,
    DemandSide,
    Meeting,
)
from features.pair_codes import (
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
    DEALINGS_SIDE,
    DEMAND_SIDE,
    FOOTPRINT_SIDE,
    OFFSETS,
    PAIR_COLUMNS,
    PAIR_SIDE,
    PRODUCT_SIDE,
    PROFILE_SIDE,
    PairColumn,
)
from features.product_side import Floats, ProductSide
from features.terms import (
    COLLATERAL_KINDS,
    PAIR_PROFILE_COLUMNS,
    amount_share_of_tax_paid,
    amount_share_of_turnover,
    debt_after_share_of_turnover,
    turnover_cny,
)

__all__ = ["PAIR_COLUMNS", "Columns", "pair_matrix", "pair_rows", "prepare_demands", "prepare_products", "size_levels"]

SECTIONS = "ABCDEFGHIJKLMNOPQRST"
TURNOVER_STEPS = np.array([5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 3e8])
"""Upper ends, in yuan of 12-month sales, of the size levels that effects distinguish."""
AMOUNT_STEPS = np.array([2e5, 5e5, 1e6, 2e6, 3e6, 5e6, 1e7, 2e7])
"""Upper ends, in yuan asked, of the amount levels that effects distinguish."""


def prepare_products(products: Columns) -> ProductSide:
    """The product side of pair rows.

    Parameters
    ----------
    products
        One row per product, as ``matcher.catalog.Catalog.columns``: numbers, ``kind``, ``security``,
        ``institution_kind`` as codes, flags ``accepts_<collateral kind>``, ``repays_<way>``, ``serves_<purpose>`` and
        ``tag_<tag>`` (left out: no product has it); beside them those of ``features.effects.Effects.columns``, null
        where left out.
    """
    m = len(products["rate_low"])
    raw = {name: _floats(products[name]) for name in _PRODUCT_RAW}
    raw |= {name: _floats(products[name]) for name in _PRODUCT_FLAGS}
    raw |= {f"tag_{tag}": _floats(products.get(f"tag_{tag}", np.zeros(m))) for tag in TAGS}
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
    raw["any_purpose"] = _all_of([raw[f"serves_{purpose}"] for purpose in PURPOSES])
    return ProductSide(
        block=_block(PRODUCT_SIDE, raw),
        raw=raw,
        accepts=np.stack([raw[f"accepts_{kind}"] > 0 for kind in COLLATERAL_KINDS], axis=1),
        effects={name: _floats(products[name]) for name in (*LEVEL_EFFECTS, *FOOTPRINT_TABLES) if name in products},
        institution=_numbered(products.get("institution_id")),
    )


def prepare_demands(
    profiles: Columns,
    demands: Columns,
    as_of: date | NDArray[np.datetime64],
    dealings: Dealings | None = None,
) -> DemandSide:
    """The demand side of pair rows.

    Parameters
    ----------
    profiles
        ``features.schema.PROFILE`` columns of the enterprise behind each demand, row by row as ``demands``; a column
        left out is null.
    demands
        As ``matcher.eligibility.demand_columns`` gives them.
    as_of
        The day, or one per demand; days until the need count from it.
    dealings
        What the enterprises had to do with institutions before, as known on that day; ``None`` is unknown.
    """
    n = len(demands["amount_cny"])
    raw = {name: _optional(demands, name, n) for name in ("amount_cny", "term_months", "max_annual_rate")}
    raw |= {column.name: _profile_column(profiles, column.name, n) for column in PROFILE_SIDE}
    raw |= _one_hot(demands["purpose"], "purpose_", PURPOSES)
    raw |= {f"asks_{way}": _equals(demands["repayment"], way) for way in ("any", *REPAYMENTS)}
    raw |= _shares(profiles, raw["amount_cny"], raw["property_free_cny"])
    raw["days_until_needed"] = _days_until(demands["needed_by"], as_of)
    raw["log_amount"] = np.log(np.maximum(raw["amount_cny"], 1.0))
    raw["collateral_offered"] = _any_of([_floats(demands[f"offers_{kind}"]) for kind in COLLATERAL_KINDS])
    division = _codes(profiles.get("division_code"), n, None)
    section, size = _codes(profiles.get("industry_section"), n, SECTION_LEVELS), size_levels(raw["turnover"])
    amount = np.searchsorted(AMOUNT_STEPS, raw["amount_cny"])
    levels = {
        "section_approve_effect": section,
        "division_approve_effect": division,
        "division_apply_effect": division,
        "amount_approve_effect": amount,
        "size_approve_effect": size,
        "footprint_district": division,
        "footprint_section": section,
        "footprint_division": _industries(profiles.get("industry_code"), n),
        "footprint_size": size,
        "footprint_amount": amount,
    }
    return DemandSide(
        block=_block((*PROFILE_SIDE, *DEMAND_SIDE), raw),
        raw=raw,
        appraised=np.stack([_floats(demands[f"appraised_{kind}_cny"]) for kind in COLLATERAL_KINDS], axis=1),
        levels=levels,
        dealings=dealings,
    )


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
    for index, column in enumerate((*PAIR_SIDE, *FOOTPRINT_SIDE, *DEALINGS_SIDE), start=b):
        X[:, index] = _scaled(column, PAIR_FORMULAS[column.name](meet))
    return X


def pair_matrix(
    profiles: Columns,
    demands: Columns,
    products: Columns,
    demand_row: NDArray[Any],
    product_row: NDArray[Any],
    *,
    as_of: date | NDArray[np.datetime64],
    dealings: Dealings | None = None,
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
    sides = prepare_demands(profiles, demands, as_of, dealings), prepare_products(products)
    return pair_rows(*sides, demand_row, product_row)


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


def industry_level(code: str | None) -> int:
    """Level of an industry's division: the two digits after the letter of GB/T 4754, -1 when unknown.

    >>> industry_level("C3311"), industry_level("C"), industry_level(None)
    (33, -1, -1)
    """
    return int(code[1:3]) if code and len(code) >= 3 and code[1:3].isdigit() else -1


SECTION_LEVELS = {letter: index for index, letter in enumerate(SECTIONS)}
DIVISION_LEVELS = 1000
INDUSTRY_LEVELS = 100

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
    *(f"accepts_{kind}" for kind in COLLATERAL_KINDS),
    *(f"repays_{way}" for way in REPAYMENTS),
    *(f"serves_{purpose}" for purpose in PURPOSES),
)
_PRODUCT_EFFECTS = (
    *OFFSETS,
    "institution_apply_effect",
    "institution_approve_effect",
    "product_apply_effect",
    "product_approve_effect",
    "footprint_share",
    "product_apply_average",
    "product_approve_average",
    "institution_choice_share",
)
LARGEST_SHARE = 1e4
"""Shares of something are cut here; of nothing they would be infinite."""
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


def _industries(values: NDArray[Any] | None, n: int) -> NDArray[np.intp]:
    if values is None:
        return np.full(n, -1, dtype=np.intp)
    return np.array([industry_level(v if isinstance(v, str) else None) for v in values], dtype=np.intp)


def _numbered(names: NDArray[Any] | None) -> NDArray[np.intp] | None:
    if names is None:
        return None
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names.tolist()))}
    return np.array([number_of[name] for name in names.tolist()], dtype=np.intp)


def _shares(profiles: Columns, amount: Floats, property_free: Floats) -> dict[str, Floats]:
    known = {name: _optional(profiles, name, len(amount)) for name in PAIR_PROFILE_COLUMNS}
    shares = {
        "amount_share_of_turnover": amount_share_of_turnover(amount, known),
        "debt_after_share_of_turnover": debt_after_share_of_turnover(amount, known),
        "amount_share_of_tax_paid": amount_share_of_tax_paid(amount, known),
        "property_cover": property_free / amount,
    }
    cut: dict[str, Floats] = {name: np.minimum(share, LARGEST_SHARE) for name, share in shares.items()}
    return cut | {"turnover": turnover_cny(known)}


def _days_until(needed_by: NDArray[Any], as_of: date | NDArray[np.datetime64]) -> Floats:
    days = np.asarray(needed_by, dtype="datetime64[D]") - np.asarray(as_of, dtype="datetime64[D]")
    until: Floats = np.where(np.isnat(days), np.nan, days.astype(np.float64))
    return until


def _any_of(flags: list[Floats]) -> Floats:
    return _floats(np.maximum.reduce(flags))


def _all_of(flags: list[Floats]) -> Floats:
    return _floats(np.minimum.reduce(flags))
