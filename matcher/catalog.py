"""The catalogue: institutions, their products, and the products' rules compiled once; a new version is a new catalogue.

A product's place in ``products`` is its row everywhere: in verdicts, pair rows, prices and plans.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from matcher.catalog_json import (
    InvalidProductError,
    institution_json,
    parse_institution,
    parse_product,
    product_json,
)
from matcher.catalog_reading import Fault
from matcher.catalog_rules import CompiledRules
from matcher.domain import CollateralKind, Institution, Product, Purpose, Repayment, Text

__all__ = ["Catalog", "InvalidProductError", "parse_institution", "parse_product", "product_json"]

_NUMBERS = (
    "amount_min_cny",
    "amount_max_cny",
    "term_min_months",
    "term_max_months",
    "rate_low",
    "rate_high",
    "guarantee_fee_rate",
    "upfront_fee_rate",
    "days_to_disburse",
    "version",
)
_CODES = ("product_id", "institution_id", "kind", "security")
_INSTITUTION_FLAGS = ("is_local_legal_person", "is_government_guarantor", "is_small")


class Catalog:
    """Products on one marketplace in one version.

    Parameters
    ----------
    institutions, products
        Identifiers are unique; every product belongs to one of the institutions.

    Raises
    ------
    InvalidProductError
        If an identifier is used twice or an institution is missing.
    """

    def __init__(self, institutions: Iterable[Institution], products: Iterable[Product]) -> None:
        self.institution_list = tuple(institutions)
        self.products = tuple(products)
        self.institutions = {i.institution_id: i for i in self.institution_list}
        self.row_of = {p.product_id: row for row, p in enumerate(self.products)}
        self._alone: dict[int, Catalog] = {}
        faults = _faults(self)
        if faults:
            raise InvalidProductError(faults)
        place = {name: index for index, name in enumerate(self.institutions)}
        self.institution_of: NDArray[np.intp] = np.array(
            [place[p.institution_id] for p in self.products], dtype=np.intp
        )
        """Shape (products,): position of the product's institution in ``institution_list``."""

    def __len__(self) -> int:
        return len(self.products)

    @classmethod
    def from_json(cls, source: bytes | Path) -> "Catalog":
        """A catalogue from ``{"institutions": […], "products": […]}``.

        Raises
        ------
        InvalidProductError
            With the faults of every institution and product, pointers from the root of the document.
        """
        document = msgspec.json.decode(source.read_bytes() if isinstance(source, Path) else source)
        if not isinstance(document, Mapping) or set(document) != {"institutions", "products"}:
            raise InvalidProductError([_no_catalogue()])
        faults: list[Fault] = []
        institutions = _each(document, "institutions", parse_institution, faults)
        products = _each(document, "products", parse_product, faults)
        if faults:
            raise InvalidProductError(faults)
        return cls(institutions, products)

    def to_json(self) -> bytes:
        """The catalogue as ``from_json`` reads it; equal catalogues give equal bytes."""
        return msgspec.json.encode(
            {
                "institutions": [institution_json(i) for i in self.institution_list],
                "products": [product_json(p) for p in self.products],
            }
        )

    def with_product(self, product: Product) -> "Catalog":
        """A catalogue in which the product stands at its row, or at the end where it is new."""
        products = list(self.products)
        row = self.row_of.get(product.product_id)
        if row is None:
            products.append(product)
        else:
            products[row] = product
        return Catalog(self.institution_list, products)

    def alone(self, row: int) -> "Catalog":
        """The catalogue of one product alone, kept once made: the whole judge at the price of one product."""
        if row not in self._alone:
            product = self.products[row]
            self._alone[row] = Catalog([self.institutions[product.institution_id]], [product])
        return self._alone[row]

    @cached_property
    def version(self) -> str:
        """Digest of everything in it: the first 16 hexadecimal digits of the SHA-256 of ``to_json``."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    @cached_property
    def rules(self) -> CompiledRules:
        """The compiled rules; building them takes some milliseconds per hundred products."""
        return CompiledRules(self.products)

    @cached_property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """Product attributes as columns, one entry per product.

        Returns
        -------
        Mapping
            Numbers as float64 under the names of ``domain.Product``; ``product_id``, ``institution_id``, ``kind``,
            ``security``, ``institution_kind`` as codes; ``accepts_<collateral kind>``, ``serves_<purpose>``,
            ``repays_<repayment>``, ``tag_<tag>`` and the institution's flags as 0 or 1; ``reviews_per_month``.
        """
        result: dict[str, NDArray[Any]] = {
            name: np.array([float(getattr(p, name)) for p in self.products]) for name in _NUMBERS
        }
        for name in _CODES:
            result[name] = np.array([str(getattr(p, name)) for p in self.products], dtype=object)
        for kind in CollateralKind:
            result[f"accepts_{kind}"] = self._flags(lambda p, kind=kind: kind in p.collateral_kinds)
        for purpose in Purpose:
            result[f"serves_{purpose}"] = self._flags(
                lambda p, purpose=purpose: not p.purposes or purpose in p.purposes
            )
        for way in Repayment:
            result[f"repays_{way}"] = self._flags(lambda p, way=way: {way, Repayment.ANY} & set(p.repayments))
        for tag in sorted({tag for p in self.products for tag in p.tags}):
            result[f"tag_{tag}"] = self._flags(lambda p, tag=tag: tag in p.tags)
        return result | self._institution_columns()

    def _institution_columns(self) -> dict[str, NDArray[Any]]:
        owners = [self.institutions[p.institution_id] for p in self.products]
        result: dict[str, NDArray[Any]] = {
            name: np.array([float(getattr(owner, name)) for owner in owners]) for name in _INSTITUTION_FLAGS
        }
        result["institution_kind"] = np.array([owner.kind.value for owner in owners], dtype=object)
        result["reviews_per_month"] = np.array([float(owner.reviews_per_month) for owner in owners])
        return result

    def _flags(self, holds: Any) -> NDArray[np.float64]:
        return np.array([float(bool(holds(product))) for product in self.products])


def _each(document: Mapping[str, Any], name: str, parse: Any, faults: list[Fault]) -> list[Any]:
    result = []
    entries = document[name]
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            result.append(parse(entry if isinstance(entry, Mapping) else {}))
        except InvalidProductError as error:
            faults.extend(Fault(f"/{name}/{index}{pointer}", message) for pointer, message in error.errors)
    return result


def _faults(catalog: Catalog) -> list[Fault]:
    faults = []
    if len(catalog.institutions) < len(catalog.institution_list):
        faults.append(Fault("/institutions", Text(zh="机构编号重复", en="an institution_id is used twice")))
    if len(catalog.row_of) < len(catalog.products):
        faults.append(Fault("/products", Text(zh="产品编号重复", en="a product_id is used twice")))
    for index, product in enumerate(catalog.products):
        if product.institution_id not in catalog.institutions:
            message = Text(zh="没有这个机构", en=f"no institution {product.institution_id}")
            faults.append(Fault(f"/products/{index}/institution_id", message))
    return faults


def _no_catalogue() -> Fault:
    text = Text(zh="须为含 institutions 与 products 的对象", en="must be an object with institutions and products")
    return Fault("", text)
