"""How a demand and a product meet: the columns of a pair row that belong to neither side alone.

Every formula is elementwise and reads raw values, never scaled ones. Null is NaN and stays NaN.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.dealings import DEALINGS_COLUMNS, Dealings, dealings_columns
from features.pair_codes import PURPOSES as _PURPOSE_NAMES
from features.pair_codes import REPAYMENTS
from features.product_side import Floats, ProductSide
from features.terms import collateral_cover

Columns = Mapping[str, NDArray[Any]]
"""Named columns of one table, all of the same length."""

PURPOSES = tuple(_PURPOSE_NAMES)
LEVEL_EFFECTS = (
    "section_approve_effect",
    "division_approve_effect",
    "size_approve_effect",
    "amount_approve_effect",
    "division_apply_effect",
)
"""Effects of an institution that differ by industry, district and size of the enterprise, and by the amount."""
FOOTPRINT_TABLES = (
    "footprint_district",
    "footprint_section",
    "footprint_division",
    "footprint_size",
    "footprint_amount",
)
"""Log ratios of what an institution financed so far, by where, what and how large; see ``features.footprint_city``."""


@dataclass(frozen=True, kw_only=True)
class DemandSide:
    """What pair rows need of demands and of who states them, one row per demand."""

    block: NDArray[np.float32]
    raw: Mapping[str, Floats] = field(repr=False)
    appraised: Floats = field(repr=False)
    levels: Mapping[str, NDArray[np.intp]] = field(repr=False)
    dealings: Dealings | None = field(default=None, repr=False)


class Meeting:
    """Raw values of both sides, taken per pair."""

    def __init__(
        self, demands: DemandSide, products: ProductSide, demand_row: NDArray[Any], product_row: NDArray[Any]
    ) -> None:
        self._demands, self._products = demands, products
        self._i, self._j = demand_row, product_row
        self._dealt: dict[str, Floats] = {}

    def of_demand(self, name: str) -> Floats:
        """A raw value of the demand side, per pair."""
        return self._demands.raw[name].take(self._i)

    def of_product(self, name: str) -> Floats:
        """A raw value of the product side, per pair."""
        return self._products.raw[name].take(self._j)

    def effect(self, name: str) -> Floats:
        """An institution's effect at the level the enterprise is of; NaN without a table or a level."""
        table = self._products.effects.get(name)
        if table is None:
            return np.full(len(self._i), np.nan)
        level = self._demands.levels[name][self._i]
        found: Floats = np.where(level < 0, np.nan, table[self._j, level])
        return found

    def footprint(self, *tables: str) -> Floats:
        """Sum of footprint terms of an institution; an unknown level leaves its term at 0, no table at all is null."""
        if tables[0] not in self._products.effects:
            return np.full(len(self._i), np.nan)
        total = np.nan_to_num(self.effect(tables[0]))
        for name in tables[1:]:
            total = total + np.nan_to_num(self.effect(name))
        return total

    def dealt(self, name: str) -> Floats:
        """A column of the earlier dealings of the enterprise; see ``features.dealings``."""
        if not self._dealt:
            self._dealt = dealings_columns(self._demands.dealings, self._products, self._i, self._j)
        return self._dealt[name]

    def cover(self) -> Floats:
        """Appraised value of the offered collateral the product accepts, over the amount; see ``features.terms``."""
        appraised, accepts = self._demands.appraised[self._i], self._products.accepts[self._j]
        return collateral_cover(appraised, self.of_demand("amount_cny"), accepts)


def _match(tag: str, *profile_flags: str) -> Callable[[Meeting], Floats]:
    """Product tagged so and the enterprise of that kind: 0 without the tag, null where the enterprise is unknown."""

    def column(m: Meeting) -> Floats:
        kind = m.of_demand(profile_flags[0])
        for name in profile_flags[1:]:
            kind = np.fmax(kind, m.of_demand(name))
        return np.where(m.of_product(f"tag_{tag}") > 0, np.where(np.isnan(kind), np.nan, kind > 0), 0.0)

    return column


def _first_loan_match(m: Meeting) -> Floats:
    return np.where(m.of_product("tag_first_loan") > 0, 1.0 - m.of_demand("has_prior_loan"), 0.0)


def _repayment_match(m: Meeting) -> Floats:
    met = m.of_demand("asks_any")
    for way in REPAYMENTS:
        met = met + m.of_demand(f"asks_{way}") * m.of_product(f"repays_{way}")
    return met


def _purpose_match(m: Meeting) -> Floats:
    served = m.of_demand(f"purpose_{PURPOSES[0]}") * m.of_product(f"serves_{PURPOSES[0]}")
    for purpose in PURPOSES[1:]:
        served = served + m.of_demand(f"purpose_{purpose}") * m.of_product(f"serves_{purpose}")
    return served * (1.0 - m.of_product("any_purpose"))


def _position(value: Floats, low: Floats, high: Floats) -> Floats:
    return (value - low) / np.maximum(high - low, 1e-9)


PAIR_FORMULAS: dict[str, Callable[[Meeting], Floats]] = {
    "collateral_cover": Meeting.cover,
    "amount_position": lambda m: _position(
        m.of_demand("log_amount"), m.of_product("log_amount_min"), m.of_product("log_amount_max")
    ),
    "term_position": lambda m: _position(
        m.of_demand("term_months"), m.of_product("term_min_months"), m.of_product("term_max_months")
    ),
    "repayment_match": _repayment_match,
    "purpose_match": _purpose_match,
    "tech_match": _match("tech_finance", "is_hnte", "is_tech_sme", "is_srdi"),
    "ip_match": _match("ip_pledge", "invention_patents", "utility_models", "trademarks"),
    "export_match": _match("export", "exports_12m_cny"),
    "agri_match": _match("agri", "is_agri_rural"),
    "first_loan_match": _first_loan_match,
    "renewal_match": lambda m: m.of_product("tag_renewal") * m.of_demand("purpose_loan_repayment"),
    "declared_annual_cost": lambda m: m.of_product("declared_annual_cost"),
    "rate_headroom": lambda m: m.of_demand("max_annual_rate") - m.of_product("rate_low"),
    "speed_margin": lambda m: m.of_demand("days_until_needed") - m.of_product("days_to_disburse"),
    **{name: (lambda m, name=name: m.effect(name)) for name in LEVEL_EFFECTS},  # type: ignore[misc]
    "footprint_share": lambda m: m.of_product("footprint_share"),
    "footprint_place": lambda m: m.footprint("footprint_district"),
    "footprint_industry": lambda m: m.footprint("footprint_section", "footprint_division"),
    "footprint_request": lambda m: m.footprint("footprint_size", "footprint_amount"),
    **{name: (lambda m, name=name: m.dealt(name)) for name in DEALINGS_COLUMNS},  # type: ignore[misc]
}
