"""The product marketplace: search, one product, a new version of one, its QR code."""

import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Connection

from api import bodies, errors, wire
from api.auth import ROLES, Caller, requires
from api.documented import body_of
from api.errors import FieldError
from api.instance import Instance
from api.language import language_of
from api.paging import DEFAULT, MOST, Page, page
from api.product_body import ProductBody
from api.schemas import Number
from api.service import instance_of, service_of
from matcher.catalog import Catalog, InvalidProductError, parse_product, product_json
from matcher.domain import Kind, Product, Security, Text
from matcher.store import audit, marketplace

router = APIRouter(prefix="/v1/products", tags=["products"])
Anyone = Annotated[Caller, Depends(requires(*ROLES))]
Editor = Annotated[Caller, Depends(requires("institution", "admin"))]
ProductId = Annotated[str, Path(max_length=64)]
NO_PRODUCT = Text(zh="产品", en="product")
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str | None, Query(max_length=400)]


@router.get("", summary="产品列表 · Search")
async def search(
    request: Request,
    _caller: Anyone,
    kind: Kind | None = None,
    institution_id: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str | None, Query(max_length=100)] = None,
    amount_cny: Annotated[Number | None, Query(ge=0)] = None,
    security: Security | None = None,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Products by kind, institution, words in their name, an amount they can lend, and security."""
    catalog, language = instance_of(request).matcher.catalog, language_of(request)
    found = [
        product
        for product in sorted(catalog.products, key=lambda product: product.product_id)
        if (kind is None or product.kind is kind)
        and (security is None or product.security is security)
        and (institution_id is None or product.institution_id == institution_id)
        and _lends(product, amount_cny)
        and _named(product, catalog, q)
    ]
    shown, following = page(found, lambda product: product.product_id, limit, cursor)
    listed = Page(items=[wire.product_wire(each, catalog, language) for each in shown], next_cursor=following)
    return Response(wire.encode(listed.document()), media_type="application/json")


@router.get("/{product_id}", summary="产品 · One product")
async def one(request: Request, product_id: ProductId, _caller: Anyone) -> Response:
    """One product in its present version, rules included."""
    catalog = instance_of(request).matcher.catalog
    document = wire.product_wire(_product(catalog, product_id), catalog, language_of(request))
    return Response(wire.encode(document), media_type="application/json")


@router.put("/{product_id}", summary="更新产品 · New version", openapi_extra=body_of(ProductBody))
async def put(request: Request, product_id: ProductId, caller: Editor) -> Response:
    """A new version of a product: validated, kept beside the old ones, and in every list from the next request on."""
    service = service_of(request)
    document = bodies.parse(await bodies.read(request, service.settings.max_body_bytes))
    instance, language = service.instance, language_of(request)
    product = await service.admission.run(lambda: _put(instance, caller, product_id, document, language))
    shown = wire.product_wire(product, instance.matcher.catalog, language)
    return Response(wire.encode(shown), media_type="application/json")


@router.get("/{product_id}/qr.svg", summary="二维码 · QR code")
async def qr(request: Request, product_id: ProductId, _caller: Anyone) -> Response:
    """A QR code that opens the product."""
    _product(instance_of(request).matcher.catalog, product_id)
    drawn = io.BytesIO()
    segno.make(str(request.url_for("one", product_id=product_id)), error="m").save(drawn, kind="svg", scale=8, border=4)
    return Response(drawn.getvalue(), media_type="image/svg+xml")


def _put(instance: Instance, caller: Caller, product_id: str, document: Any, language: str) -> Product:
    with instance.put_lock:
        running = instance.matcher
        known = running.catalog.row_of.get(product_id)
        kept = None if known is None else running.catalog.products[known]
        owner = None if kept is None else kept.institution_id
        if caller.institution_id is not None and owner not in {None, caller.institution_id}:
            raise errors.not_found(NO_PRODUCT)
        members = _members(document, product_id)
        if kept is not None:
            members = _in_both_languages(members, kept, language)
        with instance.store.reading() as connection:
            version = max(marketplace.product_versions(connection, product_id), default=0) + 1
        product = _parsed(members, version)
        if caller.institution_id is not None and product.institution_id != caller.institution_id:
            raise errors.not_found(Text(zh="机构", en="institution"))
        if owner is not None and product.institution_id != owner:
            raise errors.invalid([FieldError(pointer="/institution_id", detail=_OWNER)])
        matcher = running.with_catalog(_with(running.catalog, product))
        _keep(instance, caller, product, matcher.catalog)
        instance.matcher = matcher
    return product


def _members(document: Any, product_id: str) -> dict[str, object]:
    if not isinstance(document, Mapping):
        raise errors.invalid([FieldError(pointer="", detail=Text(zh="须为对象", en="must be an object"))])
    members = {name: value for name, value in document.items() if name not in {"version", "institution_name"}}
    if members.setdefault("product_id", product_id) != product_id:
        text = Text(zh="与路径中的产品编号不一致", en="is not the product of the path")
        raise errors.invalid([FieldError(pointer="/product_id", detail=text)])
    return members


def _in_both_languages(members: dict[str, object], kept: Product, language: str) -> dict[str, object]:
    """The members with every text that came back as it was shown in one language told in both again."""
    clauses = {rule.code: rule.clause for rule in kept.rules}
    rules = members.get("rules")
    listed = rules if isinstance(rules, list) else []
    told = [
        {**rule, "clause": _both(rule["clause"], clauses.get(str(rule.get("code"))), language)}
        if isinstance(rule, Mapping) and "clause" in rule
        else rule
        for rule in listed
    ]
    named = {"name": _both(members["name"], kept.name, language)} if "name" in members else {}
    return {**members, **named, **({"rules": told} if listed else {})}


def _both(given: object, kept: Text | None, language: str) -> object:
    if kept is None or given != kept.in_language(language):
        return given
    return {"zh": kept.zh, "en": kept.en}


def _parsed(members: dict[str, object], version: int) -> Product:
    try:
        return parse_product({**members, "version": version})
    except InvalidProductError as error:
        raise _refused(error) from None


def _with(catalog: Catalog, product: Product) -> Catalog:
    try:
        return catalog.with_product(product)
    except InvalidProductError as error:
        raise _refused(error) from None


def _refused(error: InvalidProductError) -> errors.ProblemError:
    return errors.invalid([FieldError(pointer=fault.pointer, detail=fault.message) for fault in error.errors])


def _keep(instance: Instance, caller: Caller, product: Product, catalog: Catalog) -> None:
    now = instance.clock.now()
    document, archived = product_json(product), catalog.to_json()
    entry = audit.Entry(
        actor=caller.name,
        action="product_put",
        subject=product.product_id,
        detail={"version": product.version, "catalog": catalog.version},
    )

    def change(connection: Connection) -> None:
        marketplace.put_product(connection, document, now)
        marketplace.run_catalogue(connection, catalog.version, archived, now)
        audit.append(connection, entry, now)

    instance.store.write(change)


def _product(catalog: Catalog, product_id: str) -> Product:
    row = catalog.row_of.get(product_id)
    if row is None:
        raise errors.not_found(NO_PRODUCT)
    return catalog.products[row]


def _lends(product: Product, amount: Decimal | None) -> bool:
    return amount is None or product.amount_min_cny <= amount <= product.amount_max_cny


def _named(product: Product, catalog: Catalog, words: str | None) -> bool:
    if not words:
        return True
    institution = catalog.institutions[product.institution_id]
    names = f"{product.name.zh} {product.name.en} {institution.name.zh} {institution.name.en} {product.product_id}"
    return all(word in names.lower() for word in words.lower().split())


_OWNER = Text(zh="产品不能转移到其他机构", en="a product cannot move to another institution")
