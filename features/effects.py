"""What each institution has chosen and been chosen for so far, as smoothed log odds: always ratios, never counts.

Fitted on what was known by a day and kept beside the model; as features of a pair they come in through the product
side. An institution or product never seen stands at the average of what it belongs to: that is 0.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.pairs import AMOUNT_STEPS, DIVISION_LEVELS, INDUSTRY_LEVELS, SECTIONS, TURNOVER_STEPS
from features.product_side import Floats

LEVELS = {
    "section_approve_effect": len(SECTIONS),
    "division_approve_effect": DIVISION_LEVELS,
    "size_approve_effect": len(TURNOVER_STEPS) + 1,
    "amount_approve_effect": len(AMOUNT_STEPS) + 1,
    "division_apply_effect": DIVISION_LEVELS,
    "footprint_district": DIVISION_LEVELS,
    "footprint_section": len(SECTIONS),
    "footprint_division": INDUSTRY_LEVELS,
    "footprint_size": len(TURNOVER_STEPS) + 1,
    "footprint_amount": len(AMOUNT_STEPS) + 1,
}
OTHERS = ""
"""Identifier under which a table keeps the value of whoever it does not name; without it that is 0."""
"""Number of levels of each effect that differs by the enterprise."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Smoothed log odds ratios of institutions and products.

    Parameters
    ----------
    by_institution, by_product
        Effect name to identifier to log odds ratio.
    by_level
        Effect name to institution to level to log odds ratio, on top of the institution's own.
    """

    by_institution: Mapping[str, Mapping[str, float]]
    by_product: Mapping[str, Mapping[str, float]]
    by_level: Mapping[str, Mapping[str, Mapping[str, float]]]

    def columns(self, product_ids: Sequence[str], institution_ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Product-side columns for a catalogue; the level effects have shape (products, levels)."""
        found: dict[str, NDArray[Any]] = {}
        for name, table in self.by_institution.items():
            found[name] = _column(table, institution_ids)
        for name, table in self.by_product.items():
            found[name] = _column(table, product_ids)
        for name, levels in self.by_level.items():
            found[name] = self._level_matrix(levels, LEVELS[name], institution_ids)
        return found

    def to_json(self) -> bytes:
        """Canonical JSON, numbers to six decimals."""
        content = {"institution": self.by_institution, "product": self.by_product, "level": self.by_level}
        return json.dumps(_rounded(content), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Effects":
        """The inverse of ``to_json``."""
        content = json.loads(text)
        return cls(by_institution=content["institution"], by_product=content["product"], by_level=content["level"])

    @staticmethod
    def _level_matrix(levels: Mapping[str, Mapping[str, float]], width: int, institution_ids: Sequence[str]) -> Floats:
        row_of = {key: row for row, key in enumerate(dict.fromkeys(institution_ids))}
        matrix = np.zeros((len(row_of), width))
        for key, row in row_of.items():
            for level, value in levels.get(key, {}).items():
                matrix[row, int(level)] = value
        expanded: Floats = matrix[[row_of[key] for key in institution_ids]]
        return expanded


NO_EFFECTS = Effects(by_institution={}, by_product={}, by_level={})
"""Nothing known of any institution: every effect is null."""


def _column(table: Mapping[str, float], names: Sequence[str]) -> Floats:
    usual = table.get(OTHERS, 0.0)
    return np.array([table.get(name, usual) for name in names], dtype=np.float64)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return round(float(value), 6) + 0.0
