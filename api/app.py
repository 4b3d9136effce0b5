"""The app: routers under one roof, every error a problem document, every request counted."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import bodies, errors, openapi
from api.instance import Instance
from api.measured import Measured
from api.metrics import Metrics
from api.routers import (
    audit,
    consents,
    demands,
    enterprises,
    events,
    flags,
    health,
    keys,
    lead_desk,
    leads,
    lists,
    matchmaking,
    policies,
    products,
    recommendations,
    referrals,
    stream,
    webhooks,
)
from api.service import Service
from api.settings import Settings

_LOG = structlog.get_logger(__name__)
ROUTERS = (
    recommendations,
    products,
    enterprises,
    consents,
    demands,
    leads,
    events,
    audit,
    lead_desk,
    matchmaking,
    referrals,
    flags,
    webhooks,
    stream,
    policies,
    lists,
    keys,
    health,
)
"""One router a noun, in the order of the documentation."""
VERSION = "0.1.0"
DESCRIPTION = """企业融资需求与银行产品的撮合服务；本实例的数据均为模拟。
Matches enterprises' financing demands with the products they can really have; the data of this instance is simulated.

金额与利率为十进制文本 · Money and rates are decimal strings. `Accept-Language: zh-CN | en`.
"""


def create_app(
    settings: Settings,
    *,
    opened: Instance | None = None,
    say: Callable[[str], None] = lambda _line: None,
    ready: Callable[[Instance], object] = lambda _instance: None,
) -> FastAPI:
    """The app of one service.

    Parameters
    ----------
    opened
        An instance ready made; else one is loaded in the background after the start.
    say, ready
        Told each step of the loading, and the instance just before it answers.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service: Service = app.state.service
        service.start(say, ready)
        yield
        service.close()

    app = FastAPIOffline(title="credit-matcher", version=VERSION, description=DESCRIPTION, lifespan=lifespan)
    app.state.service = Service(settings, opened)
    app.state.service.metrics.registry.register(Measured(app.state.service))
    errors.install(app)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    app.add_middleware(Counted, metrics=app.state.service.metrics)
    app.add_middleware(Heads)
    for router in ROUTERS:
        app.include_router(router.router)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    return app


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    """A bad path or query parameter: named as the parameter, without saying where it travelled."""
    told = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [bodies.field_error({**one, "loc": one["loc"][1:]}) for one in told]
    return errors.problem_response(request, errors.invalid(faults))


class Counted:
    """Counts and logs every request with its time, as plain ASGI, and gives it an id its caller can quote."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note status and time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        since, status, request_id = time.perf_counter(), 500, secrets.token_hex(8)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = time.perf_counter() - since
            self._metrics.requests.labels(route, status).inc()
            self._metrics.latency.labels(route).observe(seconds)
            _LOG.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                route=route,
                status=status,
                ms=round(seconds * 1000, 2),
                caller=scope.get("state", {}).get("caller"),
            )


class Heads:
    """Answers HEAD as the GET of the same path without its body; a stream has none to leave out: 405."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(stream.router.prefix):
            await self._app(scope, receive, send)
            return

        async def bare(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, bare)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.build(app)
    return app.openapi_schema
