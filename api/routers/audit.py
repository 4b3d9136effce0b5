"""The audit: what was shown to whom and who changed what, row by row as sealed."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BeforeValidator

from api import paging, wire
from api.auth import Caller, requires
from api.bodies import BilingualError
from api.paging import DEFAULT, MOST, Page
from api.schemas import FIRST_DAY, LAST_DAY
from api.schemas_events import moment_of
from api.service import service_of
from matcher.domain import Text
from matcher.store import audit
from matcher.store.retention import start_of

router = APIRouter(prefix="/v1/audit", tags=["audit"])
Analyst = Annotated[Caller, Depends(requires("analyst"))]
Code = Annotated[str | None, Query(pattern=r"^[\x21-\x7e]{1,120}$")]
_NO_TIME = Text(zh="须为日期或带时区的 RFC 3339 时刻", en="must be a day or an RFC 3339 moment with offset")


def _time(value: Any) -> Any:
    """A day as it stands, or a moment; a plus sign that travelled as a space is one again."""
    if not isinstance(value, str):
        return value
    try:
        found = date.fromisoformat(value) if len(value) == 10 else moment_of(value.replace(" ", "+"))
    except ValueError:
        raise BilingualError(_NO_TIME) from None
    if not FIRST_DAY.year <= found.year <= LAST_DAY.year:
        raise BilingualError(_NO_TIME)
    return value


Time = Annotated[str | None, BeforeValidator(_time), Query(max_length=40, examples=["2026-10-31"])]


@router.get("", summary="审计记录 · Audit")
async def rows(
    request: Request,
    _caller: Analyst,
    subject: Code = None,
    actor: Code = None,
    action: Code = None,
    since: Annotated[Time, Query(alias="from")] = None,
    until: Time = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Rows in the order they were sealed; a day counts whole and in China, ``until`` included."""
    service = service_of(request)
    instance = service.instance
    wanted = audit.Wanted(
        subject=subject, actor=actor, action=action, since=_edge(since, last=False), until=_edge(until, last=True)
    )
    after = paging.number_after(cursor) or 0
    found = await service.admission.run(
        lambda: instance.store.read(lambda connection: audit.find(connection, wanted, after, limit + 1))
    )
    following = paging.cursor_of(found[limit - 1]["sequence"]) if len(found) > limit else None
    document = Page(items=found[:limit], next_cursor=following).document()
    return Response(wire.encode(document), media_type="application/json")


def _edge(value: str | None, *, last: bool) -> datetime | None:
    if value is None:
        return None
    if len(value) != 10:
        return moment_of(value.replace(" ", "+"))
    return start_of(date.fromisoformat(value) + timedelta(days=1 if last else 0))
