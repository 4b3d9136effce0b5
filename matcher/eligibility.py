"""Which products a demand is admitted to: pass, fail or unknown per rule and product, for one demand or for many.

A product fails where any check fails, else is unknown where any is unknown, else passes. Numbers are compared as
float64 parsed from the wire's decimal strings, both bounds inclusive, codes literally: as a reader of the wire would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from features.terms import Columns
from matcher.catalog import Catalog
from matcher.catalog_rules import FAIL, PASS, UNKNOWN, Condition, ProductCheck, Verdicts8
from matcher.domain import Check, Demand, Verdict
from matcher.eligibility_facts import Facts, Profile, codes_of_block, demand_columns, facts_of, numbers_of_block

__all__ = ["FAIL", "PASS", "UNKNOWN", "ExtraCheck", "Verdicts", "demand_columns", "judge", "judge_checks", "judge_many"]

VERDICTS = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)
"""Verdicts in the order of their codes 0, 1, 2."""

_BLOCK = 2048


@dataclass(frozen=True, kw_only=True)
class ExtraCheck:
    """One more check over the whole catalogue, decided elsewhere (the guarantee fee cap by the law).

    Parameters
    ----------
    verdict
        Shape (products,), 0 fail, 1 unknown, 2 pass or not concerned.
    describe
        The check to show for a product, ``None`` where the product is not concerned; called for shown products only.
    """

    code: str
    verdict: Verdicts8
    describe: Callable[[int], Check | None]


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """What one demand got from the whole catalogue.

    Parameters
    ----------
    verdict
        Shape (products,), 0 fail, 1 unknown, 2 pass.
    """

    catalog: Catalog
    demand: Demand
    facts: Facts
    condition_verdicts: Verdicts8 = field(repr=False)
    extra: tuple[ExtraCheck, ...]
    verdict: Verdicts8

    def counts(self) -> dict[str, int]:
        """Number of products by verdict: ``eligible``, ``unknown``, ``failed``; they add up to the catalogue."""
        failed, unknown, eligible = np.bincount(self.verdict, minlength=3).tolist()
        return {"eligible": eligible, "unknown": unknown, "failed": failed}

    @cached_property
    def fail_count(self) -> NDArray[np.intp]:
        """Shape (products,): how many checks fail."""
        count = self.catalog.rules.count_per_product(self.condition_verdicts, FAIL)
        for extra in self.extra:
            count = count + (extra.verdict == FAIL)
        return count

    def checks(self, product_index: int) -> tuple[Check, ...]:
        """Every check of one product that the product's rules, its limits, the demand or the law call for."""
        return self._checks(product_index)

    def failed(self, product_index: int) -> tuple[Check, ...]:
        """The checks one product fails."""
        return self._checks(product_index, only=FAIL)

    def _checks(self, product_index: int, *, only: int | None = None) -> tuple[Check, ...]:
        rules = self.catalog.rules
        checks = rules.checks[product_index]
        first = int(rules.first_check[product_index])
        positions = rules.check_condition[first : first + len(checks)]
        decided = zip(checks, self.condition_verdicts[positions].tolist(), strict=True)
        shown = (
            self._shown(check, verdict)
            for check, verdict in decided
            if (only is None or verdict == only) and not self._not_asked(check.condition)
        )
        described = (extra.describe(product_index) for extra in self.extra)
        wanted = (each for each in described if each is not None and (only is None or each.verdict is VERDICTS[only]))
        return (*shown, *wanted)

    def _not_asked(self, condition: Condition) -> bool:
        return condition.null_passes and self._observed(condition.fact) is None

    def _shown(self, check: ProductCheck, verdict: int) -> Check:
        rule = check.rule
        return Check(
            code=rule.code,
            verdict=VERDICTS[verdict],
            clause=rule.clause,
            observed=self._observed(check.condition.fact),
            required=check.required,
            settle_with=rule.settle_with if verdict == UNKNOWN else None,
            field=rule.field,
        )

    def _observed(self, fact: str) -> str | None:
        rules = self.catalog.rules
        if fact.startswith("demand.asks_"):
            return ", ".join(self.demand.kinds)
        if fact.startswith("demand.offers#"):
            return ", ".join(dict.fromkeys(item.kind for item in self.demand.collateral)) or "none"
        if fact in rules.fact_row:
            value = float(self.facts.numbers[rules.fact_row[fact]])
            return date.fromordinal(int(value)).isoformat() if fact == "demand.as_of" else number_text(value)
        return self.facts.codes[rules.table_row[fact]]


