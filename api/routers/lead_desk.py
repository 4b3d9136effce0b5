"""The institution's desk: claim a lead, contact, return, decide, sign, disburse, repay; each answers for itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy import Connection

from api import bodies, desk, errors, idempotency, wire
from api.auth import ROLES, Caller, requires
from api.desk_bodies import DecisionBody, DisbursementBody, NothingBody, RepaymentBody, ReturnBody, plain
from api.documented import body_of, problems
from api.errors import FieldError
from api.language import language_of
from api.routers.demands import act_of
from api.schemas import Body
from api.service import service_of
from matcher.demand_states import NotAllowedError, State, Step, is_reached
from matcher.desk_clocks import Clocks
from matcher.domain import Text
from matcher.refusals import REFUSALS
from matcher.store import demands, lead_lists, leads, moves
from matcher.store.database import lock_audit
from matcher.store.leads import KeptLead, Terms
from matcher.store.moves import Act

router = APIRouter(prefix="/v1", tags=["leads"])
Desk = Annotated[Caller, Depends(requires("institution"))]
Anyone = Annotated[Caller, Depends(requires(*ROLES))]
LeadId = Annotated[str, Path(max_length=64)]
B = TypeVar("B", bound=Body)
_ANSWERS = problems(400, 401, 403, 404, 409, 413, 422, 429, 503)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """One request for a move, as the transaction sees it."""

    connection: Connection
    lead: KeptLead
    act: Act
    clocks: Clocks


@router.post(
    "/leads/{lead_id}/claim",
    summary="认领 · Claim",
    openapi_extra=body_of(NothingBody, required=False),
    responses=_ANSWERS,
)
async def claim(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Claim a lead that was pushed to the institution or stands in its list; others may claim the same demand."""
    return await _moved(request, lead_id, caller, NothingBody, lambda asked, _body: _take(asked, Step.CLAIM, Terms()))


