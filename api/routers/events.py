"""Events in: what enterprises saw, opened and applied for, a thousand a call; they are what training reads."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from api import bodies, errors, idempotency, wire
from api.auth import Caller, requires
from api.documented import body_of
from api.instance import Instance
from api.language import language_of
from api.schemas_events import EventBody, EventsBody
from api.service import instance_of, service_of
from matcher.store import event_intake
from matcher.store.events import TYPES

router = APIRouter(prefix="/v1/events", tags=["events"])
Platform = Annotated[Caller, Depends(requires("platform"))]
Reader = Annotated[Caller, Depends(requires("platform", "analyst"))]
_TRIES = 5


@router.post("", summary="上报事件 · Events in", openapi_extra=body_of(EventsBody))
async def take_in(request: Request, caller: Platform) -> Response:
    """Take in up to 1,000 events; each stands or falls by itself, and one sent again is counted, not kept again."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(EventsBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)

    async def work() -> idempotency.Outcome:
        return await service.admission.run(lambda: _outcome(instance, caller, body, language))

    for _ in range(_TRIES):
        try:
            return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
        except event_intake.RacedError:
            continue
    raise errors.busy()


@router.get("/types", summary="事件类型 · Types of events")
async def types(request: Request, _caller: Reader) -> Response:
    """Every type of event there is, with its meaning."""
    language = language_of(request)
    instance_of(request)
    items = [{"type": code, "meaning": text.in_language(language)} for code, text in TYPES.items()]
    return Response(wire.encode({"items": items, "next_cursor": None}), media_type="application/json")


def _outcome(instance: Instance, caller: Caller, body: EventsBody, language: str) -> idempotency.Outcome:
    now = instance.clock.now()
    sent, malformed = _read(body.events)
    with instance.store.reading() as connection:
        judged = event_intake.judge(connection, sent, caller.name, instance.clock)
    refused = sorted((*malformed, *judged.refused), key=lambda each: each.index)
    batch = event_intake.Batch(rows=judged.rows, duplicates=judged.duplicates, refused=tuple(refused))
    answer = {
        "accepted": len(batch.rows),
        "duplicates": batch.duplicates,
        "refused": [
            {
                "index": each.index,
                "event_id": each.event_id,
                "pointer": f"/events/{each.index}{each.field and '/'}{each.field}",
                "detail": each.detail.in_language(language),
            }
            for each in refused
        ],
    }
    return idempotency.Outcome(
        status=200,
        answer=wire.encode(answer),
        change=lambda connection: event_intake.keep(connection, batch, caller.name, now),
    )


def _read(documents: list[dict[str, Any]]) -> tuple[list[event_intake.Sent], list[event_intake.Refused]]:
    sent: list[event_intake.Sent] = []
    malformed: list[event_intake.Refused] = []
    for index, document in enumerate(documents):
        try:
            sent.append(EventBody.model_validate(document).sent(index))
        except ValidationError as error:
            fault = bodies.field_error(error.errors(include_url=False)[0])
            told = document.get("event_id")
            malformed.append(
                event_intake.Refused(
                    index=index,
                    event_id=_shown(told) if isinstance(told, str) else None,
                    field=fault.pointer.removeprefix("/"),
                    detail=fault.detail,
                )
            )
    return sent, malformed


def _shown(event_id: str) -> str:
    """A malformed id as far as it can be told."""
    return event_id.encode("utf-8", "replace").decode()[:80]
