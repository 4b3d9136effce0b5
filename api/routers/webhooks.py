"""Webhooks of institutions: where they are told, how that went, and what they want to be told at all."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import bodies, errors, idempotency, paging, push_schemas, signing, wire
from api.auth import Caller, requires
from api.desk_bodies import NothingBody, read_nothing
from api.documented import body_of, problems
from api.errors import FieldError
from api.language import language_of
from api.outbound import Guard, RefusedUrlError, UnresolvedError
from api.push_schemas import Kind, State, SubscriptionBody, WebhookBody, of
from api.service import instance_of, service_of
from matcher.domain import Text
from matcher.store import audit, deliveries, outbox, webhooks
from matcher.store.push_kinds import KINDS, TEST
from matcher.store.webhooks import Webhook

T = TypeVar("T")
router = APIRouter(prefix="/v1", tags=["push"])
Bank = Annotated[Caller, Depends(requires("institution"))]
WebhookId = Annotated[str, Path(max_length=64)]
DeliveryId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=paging.MOST)]
Cursor = Annotated[str | None, Query(max_length=400)]
MOST_WEBHOOKS = 20
GRACE = timedelta(hours=24)
"""How long the secret before a rotation signs beside the new one."""
_LOOK_UP_SECONDS = 3.0
NO_WEBHOOK = Text(zh="推送地址", en="webhook")
NO_DELIVERY = Text(zh="推送记录", en="delivery")
NO_KIND = Text(zh="消息类型", en="kind of message")


@router.post(
    "/webhooks",
    status_code=201,
    summary="登记推送地址 · Register a webhook",
    openapi_extra=body_of(WebhookBody),
    responses=of(push_schemas.WebhookMade, 201, "Registered; the secret is shown this once.")
    | problems(400, 401, 403, 409, 413, 422, 429, 503),
)
async def register(request: Request, caller: Bank) -> Response:
    """Have messages of some kinds sent to an address, signed after the Standard Webhooks; opts in to these kinds."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(WebhookBody, bodies.parse(raw))
    instance = service.instance

    async def work() -> idempotency.Outcome:
        resolved = await _check(service.guard, body.url)
        now = instance.clock.now()
        webhook = Webhook(
            webhook_id=f"WH-{secrets.token_hex(8)}",
            institution_id=_institution(caller),
            url=body.url,
            kinds=body.kinds,
            secret=signing.new_secret(),
            recorded_at=now,
        )
        host = service.guard.check(body.url).host
        entry = _entry(caller, "webhook_registered", webhook.webhook_id, host=host, kinds=list(body.kinds))

        def change(connection: Connection) -> None:
            if webhooks.count(connection, webhook.institution_id) >= MOST_WEBHOOKS:
                raise errors.conflict("too_many_webhooks", _TOO_MANY)
            webhooks.add(connection, webhook)
            audit.append(connection, entry, now)

        shown = _shown(webhook) | {"secret": webhook.secret, "name_resolved": resolved}
        return idempotency.Outcome(status=201, answer=wire.encode(shown), change=change)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get(
    "/webhooks",
    summary="推送地址列表 · List webhooks",
    responses=of(push_schemas.WebhookList, 200, "Without secrets.") | problems(401, 403, 422, 429, 503),
)
async def listed(request: Request, caller: Bank, limit: Limit = paging.DEFAULT, cursor: Cursor = None) -> Response:
    """Webhooks of the caller's institution."""
    found = instance_of(request).store.read(lambda one: webhooks.of_institution(one, _institution(caller)))
    shown, following = paging.page(found, lambda webhook: webhook.webhook_id, limit, cursor)
    return _answer(paging.Page(items=[_shown(webhook) for webhook in shown], next_cursor=following).document())