@router.post(
    "/leads/{lead_id}/contact",
    summary="已联系 · Contact",
    openapi_extra=body_of(NothingBody, required=False),
    responses=_ANSWERS,
)
async def contact(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Say that the enterprise was contacted; the clock of the decision begins."""
    return await _moved(request, lead_id, caller, NothingBody, lambda asked, _body: _take(asked, Step.CONTACT, Terms()))


@router.post(
    "/leads/{lead_id}/due-diligence",
    summary="尽职调查 · Due diligence",
    openapi_extra=body_of(NothingBody, required=False),
    responses=_ANSWERS,
)
async def due_diligence(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Say that due diligence has begun; may be left out."""
    step = Step.DUE_DILIGENCE
    return await _moved(request, lead_id, caller, NothingBody, lambda asked, _body: _take(asked, step, Terms()))


@router.post(
    "/leads/{lead_id}/return", summary="退回补正 · Return", openapi_extra=body_of(ReturnBody), responses=_ANSWERS
)
async def give_back(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Return a lead to the enterprise, saying what to complete."""
    return await _moved(
        request,
        lead_id,
        caller,
        ReturnBody,
        lambda asked, body: _take(asked, Step.RETURN, Terms(detail={"complete": list(body.complete)})),
    )


@router.post(
    "/leads/{lead_id}/decision", summary="审批结果 · Decision", openapi_extra=body_of(DecisionBody), responses=_ANSWERS
)
async def decide(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Approve with terms, or reject with a reason from the list."""
    return await _moved(request, lead_id, caller, DecisionBody, _decided)


@router.post(
    "/leads/{lead_id}/sign",
    summary="签约 · Sign",
    openapi_extra=body_of(NothingBody, required=False),
    responses=_ANSWERS,
)
async def sign(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Say that the contract was signed; may be left out."""
    return await _moved(request, lead_id, caller, NothingBody, lambda asked, _body: _take(asked, Step.SIGN, Terms()))


@router.post(
    "/leads/{lead_id}/disbursement",
    summary="放款 · Disbursement",
    openapi_extra=body_of(DisbursementBody),
    responses=_ANSWERS,
)
async def disburse(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Say that the money was paid out: every other lead of the demand closes."""
    return await _moved(request, lead_id, caller, DisbursementBody, _disbursed)


@router.post(
    "/leads/{lead_id}/repayment",
    summary="还款 · Repayment",
    openapi_extra=body_of(RepaymentBody, required=False),
    responses=_ANSWERS,
)
async def repay(request: Request, lead_id: LeadId, caller: Desk) -> Response:
    """Say that the money was paid back, in full or in part."""
    return await _moved(request, lead_id, caller, RepaymentBody, _repaid)


@router.get("/refusal-reasons", summary="拒绝原因 · Refusal reasons", responses=problems(401, 403, 429, 503))
async def refusal_reasons(request: Request, _caller: Anyone) -> Response:
    """Every reason an institution may give, with who can repair it and how."""
    language = language_of(request)
    items = [desk.refusal_json(code, language) for code in REFUSALS]
    return Response(wire.encode({"items": items, "next_cursor": None}), media_type="application/json")


async def _moved(
    request: Request, lead_id: str, caller: Caller, model: type[B], make: Callable[[_Asked, B], KeptLead]
) -> Response:
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(model, bodies.parse(raw or b"{}"))
    instance, language = service.instance, language_of(request)
    clocks, act, owner = instance.settings.clocks, act_of(instance, caller), str(caller.institution_id)
    known = instance.store.read(lambda connection: _own(connection, lead_id, owner))

    def change(connection: Connection) -> bytes:
        lock_audit(connection)
        lead = leads.find(connection, lead_id) or known
        moved = make(_Asked(connection=connection, lead=lead, act=act, clocks=clocks), body)
        kept = demands.find(connection, moved.demand_id)
        standing = State.WITHDRAWN if kept is None else State(kept.state)
        return wire.encode(desk.own_lead_json(moved, standing, language))

    async def work() -> idempotency.Outcome:
        return idempotency.Outcome(status=200, answer=b"", change=change)

    try:
        return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)
    except NotAllowedError as error:
        raise desk.wrong_state(error, desk.NO_LEAD) from None


def _own(connection: Connection, lead_id: str, institution_id: str) -> KeptLead:
    """A lead on this institution's desk, or in a list of its that is still kept; 404 for any other."""
    kept = leads.find(connection, lead_id)
    if kept is not None:
        if kept.institution_id != institution_id:
            raise errors.not_found(desk.NO_LEAD)
        return kept
    for row in chain.from_iterable(lead_lists.every(connection, institution_id)):
        if leads.lead_id_of(row.demand_id, institution_id) == lead_id:
            return KeptLead(
                lead_id=lead_id,
                demand_id=row.demand_id,
                institution_id=institution_id,
                product_id=row.product_id,
                state=State.LISTED,
                origin=row.origin,
                value=row.value,
            )
    raise errors.not_found(desk.NO_LEAD)


def _take(asked: _Asked, step: Step, terms: Terms) -> KeptLead:
    """Make the move; a move made already changes nothing where it says the same again."""
    if is_reached(asked.lead.state, step) and _says_nothing_new(asked.lead, terms):
        return asked.lead
    return leads.take(asked.connection, asked.lead, step, asked.act, asked.clocks, terms)


def _says_nothing_new(lead: KeptLead, terms: Terms) -> bool:
    told: list[tuple[Any, Any]] = [
        (_number(terms.amount_cny), _number(lead.amount_cny)),
        (_number(terms.annual_rate), _number(lead.annual_rate)),
        (terms.reason_code, lead.reason_code),
        (terms.detail, lead.detail),
    ]
    return all(new is None or new == known for new, known in told)


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _decided(asked: _Asked, body: DecisionBody) -> KeptLead:
    if body.rejected:
        return _take(asked, Step.REJECT, Terms(reason_code=body.reason_code))
    terms = Terms(amount_cny=plain(body.amount_cny), annual_rate=plain(body.annual_rate))
    return _take(asked, Step.APPROVE, terms)


def _disbursed(asked: _Asked, body: DisbursementBody) -> KeptLead:
    approved = _number(asked.lead.amount_cny)
    if asked.lead.state in {State.APPROVED, State.SIGNED} and approved is not None and body.amount_cny > approved:
        text = Text(zh=f"不得超过批准金额 {approved:f}", en=f"is more than the {approved:f} approved")
        raise errors.invalid([FieldError(pointer="/amount_cny", detail=text)])
    _not_later(body.disbursed_on, "/disbursed_on", asked.act)
    kept = demands.find(asked.connection, asked.lead.demand_id)
    _not_before(body.disbursed_on, None if kept is None else kept.published_on, "/disbursed_on")
    terms = Terms(amount_cny=plain(body.amount_cny), annual_rate=plain(body.annual_rate), occurred_on=body.disbursed_on)
    return _take(asked, Step.DISBURSE, terms)


def _repaid(asked: _Asked, body: RepaymentBody) -> KeptLead:
    _not_later(body.repaid_on, "/repaid_on", asked.act)
    _not_before(body.repaid_on, _disbursed_on(asked), "/repaid_on")
    before = asked.lead.detail.get("repaid_cny") or "0"
    if body.in_full:
        detail = None if body.amount_cny is None else {"repaid_cny": plain(Decimal(before) + body.amount_cny)}
        if asked.lead.state is State.REPAID:
            return asked.lead
        return _take(asked, Step.REPAY, Terms(detail=detail, occurred_on=body.repaid_on))
    if asked.lead.state is not State.DISBURSED:
        raise NotAllowedError(Step.REPAY.value, asked.lead.state, ())
    total = plain(Decimal(before) + Decimal(body.amount_cny or 0))
    terms = Terms(detail={"repaid_cny": total}, occurred_on=body.repaid_on)
    return leads.note(asked.connection, asked.lead, asked.act, terms)


def _disbursed_on(asked: _Asked) -> date | None:
    """Day the money of the lead was paid out, ``None`` where it was not."""
    told = moves.of_demand(asked.connection, asked.lead.demand_id)
    paid = (move for move in told if move.lead_id == asked.lead.lead_id and move.after == State.DISBURSED)
    return min((move.occurred_on for move in paid if move.occurred_on), default=None)


def _not_before(day: date | None, first: date | None, pointer: str) -> None:
    if day is not None and first is not None and day < first:
        text = Text(zh=f"早于 {first.isoformat()}", en=f"lies before {first.isoformat()}")
        raise errors.invalid([FieldError(pointer=pointer, detail=text)])


def _not_later(day: Any, pointer: str, act: Act) -> None:
    if day is not None and day > act.today:
        raise errors.invalid([FieldError(pointer=pointer, detail=Text(zh="晚于今天", en="lies after today"))])
