"""The two lists of article 3 as rows: what banks offer, and what the plan grants. Rendering is left to the edge.

One row per product in force on the day, and one per measure; numbers are Decimal, days are dates, texts in both
languages; ``list_version`` tells two editions apart.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import date
from decimal import Decimal

from matcher.domain import Institution, Product, Text
from matcher.policy.rulebook import Law, Rulebook, default_rulebook
from matcher.policy.statutes_parser import CitedValue, MeasureLaw


@dataclass(frozen=True, kw_only=True)
class PolicyEntry:
    """One measure on one day: its citation, its clauses, its values with the citation of each.

    Parameters
    ----------
    phase
        ``in_force``, ``upcoming`` or ``expired``.
    """

    measure: MeasureLaw
    phase: str
    values: tuple[CitedValue, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyRow:
    """One line of the list of policies for enterprises."""

    measure: str
    title_zh: str
    title_en: str
    article: str
    act: str
    force: str
    payee: str
    phase: str
    first_day: date
    last_day: date | None
    checked_on: date
    grants_zh: str
    grants_en: str
    conditions_zh: str
    conditions_en: str
    values: str


@dataclass(frozen=True, kw_only=True)
class ProductRow:
    """One line of the list of products and services; money is yuan, rates are shares per year."""

    product_id: str
    version: int
    name_zh: str
    name_en: str
    institution_id: str
    institution_zh: str
    institution_en: str
    kind: str
    security: str
    amount_min_cny: Decimal
    amount_max_cny: Decimal
    term_min_months: int
    term_max_months: int
    rate_low: Decimal
    rate_high: Decimal
    guarantee_fee_rate: Decimal
    upfront_fee_rate: Decimal
    days_to_disburse: int
    purposes: str
    conditions_zh: str
    conditions_en: str
    valid_from: date
    valid_to: date | None


def policies(as_of: date, rulebook: Rulebook | None = None) -> tuple[PolicyEntry, ...]:
    """The rulebook as data on a day, every measure with the values then in force (or first in force, or last)."""
    laws = (rulebook or default_rulebook()).on(as_of)
    return tuple(
        PolicyEntry(measure=law.measure, phase=law.phase, values=tuple(law.values.values())) for law in laws.values()
    )


def policy_rows(as_of: date, rulebook: Rulebook | None = None) -> tuple[PolicyRow, ...]:
    """The list of policies for enterprises, in the order of the rulebook."""
    return tuple(_policy_row(law) for law in (rulebook or default_rulebook()).on(as_of).values())


def product_rows(
    products: Iterable[Product], institutions: Mapping[str, Institution], as_of: date
) -> tuple[ProductRow, ...]:
    """The list of products and services on offer on a day, by institution and product."""
    rows = [
        _product_row(product, institutions[product.institution_id]) for product in products if product.on_offer(as_of)
    ]
    return tuple(sorted(rows, key=lambda row: (row.institution_id, row.product_id)))


def shown_counters(products: Iterable[Product], as_of: date) -> dict[str, int]:
    """Counters of targets that a marketplace knows of itself on a day, by ``Target.counter``.

    Every product on offer is on show under a QR code of its own; service items that are no products are not kept, so
    the first count is the least it can be.
    """
    shown = sum(product.on_offer(as_of) for product in products)
    return {"products_and_services": shown, "products_with_qr": shown}


def list_version(rows: Iterable[PolicyRow] | Iterable[ProductRow]) -> str:
    """Digest of a list: equal rows give equal versions."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\x1f".join("" if cell is None else str(cell) for cell in astuple(row)).encode() + b"\x1e")
    return digest.hexdigest()[:16]


def column_names(row_type: type[PolicyRow] | type[ProductRow]) -> tuple[str, ...]:
    """The columns of a list, in order."""
    return tuple(each.name for each in fields(row_type))


def _policy_row(law: Law) -> PolicyRow:
    measure, cited = law.measure, law.measure.citation
    conditions = _joined(measure.clauses.values())
    return PolicyRow(
        measure=measure.name,
        title_zh=measure.title.zh,
        title_en=measure.title.en,
        article=cited.article,
        act=cited.act,
        force=cited.force,
        payee=measure.payee,
        phase=law.phase,
        first_day=cited.first_day,
        last_day=cited.last_day,
        checked_on=cited.checked_on,
        grants_zh=measure.answer.zh,
        grants_en=measure.answer.en,
        conditions_zh=conditions.zh,
        conditions_en=conditions.en,
        values="; ".join(f"{each.name} = {_shown(each)} {each.unit}" for each in law.values.values()),
    )


def _product_row(product: Product, institution: Institution) -> ProductRow:
    conditions = _joined(rule.clause for rule in product.rules)
    return ProductRow(
        product_id=product.product_id,
        version=product.version,
        name_zh=product.name.zh,
        name_en=product.name.en,
        institution_id=institution.institution_id,
        institution_zh=institution.name.zh,
        institution_en=institution.name.en,
        kind=product.kind.value,
        security=product.security.value,
        amount_min_cny=product.amount_min_cny,
        amount_max_cny=product.amount_max_cny,
        term_min_months=product.term_min_months,
        term_max_months=product.term_max_months,
        rate_low=product.rate_low,
        rate_high=product.rate_high,
        guarantee_fee_rate=product.guarantee_fee_rate,
        upfront_fee_rate=product.upfront_fee_rate,
        days_to_disburse=product.days_to_disburse,
        purposes=", ".join(product.purposes),
        conditions_zh=conditions.zh,
        conditions_en=conditions.en,
        valid_from=product.valid_from,
        valid_to=product.valid_to,
    )


def _joined(clauses: Iterable[Text]) -> Text:
    kept = tuple(clauses)
    return Text(zh="；".join(each.zh for each in kept), en="; ".join(each.en for each in kept))


def _shown(value: CitedValue) -> str:
    return f"{value.value}" if isinstance(value.value, Decimal) else ", ".join(sorted(value.value))
