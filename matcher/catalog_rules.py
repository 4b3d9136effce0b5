"""Rules of a whole catalogue compiled into flat arrays: different conditions once, and which product asks which.

Products share thresholds, so the catalogue's checks fall onto far fewer different conditions. Numeric conditions are
grouped by (fact, operator), conditions on codes by fact; a demand is judged on conditions and products only collect.
Verdicts are 0 fail, 1 unknown, 2 pass, so that the verdict of a product is the least of its conditions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.terms import PAIR_PROFILE_COLUMNS
from matcher.catalog_fields import RULE_FIELDS, FieldType
from matcher.domain import CollateralKind, Operator, Product, Repayment, Rule, Text

FAIL, UNKNOWN, PASS = 0, 1, 2

Verdicts8 = NDArray[np.int8]

_PREFIXES = frozenset({Operator.STARTS_WITH_ANY, Operator.STARTS_WITH_NONE})
_NEGATED = frozenset({Operator.NE, Operator.NOT_IN, Operator.STARTS_WITH_NONE})
_SYMBOLS = {
    Operator.EQ: "=",
    Operator.NE: "≠",
    Operator.GE: "≥",
    Operator.LE: "≤",
    Operator.IN: "∈",
    Operator.NOT_IN: "∉",
}
_NUMERIC_ORDER = (Operator.GE, Operator.LE, Operator.EQ, Operator.NE)


@dataclass(frozen=True)
class Condition:
    """One comparison: a fact, an operator, a value; ``null_passes`` where a demand that asks nothing is content."""

    fact: str
    operator: Operator
    value: float | tuple[str, ...]
    null_passes: bool = False


@dataclass(frozen=True)
class ProductCheck:
    """One check of one product: the rule to show, and the condition that decides it."""

    rule: Rule
    condition: Condition

    @cached_property
    def required(self) -> str:
        """What the rule requires, in symbols that need no language: ``≥ 24``, ``∈ {A, B, C}``, ``= 1``."""
        value = self.rule.value
        symbol = _SYMBOLS.get(self.rule.operator, self.rule.operator.value)
        if isinstance(value, tuple):
            return f"{symbol} {{{', '.join(value)}}}"
        if isinstance(value, bool):
            return f"{symbol} {int(value)}"
        return f"{symbol} {value}" if isinstance(value, str) else f"{symbol} {format(value, 'f')}"


def checks_of(product: Product) -> tuple[ProductCheck, ...]:
    """Every check of a product: its own rules, its limits, and what a demand may ask of it."""
    kinds = product.collateral_kinds
    own = tuple(ProductCheck(rule, _condition(rule, kinds)) for rule in product.rules)
    return own + _limits(product) + _asked(product)


def acceptance_mask(kinds: Sequence[CollateralKind]) -> str:
    """Name of a set of collateral kinds, part of the name of facts that depend on it."""
    return "+".join(sorted(kinds))


def _condition(rule: Rule, kinds: Sequence[CollateralKind]) -> Condition:
    fact = f"{rule.field}#{acceptance_mask(kinds)}" if rule.field == "pair.collateral_cover" else rule.field
    if RULE_FIELDS[rule.field].type is FieldType.CODE:
        codes = rule.value if isinstance(rule.value, tuple) else (str(rule.value),)
        return Condition(fact, rule.operator, tuple(sorted(codes)))
    value = rule.value if isinstance(rule.value, (Decimal, bool)) else Decimal(str(rule.value))
    return Condition(fact, rule.operator, float(value))


def _implied(
    code: str, field: str, operator: Operator, value: Decimal | tuple[str, ...] | str, zh: str, en: str
) -> Rule:
    settle = "demand.collateral" if code == "collateral_kind" else field
    return Rule(code=code, field=field, operator=operator, value=value, clause=Text(zh=zh, en=en), settle_with=settle)


def _at(rule: Rule, fact: str, value: float | tuple[str, ...], *, null_passes: bool = False) -> ProductCheck:
    return ProductCheck(rule, Condition(fact, rule.operator, value, null_passes))


def _limits(product: Product) -> tuple[ProductCheck, ...]:
    ge, le = Operator.GE, Operator.LE
    least, most = product.amount_min_cny, product.amount_max_cny
    short, long = product.term_min_months, product.term_max_months
    amount, term, day = "demand.amount_cny", "demand.term_months", "demand.as_of"
    checks = [
        _at(_implied("amount_min", amount, ge, least, "金额不低于产品下限", "amount not below the product's minimum"),
            amount, float(least)),
        _at(_implied("amount_max", amount, le, most, "金额不超过产品上限", "amount not above the product's maximum"),
            amount, float(most)),
        _at(_implied("term_min", term, ge, Decimal(short), "期限不短于产品下限", "term not below the minimum"),
            term, float(short)),
        _at(_implied("term_max", term, le, Decimal(long), "期限不长于产品上限", "term not above the maximum"),
            term, float(long)),
        _at(_implied("valid_from", day, ge, product.valid_from.isoformat(), "产品已上架", "the product is on offer"),
            day, float(product.valid_from.toordinal())),
    ]  # fmt: skip
    if product.valid_to is not None:
        rule = _implied(
            "valid_to", day, le, product.valid_to.isoformat(), "产品未下架", "the product is still on offer"
        )
        checks.append(_at(rule, day, float(product.valid_to.toordinal())))
    if product.purposes:
        codes = tuple(sorted(product.purposes))
        rule = _implied(
            "purpose", "demand.purpose", Operator.IN, codes, "资金用途符合", "purpose served by the product"
        )
        checks.append(_at(rule, "demand.purpose", codes))
    return tuple(checks)


def _asked(product: Product) -> tuple[ProductCheck, ...]:
    kind = _implied("kind", "demand.kinds", Operator.EQ, product.kind, "属于所需产品类别", "a kind the demand asks for")
    rate = _implied("rate", "demand.max_annual_rate", Operator.GE, product.rate_low,
                    "最低利率不超过可接受利率", "lowest rate within the highest acceptable")  # fmt: skip
    days = Decimal(product.days_to_disburse)
    speed = _implied("speed", "demand.days_left", Operator.GE, days,
                     "可在需要日前放款", "can disburse by the day the money is needed")  # fmt: skip
    checks = [
        _at(kind, f"demand.asks_{product.kind}", 1.0),
        _at(rate, "demand.max_annual_rate", float(product.rate_low), null_passes=True),
        _at(speed, "demand.days_left", float(days), null_passes=True),
    ]
    if Repayment.ANY not in product.repayments:
        codes = tuple(sorted((Repayment.ANY, *product.repayments)))
        rule = _implied("repayment", "demand.repayment", Operator.IN, codes, "还款方式可提供", "repayment as asked for")
        checks.append(_at(rule, "demand.repayment", codes))
    if product.collateral_kinds:
        accepted = tuple(sorted(product.collateral_kinds))
        rule = _implied("collateral_kind", "demand.collateral", Operator.IN, accepted,
                        "提供产品接受的抵质押物", "collateral of a kind the product accepts")  # fmt: skip
        fact = f"demand.offers#{acceptance_mask(accepted)}"
        checks.append(ProductCheck(rule, Condition(fact, Operator.EQ, 1.0)))
    return tuple(checks)


class CodeTable:
    """Every condition on one fact that holds codes: one look-up gives the verdicts of all of them."""

    def __init__(self, fact: str, conditions: Sequence[Condition]) -> None:
        self.fact = fact
        self.size = len(conditions)
        negated = np.array([c.operator in _NEGATED for c in conditions])
        exact: dict[str, list[int]] = {}
        prefix: dict[str, list[int]] = {}
        for position, condition in enumerate(conditions):
            table = prefix if condition.operator in _PREFIXES else exact
            for code in condition.value if isinstance(condition.value, tuple) else ():
                table.setdefault(code, []).append(position)
        self._exact, self._prefix = exact, prefix
        self._longest = max(map(len, prefix), default=0)
        self._miss = np.where(negated, PASS, FAIL).astype(np.int8)
        self._hit = np.where(negated, FAIL, PASS).astype(np.int8)
        self._null = np.full(self.size, UNKNOWN, dtype=np.int8)
        self._known: dict[str | None, Verdicts8] = {None: self._null}

    def verdicts(self, code: str | None) -> Verdicts8:
        """Verdict of every condition for one code, in order of the conditions; the array is shared: do not write."""
        found = self._known.get(code)
        return found if found is not None else self._look_up(str(code))

    def _look_up(self, code: str) -> Verdicts8:
        positions = list(self._exact.get(code, ()))
        for length in range(1, min(len(code), self._longest) + 1):
            positions += self._prefix.get(code[:length], ())
        result = self._miss.copy()
        result[positions] = self._hit[positions]
        return result


class CompiledRules:
    """All checks of a catalogue as arrays; built once per catalogue version.

    Attributes
    ----------
    numeric_facts
        Names of the numeric facts conditions read, in the order of the fact vector.
    code_tables
        Conditions on codes, one table per fact.
    check_condition, check_product, first_check
        For every check the positions of its condition and product; for every product its first check. Checks of a
        product are adjacent.
    """

    def __init__(self, products: Sequence[Product]) -> None:
        self.checks = tuple(checks_of(product) for product in products)
        flat = [check.condition for checks in self.checks for check in checks]
        different = sorted(set(flat), key=_order)
        position = {condition: index for index, condition in enumerate(different)}
        self.conditions = tuple(different)
        self.check_condition = np.array([position[c] for c in flat], dtype=np.intp)
        sizes = [len(checks) for checks in self.checks]
        self.first_check = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.intp) if sizes else np.zeros(0, int)
        self.check_product = np.repeat(np.arange(len(sizes)), sizes)
        self._compile_numbers([c for c in different if not isinstance(c.value, tuple)])
        self._compile_codes([c for c in different if isinstance(c.value, tuple)])
        self.fact_row = {fact: row for row, fact in enumerate(self.numeric_facts)}
        self.table_row = {table.fact: row for row, table in enumerate(self.code_tables)}
        self.profile_columns = _profile_columns([*self.numeric_facts, *self.table_row])

    def _compile_numbers(self, numeric: list[Condition]) -> None:
        self.numeric_facts = tuple(dict.fromkeys(c.fact for c in numeric))
        where = {fact: index for index, fact in enumerate(self.numeric_facts)}
        self.fact_of = np.array([where[c.fact] for c in numeric], dtype=np.intp)
        self.threshold = np.array([c.value for c in numeric], dtype=np.float64)
        self.null_verdict = np.where([c.null_passes for c in numeric], PASS, UNKNOWN).astype(np.int8)
        self.operator_slices = _slices([c.operator for c in numeric])
        self.fact_slices = {
            operator: _slices([where[c.fact] for c in numeric[part]], part.start)
            for operator, part in self.operator_slices.items()
        }

    def _compile_codes(self, coded: list[Condition]) -> None:
        facts = [c.fact for c in coded]
        parts = _slices(facts)
        self.code_tables = tuple(CodeTable(fact, coded[part]) for fact, part in parts.items())

    def evaluate(self, numbers: NDArray[np.float64], codes: Sequence[str | None]) -> Verdicts8:
        """Verdict of every condition for one demand, in order of ``conditions``.

        Parameters
        ----------
        numbers
            Values of ``numeric_facts``, NaN for null.
        codes
            Values of the facts of ``code_tables``, ``None`` for null.
        """
        observed = numbers[self.fact_of]
        passed = np.empty(len(observed), dtype=bool)
        for operator, part in self.operator_slices.items():
            passed[part] = COMPARE[operator](observed[part], self.threshold[part])
        verdicts = np.where(np.isnan(observed), self.null_verdict, passed.astype(np.int8) * np.int8(PASS))
        tables = [table.verdicts(code) for table, code in zip(self.code_tables, codes, strict=True)]
        return np.concatenate([verdicts, *tables]) if tables else verdicts

    def evaluate_block(self, numbers: NDArray[np.float64], codes: Sequence[NDArray[np.object_]]) -> Verdicts8:
        """Verdicts of a block of demands, shape (conditions, demands); the same comparisons as ``evaluate``.

        Parameters
        ----------
        numbers
            Shape (numeric facts, demands), NaN for null.
        codes
            One array of codes per table, ``None`` for null.
        """
        result = np.empty((len(self.conditions), numbers.shape[1]), dtype=np.int8)
        for operator, facts in self.fact_slices.items():
            for fact, part in facts.items():
                passed = COMPARE[operator](numbers[fact][None, :], self.threshold[part][:, None])
                null = np.isnan(numbers[fact])[None, :]
                verdict = passed.view(np.int8) * np.int8(PASS)
                result[part] = np.where(null, self.null_verdict[part][:, None], verdict)
        row = len(self.threshold)
        for table, column in zip(self.code_tables, codes, strict=True):
            result[row : row + table.size] = _table_block(table, column)
            row += table.size
        return result

    def least_per_product(self, verdicts: Verdicts8) -> Verdicts8:
        """Verdict of every product: the least over its checks."""
        if not self.checks:
            return np.zeros(0, dtype=np.int8)
        return np.minimum.reduceat(verdicts[self.check_condition], self.first_check)

    def count_per_product(self, verdicts: Verdicts8, wanted: int) -> NDArray[np.intp]:
        """How many checks of every product have the verdict ``wanted``."""
        if not self.checks:
            return np.zeros(0, dtype=np.intp)
        flagged = (verdicts[self.check_condition] == wanted).astype(np.intp)
        return np.add.reduceat(flagged, self.first_check)


COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.GE: np.greater_equal,
    Operator.LE: np.less_equal,
    Operator.EQ: np.equal,
    Operator.NE: np.not_equal,
}
"""Numeric operators, both bounds inclusive, on float64 as parsed from the wire's decimal strings."""


