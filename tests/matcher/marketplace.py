"""A small marketplace and random ones, for tests of the catalogue and its judges."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from features.schema import PROFILE
from matcher.catalog import Catalog
from matcher.catalog_fields import OPERATORS, RULE_FIELDS, SET_OPERATORS, FieldType, RuleField
from matcher.catalog_json import parse_institution, parse_product
from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment

DAY = date(2026, 11, 23)
USCC = "91370602MA3TERT037"

_INDUSTRIES = ("C3311", "C3990", "F5211", "I6513", "A0111", "E4700")
_DIVISIONS = ("370602", "370611", "370681", "371002")


def institution_members(institution_id: str = "B-1") -> dict[str, object]:
    return {"institution_id": institution_id, "name": {"zh": "示例银行", "en": "Example Bank"}, "kind": "city_bank"}


def product_members(**changes: object) -> dict[str, object]:
    """An unsecured loan of 100,000 to 3,000,000 over 3 to 12 months at 4 to 6 percent, without rules of its own."""
    members: dict[str, object] = {
        "product_id": "P-1",
        "institution_id": "B-1",
        "name": {"zh": "示例贷", "en": "Example loan"},
        "kind": "loan",
        "security": "unsecured",
        "amount_min_cny": "100000",
        "amount_max_cny": "3000000",
        "term_min_months": 3,
        "term_max_months": 12,
        "rate_low": "0.04",
        "rate_high": "0.06",
        "repayments": ["bullet"],
        "days_to_disburse": 7,
    }
    return members | changes


def rule_members(field: str, operator: str, value: object, code: str = "own_rule") -> dict[str, object]:
    return {
        "code": code,
        "field": field,
        "operator": operator,
        "value": value,
        "clause": {"zh": "条款", "en": "clause"},
    }


def catalog_of(*products: Mapping[str, object]) -> Catalog:
    return Catalog([parse_institution(institution_members())], [parse_product(product) for product in products])


def demand_of(**changes: Any) -> Demand:
    """One million for twelve months of working capital."""
    stated: dict[str, Any] = {
        "uscc": USCC,
        "amount_cny": Decimal(1_000_000),
        "term_months": 12,
        "purpose": Purpose.WORKING_CAPITAL,
    }
    return Demand(**stated | changes)


def random_catalog(seed: int, products: int = 40, rules: int = 8) -> Catalog:
    rng = np.random.default_rng(seed)
    return catalog_of(*(_random_product(rng, index, rules) for index in range(products)))


def random_profile(seed: int) -> dict[str, float | str | None]:
    """A profile in which about one column in six is unknown."""
    rng = np.random.default_rng(seed)
    profile: dict[str, float | str | None] = {}
    for column in PROFILE:
        profile[column.name] = _random_datum(rng, column.name, column.dtype, column.allowed)
    profile["size_class"] = str(rng.choice(["micro", "small", "medium", "undetermined"]))
    profile["platform_rating"] = [None, "A", "B", "C", "D", "E"][rng.integers(6)]
    return profile


def random_demand(seed: int) -> Demand:
    rng = np.random.default_rng(seed)
    kinds = tuple(Kind(k) for k in rng.choice(list(Kind), size=rng.integers(1, 4), replace=False))
    offered = rng.choice(list(CollateralKind), size=rng.integers(0, 4))
    items = tuple(
        Collateral(kind=CollateralKind(kind), appraised_value_cny=Decimal(int(value) * 10_000) if value < 400 else None)
        for kind, value in zip(offered, rng.integers(0, 500, len(offered)), strict=True)
    )
    return demand_of(
        amount_cny=Decimal(int(rng.integers(1, 60)) * 100_000),
        term_months=int(rng.integers(1, 40)),
        purpose=Purpose(rng.choice(list(Purpose))),
        kinds=kinds,
        max_annual_rate=Decimal(int(rng.integers(3, 8))) / 100 if rng.random() < 0.5 else None,
        collateral=items,
        repayment=Repayment(rng.choice(list(Repayment))),
        needed_by=date.fromordinal(DAY.toordinal() + int(rng.integers(0, 40))) if rng.random() < 0.5 else None,
    )


def _random_datum(rng: np.random.Generator, name: str, dtype: str, allowed: tuple[str, ...]) -> float | str | None:
    if rng.random() < 1 / 6:
        return None
    if dtype == "string":
        return _random_code(rng, name, allowed)
    return float(rng.integers(0, 2)) if dtype == "boolean" else float(rng.integers(0, 60))


def _random_code(rng: np.random.Generator, name: str, allowed: tuple[str, ...]) -> str:
    if name.endswith("division_code"):
        return str(rng.choice(_DIVISIONS))
    if name.endswith("industry_section"):
        return str(rng.choice(_INDUSTRIES))[0]
    return str(rng.choice(allowed or _INDUSTRIES))


def _random_product(rng: np.random.Generator, index: int, rules: int) -> dict[str, object]:
    accepted = rng.choice(list(CollateralKind), size=rng.integers(0, 4), replace=False)
    fields = list(RULE_FIELDS.values())
    return product_members(
        product_id=f"P-{index}",
        kind=str(rng.choice(list(Kind), p=[0.6, 0.15, 0.15, 0.1])),
        amount_max_cny=str(rng.integers(5, 80) * 100_000),
        term_max_months=int(rng.integers(3, 40)),
        rate_low=f"0.0{rng.integers(30, 60)}",
        repayments=[str(kind) for kind in rng.choice(list(Repayment), size=2, replace=False)],
        days_to_disburse=int(rng.integers(0, 30)),
        collateral_kinds=[str(kind) for kind in accepted],
        purposes=[str(p) for p in rng.choice(list(Purpose), size=rng.integers(0, 6), replace=False)],
        rules=[_random_rule(rng, fields[rng.integers(len(fields))], f"r{n}") for n in range(rules)],
    )


def _random_rule(rng: np.random.Generator, field: RuleField, code: str) -> dict[str, object]:
    operator = OPERATORS[field.type][rng.integers(len(OPERATORS[field.type]))]
    if field.type is FieldType.FLAG:
        return rule_members(field.name, operator, bool(rng.integers(2)), code)
    if field.type is FieldType.NUMBER:
        return rule_members(field.name, operator, str(_random_threshold(rng, field.name)), code)
    codes = sorted({_random_code(rng, field.name, field.allowed) for _ in range(3)})
    if operator not in SET_OPERATORS:
        return rule_members(field.name, operator, codes[0], code)
    prefixes = sorted({code[: rng.integers(1, len(code) + 1)] for code in codes})
    return rule_members(field.name, operator, prefixes if operator.startswith("starts") else codes, code)


def _random_threshold(rng: np.random.Generator, field: str) -> Decimal:
    if field == "demand.amount_cny":
        return Decimal(int(rng.integers(1, 60)) * 100_000)
    if field.startswith("pair."):
        return Decimal(int(rng.integers(0, 30))) / 10
    return Decimal(int(rng.integers(0, 60)))
