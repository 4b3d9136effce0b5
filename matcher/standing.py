"""What the platform itself concludes about an enterprise before any rule is read: size class and rating."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from features.consent import withheld_columns
from features.schema import PROFILE, SOURCES
from matcher.policy import NoLawInForceError, Rulebook
from matcher.policy.size import UNDETERMINED, size_class

Row = Mapping[str, float | str | None]
"""One enterprise's profile: numbers and flags as floats, codes as text, ``None`` where unknown."""


def size_of(row: Row, as_of: date, rulebook: Rulebook) -> str:
    """Size class from the best figures known: insured headcount else reported, reported revenue else declared sales.

    On a day before the first size standard of the rulebook it is undetermined.
    """
    try:
        return size_class(
            _code(row, "industry_code"),
            _first(row, "headcount", "employees_reported"),
            _first(row, "revenue_annual_cny", "taxed_sales_12m_cny", "sales_12m_cny"),
            _first(row, "assets_total_cny"),
            as_of=as_of,
            rulebook=rulebook,
        )
    except NoLawInForceError:
        return UNDETERMINED


def missing_sources(row: Row) -> tuple[str, ...]:
    """Sources of which the profile knows nothing, in the order of the schema."""
    return tuple(name for name in SOURCES if row.get(f"freshness_{name}_days") is None)


def mask(row: Row, permitted: frozenset[str]) -> dict[str, float | str | None]:
    """The profile without anything computed from a source that may not be read."""
    hidden = _hidden(permitted)
    return {column.name: None if column.name in hidden else row[column.name] for column in PROFILE}


@lru_cache(maxsize=256)
def _hidden(permitted: frozenset[str]) -> frozenset[str]:
    return frozenset(withheld_columns(permitted))


def _first(row: Row, *names: str) -> float | None:
    for name in names:
        value = row.get(name)
        if isinstance(value, (int, float)):
            return float(value)
    return None


def _code(row: Row, name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) else None
