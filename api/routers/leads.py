"""Leads: what an institution's officers should work on next, as pages or as a file."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import errors, lead_files, lead_pages, lead_wire, wire
from api.auth import Caller, requires
from api.instance import Instance
from api.language import language_of
from api.lead_pages import LeadPage
from api.paging import DEFAULT, MOST
from api.service import service_of
from matcher.domain import Text

router = APIRouter(prefix="/v1/institutions", tags=["leads"])
Desk = Annotated[Caller, Depends(requires("institution"))]
InstitutionId = Annotated[str, Path(max_length=64)]
ListName = Literal["general", "first-loans", "renewals", "bridge"]
NO_INSTITUTION = Text(zh="机构", en="institution")
_PROBLEM: dict[str, Any] = {"application/problem+json": {"schema": {"type": "object"}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Leads, best first; the whole list as a file where Accept asks for one",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["items", "next_cursor"]}},
            lead_files.CSV: {"schema": {"type": "string"}},
            lead_files.XLSX: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    401: {"description": "No good key", "content": _PROBLEM},
    403: {"description": "Not an institution's key", "content": _PROBLEM},
    404: {"description": "Not this caller's institution", "content": _PROBLEM},
    410: {"description": "The cursor's plan is no longer kept", "content": _PROBLEM},
    422: {"description": "A parameter that cannot be", "content": _PROBLEM},
    429: {"description": "As much in work as is taken on", "content": _PROBLEM},
    503: {"description": "Not ready", "content": _PROBLEM},
}


@router.get("/{institution_id}/leads", summary="融资线索 · Leads", responses=_RESPONSES)
async def leads(
    request: Request,
    institution_id: InstitutionId,
    caller: Desk,
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    product_id: Annotated[str | None, Query(max_length=64)] = None,
    name: Annotated[ListName, Query(alias="list")] = "general",
) -> Response:
    """Enterprises worth an officer's hour, best first; names and contacts under their consent to this institution."""
    if caller.institution_id != institution_id:
        raise errors.not_found(NO_INSTITUTION)
    service, language = service_of(request), language_of(request)
    form = lead_files.form_of(request.headers.get("accept", ""))
    query = lead_pages.Query(
        institution_id=institution_id, name=name, product_id=product_id, limit=limit, cursor=cursor
    )
    if form != "json":
        query = replace(query, limit=lead_pages.MOST, cursor=None)
    instance = service.instance
    return await service.admission.run(lambda: _answer(instance, caller, query, form, language))


def _answer(instance: Instance, caller: Caller, query: lead_pages.Query, form: str, language: str) -> Response:
    page = lead_pages.lead_page(instance, query)
    lead_pages.disclose(instance, caller.name, query, page, form)
    headers = {"Vary": "Accept, Accept-Language", "Cache-Control": "private, no-store"}
    if form == "json":
        body = wire.encode(lead_wire.page_json(page, language))
        return Response(body, media_type="application/json", headers=headers)
    return _file(page, query, form, language, headers)


def _file(page: LeadPage, query: lead_pages.Query, form: str, language: str, headers: dict[str, str]) -> Response:
    name = lead_files.file_name(query, page, form)
    headers = headers | {"X-Leads": str(len(page.items)), "X-Leads-Cut": str(page.next_cursor is not None).lower()}
    return Response(
        lead_files.write(page, query, form, language),
        media_type=f"{lead_files.CSV}; charset=utf-8" if form == "csv" else lead_files.XLSX,
        headers=headers | {"Content-Disposition": f'attachment; filename="{name}"'},
    )
