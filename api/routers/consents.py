"""Consents of an enterprise: who may read which of its sources, what for, until when; and its personalisation switch.

A consent is never open-ended and never for everything: purpose and recipient are always said.
"""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import bodies, errors, wire
from api.auth import Caller, requires
from api.documented import body_of
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.paging import DEFAULT, MOST, Page, page
from api.schemas import ConsentBody, Day, PersonalisationBody, Uscc
from api.service import instance_of, service_of
from features.consent import INSTITUTIONS, PLATFORM, PURPOSES
from features.schema import SOURCES
from matcher.domain import Text
from matcher.store import audit, consent_news, enterprises
from matcher.store.database import lock_audit

router = APIRouter(prefix="/v1/enterprises", tags=["consents"])
Platform = Annotated[Caller, Depends(requires("platform"))]
UsccPath = Annotated[Uscc, Path(max_length=40)]
SourceName = Annotated[str, Path(max_length=40)]
CODE = r"^[A-Za-z0-9._:*-]{1,80}$"
NO_SOURCE = Text(zh="数据来源", en="source")
NO_CONSENT = Text(zh="授权", en="consent")
ENDED = Text(zh="最后一天早于今天，未授予任何权限", en="the last day lies before today: nothing would be granted")


@router.get("/{uscc}/consents", summary="授权列表 · List consents")
async def listed(
    request: Request,
    uscc: UsccPath,
    _caller: Platform,
    as_of: Day | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Every consent of an enterprise and how it stands on a day, oldest first."""
    instance, language = instance_of(request), language_of(request)
    day = as_of or instance.clock.today()
    kept = instance.store.read(lambda connection: enterprises.every_consent(connection, uscc))
    shown, following = page(kept, lambda each: f"{each.consent_id:020d}", limit, cursor)
    items = [_consent(each, day, language) for each in shown]
    return Response(wire.encode(Page(items=items, next_cursor=following).document()), media_type="application/json")


@router.put("/{uscc}/consents/{source}", summary="授权 · Grant consent", openapi_extra=body_of(ConsentBody))
async def grant(request: Request, uscc: UsccPath, source: SourceName, caller: Platform) -> Response:
    """Let a recipient read a source of an enterprise for a purpose, from today to a day."""
    _known_source(source)
    service = service_of(request)
    body = bodies.validate(ConsentBody, bodies.parse(await bodies.read(request, service.settings.max_body_bytes)))
    instance = service.instance
    today = instance.clock.today()
    faults = []
    if body.expires_on is not None and body.expires_on < today:
        faults.append(FieldError(pointer="/expires_on", detail=ENDED))
    if body.recipient not in {PLATFORM, INSTITUTIONS} and body.recipient not in instance.matcher.catalog.institutions:
        faults.append(FieldError(pointer="/recipient", detail=_no_recipient(body.recipient)))
    if faults:
        raise errors.invalid(faults)
    row = enterprises.ConsentRow(
        uscc=uscc,
        source=source,
        purpose=body.purpose,
        recipient=body.recipient,
        granted_on=today,
        expires_on=body.expires_on or a_year_after(today),
    )
    await service.admission.run(lambda: _grant(instance, caller, row))
    return Response(wire.encode(_document(row) | {"state": "granted"}), media_type="application/json")


@router.delete("/{uscc}/consents/{source}", summary="撤回授权 · Revoke consent")
async def revoke(
    request: Request,
    uscc: UsccPath,
    source: SourceName,
    caller: Platform,
    purpose: Annotated[str | None, Query(pattern=CODE)] = None,
    recipient: Annotated[str | None, Query(pattern=CODE)] = None,
) -> Response:
    """Revoke consents to a source: everything derived from it is gone from the next answer on."""
    _known_source(source)
    service = service_of(request)
    instance = service.instance
    count = await service.admission.run(lambda: _revoke(instance, caller, uscc, source, purpose, recipient))
    if count == 0:
        raise errors.not_found(NO_CONSENT)
    document = {"uscc": uscc, "source": source, "state": "revoked", "revoked": count}
    return Response(wire.encode(document), media_type="application/json")


@router.put(
    "/{uscc}/personalisation", summary="个性化开关 · Personalisation", openapi_extra=body_of(PersonalisationBody)
)
async def personalise(request: Request, uscc: UsccPath, caller: Platform) -> Response:
    """Switch personalisation on or off: off, its lists go by declared terms and cost, whatever a request asks."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(PersonalisationBody, bodies.parse(raw))
    instance = service.instance
    await service.admission.run(lambda: _personalise(instance, caller, uscc, body.enabled))
    return Response(wire.encode({"uscc": uscc, "personalised": body.enabled}), media_type="application/json")


def a_year_after(day: date) -> date:
    """The same day of the next year; the last of February where there is none.

    >>> a_year_after(date(2028, 2, 29))
    datetime.date(2029, 2, 28)
    """
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


def _known_source(source: str) -> None:
    if source not in SOURCES:
        raise errors.not_found(NO_SOURCE)


def _no_recipient(recipient: str) -> Text:
    return Text(
        zh=f"没有接收方 {recipient}，可用：platform、institutions 或某一机构编号",
        en=f"there is no recipient {recipient}; it is platform, institutions or the id of an institution",
    )


def _document(row: enterprises.ConsentRow) -> dict[str, Any]:
    return {
        "uscc": row.uscc,
        "source": row.source,
        "purpose": row.purpose,
        "recipient": row.recipient,
        "granted_on": row.granted_on.isoformat(),
        "expires_on": None if row.expires_on is None else row.expires_on.isoformat(),
    }


def _consent(kept: enterprises.KeptConsent, day: date, language: str) -> dict[str, Any]:
    row = kept.consent
    known = PURPOSES.get(row.purpose)
    words = None if known is None else Text(zh=known.zh, en=known.en).in_language(language)
    return _document(row) | {"state": _state(kept, day), "purpose_text": words}


def _state(kept: enterprises.KeptConsent, day: date) -> str:
    row = kept.consent
    if kept.revoked:
        return "revoked"
    if day < row.granted_on:
        return "upcoming"
    return "expired" if row.expires_on is not None and row.expires_on < day else "granted"


def _grant(instance: Instance, caller: Caller, row: enterprises.ConsentRow) -> None:
    now = instance.clock.now()
    expires_on = None if row.expires_on is None else row.expires_on.isoformat()
    entry = audit.Entry(
        actor=caller.name,
        action="consent_granted",
        subject=f"{row.uscc}/{row.source}",
        detail={"purpose": row.purpose, "recipient": row.recipient, "expires_on": expires_on},
    )

    def change(connection: Connection) -> None:
        enterprises.revoke(connection, row.uscc, row.source, row.purpose, row.recipient)
        enterprises.grant(connection, [row], now)
        consent_news.tell(connection, consent_news.GRANTED, [row], now)
        audit.append(connection, entry, now)

    instance.store.write(change)


def _revoke(
    instance: Instance, caller: Caller, uscc: str, source: str, purpose: str | None, recipient: str | None
) -> int:
    now = instance.clock.now()
    entry = audit.Entry(
        actor=caller.name,
        action="consent_revoked",
        subject=f"{uscc}/{source}",
        detail={"purpose": purpose, "recipient": recipient},
    )

    def change(connection: Connection) -> int:
        lock_audit(connection)
        gone = [
            row
            for row in enterprises.consents_of(connection, uscc)
            if row.source == source and purpose in {None, row.purpose} and recipient in {None, row.recipient}
        ]
        count = enterprises.revoke(connection, uscc, source, purpose, recipient)
        consent_news.tell(connection, consent_news.REVOKED, gone, now)
        if count:
            audit.append(connection, entry, now)
        return count

    return instance.store.write(change)


def _personalise(instance: Instance, caller: Caller, uscc: str, enabled: bool) -> None:
    now = instance.clock.now()
    entry = audit.Entry(actor=caller.name, action="personalisation_set", subject=uscc, detail={"enabled": enabled})

    def change(connection: Connection) -> None:
        enterprises.set_personalisation(connection, uscc, enabled, now)
        audit.append(connection, entry, now)

    instance.store.write(change)
