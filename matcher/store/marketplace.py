"""Institutions, products in all their versions, and every catalogue that ever ran, addressable by its version."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.database import lock_audit, put
from matcher.store.tables import catalogues, facts, institutions, products

Document = Mapping[str, Any]
RUNNING = "catalogue"


class CatalogueMovedError(Exception):
    """The catalogue a change was built on runs no more."""


def load(
    connection: Connection, institution_rows: Sequence[Document], product_rows: Sequence[Document], at: datetime
) -> None:
    """Keep the institutions and first products of a new store; documents as on the wire."""
    when = moment(at)
    connection.execute(
        institutions.insert(),
        [
            {"institution_id": one["institution_id"], "document": _text(one), "recorded_at": when}
            for one in institution_rows
        ],
    )
    connection.execute(products.insert(), [_product_row(one, when) for one in product_rows])


def put_product(connection: Connection, product: Document, at: datetime) -> None:
    """Keep one new version of a product; a version already kept raises an integrity error."""
    connection.execute(products.insert(), _product_row(product, moment(at)))


def product_versions(connection: Connection, product_id: str) -> tuple[int, ...]:
    """Versions kept of a product, first to last."""
    query = select(products.c.version).where(products.c.product_id == product_id).order_by(products.c.version)
    return tuple(int(version) for version in connection.execute(query).scalars())


def product_version(connection: Connection, product_id: str, version: int) -> dict[str, Any] | None:
    """The document of one version of a product, ``None`` if it was never kept."""
    table = products.c
    query = select(table.document).where(table.product_id == product_id, table.version == version)
    found = connection.execute(query).scalar()
    return None if found is None else dict(msgspec.json.decode(found))


def version_moments(connection: Connection, product_id: str) -> dict[int, str]:
    """When each version of a product was recorded, first to last."""
    table = products.c
    query = select(table.version, table.recorded_at).where(table.product_id == product_id).order_by(table.version)
    return {int(row.version): row.recorded_at for row in connection.execute(query)}


def run_after(connection: Connection, before: str, version: str, document: bytes, at: datetime) -> None:
    """Make a catalogue the running one if the one it was built on still is; one process at a time.

    Raises
    ------
    CatalogueMovedError
        If another catalogue runs by now: build on that one.
    """
    lock_audit(connection)
    if stated(connection, RUNNING) != before:
        raise CatalogueMovedError(before)
    run_catalogue(connection, version, document, at)


def run_catalogue(connection: Connection, version: str, document: bytes, at: datetime) -> None:
    """Archive a catalogue and make it the running one; one archived before is kept as it is."""
    known = connection.execute(select(catalogues.c.version).where(catalogues.c.version == version)).first()
    if known is None:
        connection.execute(
            catalogues.insert(),
            {"version": version, "document": zlib.compress(document, 6), "recorded_at": moment(at)},
        )
    state(connection, RUNNING, version)


def running(connection: Connection) -> str | None:
    """Version of the running catalogue, ``None`` before the first."""
    return stated(connection, RUNNING)


def archived_catalogue(connection: Connection, version: str) -> bytes | None:
    """The catalogue document of a version, ``None`` if it never ran here."""
    packed = connection.execute(select(catalogues.c.document).where(catalogues.c.version == version)).scalar()
    return None if packed is None else zlib.decompress(packed)


def state(connection: Connection, name: str, value: str) -> None:
    """Say a fact of the store itself anew."""
    put(connection, facts, {"name": name, "value": value})


def stated(connection: Connection, name: str) -> str | None:
    """A fact of the store itself, ``None`` if it was never stated."""
    found = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()
    return None if found is None else str(found)


def _product_row(product: Document, when: str) -> dict[str, Any]:
    return {
        "product_id": product["product_id"],
        "version": product["version"],
        "institution_id": product["institution_id"],
        "document": _text(product),
        "recorded_at": when,
    }


def _text(document: Document) -> str:
    return msgspec.json.encode(document).decode()
