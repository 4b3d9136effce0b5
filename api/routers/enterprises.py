"""Enterprises: who is known, what is known of each, and new records."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import asking, bodies, errors, wire
from api.auth import Caller, requires
from api.documented import body_of
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.paging import DEFAULT, MOST, Page, page
from api.schemas import Day, RecordsBody, Uscc
from api.service import instance_of, service_of
from features.reading import read_rows
from features.schema import SOURCES
from matcher.domain import Text
from matcher.policy.size import UNDETERMINED
from matcher.standing import mask, missing_sources, size_of
from matcher.store import audit, enterprises

router = APIRouter(prefix="/v1/enterprises", tags=["enterprises"])
Platform = Annotated[Caller, Depends(requires("platform"))]
UsccPath = Annotated[Uscc, Path(max_length=40)]
SourceName = Annotated[str, Path(max_length=40)]
NO_SOURCE = Text(zh="数据来源", en="source")


@router.get("", summary="企业列表 · List")
async def search(
    request: Request,
    _caller: Platform,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Enterprises known to the platform, by code."""
    instance = instance_of(request)
    added = instance.store.read(enterprises.with_records)
    codes = instance.profiles.codes
    known = sorted({*codes, *added}) if added else codes
    shown, following = page(known, lambda uscc: uscc, limit, cursor)
    items = [{"uscc": uscc, "name": instance.names.get(uscc)} for uscc in shown]
    return Response(wire.encode(Page(items=items, next_cursor=following).document()), media_type="application/json")


@router.get("/{uscc}/profile", summary="企业画像 · Profile")
async def profile(request: Request, uscc: UsccPath, _caller: Platform, as_of: Day | None = None) -> Response:
    """What is known and may be read of one enterprise on a day."""
    service = service_of(request)
    instance, language = service.instance, language_of(request)
    day = as_of or instance.clock.today()
    document = await service.admission.run(lambda: _profile(instance, uscc, day, language))
    return Response(wire.encode(document), media_type="application/json")


@router.put("/{uscc}/records/{source}", summary="追加原始记录 · Append records", openapi_extra=body_of(RecordsBody))
async def put_records(request: Request, uscc: UsccPath, source: SourceName, caller: Platform) -> Response:
    """Append raw rows of one source; each is validated, refused ones are named, the good ones go in."""
    if source not in SOURCES:
        raise errors.not_found(NO_SOURCE)
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(RecordsBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)
    document = await service.admission.run(lambda: _append(instance, caller, uscc, source, body, language))
    return Response(wire.encode(document), media_type="application/json")


def _profile(instance: Instance, uscc: str, day: date, language: str) -> dict[str, Any]:
    with instance.store.reading() as connection:
        batch = enterprises.latest_batch(connection, uscc)
        if batch == 0 and uscc not in instance.profiles:
            raise errors.not_found(asking.NO_ENTERPRISE)
        row = instance.profiles.row(uscc, day, batch, enterprises.records(connection, uscc) if batch else {})
        allowed = asking.permitted(connection, uscc, day, instance.clock.today())
        personalised = enterprises.is_personalised(connection, uscc)
    readable = mask(row, allowed)
    rating = instance.matcher.rate(readable)
    size = size_of(readable, day, instance.matcher.rulebook)
    concluded = {
        "size_class": None if size == UNDETERMINED else size,
        "platform_rating": None if rating is None else rating.letter,
    }
    return {
        "uscc": uscc,
        "name": instance.names.get(uscc),
        "as_of": day.isoformat(),
        "columns": {**readable, **concluded},
        "size_class": size,
        "platform_rating": wire.rating_json(rating, language),
        "freshness": {name: readable[f"freshness_{name}_days"] for name in SOURCES},
        "consents": {name: "granted" if name in allowed else "none" for name in SOURCES},
        "personalised": personalised,
        "missing_sources": list(missing_sources(readable)),
    }


def _append(
    instance: Instance, caller: Caller, uscc: str, source: str, body: RecordsBody, language: str
) -> dict[str, Any]:
    day = body.known_on
    read = read_rows(source, body.rows, fixed={"uscc": uscc, "known_on": day.isoformat()})
    bad = {refusal.line for refusal in read.refusals}
    good = [row for line, row in enumerate(body.rows, start=1) if line not in bad]
    refused = [
        {"row": refusal.line - 1, "column": refusal.column, "reason": wire.refusal_words(refusal).in_language(language)}
        for refusal in read.refusals
    ]
    if not good:
        raise errors.invalid(
            [
                FieldError(pointer=f"/rows/{refusal.line - 1}/{refusal.column}", detail=wire.refusal_words(refusal))
                for refusal in read.refusals[:100]
            ]
        )
    rows = [{**row, "uscc": uscc, "known_on": day.isoformat()} for row in good]
    now = instance.clock.now()
    entry = audit.Entry(actor=caller.name, action="records_put", subject=f"{uscc}/{source}", detail={"rows": len(rows)})

    def change(connection: Connection) -> None:
        enterprises.append_records(connection, uscc, source, day, rows, now)
        audit.append(connection, entry, now)

    instance.store.write(change)
    today = instance.clock.today()
    with instance.store.reading() as connection:
        allowed = asking.permitted(connection, uscc, today, today)
    return {"accepted": len(rows), "refused": refused, "consent": "granted" if source in allowed else "none"}
