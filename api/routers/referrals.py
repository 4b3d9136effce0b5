"""Referrals between equity, loan and guarantee (article 10), each under a consent of its own to its recipient."""

import secrets
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import bodies, errors, idempotency, paging, wire
from api.auth import Caller, requires
from api.documented import body_of, problems
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.matchmaking_telling import masked_name
from api.push_schemas import of
from api.schemas import Identifier
from api.schemas_referrals import AnswerBody, ReferralBody, ReferralList, ReferralShown
from api.service import service_of
from features.uscc import uscc_fault
from matcher.domain import InstitutionKind, Text
from matcher.store import audit, demands, outbox, referrals
from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.disclosure import may_know
from matcher.store.lead_reads import contacts_among
from matcher.store.referrals import IDENTITY, PURPOSES, NotMovableError, Referral, State

router = APIRouter(prefix="/v1/referrals", tags=["referrals"])
Platform = Annotated[Caller, Depends(requires("platform"))]
Recipient = Annotated[Caller, Depends(requires("institution"))]
Side = Annotated[Caller, Depends(requires("platform", "institution"))]
ReferralId = Annotated[Identifier, Path(max_length=64)]
NO_REFERRAL = Text(zh="转介", en="referral")
LENDERS = frozenset(InstitutionKind) - {InstitutionKind.GUARANTOR, InstitutionKind.INSURER}


