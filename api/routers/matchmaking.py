"""Matchmaking events: planned, read by the platform whole and by each institution for its own table, and attended."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection

from api import bodies, errors, idempotency, matchmaking, matchmaking_files, matchmaking_telling, paging, wire
from api.auth import Caller, requires
from api.documented import body_of, problems
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.lead_files import CSV, XLSX, form_of
from api.push_schemas import of
from api.schemas import Identifier
from api.schemas_matchmaking import (
    AttendanceBody,
    AttendanceTaken,
    EventList,
    EventShown,
    MetBody,
    OwnTable,
    PlanBody,
    ThemeList,
)
from api.service import instance_of, service_of
from matcher.domain import Text
from matcher.matchmaking_themes import THEMES
from matcher.store import audit, event_intake, outbox
from matcher.store import matchmaking as kept_events
from matcher.store.matchmaking import KeptEvent

router = APIRouter(prefix="/v1", tags=["matchmaking"])
Platform = Annotated[Caller, Depends(requires("platform"))]
Desk = Annotated[Caller, Depends(requires("institution"))]
EventId = Annotated[Identifier, Path(max_length=64)]
InstitutionId = Annotated[str, Path(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=paging.MOST)]
Cursor = Annotated[str | None, Query(max_length=400)]
NO_EVENT = Text(zh="对接活动", en="matchmaking event")
_FILES: dict[str, Any] = {
    CSV: {"schema": {"type": "string"}},
    XLSX: {"schema": {"type": "string", "format": "binary"}},
}
_TRIES = 5


def _with_files(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": "As json, or a file where Accept asks for one", "content": _FILES}}


@router.get(
    "/matchmaking-events/themes",
    summary="活动主题 · Themes",
    responses=of(ThemeList, 200, "Every theme there is.") | problems(401, 403, 429, 503),
)
async def themes(request: Request, _caller: Platform) -> Response:
    """Every theme there is, and whom it is for."""
    instance_of(request)
    language = language_of(request)
    return _json({"items": [matchmaking_telling.theme(code, language) for code in THEMES], "next_cursor": None})


@router.post(
    "/matchmaking-events/plan",
    status_code=201,
    summary="策划对接活动 · Plan an event",
    openapi_extra=body_of(PlanBody),
    responses=of(EventShown, 201, "Planned and kept; institutions with a table are told.")
    | problems(400, 401, 403, 409, 413, 422, 429, 503),
)
async def plan(request: Request, caller: Platform) -> Response:
    """Invite list by expected matches, and a one-to-one timetable in which nobody is in two places at once."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(PlanBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)
    matchmaking.check(body, instance.matcher, instance.clock.today())

    async def work() -> idempotency.Outcome:
        return await service.admission.run(lambda: _planned(instance, caller, body, language))

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get(
    "/matchmaking-events",
    summary="对接活动列表 · List events",
    responses=of(EventList, 200, "In order of their id.") | problems(401, 403, 422, 429, 503),
)
async def listed(request: Request, _caller: Platform, limit: Limit = paging.DEFAULT, cursor: Cursor = None) -> Response:
    """Every event planned."""
    after = paging.after(cursor)
    found = instance_of(request).store.read(lambda one: kept_events.listed(one, after, limit + 1))
    shown, following = paging.cut(found, lambda one: one.matchmaking_event_id, limit)
    items = [matchmaking_telling.summary(one) for one in shown]
    return _json(paging.Page(items=items, next_cursor=following).document())


@router.get(
    "/matchmaking-events/{event_id}",
    summary="对接活动 · One event",
    responses=_with_files(EventShown) | problems(401, 403, 404, 422, 429, 503),
)
async def one(request: Request, event_id: EventId, _caller: Platform) -> Response:
    """One event; as csv or xlsx by ``Accept``."""
    instance, language = instance_of(request), language_of(request)
    kept = _found(instance, event_id)
    shown = matchmaking_telling.for_platform(instance, kept.document, kept.recorded_at, language)
    return _shown(request, shown, language)


