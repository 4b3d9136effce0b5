"""From the house's words to the wire's: money and rates as decimal text, days as ISO text, texts in one language."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from features.reading_files import Refusal
from matcher.catalog import Catalog, product_json
from matcher.domain import Benefit, Check, Cost, NearMiss, Product, Reason, Repair, Text
from matcher.matching import Item, Question, Recommendation, Versions
from matcher.rating import Rating

Json = dict[str, Any]


def encode(document: object) -> bytes:
    """JSON bytes; equal documents give equal bytes."""
    return msgspec.json.encode(document)


def decimal_text(value: Decimal) -> str:
    """Money or a rate as decimal text, never with an exponent.

    >>> decimal_text(Decimal("3E+6")), decimal_text(Decimal("0.0365"))
    ('3000000', '0.0365')
    """
    return format(value, "f")


def recommendation_json(
    found: Recommendation, question: Question, catalog: Catalog, recommendation_id: str, language: str
) -> Json:
    """A recommendation as answered."""
    return {
        "recommendation_id": recommendation_id,
        "demand_id": question.demand.demand_id,
        "as_of": question.as_of.isoformat(),
        "personalised": question.personalised,
        "versions": versions_json(found.versions),
        **({} if question.by_relevance else {"prices_stale": found.prices_stale}),
        "counts": dict(found.counts),
        "enterprise": {
            "size_class": found.size_class,
            "platform_rating": None if found.rating is None else found.rating.letter,
            "missing_sources": list(found.missing_sources),
        },
        "missing_sources": list(found.missing_sources),
        "items": [_item(item, question, catalog, language) for item in found.items],
        "near_misses": [_near_miss(miss, catalog, language) for miss in found.near_misses],
    }


def versions_json(versions: Versions) -> Json:
    """The versions an answer was made with."""
    return {
        "model": versions.model,
        "policy": versions.policy,
        "catalog": versions.catalog,
        "prices": versions.prices,
        "features": versions.features,
        "rating": versions.rating,
    }


def rating_json(rating: Rating | None, language: str) -> Json | None:
    """The platform rating with its factors; null where it cannot be said."""
    if rating is None:
        return None
    return {
        "letter": rating.letter,
        "score": rating.score,
        "base": rating.base,
        "default_probability": rating.default_probability,
        "version": rating.version,
        "notice": rating.notice.in_language(language),
        "factors": [
            {
                "column": each.column,
                "value": each.value,
                "points": each.points,
                "best_points": each.best_points,
                "text": each.text.in_language(language),
            }
            for each in rating.factors
        ],
    }


def refusal_words(refusal: Refusal) -> Text:
    """Why a row was refused, with its column."""
    return Text(zh=refusal.reason.zh, en=refusal.reason.en)


def check_json(check: Check, language: str) -> Json:
    """One check of one product."""
    return {
        "code": check.code,
        "verdict": check.verdict.value,
        "clause": check.clause.in_language(language),
        "observed": check.observed,
        "required": check.required,
        "settle_with": check.settle_with,
    }


def benefits_json(benefits: Iterable[Benefit], language: str) -> list[Json]:
    """Answers of the law."""
    return [
        {
            "measure": each.measure,
            "article": each.article,
            "act": each.act,
            "force": each.force,
            "status": each.status,
            "amount_cny": None if each.amount_cny is None else decimal_text(each.amount_cny),
            "payee": each.payee,
            "figures": {name: _figure(value) for name, value in each.figures.items()},
            "missing": list(each.missing),
            "text": each.text.in_language(language),
        }
        for each in benefits
    ]


def product_wire(product: Product, catalog: Catalog, language: str) -> Json:
    """A product as the marketplace shows it: its document with texts in one language, and its institution's name."""
    document = product_json(product, language)
    institution = catalog.institutions[product.institution_id]
    return {**document, "institution_name": institution.name.in_language(language)}


def _item(item: Item, question: Question, catalog: Catalog, language: str) -> Json:
    product = item.product
    return {
        "rank": item.rank,
        "explored": item.explored,
        **({} if question.by_relevance else {"propensity": item.propensity, "still_needed": item.still_needed}),
        "product_id": product.product_id,
        "product_name": product.name.in_language(language),
        "kind": product.kind.value,
        "institution_id": product.institution_id,
        "institution_name": catalog.institutions[product.institution_id].name.in_language(language),
        "score": item.score,
        "p_apply": item.p_apply,
        "p_approve": item.p_approve,
        "queue_price": item.queue_price,
        "offer": {
            "amount_cny": decimal_text(question.demand.amount_cny),
            "term_months": question.demand.term_months,
            "annual_rate_low": decimal_text(product.rate_low),
            "annual_rate_high": decimal_text(product.rate_high),
            "days_to_disburse": product.days_to_disburse,
            "security": product.security.value,
        },
        "cost": _cost(item.cost),
        "eligibility": {
            "verdict": item.verdict.value,
            "checks": [check_json(check, language) for check in item.checks],
        },
        "reasons": [_reason(reason, language, grouped=True) for reason in item.reasons],
        "reason_base": item.reason_base,
        "versus_next": [_reason(reason, language, grouped=False) for reason in item.versus_next],
        "benefits": benefits_json(item.benefits, language),
    }


def _cost(cost: Cost) -> Json:
    return {
        "all_in_annual_rate": decimal_text(cost.all_in_annual_rate),
        "total_cny": decimal_text(cost.total_cny),
        "components": [
            {"code": each.code, "amount_cny": decimal_text(each.amount_cny), "article": each.article}
            for each in cost.components
        ],
    }


def _reason(reason: Reason, language: str, *, grouped: bool) -> Json:
    shown: Json = {"code": reason.code}
    if grouped:
        shown["group"] = reason.group
    return {**shown, "contribution": reason.contribution, "text": reason.text.in_language(language)}


def _near_miss(miss: NearMiss, catalog: Catalog, language: str) -> Json:
    product = catalog.products[miss.product_index]
    return {
        "product_id": product.product_id,
        "product_name": product.name.in_language(language),
        "failed": [check_json(check, language) for check in miss.failed],
        "repair": [_repair(repair, language) for repair in miss.repairs],
    }


def _repair(repair: Repair, language: str) -> Json:
    return {
        "field": repair.field,
        "from": repair.before,
        "to": repair.after,
        "office": repair.office,
        "text": repair.text.in_language(language),
    }


def _figure(value: Decimal | date | bool | str) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return decimal_text(value)
    return value.isoformat() if isinstance(value, date) else value