def judge(
    catalog: Catalog, profile: Profile, demand: Demand, as_of: date, extra: Sequence[ExtraCheck] = ()
) -> Verdicts:
    """One demand against the whole catalogue.

    Parameters
    ----------
    profile
        Profile columns by name with ``size_class`` and ``platform_rating`` beside them; absent, ``None`` and NaN are
        unknown. Columns of sources without consent must be left out already.
    as_of
        The day: products not on offer that day fail.
    extra
        Checks decided elsewhere, joined with the catalogue's own.
    """
    facts = facts_of(catalog.rules, profile, demand, as_of)
    conditions = catalog.rules.evaluate(facts.numbers, facts.codes)
    verdict = catalog.rules.least_per_product(conditions)
    for check in extra:
        verdict = np.minimum(verdict, check.verdict)
    return Verdicts(
        catalog=catalog,
        demand=demand,
        facts=facts,
        condition_verdicts=conditions,
        extra=tuple(extra),
        verdict=verdict,
    )


def judge_many(
    catalog: Catalog,
    profiles: Columns,
    demands: Columns | Sequence[Demand],
    as_of: date | NDArray[np.datetime64],
    *,
    profile_row: NDArray[np.intp] | None = None,
) -> Verdicts8:
    """Many demands against the whole catalogue, in blocks; equal to ``judge`` bit for bit.

    Parameters
    ----------
    profiles
        Profile columns by name, ``size_class`` and ``platform_rating`` among them.
    demands
        Demands, or columns as ``demand_columns`` makes them.
    as_of
        One day for all, or one per demand.
    profile_row
        Row of each demand's enterprise in ``profiles``, −1 for an enterprise without one; omitted where the rows of
        both stand side by side.

    Returns
    -------
    numpy.ndarray
        Shape (demands, products), 0 fail, 1 unknown, 2 pass.
    """
    columns = demands if not isinstance(demands, Sequence) else demand_columns(demands)
    count = len(columns["amount_cny"])
    rows = np.arange(count) if profile_row is None else profile_row
    days = np.broadcast_to(np.asarray(as_of, dtype="datetime64[D]"), (count,))
    result = np.empty((count, len(catalog)), dtype=np.int8)
    for start in range(0, count, _BLOCK):
        part = slice(start, min(start + _BLOCK, count))
        block = {name: column[part] for name, column in columns.items()}
        known = _rows(profiles, rows[part], catalog)
        _judge_block(catalog, known, block, days[part], result[part])
    return result


def judge_checks(
    catalog: Catalog, product_index: int, profiles: Columns, demands: Columns, as_of: date
) -> Mapping[str, Verdicts8]:
    """Every check of one product over many demands, by its code; the least of them is what ``judge_many`` gives.

    Parameters
    ----------
    profiles, demands
        Columns side by side, one row a demand, as in ``judge_many``.
    """
    alone = catalog.alone(product_index)
    count = len(demands["amount_cny"])
    days = np.full(count, np.datetime64(as_of, "D"))
    rows = _rows(profiles, np.arange(count), alone)
    numbers = numbers_of_block(alone.rules, rows, demands, days)
    conditions = alone.rules.evaluate_block(numbers, codes_of_block(alone.rules, rows, demands))
    found: dict[str, Verdicts8] = {}
    for check, position in zip(alone.rules.checks[0], alone.rules.check_condition, strict=True):
        code = check.rule.code
        found[code] = np.minimum(found[code], conditions[position]) if code in found else conditions[position]
    return found


def number_text(value: float) -> str | None:
    """A float as its shortest exact decimal, without exponent; ``None`` for NaN."""
    return None if value != value else _decimal_text(value + 0.0)  # minus nought is nought


@lru_cache(maxsize=65_536)
def _decimal_text(value: float) -> str:
    return np.format_float_positional(value, trim="-") if np.isfinite(value) else "∞"


def _rows(profiles: Columns, rows: NDArray[np.intp], catalog: Catalog) -> dict[str, NDArray[np.object_]]:
    """The profile columns rules read, gathered for one block of demands."""
    missing = rows < 0
    result = {}
    for name in catalog.rules.profile_columns:
        if name in profiles:
            column = np.asarray(profiles[name])[rows]
            if missing.any():
                column = np.where(missing, np.array(None if column.dtype == object else np.nan), column)
            result[name] = column
    return result


def _judge_block(
    catalog: Catalog, profiles: Columns, demands: Columns, days: NDArray[np.datetime64], out: Verdicts8
) -> None:
    rules = catalog.rules
    numbers = numbers_of_block(rules, profiles, demands, days)
    conditions = rules.evaluate_block(numbers, codes_of_block(rules, profiles, demands))
    ends = np.append(rules.first_check[1:], len(rules.check_condition))
    for product, (first, end) in enumerate(zip(rules.first_check, ends, strict=True)):
        out[:, product] = conditions[rules.check_condition[first:end]].min(axis=0)
