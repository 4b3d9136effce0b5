"""Made-up tables and a tiny bundle: values without meaning, of the right shape, for tests of pair rows and rankers."""

from datetime import date
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from features.effects import Effects
from features.pair_codes import INSTITUTION_KINDS, PRODUCT_KINDS, PURPOSES, REPAYMENTS, SECURITIES, TAGS
from features.pair_columns import OFFSETS, PAIR_COLUMNS, PAIR_NAMES
from features.pairs import pair_matrix
from features.schema import PROFILE
from features.terms import COLLATERAL_KINDS
from matcher.calibration import Calibration
from training.bundle import Bundle, set_champion, write_bundle

DAY = date(2026, 11, 23)
Table = dict[str, NDArray[Any]]

_CODES = {
    "industry_section": ("C", "F", "A", None),
    "industry_code": ("C3311", "F5211", None),
    "division_code": ("370602", "370681", None),
    "tax_credit_grade": ("A", "B", "M", "C", "D", None),
    "loan_class_worst_12m": ("pass", "special_mention", None),
}
EFFECTS = Effects(
    by_institution={
        "institution_apply_effect": {"B-1": 0.3, "B-2": -0.2},
        "institution_approve_effect": {"B-2": -0.4, "B-3": 0.5},
        "institution_apply_offset": {"B-1": 0.1},
        "institution_approve_offset": {"B-3": -0.2},
    },
    by_product={"product_apply_effect": {"P-3": 0.2}, "product_approve_effect": {"P-4": -0.1}},
    by_level={
        "section_approve_effect": {"B-1": {"2": 0.4}},
        "division_approve_effect": {"B-1": {"602": 0.1}},
        "size_approve_effect": {"B-2": {"3": -0.1}},
    },
)
APPLY_CALIBRATION = Calibration(intercept=-0.2, knots=(-2.0, 0.0, 2.0), slopes=(0.8, 1.0, 1.2, 0.9), width=0.5)
APPROVE_CALIBRATION = Calibration(intercept=0.1, knots=(-1.0, 1.0), slopes=(1.1, 0.7, 1.3), width=0.4)


def profiles(n: int, rng: np.random.Generator) -> Table:
    """Profiles with a fifth of the numbers unknown."""
    table: Table = {}
    for column in PROFILE:
        if column.dtype == "string":
            table[column.name] = rng.choice(np.array(_CODES[column.name], dtype=object), n)
        elif column.dtype == "boolean":
            table[column.name] = rng.choice([0.0, 1.0, np.nan], n)
        elif column.unit in {"share", "ratio"}:
            table[column.name] = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
        else:
            table[column.name] = np.where(rng.random(n) < 0.2, np.nan, np.exp(rng.normal(7, 3, n)))
    return table


def demands(n: int, rng: np.random.Generator) -> Table:
    """Demands as ``matcher.eligibility.demand_columns`` would give them."""
    table: Table = {
        "amount_cny": np.exp(rng.normal(14, 1, n)),
        "term_months": rng.integers(3, 36, n).astype(float),
        "purpose": rng.choice(np.array(list(PURPOSES), dtype=object), n),
        "repayment": rng.choice(np.array(["any", *REPAYMENTS], dtype=object), n),
        "max_annual_rate": np.where(rng.random(n) < 0.5, np.nan, 0.05),
        "needed_by": rng.choice(np.array(["NaT", "2026-12-20"], dtype="datetime64[D]"), n),
    }
    for kind in COLLATERAL_KINDS:
        table[f"appraised_{kind}_cny"] = rng.choice([0.0, 0.0, 0.0, 2e6, np.nan], n)
        table[f"offers_{kind}"] = (table[f"appraised_{kind}_cny"] != 0.0).astype(float)
    return table


def products(m: int, rng: np.random.Generator) -> Table:
    """Products of five institutions."""
    low = rng.uniform(0.03, 0.06, m)
    table: Table = {
        "product_id": np.array([f"P-{row}" for row in range(m)], dtype=object),
        "institution_id": np.array([f"B-{row % 5}" for row in range(m)], dtype=object),
        "rate_low": low,
        "rate_high": low + 0.02,
        "guarantee_fee_rate": rng.choice([0.0, 0.01], m),
        "upfront_fee_rate": rng.choice([0.0, 0.005], m),
        "days_to_disburse": rng.integers(1, 30, m).astype(float),
        "amount_min_cny": rng.uniform(1e4, 1e5, m),
        "amount_max_cny": rng.uniform(1e6, 1e7, m),
        "term_min_months": np.ones(m),
        "term_max_months": np.full(m, 36.0),
        "kind": rng.choice(np.array(list(PRODUCT_KINDS), dtype=object), m),
        "security": rng.choice(np.array(list(SECURITIES), dtype=object), m),
        "institution_kind": rng.choice(np.array(list(INSTITUTION_KINDS), dtype=object), m),
    }
    flags = (("tag_", TAGS), ("accepts_", COLLATERAL_KINDS), ("repays_", REPAYMENTS), ("serves_", PURPOSES))
    for prefix, codes in flags:
        table |= {f"{prefix}{code}": rng.integers(0, 2, m) for code in codes}
    return table


def with_effects(table: Table) -> Table:
    """Products with what ``EFFECTS`` knows of them."""
    return {**table, **EFFECTS.columns(list(table["product_id"]), list(table["institution_id"]))}


def one(table: Table, row: int) -> Table:
    """A table of one row."""
    return {name: values[row : row + 1] for name, values in table.items()}


def made_up_pairs(n: int = 3_000, seed: int = 5) -> NDArray[np.float32]:
    """Pair rows of made-up demands and products, with effects."""
    rng = np.random.default_rng(seed)
    tables = profiles(n, rng), demands(n, rng), with_effects(products(40, rng))
    return pair_matrix(*tables, np.arange(n), rng.integers(0, 40, n), as_of=DAY)


def tiny_model(signs: list[int], seed: int) -> lightgbm.Booster:
    """A monotone model of a made-up outcome of a few columns."""
    X = made_up_pairs(seed=seed)
    X[:, [PAIR_NAMES.index(name) for name in OFFSETS]] = 0.0
    rng = np.random.default_rng(seed)
    seen = ("property_free_cny", "rate_low", "tax_steadiness_12m", "amount_cny", "collateral_cover", "speed_margin")
    signal = sum(np.nan_to_num(X[:, PAIR_NAMES.index(name)]) / (1 + k) for k, name in enumerate(seen))
    outcome = rng.random(len(X)) < 1 / (1 + np.exp(-(signal - np.median(signal)) / 3))
    parameters = {
        "objective": "binary",
        "num_leaves": 7,
        "min_data_in_leaf": 20,
        "monotone_constraints": signs,
        "num_threads": 1,
        "verbose": -1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(X, outcome.astype(float)), 25)


def write_tiny_bundle(root: Path) -> Path:
    """A bundle of two tiny models, set as champion of ``root``; returns its folder."""
    folder = write_bundle(
        root,
        Bundle(
            apply_text=tiny_model([c.apply_sign for c in PAIR_COLUMNS], 1).model_to_string(),
            approve_text=tiny_model([c.approve_sign for c in PAIR_COLUMNS], 2).model_to_string(),
            effects=EFFECTS,
            apply_calibration=APPLY_CALIBRATION,
            approve_calibration=APPROVE_CALIBRATION,
            examination=(1.0, 0.8, 0.6),
            facts={"records_until": "2026-08-31", "seed": 1},
            card="# 测试模型 Test model\n",
        ),
    )
    set_champion(root, folder.name)
    return folder