@router.post(
    "/matchmaking-events/{event_id}/attendance",
    summary="出席登记 · Attendance",
    openapi_extra=body_of(AttendanceBody),
    responses=of(AttendanceTaken, 200, "Noted as events.") | problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def attendance(request: Request, event_id: EventId, caller: Platform) -> Response:
    """Who came and who did not, kept as events of type ``attended`` and ``absent``; sent again, counted only."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(AttendanceBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)
    sent = _sent(_found(instance, event_id), body)

    async def work() -> idempotency.Outcome:
        return await service.admission.run(lambda: _attended(instance, caller, sent, language))

    for _ in range(_TRIES):
        try:
            return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
        except event_intake.RacedError:
            continue
    raise errors.busy()


@router.get(
    "/institutions/{institution_id}/matchmaking-events/{event_id}",
    summary="本机构桌位 · Own table",
    responses=_with_files(OwnTable) | problems(401, 403, 404, 422, 429, 503),
)
async def own_table(request: Request, institution_id: InstitutionId, event_id: EventId, caller: Desk) -> Response:
    """The meetings at an institution's own table; names under each enterprise's consent to it."""
    service, language = service_of(request), language_of(request)
    if caller.institution_id != institution_id:
        raise errors.not_found(NO_EVENT)
    shown = await service.admission.run(lambda: _own(service.instance, caller, event_id, institution_id, language))
    return _shown(request, shown, language)


def _planned(instance: Instance, caller: Caller, body: PlanBody, language: str) -> idempotency.Outcome:
    now = instance.clock.now()
    event_id = matchmaking.new_id(secrets.token_bytes(16))
    document = matchmaking.plan(instance, body, event_id)
    kept = msgspec.json.decode(wire.encode(document))
    entry = audit.Entry(
        actor=caller.name,
        action="matchmaking_planned",
        subject=event_id,
        detail={"theme": body.theme, "day": body.day.isoformat(), **kept["counts"], "versions": kept["versions"]},
    )
    told = [
        outbox.Message(
            institution_id=table["institution_id"],
            kind="matchmaking.invited",
            payload={
                "matchmaking_event_id": event_id,
                "theme": body.theme,
                "day": body.day.isoformat(),
                "table": table["table"],
                "meetings": sum(one["table"] == table["table"] for one in kept["schedule"]),
            },
        )
        for table in kept["tables"]
    ]

    def change(connection: Connection) -> None:
        kept_events.add(connection, event_id, document, now)
        if told:
            outbox.announce(connection, told, now, now)
        audit.append(connection, entry, now)

    shown = matchmaking_telling.for_platform(instance, kept, now.isoformat(), language)
    return idempotency.Outcome(
        status=201,
        answer=wire.encode(shown),
        change=change,
        headers={"Location": f"/v1/matchmaking-events/{event_id}"},
    )


def _sent(kept: KeptEvent, body: AttendanceBody) -> list[event_intake.Sent]:
    planned = {(one["demand_id"], one["institution_id"], one["slot"]): one for one in kept.document["schedule"]}
    faults: list[FieldError] = []
    sent: list[event_intake.Sent] = []
    for name, index, met in _each(body):
        meeting = planned.get((met.demand_id, met.institution_id, met.slot))
        if meeting is None:
            faults.append(FieldError(pointer=f"/{name}/{index}", detail=_NO_MEETING))
            continue
        sent.append(
            event_intake.Sent(
                index=len(sent),
                event_id=f"{kept.matchmaking_event_id}:{meeting['slot']}:{meeting['table']}",
                type=name,
                occurred_at=datetime.fromisoformat(meeting["starts_at"]),
                demand_id=met.demand_id,
                product_id=meeting["product_id"],
            )
        )
    if faults:
        raise errors.invalid(faults)
    return sent


def _each(body: AttendanceBody) -> Iterable[tuple[str, int, MetBody]]:
    for name, items in (("attended", body.attended), ("absent", body.absent)):
        for index, met in enumerate(items):
            yield name, index, met


def _attended(instance: Instance, caller: Caller, sent: list[event_intake.Sent], language: str) -> idempotency.Outcome:
    now = instance.clock.now()
    with instance.store.reading() as connection:
        batch = event_intake.judge(connection, sent, caller.name, instance.clock)
    answer = {
        "accepted": len(batch.rows),
        "duplicates": batch.duplicates,
        "refused": [
            {
                "event_id": each.event_id,
                "demand_id": sent[each.index].demand_id,
                "field": each.field,
                "detail": each.detail.in_language(language),
            }
            for each in batch.refused
        ],
    }
    return idempotency.Outcome(
        status=200,
        answer=wire.encode(answer),
        change=lambda connection: event_intake.keep(connection, batch, caller.name, now),
    )


def _own(instance: Instance, caller: Caller, event_id: str, institution_id: str, language: str) -> dict[str, Any]:
    kept, today, now = _found(instance, event_id), instance.clock.today(), instance.clock.now()
    with instance.store.reading() as connection:
        shown = matchmaking_telling.for_institution(instance, connection, kept, institution_id, today, language)
    if shown is None:
        raise errors.not_found(NO_EVENT)
    detail: dict[str, object] = {
        "meetings": len(shown["schedule"]),
        "named": [one["demand_id"] for one in shown["schedule"] if not one["masked"]],
    }
    entry = audit.Entry(actor=caller.name, action="matchmaking_table_read", subject=event_id, detail=detail)
    instance.store.write(lambda connection: audit.append(connection, entry, now))
    return shown


def _found(instance: Instance, event_id: str) -> KeptEvent:
    kept = instance.store.read(lambda connection: kept_events.find(connection, event_id))
    if kept is None:
        raise errors.not_found(NO_EVENT)
    return kept


def _shown(request: Request, shown: dict[str, Any], language: str) -> Response:
    form = form_of(request.headers.get("accept", ""))
    return _json(shown) if form == "json" else matchmaking_files.respond(shown, form, language)


def _json(document: dict[str, Any]) -> Response:
    headers = {"Vary": "Accept, Accept-Language", "Cache-Control": "private, no-store"}
    return Response(wire.encode(document), media_type="application/json", headers=headers)


_NO_MEETING = Text(zh="计划中没有该会谈", en="is no meeting of the plan")
