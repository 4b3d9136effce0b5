"""Supply-chain and cross-border flags (article 1), and the core enterprises the platform has confirmed."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import asking, bodies, errors, paging, wire
from api.asking import NO_ENTERPRISE
from api.auth import Caller, requires
from api.documented import body_of, problems
from api.instance import Instance
from api.language import language_of
from api.push_schemas import of
from api.schemas import Day, Uscc
from api.schemas_referrals import AnchorBody, AnchorList, AnchorShown, FlagsShown
from api.service import instance_of, service_of
from features.brought_in import rows_with
from features.schema import SOURCES
from matcher.chain_flags import ARTICLE, SALES, Flag, Sales, Signal, flags
from matcher.domain import Text
from matcher.store import anchors, audit, enterprises, queues
from matcher.store.anchors import Anchor

router = APIRouter(prefix="/v1", tags=["flags"])
Platform = Annotated[Caller, Depends(requires("platform"))]
Keeper = Annotated[Caller, Depends(requires("platform", "admin"))]
UsccPath = Annotated[Uscc, Path(max_length=40)]
NO_ANCHOR = Text(zh="核心企业", en="confirmed core enterprise")
_YEAR = timedelta(days=365)
_SAID = {True: "yes", False: "no", None: "unknown"}


@router.get(
    "/enterprises/{uscc}/flags",
    summary="供应链与跨境标识 · Flags",
    responses=of(FlagsShown, 200, "Each yes, no or unknown, with what settles it.")
    | problems(401, 403, 404, 422, 429, 503),
)
async def flags_of(request: Request, uscc: UsccPath, _caller: Platform, as_of: Day | None = None) -> Response:
    """Flags of an enterprise on a day, computed from what the platform may read of it."""
    service, language = service_of(request), language_of(request)
    instance = service.instance
    day = as_of or instance.clock.today()
    found = await service.admission.run(lambda: _flags(instance, uscc, day))
    document = {"uscc": uscc, "as_of": day, "flags": [_flag(each, language) for each in found]}
    return Response(wire.encode(document), media_type="application/json")


@router.get(
    "/anchors",
    summary="核心企业列表 · Core enterprises",
    responses=of(AnchorList, 200, "By code.") | problems(401, 403, 422, 429, 503),
)
async def listed(
    request: Request,
    _caller: Keeper,
    limit: Annotated[int, Query(ge=1, le=paging.MOST)] = paging.DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Core enterprises confirmed by the platform."""
    found = instance_of(request).store.read(anchors.confirmed)
    shown, following = paging.page(found, lambda each: each.uscc, limit, cursor)
    document = paging.Page(items=[_anchor(each) for each in shown], next_cursor=following).document()
    return Response(wire.encode(document), media_type="application/json")


