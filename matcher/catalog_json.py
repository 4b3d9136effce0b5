"""Products and institutions as JSON in the wire's shape, both ways and exactly; bad ones are refused fault by fault.

Money, rates and rule numbers are decimal strings on the way out and decimal strings or numbers on the way in. Texts are
objects with ``zh`` and ``en`` in the catalogue's own file, and one string where a language is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from enum import StrEnum

from matcher.catalog_fields import OPERATORS, RULE_FIELDS, SET_OPERATORS, FieldType, RuleField
from matcher.catalog_reading import Fault, Members, to_decimal
from matcher.domain import (
    CollateralKind,
    Institution,
    InstitutionKind,
    Kind,
    Operator,
    Product,
    Purpose,
    Repayment,
    Rule,
    RuleValue,
    Security,
    Text,
)

IMPLICIT_CODES: tuple[str, ...] = (
    "amount_min",
    "amount_max",
    "term_min",
    "term_max",
    "purpose",
    "valid_from",
    "valid_to",
    "kind",
    "rate",
    "speed",
    "repayment",
    "collateral_kind",
    "guarantee_fee_cap",
)
"""Codes of checks that no product may take for a rule of its own."""

_MOST_RULES = 64
_MOST_CODES = 500
_FIRST_DAY = date(2020, 1, 1)


class InvalidProductError(ValueError):
    """A product or institution that cannot be taken in; ``errors`` names every fault by JSON pointer."""

    def __init__(self, errors: Sequence[Fault]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{pointer}: {message.en}" for pointer, message in self.errors))


def parse_product(values: Mapping[str, object]) -> Product:
    """A product from its JSON members.

    Raises
    ------
    InvalidProductError
        With every fault found: unknown or missing members, values out of range, a rule on a field nobody knows, an
        operator or value that does not suit the field.
    """
    faults: list[Fault] = []
    members = Members(values, faults)
    product = Product(
        product_id=members.identifier("product_id"),
        version=members.integer("version", least=1, most=10**9, default=1),
        institution_id=members.identifier("institution_id"),
        name=members.text("name"),
        kind=members.choice("kind", Kind),
        security=members.choice("security", Security),
        amount_min_cny=members.decimal("amount_min_cny"),
        amount_max_cny=members.decimal("amount_max_cny"),
        term_min_months=members.integer("term_min_months", least=0, most=600),
        term_max_months=members.integer("term_max_months", least=0, most=600),
        rate_low=members.decimal("rate_low", most=Decimal(1)),
        rate_high=members.decimal("rate_high", most=Decimal(1)),
        repayments=members.choices("repayments", Repayment, required=True),
        days_to_disburse=members.integer("days_to_disburse", least=0, most=3650),
        collateral_kinds=members.choices("collateral_kinds", CollateralKind),
        guarantee_fee_rate=members.decimal("guarantee_fee_rate", most=Decimal(1), default=Decimal(0)),
        upfront_fee_rate=members.decimal("upfront_fee_rate", most=Decimal(1), default=Decimal(0)),
        purposes=members.choices("purposes", Purpose),
        tags=members.tags("tags"),
        rules=members.each("rules", _parse_rule, most=_MOST_RULES),
        valid_from=members.day("valid_from", _FIRST_DAY) or _FIRST_DAY,
        valid_to=members.day("valid_to", None),
    )
    members.finish()
    _check_order(product, members)
    _check_codes(product, members)
    if faults:
        raise InvalidProductError(faults)
    return product


def parse_institution(values: Mapping[str, object]) -> Institution:
    """An institution from its JSON members; raises ``InvalidProductError`` as ``parse_product`` does."""
    faults: list[Fault] = []
    members = Members(values, faults)
    institution = Institution(
        institution_id=members.identifier("institution_id"),
        name=members.text("name"),
        kind=members.choice("kind", InstitutionKind),
        is_local_legal_person=members.flag("is_local_legal_person"),
        is_government_guarantor=members.flag("is_government_guarantor"),
        is_small=members.flag("is_small"),
        officers=members.integer("officers", least=0, most=10**6, default=0),
        reviews_per_month=members.integer("reviews_per_month", least=0, most=10**7, default=0),
    )
    members.finish()
    if faults:
        raise InvalidProductError(faults)
    return institution


def product_json(product: Product, language: str | None = None) -> dict[str, object]:
    """A product as JSON members; texts in one language where ``language`` is given, else in both."""
    return _members(product, language)


def institution_json(institution: Institution, language: str | None = None) -> dict[str, object]:
    """An institution as JSON members; texts as in ``product_json``."""
    return _members(institution, language)


def _members(thing: Product | Institution | Rule, language: str | None) -> dict[str, object]:
    return {field.name: _json(getattr(thing, field.name), language) for field in fields(thing)}


def _json(value: object, language: str | None) -> object:
    if isinstance(value, Rule):
        return _members(value, language)
    if isinstance(value, Text):
        return value.in_language(language) if language else {"zh": value.zh, "en": value.en}
    if isinstance(value, tuple):
        return [_json(item, language) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _parse_rule(members: Members) -> Rule:
    code, name = members.code("code"), members.raw("field")
    operator, value = members.choice("operator", Operator), members.raw("value")
    field = RULE_FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        members.fault("field", "没有这个字段，见规则字段表", "no such field: name profile.*, demand.* or pair.*")
    return Rule(
        code=code,
        field=str(name),
        operator=operator,
        value=_rule_value(members, field, operator, value) if field else False,
        clause=members.text("clause"),
        settle_with=_settle_with(members, field),
    )


def _settle_with(members: Members, field: RuleField | None) -> str:
    value = members.raw("settle_with")
    if value is None:
        return field.settle_with if field else ""
    if isinstance(value, str) and 0 < len(value) <= 100:
        return value
    members.fault("settle_with", "须为数据来源或需求字段", "must name a source or a field of the demand")
    return ""


def _rule_value(members: Members, field: RuleField, operator: Operator, value: object) -> RuleValue:
    if operator not in OPERATORS[field.type]:
        suited = ", ".join(OPERATORS[field.type])
        members.fault("operator", f"该字段只能用：{suited}", f"this field takes {suited}")
        return False
    if field.type is FieldType.NUMBER:
        return _number(members, value)
    if field.type is FieldType.FLAG:
        if not isinstance(value, bool):
            members.fault("value", "须为 true 或 false", "must be true or false")
        return value is True
    return _codes(members, field, operator, value)


def _number(members: Members, value: object) -> Decimal:
    number = to_decimal(value)
    if number is None:
        members.fault("value", "须为有限小数", "must be a finite decimal number")
    return Decimal(0) if number is None else number


def _codes(members: Members, field: RuleField, operator: Operator, value: object) -> RuleValue:
    many = operator in SET_OPERATORS
    listed = isinstance(value, (list, tuple))
    codes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    fitting = many == listed and all(isinstance(code, str) and 0 < len(code) <= 64 for code in codes)
    if not fitting or not codes or len(codes) > _MOST_CODES or len(set(codes)) < len(codes):
        members.fault(
            "value", "须为代码，或不重复的代码列表", "must be a code, or for a set operator a list of different codes"
        )
        return ""
    texts = tuple(str(code) for code in codes)
    if field.allowed and operator in {Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN}:
        unknown = [code for code in texts if code not in field.allowed]
        if unknown:
            allowed = ", ".join(field.allowed)
            members.fault("value", f"未知代码，取值：{allowed}", f"unknown code, must be of {allowed}")
    return texts if many else texts[0]


def _check_order(product: Product, members: Members) -> None:
    if product.amount_max_cny <= 0:
        members.fault("amount_max_cny", "须大于 0", "must be above 0")
    for low, high in (
        ("amount_min_cny", "amount_max_cny"),
        ("term_min_months", "term_max_months"),
        ("rate_low", "rate_high"),
        ("valid_from", "valid_to"),
    ):
        least, most = getattr(product, low), getattr(product, high)
        if most is not None and least > most:
            members.fault(high, f"不得小于 {low}", f"must not be below {low}")


def _check_codes(product: Product, members: Members) -> None:
    seen = set(IMPLICIT_CODES)
    for index, rule in enumerate(product.rules):
        if rule.code in seen:
            members.fault(
                f"rules/{index}/code",
                "规则代码重复或为系统保留",
                "used by another rule of this product, or reserved",
            )
        seen.add(rule.code)
