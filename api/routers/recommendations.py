"""The main job: recommend, show again, recompute."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from api import asking, bodies, errors, idempotency, wire
from api.archive import NoSuchVersionError
from api.auth import Caller, requires
from api.documented import body_of
from api.instance import Instance
from api.language import language_of
from api.schemas import RecommendationBody
from api.service import Service, instance_of, service_of
from matcher.domain import Text
from matcher.matching import Question
from matcher.store import audit, enterprises, recommendations

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])
Platform = Annotated[Caller, Depends(requires("platform"))]
Reader = Annotated[Caller, Depends(requires("platform", "analyst"))]
NO_RECOMMENDATION = Text(zh="推荐记录", en="recommendation")


@router.post("", summary="推荐 · Recommend", openapi_extra=body_of(RecommendationBody))
async def recommend(request: Request, caller: Platform) -> Response:
    """Ranked products this enterprise can really have, recorded durably before they are answered."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(RecommendationBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)

    async def work() -> idempotency.Outcome:
        made = await service.admission.run(lambda: _answer(instance, body, language))
        return _outcome(service, instance, caller, made, language)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get("/{recommendation_id}", summary="查看 · Show again")
async def show(request: Request, recommendation_id: str, _caller: Reader) -> Response:
    """A recommendation exactly as it was served."""
    kept = _kept(instance_of(request), recommendation_id)
    return Response(kept.answer, media_type="application/json")


@router.post("/{recommendation_id}/replay", summary="复算 · Replay")
async def replay(request: Request, recommendation_id: str, _caller: Reader) -> Response:
    """Recompute a recommendation from its stored inputs and compare the bytes."""
    service = service_of(request)
    instance = service.instance
    kept = _kept(instance, recommendation_id)
    try:
        again = await service.admission.run(lambda: asking.replayed(instance, kept.inputs))
    except NoSuchVersionError as error:
        raise errors.conflict(
            "version_gone",
            Text(zh=f"所用版本已不在本实例：{error}。", en=f"A version it was made with is not here: {error}."),
        ) from None
    identical = again.digest == kept.digest
    return Response(
        wire.encode({"identical": identical, "digest": again.digest, "recorded_digest": kept.digest}),
        media_type="application/json",
    )


def _answer(instance: Instance, body: RecommendationBody, language: str) -> asking.Answer:
    as_of = body.as_of or instance.clock.today()
    with instance.store.reading() as connection:
        stated = body.demand
        demand = asking.demand_of(connection, str(body.demand_id)) if stated is None else stated.demand()
        profile = asking.profile_of(instance, connection, demand.uscc, as_of)
        personalised = body.personalised and enterprises.is_personalised(connection, demand.uscc)
        dealings = instance.dealings.lines(connection, demand.uscc, as_of) if personalised else None
    question = Question(
        demand=demand,
        as_of=as_of,
        profile=profile,
        dealings=dealings,
        top_n=body.top_n,
        personalised=personalised,
        include_unknown=body.include_unknown,
        explore=instance.settings.explore,
        seed=asking.seed_of(demand, as_of),
    )
    return asking.answer(instance.matcher, question, f"R-{secrets.token_hex(10)}", language)


def _outcome(
    service: Service, instance: Instance, caller: Caller, made: asking.Answer, language: str
) -> idempotency.Outcome:
    now = instance.clock.now()
    kept = recommendations.Kept(
        recommendation_id=made.recommendation_id,
        demand_id=made.question.demand.demand_id,
        uscc=made.question.demand.uscc,
        as_of=made.question.as_of,
        inputs=made.inputs,
        answer=made.body,
        digest=made.digest,
    )
    entry = audit.Entry(
        actor=caller.name,
        action="recommended",
        subject=made.recommendation_id,
        detail={
            "digest": made.digest,
            "demand_id": made.question.demand.demand_id,
            "as_of": made.question.as_of.isoformat(),
            "personalised": made.question.personalised,
            "versions": wire.versions_json(made.found.versions),
            "shown": [item.product.product_id for item in made.found.items],
        },
    )

    def change(connection: Connection) -> None:
        recommendations.keep(connection, kept, now)
        audit.append(connection, entry, now)

    for stage, seconds in made.found.stages.items():
        service.metrics.stages.labels(stage).observe(seconds)
    timing = ", ".join(f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in made.found.stages.items())
    headers = {"Content-Language": language, "Server-Timing": timing}
    return idempotency.Outcome(status=200, answer=made.body, change=change, headers=headers)


def _kept(instance: Instance, recommendation_id: str) -> recommendations.Kept:
    kept = instance.store.read(lambda connection: recommendations.find(connection, recommendation_id[:64]))
    if kept is None:
        raise errors.not_found(NO_RECOMMENDATION)
    return kept
