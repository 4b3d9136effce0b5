"""The product marketplace: search, one product and its versions, a new version, what it would admit, its QR code."""

import io
from decimal import Decimal
from typing import Annotated, Any, Literal

import segno
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api import bodies, errors, product_preview, product_put, wire
from api.auth import ROLES, Caller, requires
from api.documented import body_of, problems
from api.language import language_of
from api.paging import DEFAULT, MOST, Page, page
from api.product_body import ProductBody
from api.product_put import NO_PRODUCT
from api.push_schemas import of
from api.schemas import Day, Number
from api.schemas_products import PreviewShown, VersionList
from api.service import instance_of, service_of
from matcher.catalog import Catalog, parse_product
from matcher.domain import Kind, Product, Purpose, Security, Text
from matcher.store import marketplace

router = APIRouter(prefix="/v1/products", tags=["products"])
Anyone = Annotated[Caller, Depends(requires(*ROLES))]
Editor = Annotated[Caller, Depends(requires("institution", "admin"))]
ProductId = Annotated[str, Path(max_length=64)]
NO_VERSION = Text(zh="产品版本", en="version of the product")
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str | None, Query(max_length=400)]
_MEDIA = {"svg": "image/svg+xml", "png": "image/png"}
_IMAGES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The code as an image",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _MEDIA.values()},
    }
}


@router.get("", summary="产品列表 · Search", responses=problems(401, 403, 422, 429, 503))
async def search(
    request: Request,
    _caller: Anyone,
    kind: Kind | None = None,
    institution_id: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str | None, Query(max_length=100)] = None,
    amount_cny: Annotated[Number | None, Query(ge=0)] = None,
    security: Security | None = None,
    term_months: Annotated[int | None, Query(ge=1, le=360)] = None,
    purpose: Purpose | None = None,
    valid_on: Day | None = None,
    limit: Limit = DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Products by kind, institution, words in their name, an amount, term and purpose they serve, security, and day."""
    catalog, language = instance_of(request).matcher.catalog, language_of(request)
    found = [
        product
        for product in sorted(catalog.products, key=lambda product: product.product_id)
        if (kind is None or product.kind is kind)
        and (security is None or product.security is security)
        and (institution_id is None or product.institution_id == institution_id)
        and _lends(product, amount_cny)
        and (term_months is None or product.term_min_months <= term_months <= product.term_max_months)
        and (purpose is None or not product.purposes or purpose in product.purposes)
        and (valid_on is None or product.on_offer(valid_on))
        and _named(product, catalog, q)
    ]
    shown, following = page(found, lambda product: product.product_id, limit, cursor)
    listed = Page(items=[wire.product_wire(each, catalog, language) for each in shown], next_cursor=following)
    return Response(wire.encode(listed.document()), media_type="application/json")


@router.get(
    "/{product_id}",
    summary="产品 · One product",
    responses=problems(401, 403, 404, 429, 503),
)
async def one(request: Request, product_id: ProductId, _caller: Anyone) -> Response:
    """One product in its present version, rules included; ``ETag`` is its version."""
    catalog = instance_of(request).matcher.catalog
    return _shown(_product(catalog, product_id), catalog, language_of(request))


@router.put(
    "/{product_id}",
    summary="更新产品 · New version",
    openapi_extra=body_of(ProductBody),
    responses=problems(400, 401, 403, 404, 409, 412, 413, 422, 429, 503),
)
async def put(
    request: Request,
    product_id: ProductId,
    caller: Editor,
    if_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """A new version of a product: validated, kept beside the old ones, and in every list from the next request on.

    A ``version`` in the body that is not the present one is 409, a stale ``If-Match`` is 412.
    """
    service = service_of(request)
    document = bodies.parse(await bodies.read(request, service.settings.max_body_bytes))
    instance, language = service.instance, language_of(request)
    product = await service.admission.run(
        lambda: product_put.put(instance, caller, product_id, document, language, if_match)
    )
    return _shown(product, instance.matcher.catalog, language)


@router.post(
    "/{product_id}/preview",
    summary="试算准入 · Preview",
    openapi_extra=body_of(ProductBody),
    responses=of(PreviewShown, 200, "Nothing was changed.") | problems(400, 401, 403, 404, 413, 422, 429, 503),
)
async def preview(request: Request, product_id: ProductId, caller: Editor) -> Response:
    """Which published demands a product as written would admit, beside its present version; nothing is changed."""
    service = service_of(request)
    document = bodies.parse(await bodies.read(request, service.settings.max_body_bytes))
    instance, language = service.instance, language_of(request)
    shown = await service.admission.run(
        lambda: product_preview.preview(instance, caller, product_id, document, language)
    )
    return Response(wire.encode(shown), media_type="application/json")


@router.get(
    "/{product_id}/versions",
    summary="产品版本 · Versions",
    responses=of(VersionList, 200, "First to last.") | problems(401, 403, 404, 422, 429, 503),
)
async def versions(
    request: Request, product_id: ProductId, _caller: Anyone, limit: Limit = DEFAULT, cursor: Cursor = None
) -> Response:
    """Every version of a product there was."""
    instance = instance_of(request)
    product = _product(instance.matcher.catalog, product_id)
    kept = instance.store.read(lambda connection: marketplace.version_moments(connection, product_id))
    shown, following = page(list(kept.items()), lambda each: f"{each[0]:010d}", limit, cursor)
    items = [{"version": version, "recorded_at": at, "current": version == product.version} for version, at in shown]
    document = Page(items=items, next_cursor=following).document()
    return Response(wire.encode(document), media_type="application/json")


@router.get(
    "/{product_id}/versions/{version}",
    summary="产品的一个版本 · One version",
    responses=problems(401, 403, 404, 422, 429, 503),
)
async def one_version(
    request: Request, product_id: ProductId, version: Annotated[int, Path(ge=1, le=2**31 - 1)], _caller: Anyone
) -> Response:
    """One product as it stood in one version."""
    instance = instance_of(request)
    catalog = instance.matcher.catalog
    _product(catalog, product_id)
    kept = instance.store.read(lambda connection: marketplace.product_version(connection, product_id, version))
    if kept is None:
        raise errors.not_found(NO_VERSION)
    return _shown(parse_product(kept), catalog, language_of(request))


@router.get(
    "/{product_id}/qr.{form}",
    summary="二维码 · QR code",
    responses=_IMAGES | problems(401, 403, 404, 422, 429, 503),
)
async def qr(request: Request, product_id: ProductId, form: Literal["svg", "png"], _caller: Anyone) -> Response:
    """A QR code that opens the product, as svg or png; its address is ``PUBLIC_URL`` or that of the request."""
    service = service_of(request)
    _product(service.instance.matcher.catalog, product_id)
    base = service.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    address = base + request.app.url_path_for("one", product_id=product_id)
    drawn = io.BytesIO()
    segno.make(address, error="m").save(drawn, kind=form, scale=8, border=4)
    return Response(drawn.getvalue(), media_type=_MEDIA[form])


def _shown(product: Product, catalog: Catalog, language: str) -> Response:
    document = wire.encode(wire.product_wire(product, catalog, language))
    headers = {"ETag": f'"{product.version}"', "Vary": "Accept-Language"}
    return Response(document, media_type="application/json", headers=headers)


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
