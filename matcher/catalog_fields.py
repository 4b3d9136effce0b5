"""The fields a rule may speak of: type, closed set of codes, and what settles it when the datum is missing.

A field not listed here cannot be written into a product, and an operator that makes no sense on its type is refused.
"""

from dataclasses import dataclass
from enum import StrEnum

from features.schema import PROFILE
from matcher.domain import Operator, Purpose, Repayment


class FieldType(StrEnum):
    """What a field holds."""

    NUMBER = "number"
    FLAG = "flag"
    CODE = "code"


@dataclass(frozen=True, kw_only=True)
class RuleField:
    """One field a rule may name.

    Parameters
    ----------
    allowed
        Closed set of codes, empty when open.
    settle_with
        Source, or field of the demand, that settles the rule when the datum is missing.
    """

    name: str
    type: FieldType
    settle_with: str
    allowed: tuple[str, ...] = ()


OPERATORS: dict[FieldType, tuple[Operator, ...]] = {
    FieldType.NUMBER: (Operator.EQ, Operator.NE, Operator.GE, Operator.LE),
    FieldType.FLAG: (Operator.EQ, Operator.NE),
    FieldType.CODE: (
        Operator.EQ,
        Operator.NE,
        Operator.IN,
        Operator.NOT_IN,
        Operator.STARTS_WITH_ANY,
        Operator.STARTS_WITH_NONE,
    ),
}
"""Operators that make sense on each type."""

SET_OPERATORS = frozenset({Operator.IN, Operator.NOT_IN, Operator.STARTS_WITH_ANY, Operator.STARTS_WITH_NONE})
"""Operators whose value is a list of codes."""

SIZE_CLASSES = ("micro", "small", "medium", "large", "not_classified")
"""Size classes a rule may name; ``undetermined`` is unknown, never a class."""

RATINGS = ("A", "B", "C", "D", "E")
"""Platform ratings, best first."""

_TYPES = {"float": FieldType.NUMBER, "integer": FieldType.NUMBER, "boolean": FieldType.FLAG, "string": FieldType.CODE}


def _fields() -> tuple[RuleField, ...]:
    number, code = FieldType.NUMBER, FieldType.CODE
    profile = (
        RuleField(name=f"profile.{c.name}", type=_TYPES[c.dtype], settle_with=c.source, allowed=c.allowed)
        for c in PROFILE
    )
    return (
        *profile,
        RuleField(name="profile.size_class", type=code, settle_with="annual_report", allowed=SIZE_CLASSES),
        RuleField(name="profile.platform_rating", type=code, settle_with="invoices", allowed=RATINGS),
        RuleField(name="demand.amount_cny", type=number, settle_with="demand.amount_cny"),
        RuleField(name="demand.term_months", type=number, settle_with="demand.term_months"),
        RuleField(name="demand.max_annual_rate", type=number, settle_with="demand.max_annual_rate"),
        RuleField(name="demand.uscc", type=code, settle_with="demand.uscc"),
        RuleField(name="demand.purpose", type=code, settle_with="demand.purpose", allowed=tuple(Purpose)),
        RuleField(name="demand.repayment", type=code, settle_with="demand.repayment", allowed=tuple(Repayment)),
        RuleField(name="pair.collateral_cover", type=number, settle_with="demand.collateral"),
        RuleField(name="pair.amount_share_of_turnover", type=number, settle_with="invoices"),
        RuleField(name="pair.debt_after_share_of_turnover", type=number, settle_with="credit"),
        RuleField(name="pair.amount_share_of_tax_paid", type=number, settle_with="tax"),
    )


RULE_FIELDS: dict[str, RuleField] = {field.name: field for field in _fields()}
"""Every field a rule may name, by name."""