@router.put(
    "/anchors/{uscc}",
    summary="确认核心企业 · Confirm",
    openapi_extra=body_of(AnchorBody),
    responses=of(AnchorShown, 200, "Confirmed.") | problems(400, 401, 403, 413, 422, 429, 503),
)
async def confirm(request: Request, uscc: UsccPath, caller: Keeper) -> Response:
    """Confirm a core enterprise, or say anew how invoices name it."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(AnchorBody, bodies.parse(raw))
    instance = service.instance
    anchor = Anchor(
        uscc=uscc,
        name=body.name,
        chain=body.chain,
        known_as=tuple(dict.fromkeys(body.known_as)),
        confirmed_on=body.confirmed_on or instance.clock.today(),
    )
    await service.admission.run(lambda: _confirm(instance, caller, anchor))
    return Response(wire.encode(_anchor(anchor)), media_type="application/json")


@router.delete(
    "/anchors/{uscc}",
    status_code=204,
    summary="撤销核心企业 · Withdraw",
    responses=problems(401, 403, 404, 422, 429, 503),
)
async def withdraw(request: Request, uscc: UsccPath, caller: Keeper) -> Response:
    """Confirm a core enterprise no longer."""
    service = service_of(request)
    instance = service.instance
    await service.admission.run(lambda: _withdraw(instance, caller, uscc))
    return Response(status_code=204)


def _flags(instance: Instance, uscc: str, day: date) -> tuple[Flag, ...]:
    with instance.store.reading() as connection:
        if uscc not in instance.profiles and not enterprises.latest_batch(connection, uscc):
            raise errors.not_found(NO_ENTERPRISE)
        row = asking.profile_of(instance, connection, uscc, day)
        may_read = SALES in asking.permitted(connection, uscc, day, instance.clock.today())
        known = {each.uscc: each.counterparties for each in anchors.confirmed(connection) if each.confirmed_on <= day}
        sales = _sales(instance, connection, uscc, day) if may_read else None
        demands = [each for each in queues.open_demands(connection, day) if each.uscc == uscc]
    return flags(
        uscc,
        anchors=known,
        sales=sales,
        exports=_number(row, "exports_12m_cny"),
        imports=_number(row, "imports_12m_cny"),
        demands=demands,
    )


def _sales(instance: Instance, connection: Connection, uscc: str, day: date) -> Sales | None:
    """Sales of the year up to a day as known on it; ``None`` where no invoice was known."""
    added = enterprises.records(connection, uscc).get(SALES, [])
    rows = rows_with(instance.world.sources, SALES, uscc, added, uscc in instance.profiles)
    if rows.empty:
        return None
    today = pd.Timestamp(day)
    rows = rows.assign(known_on=pd.to_datetime(rows["known_on"]), issued_on=pd.to_datetime(rows["issued_on"]))
    rows = rows[rows["known_on"] <= today].sort_values("known_on", kind="stable")
    rows = rows.drop_duplicates([*SOURCES[SALES].key], keep="last")
    if rows.empty:
        return None
    year = (rows["issued_on"] > today - _YEAR) & (rows["issued_on"] <= today)
    sold = rows[year & (rows["direction"] == "output") & (rows["status"] != "void") & rows["counterparty"].notna()]
    totals = sold.groupby("counterparty")["amount_cny"].sum()
    return Sales(by_customer={str(name): Decimal(repr(float(amount))) for name, amount in totals.items()})


def _number(row: Mapping[str, object], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None


def _confirm(instance: Instance, caller: Caller, anchor: Anchor) -> None:
    now = instance.clock.now()
    detail: dict[str, object] = {"confirmed_on": anchor.confirmed_on.isoformat(), "chain": anchor.chain}
    entry = audit.Entry(actor=caller.name, action="anchor_confirmed", subject=anchor.uscc, detail=detail)

    def change(connection: Connection) -> None:
        anchors.confirm(connection, anchor, now)
        audit.append(connection, entry, now)

    instance.store.write(change)


def _withdraw(instance: Instance, caller: Caller, uscc: str) -> None:
    now = instance.clock.now()
    entry = audit.Entry(actor=caller.name, action="anchor_withdrawn", subject=uscc, detail={})

    def change(connection: Connection) -> None:
        if not anchors.withdraw(connection, uscc):
            raise errors.not_found(NO_ANCHOR)
        audit.append(connection, entry, now)

    instance.store.write(change)


def _anchor(anchor: Anchor) -> dict[str, Any]:
    return {
        "uscc": anchor.uscc,
        "name": anchor.name,
        "chain": anchor.chain,
        "known_as": anchor.known_as,
        "confirmed_on": anchor.confirmed_on,
    }


def _flag(flag: Flag, language: str) -> dict[str, Any]:
    return {
        "flag": flag.code,
        "value": _SAID[flag.value],
        "article": ARTICLE,
        "text": flag.text.in_language(language),
        "settle_with": flag.settle_with,
        "signals": [_signal(each, language) for each in flag.signals],
    }


def _signal(signal: Signal, language: str) -> dict[str, Any]:
    return {
        "code": signal.code,
        "value": _SAID[signal.value],
        "observed": signal.observed,
        "source": signal.source,
        "settle_with": signal.settle_with,
        "text": signal.text.in_language(language),
    }