@router.delete(
    "/webhooks/{webhook_id}",
    status_code=204,
    summary="删除推送地址 · Remove a webhook",
    responses=problems(401, 403, 404, 429, 503),
)
async def remove(request: Request, webhook_id: WebhookId, caller: Bank) -> Response:
    """Send nothing more to an address, and forget its secret and its deliveries."""

    def change(connection: Connection, webhook: Webhook, now: datetime) -> None:
        webhooks.remove(connection, webhook.webhook_id)
        audit.append(connection, _entry(caller, "webhook_removed", webhook.webhook_id), now)

    await _change(request, caller, webhook_id, change)
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook_id}/rotate-secret",
    summary="轮换密钥 · Rotate the secret",
    responses=of(push_schemas.SecretMade, 200, "The new secret, shown this once.")
    | problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
    openapi_extra=body_of(NothingBody, required=False),
)
async def rotate(request: Request, webhook_id: WebhookId, caller: Bank) -> Response:
    """Sign with a new secret, and for 24 hours with the one before it as well: two signatures stand in the header."""
    service = service_of(request)
    raw = await read_nothing(request, service.settings.max_body_bytes)
    instance = service.instance
    _one_of(await _found(request, caller, webhook_id), NO_WEBHOOK)

    async def work() -> idempotency.Outcome:
        secret, now = signing.new_secret(), instance.clock.now()

        def change(connection: Connection) -> None:
            _one_of(webhooks.find(connection, webhook_id, _institution(caller)), NO_WEBHOOK)
            webhooks.rotate(connection, webhook_id, secret, now + GRACE)
            audit.append(connection, _entry(caller, "webhook_secret_rotated", webhook_id), now)

        answer = {"webhook_id": webhook_id, "secret": secret, "previous_secret_until": (now + GRACE).isoformat()}
        return idempotency.Outcome(status=200, answer=wire.encode(answer), change=change)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.post(
    "/webhooks/{webhook_id}/enable",
    summary="恢复推送 · Enable again",
    responses=of(push_schemas.WebhookShown, 200, "Active.") | problems(401, 403, 404, 429, 503),
)
async def enable(request: Request, webhook_id: WebhookId, caller: Bank) -> Response:
    """Send again to an address that had answered 410; what died meanwhile can be replayed."""

    def change(connection: Connection, webhook: Webhook, now: datetime) -> Webhook | None:
        webhooks.set_active(connection, webhook.webhook_id, True)
        audit.append(connection, _entry(caller, "webhook_enabled", webhook.webhook_id), now)
        return webhooks.find(connection, webhook.webhook_id, webhook.institution_id)

    return _answer(_shown(_one_of(await _change(request, caller, webhook_id, change), NO_WEBHOOK)))


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=202,
    summary="发送测试消息 · Send a test message",
    responses=of(push_schemas.Queued, 202, "Queued.") | problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
    openapi_extra=body_of(NothingBody, required=False),
)
async def send_test(request: Request, webhook_id: WebhookId, caller: Bank) -> Response:
    """Queue a message of kind ``webhook.test``; its delivery shows what came of it."""

    service = service_of(request)
    raw = await read_nothing(request, service.settings.max_body_bytes)
    instance = service.instance

    def change(connection: Connection) -> bytes:
        webhook = _one_of(webhooks.find(connection, webhook_id, _institution(caller)), NO_WEBHOOK)
        _active(webhook)
        message = outbox.Message(
            institution_id=webhook.institution_id, kind=TEST, payload={"webhook_id": webhook.webhook_id}
        )
        sequence = outbox.announce_to_one(connection, message, webhook.webhook_id, instance.clock.now())
        return wire.encode({"webhook_id": webhook_id, "message_id": outbox.message_id(sequence)})

    async def work() -> idempotency.Outcome:
        return idempotency.Outcome(status=202, answer=b"", change=change)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="推送记录 · Deliveries",
    responses=of(push_schemas.DeliveryList, 200, "The newest first.") | problems(401, 403, 404, 422, 429, 503),
)
async def delivered(
    request: Request,
    webhook_id: WebhookId,
    caller: Bank,
    state: State | None = None,
    limit: Limit = paging.DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """How each message fared; ``state=dead`` lists those given up."""
    _one_of(await _found(request, caller, webhook_id), NO_WEBHOOK)
    before = paging.number_after(cursor)
    found = instance_of(request).store.read(
        lambda connection: deliveries.of_webhook(connection, webhook_id, state, before, limit + 1)
    )
    shown = found[:limit]
    following = paging.cursor_of(shown[-1].delivery_id) if len(found) > limit else None
    return _answer(paging.Page(items=[_delivery(one) for one in shown], next_cursor=following).document())


@router.post(
    "/webhooks/{webhook_id}/deliveries/replay",
    summary="重发全部失败消息 · Replay all that are dead",
    responses=of(push_schemas.Replayed, 200, "Queued again.") | problems(401, 403, 404, 409, 429, 503),
)
async def replay_dead(request: Request, webhook_id: WebhookId, caller: Bank) -> Response:
    """Send every dead message of a webhook again, from its first attempt on."""

    def change(connection: Connection, webhook: Webhook, now: datetime) -> int:
        _active(webhook)
        replayed = deliveries.replay_dead(connection, webhook.webhook_id, now)
        entry = _entry(caller, "deliveries_replayed", webhook.webhook_id, replayed=replayed)
        audit.append(connection, entry, now)
        return replayed

    return _answer({"webhook_id": webhook_id, "replayed": await _change(request, caller, webhook_id, change)})


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    summary="重发消息 · Replay one",
    responses=of(push_schemas.Replayed, 200, "Queued again.") | problems(401, 403, 404, 409, 422, 429, 503),
)
async def replay(request: Request, webhook_id: WebhookId, delivery_id: DeliveryId, caller: Bank) -> Response:
    """Send one message again, under the id it had; one still on its way is a conflict."""

    def change(connection: Connection, webhook: Webhook, now: datetime) -> int:
        _active(webhook)
        was = _one_of(deliveries.replay(connection, webhook.webhook_id, delivery_id, now), NO_DELIVERY)
        if not deliveries.is_replayable(was):
            raise errors.conflict("on_its_way", _ON_ITS_WAY)
        entry = _entry(caller, "deliveries_replayed", webhook.webhook_id, delivery_id=delivery_id, replayed=1)
        audit.append(connection, entry, now)
        return 1

    return _answer({"webhook_id": webhook_id, "replayed": await _change(request, caller, webhook_id, change)})