@router.post(
    "",
    status_code=201,
    summary="投贷担转介 · Refer",
    openapi_extra=body_of(ReferralBody),
    responses=of(ReferralShown, 201, "Sent; the recipient is told.")
    | problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def refer(request: Request, caller: Platform) -> Response:
    """Refer an enterprise to one institution, only with its consent to this purpose and this recipient."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(ReferralBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)

    async def work() -> idempotency.Outcome:
        return await service.admission.run(lambda: _referred(instance, caller, body, language))

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get(
    "",
    summary="转介列表 · List referrals",
    responses=of(ReferralList, 200, "The platform's, or those addressed to the caller.")
    | problems(401, 403, 422, 429, 503),
)
async def listed(
    request: Request,
    caller: Side,
    limit: Annotated[int, Query(ge=1, le=paging.MOST)] = paging.DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """Every referral for the platform; for an institution those addressed to it, contacts as consented now."""
    service, language = service_of(request), language_of(request)

    def work() -> dict[str, Any]:
        instance = service.instance
        with instance.store.reading() as connection:
            found = referrals.listed(connection, caller.institution_id)
            shown, following = paging.page(found, lambda each: each.referral_id, limit, cursor)
            items = [_told(instance, connection, each, caller, language) for each in shown]
        _note(instance, caller, [each for each in items if not each["masked"]])
        return paging.Page(items=items, next_cursor=following).document()

    return _json(await service.admission.run(work))


@router.get(
    "/{referral_id}",
    summary="一项转介 · One referral",
    responses=of(ReferralShown, 200, "As it stands.") | problems(401, 403, 404, 422, 429, 503),
)
async def one(request: Request, referral_id: ReferralId, caller: Side) -> Response:
    """One referral, contact as consented now."""
    service, language = service_of(request), language_of(request)

    def work() -> dict[str, Any]:
        instance = service.instance
        with instance.store.reading() as connection:
            shown = _told(instance, connection, _found(connection, referral_id, caller), caller, language)
        _note(instance, caller, [] if shown["masked"] else [shown])
        return shown

    return _json(await service.admission.run(work))


@router.post(
    "/{referral_id}/answer",
    summary="答复转介 · Answer",
    openapi_extra=body_of(AnswerBody),
    responses=of(ReferralShown, 200, "Answered.") | problems(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def answer(request: Request, referral_id: ReferralId, caller: Recipient) -> Response:
    """Accept or decline a referral, or say that an accepted one is done; accepting takes the consent as it stands."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(AnswerBody, bodies.parse(raw))
    instance, language = service.instance, language_of(request)

    async def work() -> idempotency.Outcome:
        return await service.admission.run(lambda: _answered(instance, caller, referral_id, body, language))

    try:
        return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
    except NotMovableError as error:
        raise _not_movable(error.state) from None


def _referred(instance: Instance, caller: Caller, body: ReferralBody, language: str) -> idempotency.Outcome:
    now, today = instance.clock.now(), instance.clock.today()
    with instance.store.reading() as connection:
        _check(instance, connection, body)
        _consented(connection, body.uscc, body.kind, body.recipient, today)
    referral = Referral(
        referral_id=f"RF-{secrets.token_hex(8)}",
        uscc=body.uscc,
        kind=body.kind,
        recipient=body.recipient,
        state=State.SENT,
        demand_id=body.demand_id,
        note=body.note,
        answer_note=None,
        sent_at=moment(now),
        changed_at=moment(now),
    )
    told = outbox.Message(
        institution_id=referral.recipient,
        kind="referral.received",
        payload={"referral_id": referral.referral_id, "kind": referral.kind},
    )

    def change(connection: Connection) -> None:
        lock_audit(connection)
        _consented(connection, body.uscc, body.kind, body.recipient, today)
        if referrals.open_one(connection, body.uscc, body.kind, body.recipient) is not None:
            raise errors.conflict("referred_already", _ALREADY)
        referrals.add(connection, referral, now)
        outbox.announce(connection, [told], now, now)
        audit.append(connection, _entry(caller, "referred", referral), now)

    with instance.store.reading() as connection:
        shown = _told(instance, connection, referral, caller, language)
    return idempotency.Outcome(status=201, answer=wire.encode(shown), change=change)


def _answered(
    instance: Instance, caller: Caller, referral_id: str, body: AnswerBody, language: str
) -> idempotency.Outcome:
    now, today, after = instance.clock.now(), instance.clock.today(), State(body.answer)
    with instance.store.reading() as connection:
        kept = _found(connection, referral_id, caller)
        moved = _moved(kept, after, body.note, now)
        shown = _told(instance, connection, moved, caller, language)

    def change(connection: Connection) -> None:
        lock_audit(connection)
        if after is State.ACCEPTED:
            _consented(connection, kept.uscc, kept.kind, kept.recipient, today)
        answered = referrals.answer(connection, referral_id, after, body.note, now)
        audit.append(connection, _entry(caller, f"referral_{after.value}", answered), now)

    return idempotency.Outcome(status=200, answer=wire.encode(shown), change=change)


def _moved(kept: Referral, after: State, note: str | None, now: datetime) -> Referral:
    if after not in referrals.NEXT.get(kept.state, ()):
        raise NotMovableError(kept.state)
    return referrals.moved(kept, after, note, now)


def _check(instance: Instance, connection: Connection, body: ReferralBody) -> None:
    """What the referral names must be there: 404 for the enterprise, 422 for the rest."""
    faults = []
    fault = uscc_fault(body.uscc)
    if fault is not None:
        raise errors.invalid([FieldError(pointer="/uscc", detail=Text(zh=fault.zh, en=fault.en))])
    institution = instance.matcher.catalog.institutions.get(body.recipient)
    if institution is None:
        faults.append(FieldError(pointer="/recipient", detail=_NO_RECIPIENT))
    elif (body.kind == "guarantee" and institution.kind is not InstitutionKind.GUARANTOR) or (
        body.kind == "loan" and institution.kind not in LENDERS
    ):
        faults.append(FieldError(pointer="/recipient", detail=_WRONG_RECIPIENT))
    if body.demand_id is not None:
        kept = demands.find(connection, body.demand_id)
        if kept is None or kept.demand.uscc != body.uscc:
            faults.append(FieldError(pointer="/demand_id", detail=_NO_DEMAND))
    if faults:
        raise errors.invalid(faults)


def _consented(connection: Connection, uscc: str, kind: str, recipient: str, today: date) -> None:
    if not referrals.has_consent(connection, uscc, kind, recipient, today):
        purpose = PURPOSES[kind]
        raise errors.conflict(
            "consent_missing",
            Text(
                zh=f"缺少企业的单独授权：来源 {IDENTITY}、用途 {purpose}、接收方 {recipient}。",
                en=f"The enterprise's own consent is missing: source {IDENTITY}, purpose {purpose}, "
                f"recipient {recipient}.",
            ),
        )


def _found(connection: Connection, referral_id: str, caller: Caller) -> Referral:
    kept = referrals.find(connection, referral_id)
    if kept is None or caller.institution_id not in {None, kept.recipient}:
        raise errors.not_found(NO_REFERRAL)
    return kept


def _told(
    instance: Instance, connection: Connection, referral: Referral, caller: Caller, language: str
) -> dict[str, Any]:
    """A referral as this caller may see it today; the platform sees names, contacts go by consent alone."""
    today = instance.clock.today()
    consented = referrals.has_consent(connection, referral.uscc, referral.kind, referral.recipient, today)
    known = may_know(connection, referral.uscc, referral.recipient, PURPOSES[referral.kind], today, (IDENTITY,))
    named = caller.institution_id is None or consented
    reachable = caller.institution_id is not None and consented and known.contact
    name = instance.names.get(referral.uscc) if named else None
    return {
        "referral_id": referral.referral_id,
        "kind": referral.kind,
        "state": referral.state.value,
        "recipient": referral.recipient,
        "uscc": referral.uscc if named else None,
        "enterprise_name": name or masked_name(instance, connection, referral.uscc, today).in_language(language),
        "contact": contacts_among(connection, [referral.uscc]).get(referral.uscc) if reachable else None,
        "masked": not named,
        "demand_id": referral.demand_id,
        "note": referral.note if named else None,
        "answer_note": referral.answer_note,
        "sent_at": referral.sent_at,
        "changed_at": referral.changed_at,
    }


def _note(instance: Instance, caller: Caller, shown: list[dict[str, Any]]) -> None:
    """Put in the audit that an institution was shown who an enterprise is."""
    if caller.institution_id is None or not shown:
        return
    now = instance.clock.now()
    detail: dict[str, object] = {
        "referrals": [each["referral_id"] for each in shown],
        "contacts": sum(each["contact"] is not None for each in shown),
    }
    entry = audit.Entry(actor=caller.name, action="referrals_read", subject=caller.institution_id, detail=detail)
    instance.store.write(lambda connection: audit.append(connection, entry, now))


def _entry(caller: Caller, action: str, referral: Referral) -> audit.Entry:
    detail: dict[str, object] = {
        "kind": referral.kind,
        "recipient": referral.recipient,
        "uscc": referral.uscc,
        "demand_id": referral.demand_id,
        "purpose": PURPOSES[referral.kind],
    }
    return audit.Entry(actor=caller.name, action=action, subject=referral.referral_id, detail=detail)


def _not_movable(state: State) -> errors.ProblemError:
    return errors.conflict(
        "not_movable",
        Text(zh=f"该转介现为 {state}，不能作此答复。", en=f"The referral is {state}: it takes no such answer."),
    )


def _json(document: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "private, no-store", "Vary": "Accept-Language"}
    return Response(wire.encode(document), media_type="application/json", headers=headers)


_ALREADY = Text(zh="已有同类转介尚未了结。", en="A referral of this kind to this recipient is open already.")
_NO_RECIPIENT = Text(zh="没有这个机构", en="there is no such institution")
_WRONG_RECIPIENT = Text(zh="该机构不办理此类业务", en="is no institution of this kind of business")
_NO_DEMAND = Text(zh="不是该企业的需求", en="is no demand of this enterprise")
