"""Liveness, readiness, metrics: open to anyone, and nothing personal in them."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api import prices, wire
from api.service import Service, service_of

router = APIRouter(tags=["operations"])


@router.get("/health/live", summary="存活 · Live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", summary="就绪 · Ready")
async def ready(request: Request) -> Response:
    """Whether recommendations can be answered, for which day, with which versions; 503 names what is missing."""
    service = service_of(request)
    missing = service.missing()
    document: dict[str, Any] = {"status": "unready" if missing else "ready", "missing": missing}
    if not missing:
        document |= _standing(service)
    elif service.failure is not None:
        document["reason"] = service.failure
    return Response(wire.encode(document), status_code=503 if missing else 200, media_type="application/json")


@router.get("/metrics", summary="指标 · Metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    registry = service_of(request).metrics.registry
    return Response(await asyncio.to_thread(generate_latest, registry), media_type=CONTENT_TYPE_LATEST)


def _standing(service: Service) -> dict[str, Any]:
    instance = service.instance
    return {
        "as_of": instance.clock.today().isoformat(),
        "simulated": instance.world.simulated,
        "degraded": service.degraded(),
        "versions": wire.versions_json(instance.matcher.versions),
        "prices": prices.standing(instance, service.prices),
        "champion_fault": None if service.champion is None else service.champion.fault,
        "products": len(instance.matcher.catalog),
        "enterprises": len(instance.profiles.codes),
    }
