"""The demand library: publish, show, withdraw."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy import Connection

from api import asking, bodies, errors, idempotency, wire
from api.auth import Caller, requires
from api.documented import body_of
from api.instance import Instance
from api.schemas import DemandBody
from api.service import instance_of, service_of
from matcher.domain import Text
from matcher.store import audit, demands
from matcher.store.documents import demand_to_document

router = APIRouter(prefix="/v1/demands", tags=["demands"])
Platform = Annotated[Caller, Depends(requires("platform"))]
DemandId = Annotated[str, Path(max_length=64)]


@router.post("", status_code=201, summary="发布需求 · Publish", openapi_extra=body_of(DemandBody))
async def publish(request: Request, caller: Platform) -> Response:
    """Publish a demand to the library."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(DemandBody, bodies.parse(raw))
    instance = service.instance

    async def work() -> idempotency.Outcome:
        kept = demands.KeptDemand(
            demand=body.demand(f"D-{secrets.token_hex(8)}"),
            state=demands.State.PUBLISHED.value,
            published_on=instance.clock.today(),
        )
        return _published(instance, caller, kept)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get("/{demand_id}", summary="查看需求 · Show")
async def show(request: Request, demand_id: DemandId, _caller: Platform) -> Response:
    """One demand with the state it is in."""
    kept = instance_of(request).store.read(lambda connection: demands.find(connection, demand_id))
    if kept is None:
        raise errors.not_found(asking.NO_DEMAND)
    return Response(wire.encode(_document(kept)), media_type="application/json")


@router.post("/{demand_id}/withdraw", summary="撤回需求 · Withdraw")
async def withdraw(request: Request, demand_id: DemandId, caller: Platform) -> Response:
    """Withdraw a published demand: nothing more is recommended for it."""
    instance = instance_of(request)
    now = instance.clock.now()
    entry = audit.Entry(actor=caller.name, action="demand_withdrawn", subject=demand_id, detail={})
    kept: list[demands.KeptDemand | None] = []

    def change(connection: Connection) -> None:
        moved = demands.withdraw(connection, demand_id, caller.name, now)
        if moved is not None:
            audit.append(connection, entry, now)
        kept[:] = [moved]

    try:
        await idempotency.durable(instance.store, change)
    except demands.NotMovableError as error:
        raise errors.conflict(
            "not_published",
            Text(
                zh=f"该需求当前为 {error.state}，不能撤回。",
                en=f"The demand is {error.state}; only a published one can be withdrawn.",
            ),
        ) from None
    if kept[0] is None:
        raise errors.not_found(asking.NO_DEMAND)
    return Response(wire.encode(_document(kept[0])), media_type="application/json")


def _published(instance: Instance, caller: Caller, kept: demands.KeptDemand) -> idempotency.Outcome:
    now = instance.clock.now()
    entry = audit.Entry(
        actor=caller.name, action="demand_published", subject=str(kept.demand.demand_id), detail={"state": kept.state}
    )

    def change(connection: Connection) -> None:
        demands.publish(connection, [kept], caller.name, now)
        audit.append(connection, entry, now)

    return idempotency.Outcome(
        status=201,
        answer=wire.encode(_document(kept)),
        change=change,
        headers={"Location": f"/v1/demands/{kept.demand.demand_id}"},
    )


def _document(kept: demands.KeptDemand) -> dict[str, Any]:
    return {
        "demand_id": kept.demand.demand_id,
        "state": kept.state,
        "published_on": None if kept.published_on is None else kept.published_on.isoformat(),
        "demand": demand_to_document(kept.demand),
    }
