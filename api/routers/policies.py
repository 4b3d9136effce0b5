"""The law: what it grants in one case, the rulebook as data, and the plan's yearly targets."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api import bodies, errors, wire
from api.auth import ROLES, Caller, requires
from api.documented import body_of
from api.errors import FieldError
from api.language import language_of
from api.schemas import AssessBody, Day
from api.service import instance_of, service_of
from api.target_counters import counters
from matcher.policy import InvalidFactsError, assess
from matcher.policy.lists import PolicyEntry, policies
from matcher.policy.targets import Cell, TargetAnswer, targets

router = APIRouter(prefix="/v1", tags=["policies"])
Anyone = Annotated[Caller, Depends(requires(*ROLES))]
Regulator = Annotated[Caller, Depends(requires("regulator"))]


@router.post("/policies/assess", summary="政策测算 · Assess", openapi_extra=body_of(AssessBody))
async def assess_case(request: Request, _caller: Anyone) -> Response:
    """One answer for every measure of the plan: status, amount, article, and what is missing."""
    service = service_of(request)
    body = bodies.validate(AssessBody, bodies.parse(await bodies.read(request, service.settings.max_body_bytes)))
    instance = service.instance
    rulebook = instance.matcher.rulebook
    try:
        found = assess(body.facts, body.as_of or instance.clock.today(), rulebook)
    except InvalidFactsError as error:
        raise errors.invalid(
            [FieldError(pointer=bodies.pointer(("facts", each.field)), detail=each.message) for each in error.errors]
        ) from None
    document = {"policy_version": rulebook.version, "items": wire.benefits_json(found, language_of(request))}
    return Response(wire.encode(document), media_type="application/json")


@router.get("/policies", summary="政策规则库 · Rulebook")
async def rulebook(request: Request, _caller: Anyone, as_of: Day | None = None) -> Response:
    """The rulebook as data, as in force on a day."""
    instance, language = instance_of(request), language_of(request)
    day = as_of or instance.clock.today()
    law = instance.matcher.rulebook
    document = {
        "policy_version": law.version,
        "as_of": day.isoformat(),
        "act": law.act,
        "items": [_entry(entry, language) for entry in policies(day, law)],
    }
    return Response(wire.encode(document), media_type="application/json")


@router.get("/targets", summary="年度目标 · Targets")
async def yearly_targets(
    request: Request, _caller: Regulator, year: Annotated[int, Query(ge=2000, le=2099)]
) -> Response:
    """Every target of the plan for a year against what the store counts on its day; unknown where it cannot know."""
    service = service_of(request)
    instance, language = service.instance, language_of(request)
    counted = await service.admission.run(lambda: counters(instance, year))
    answers = targets(counted, year, instance.matcher.rulebook)
    document = {
        "year": year,
        "counted_on": instance.clock.today().isoformat(),
        "items": [_target(each, language) for each in answers],
    }
    return Response(wire.encode(document), media_type="application/json")


def _entry(entry: PolicyEntry, language: str) -> dict[str, Any]:
    law = entry.measure
    return {
        "measure": law.name,
        "article": law.citation.article,
        "act": law.citation.act,
        "force": law.citation.force,
        "payee": law.payee,
        "phase": entry.phase,
        "title": law.title.in_language(language),
        "text": law.answer.in_language(language),
        "clauses": {name: text.in_language(language) for name, text in law.clauses.items()},
        "values": [
            {
                "name": value.name,
                "value": sorted(value.value) if isinstance(value.value, frozenset) else wire.decimal_text(value.value),
                "unit": value.unit,
                "article": value.citation.article,
                "act": value.citation.act,
                "force": value.citation.force,
                "first_day": value.citation.first_day.isoformat(),
                "last_day": None if value.citation.last_day is None else value.citation.last_day.isoformat(),
                "checked_on": value.citation.checked_on.isoformat(),
            }
            for value in entry.values
        ],
    }


def _target(answer: TargetAnswer, language: str) -> dict[str, Any]:
    target = answer.target
    return {
        "code": target.code,
        "title": target.title.in_language(language),
        "article": target.citation.article,
        "act": target.citation.act,
        "operator": target.operator,
        "threshold": wire.decimal_text(target.threshold),
        "unit": target.unit,
        "counted": target.counted.in_language(language),
        "counted_from": None if answer.how is None else answer.how.in_language(language),
        "observed": None if answer.observed is None else wire.decimal_text(answer.observed),
        "at_most": None if answer.at_most is None else wire.decimal_text(answer.at_most),
        "reached": answer.reached,
        "missing": [text.in_language(language) for text in answer.missing],
        "breakdown": None if answer.breakdown is None else [_cell(*each) for each in answer.breakdown.items()],
    }


def _cell(group: str, cell: Cell | None) -> dict[str, Any]:
    """A group of a breakdown; one too small to be shown is named, its figures are not."""
    return {
        "group": group,
        "enterprises": None if cell is None else cell.enterprises,
        "amount": None if cell is None else wire.decimal_text(cell.amount),
        "suppressed": cell is None,
    }