def _order(condition: Condition) -> tuple[int, int, str, str, str, bool]:
    numeric = not isinstance(condition.value, tuple)
    rank = _NUMERIC_ORDER.index(condition.operator) if numeric else 0
    return (0 if numeric else 1, rank, condition.fact, condition.operator, str(condition.value), condition.null_passes)


def _profile_columns(facts: Sequence[str]) -> tuple[str, ...]:
    """Profile columns the facts are made of, those behind the shares of a pair included."""
    own = [fact[8:] for fact in facts if fact.startswith("profile.")]
    behind = PAIR_PROFILE_COLUMNS if any(fact.startswith("pair.") for fact in facts) else ()
    return tuple(dict.fromkeys((*own, *behind)))


def _slices(labels: Sequence[Any], start: int = 0) -> dict[Any, slice]:
    """Slice of every run of equal labels; equal labels are adjacent."""
    result: dict[Any, slice] = {}
    for index, label in enumerate(labels, start):
        first = result[label].start if label in result else index
        result[label] = slice(first, index + 1)
    return result


def _table_block(table: CodeTable, column: NDArray[np.object_]) -> Verdicts8:
    different: dict[str | None, int] = {}
    code = np.array([different.setdefault(value, len(different)) for value in column], dtype=np.intp)
    stacked = np.stack([table.verdicts(value) for value in different], axis=1)
    return stacked[:, code]