@router.get(
    "/subscriptions",
    summary="消息类型与订阅 · Kinds and subscriptions",
    responses=of(push_schemas.SubscriptionList, 200, "Every kind there is.") | problems(401, 403, 429, 503),
)
async def subscribed(request: Request, caller: Bank) -> Response:
    """Every kind of message, and whether the caller's institution wants it."""
    stated = instance_of(request).store.read(lambda one: webhooks.subscriptions_of(one, _institution(caller)))
    items = [_subscription(kind, stated.get(kind), language_of(request)) for kind in KINDS]
    return _answer(paging.Page(items=items, next_cursor=None).document())


@router.put(
    "/subscriptions/{kind}",
    summary="订阅或退订 · Opt in or out",
    openapi_extra=body_of(SubscriptionBody),
    responses=of(push_schemas.SubscriptionShown, 200, "As it stands now.")
    | problems(400, 401, 403, 404, 413, 422, 429, 503),
)
async def subscribe(request: Request, kind: Annotated[str, Path(max_length=40)], caller: Bank) -> Response:
    """Opt in to a kind of message or out of it; opting out cancels what was not sent yet."""
    if kind not in KINDS:
        raise errors.not_found(NO_KIND)
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(SubscriptionBody, bodies.parse(raw))
    institution, now = _institution(caller), service.instance.clock.now()
    entry = _entry(caller, "subscription_set", institution, kind=kind, enabled=body.enabled)

    def change(connection: Connection) -> None:
        webhooks.subscribe(connection, institution, kind, body.enabled, now)
        audit.append(connection, entry, now)

    await idempotency.durable(service.instance.store, change)
    return _answer(_subscription(kind, body.enabled, language_of(request)))


async def _check(guard: Guard, url: str) -> bool:
    """Whether the name of a URL that may be called resolves now; 422 for one that may not be called."""
    try:
        async with asyncio.timeout(_LOOK_UP_SECONDS):
            await guard.address_of(guard.check(url))
    except RefusedUrlError as error:
        raise errors.invalid([FieldError(pointer="/url", detail=error.text)]) from None
    except (UnresolvedError, TimeoutError):
        return False  # it may resolve by the time there is something to send, and is checked then
    return True


async def _change(
    request: Request, caller: Caller, webhook_id: str, change: Callable[[Connection, Webhook, datetime], T]
) -> T:
    """Change something about a webhook of the caller, durably; 404 for that of another."""
    instance = instance_of(request)
    now = instance.clock.now()

    def found(connection: Connection) -> T:
        webhook = webhooks.find(connection, webhook_id, _institution(caller))
        return change(connection, _one_of(webhook, NO_WEBHOOK), now)

    return await asyncio.wrap_future(instance.store.submit(found))


async def _found(request: Request, caller: Caller, webhook_id: str) -> Webhook | None:
    return instance_of(request).store.read(lambda one: webhooks.find(one, webhook_id, _institution(caller)))


def _institution(caller: Caller) -> str:
    if caller.institution_id is None:
        raise errors.forbidden(caller.role, ["institution"])
    return caller.institution_id


def _one_of(found: T | None, what: Text) -> T:
    if found is None:
        raise errors.not_found(what)
    return found


def _active(webhook: Webhook) -> None:
    if not webhook.active:
        raise errors.conflict("webhook_disabled", _DISABLED)


def _entry(caller: Caller, action: str, subject: str, **detail: object) -> audit.Entry:
    facts = {"institution_id": caller.institution_id, **detail}
    return audit.Entry(actor=caller.name, action=action, subject=subject, detail=facts)


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhook_id": webhook.webhook_id,
        "url": webhook.url,
        "kinds": list(webhook.kinds),
        "active": webhook.active,
        "previous_secret_until": None if webhook.previous_until is None else webhook.previous_until.isoformat(),
        "recorded_at": webhook.recorded_at.isoformat(),
    }


def _delivery(one: deliveries.Shown) -> dict[str, Any]:
    return {
        "delivery_id": one.delivery_id,
        "message_id": outbox.message_id(one.sequence),
        "kind": one.kind,
        "state": one.state,
        "attempts": one.attempts,
        "next_at": one.next_at if one.state == deliveries.PENDING else None,
        "last_status": one.last_status,
        "last_error": one.last_error,
        "delivered_at": one.delivered_at,
    }


def _subscription(kind: Kind, enabled: bool | None, language: str) -> dict[str, Any]:
    return {"kind": kind, "text": KINDS[kind].in_language(language), "enabled": enabled}


def _answer(document: dict[str, Any], status: int = 200) -> Response:
    return Response(wire.encode(document), status_code=status, media_type="application/json")


_TOO_MANY = Text(
    zh=f"每个机构最多 {MOST_WEBHOOKS} 个推送地址，请先删除不用的。",
    en=f"An institution may have {MOST_WEBHOOKS} webhooks; remove one that is not used.",
)
_ON_ITS_WAY = Text(zh="该消息仍在推送中。", en="The message is still on its way.")
_DISABLED = Text(
    zh="该推送地址已停用（曾回复 410），请先恢复。", en="The webhook is disabled (it answered 410); enable it first."
)
