"""Leads as the wire says them."""

from api import wire
from api.lead_pages import NO_PLAN, NOT_PERSONALISED, LeadPage, Ranked
from api.wire import Json
from matcher.domain import Reason
from matcher.lead_texts import Verify
from matcher.leads import GENERAL


def page_json(page: LeadPage, language: str) -> Json:
    """A page with the plan it follows, the list it is of, and a note where there is no plan."""
    return {
        "items": [lead_json(item, language) for item in page.items],
        "next_cursor": page.next_cursor,
        "as_of": page.as_of.isoformat(),
        "plan": page.plan,
        "planned_at": page.planned_at,
        "versions": wire.versions_json(page.matcher.versions),
        "list": {
            "name": page.named.name,
            "title": page.named.title.in_language(language),
            "article": page.named.article,
            "act": page.named.act,
            "todo": page.named.todo.in_language(language),
        },
        "note": None if page.plan else NO_PLAN.in_language(language),
    }


def lead_json(item: Ranked, language: str) -> Json:
    """One lead; of an enterprise that switched personalisation off, no probability and nothing made of one."""
    told, lead = item.told, item.told.lead
    scored = told.entry.personalised
    demand = lead.case.demand
    return {
        "lead_id": item.lead_id,
        "rank": item.rank,
        "value": lead.value if scored else None,
        "personalised": scored,
        "demand_id": demand.demand_id,
        "product_id": lead.product.product_id,
        "product_name": lead.product.name.in_language(language),
        "enterprise_name": told.name.in_language(language),
        "masked": told.uscc is None,
        "uscc": told.uscc,
        "contact": told.contact,
        "p_apply": lead.p_apply if scored else None,
        "p_approve": lead.p_approve if scored else None,
        "amount_cny": wire.decimal_text(demand.amount_cny),
        "term_months": demand.term_months,
        "purpose": demand.purpose.value,
        "needed_by": None if demand.needed_by is None else demand.needed_by.isoformat(),
        "reason_base": lead.reason_base if scored else None,
        "reasons": [_reason(reason, language) for reason in lead.reasons] if scored else [],
        "note": None if scored else NOT_PERSONALISED.in_language(language),
        "verify": [_verify(each, language) for each in lead.verify],
        "policy_cover": wire.benefits_json(lead.policy_cover, language),
        "freshness": {
            name: {"known_on": each.known_on.isoformat(), "age_days": each.age_days}
            for name, each in lead.freshness.items()
        },
        "disclosed_sources": sorted(told.leave.institution),
        "due_on": None if told.entry.due_on is None else told.entry.due_on.isoformat(),
        "status": told.entry.status,
        "origin": told.entry.origin,
        "fresh": told.entry.fresh,
        "flags": sorted(lead.lists - {GENERAL}),
    }


def _reason(reason: Reason, language: str) -> Json:
    return {
        "code": reason.code,
        "group": reason.group,
        "contribution": reason.contribution,
        "text": reason.text.in_language(language),
    }


def _verify(each: Verify, language: str) -> Json:
    return {
        "code": each.code,
        "kind": each.kind,
        "settle_with": each.settle_with,
        "text": each.text.in_language(language),
    }
