"""The demand library: publish, list, show, withdraw, reopen."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import asking, bodies, desk, errors, idempotency, wire
from api.auth import Caller, requires
from api.desk_bodies import NothingBody, PublishBody, read_nothing
from api.documented import body_of, problems
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.paging import DEFAULT, MOST, Page, after, cut
from api.service import Service, instance_of, service_of
from matcher.demand_states import NotAllowedError, State, Turn
from matcher.domain import Text
from matcher.store import demands, turns
from matcher.store.demands import KeptDemand
from matcher.store.moves import Act

router = APIRouter(prefix="/v1/demands", tags=["demands"])
Platform = Annotated[Caller, Depends(requires("platform"))]
DemandId = Annotated[str, Path(max_length=64)]


@router.post(
    "",
    status_code=201,
    summary="发布需求 · Publish",
    openapi_extra=body_of(PublishBody),
    responses=problems(400, 401, 403, 409, 413, 422, 429, 503),
)
async def add(request: Request, caller: Platform) -> Response:
    """Publish a demand to the library, or keep it as a draft; a published one goes to the institutions at once."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(PublishBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)
    _still_needed(body, instance)

    async def work() -> idempotency.Outcome:
        return _added(service, caller, body, language)

    answered = await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
    service.wake_pusher()
    return answered


@router.get("", summary="需求列表 · List", responses=problems(401, 403, 422, 429, 503))
async def search(
    request: Request,
    _caller: Platform,
    state: State | None = None,
    uscc: Annotated[str | None, Query(max_length=18)] = None,
    late: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Demands by state, enterprise, and whether an institution is late with one of them now."""
    start = after(cursor)
    found = instance_of(request).store.read(
        lambda connection: demands.listed(connection, limit + 1, after=start, state=state, uscc=uscc, late=late)
    )
    shown, following = cut(found, lambda kept: str(kept.demand.demand_id), limit)
    listed = Page(items=[desk.demand_summary(kept) for kept in shown], next_cursor=following)
    return Response(wire.encode(listed.document()), media_type="application/json")


@router.get("/{demand_id}", summary="查看需求 · Show", responses=problems(401, 403, 404, 422, 429, 503))
async def show(request: Request, demand_id: DemandId, _caller: Platform) -> Response:
    """One demand: where it stands, its leads, every move, and the clocks."""
    instance, language = instance_of(request), language_of(request)
    with instance.store.reading() as connection:
        kept = demands.find(connection, demand_id)
        if kept is None:
            raise errors.not_found(asking.NO_DEMAND)
        document = desk.demand_document(connection, kept, instance.settings.clocks, language)
    return Response(wire.encode(document), media_type="application/json")


_MOVES = problems(400, 401, 403, 404, 409, 413, 422, 429, 503)
_NOTHING = body_of(NothingBody, required=False)


@router.post("/{demand_id}/publish", summary="发布草稿 · Publish a draft", openapi_extra=_NOTHING, responses=_MOVES)
async def publish(request: Request, demand_id: DemandId, caller: Platform) -> Response:
    """Publish a draft: it goes to the institutions at once."""
    return await _turned(request, demand_id, caller, Turn.PUBLISH)


@router.post("/{demand_id}/withdraw", summary="撤回需求 · Withdraw", openapi_extra=_NOTHING, responses=_MOVES)
async def withdraw(request: Request, demand_id: DemandId, caller: Platform) -> Response:
    """Withdraw a demand: its leads close, their institutions are told, and nothing more is recommended for it."""
    return await _turned(request, demand_id, caller, Turn.WITHDRAW)


@router.post("/{demand_id}/reopen", summary="重新打开 · Reopen", openapi_extra=_NOTHING, responses=_MOVES)
async def reopen(request: Request, demand_id: DemandId, caller: Platform) -> Response:
    """Reopen a demand withdrawn, expired or refused; or hand a returned one back, completed."""
    return await _turned(request, demand_id, caller, Turn.REOPEN)


def _still_needed(body: PublishBody, instance: Instance) -> None:
    if body.needed_by is not None and body.needed_by < instance.clock.today():
        text = Text(zh="早于今天", en="lies before today")
        raise errors.invalid([FieldError(pointer="/needed_by", detail=text)])


def _added(service: Service, caller: Caller, body: PublishBody, language: str) -> idempotency.Outcome:
    instance = service.instance
    clocks, act = instance.settings.clocks, act_of(instance, caller)
    demand = body.demand(f"D-{secrets.token_hex(8)}")
    kept = KeptDemand(
        demand=demand,
        state=State.DRAFT.value if body.draft else State.PUBLISHED.value,
        published_on=None if body.draft else act.today,
        expires_on=None if body.draft else turns.last_open_day(demand, act.today, clocks),
        on_renewal_whitelist=body.on_renewal_whitelist,
    )

    def change(connection: Connection) -> bytes:
        demands.add(connection, kept, act)
        if body.contact is not None:
            demands.keep_contact(connection, str(demand.demand_id), body.uscc, body.contact.model_dump(), act)
        return wire.encode(desk.demand_document(connection, kept, clocks, language))

    return idempotency.Outcome(
        status=201, answer=b"", change=change, headers={"Location": f"/v1/demands/{demand.demand_id}"}
    )


async def _turned(request: Request, demand_id: str, caller: Caller, move: Turn) -> Response:
    service = service_of(request)
    instance, language = service.instance, language_of(request)
    raw = await read_nothing(request, service.settings.max_body_bytes)
    clocks, act = instance.settings.clocks, act_of(instance, caller)

    def change(connection: Connection) -> bytes:
        kept = turns.turn(connection, demand_id, move, act, clocks)
        if kept is None:
            raise errors.not_found(asking.NO_DEMAND)
        return wire.encode(desk.demand_document(connection, kept, clocks, language))

    async def work() -> idempotency.Outcome:
        return idempotency.Outcome(status=200, answer=b"", change=change)

    try:
        answered = await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
    except NotAllowedError as error:
        raise desk.wrong_state(error, asking.NO_DEMAND) from None
    service.wake_pusher()
    return answered


def act_of(instance: Instance, caller: Caller) -> Act:
    """A caller acting now, on the day of business."""
    return Act(actor=caller.name, now=instance.clock.now(), today=instance.clock.today())
