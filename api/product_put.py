"""A new version of a product: validated, built on the catalogue that runs, kept beside the old ones, or refused.

Several processes may write at once: the transaction looks again whether the catalogue built on still runs, and if not
the change is built anew on the one that does.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from api import errors
from api.auth import Caller
from api.catalogue import follow_locked
from api.errors import FieldError
from api.instance import Instance
from matcher.catalog import Catalog, InvalidProductError, parse_product, product_json
from matcher.domain import Product, Text
from matcher.matching import Matcher
from matcher.store import audit, marketplace

NO_PRODUCT = Text(zh="产品", en="product")
NO_INSTITUTION = Text(zh="机构", en="institution")
_TRIES = 20
_SHOWN_ONLY = frozenset({"version", "institution_name"})
"""Members a product is shown with that are not said anew."""


def put(
    instance: Instance, caller: Caller, product_id: str, document: Any, language: str, if_match: str | None
) -> Product:
    """Keep a new version and put it into service.

    Parameters
    ----------
    if_match
        Entity tag the caller saw; a stale one is 412. A stale ``version`` in the document is 409.

    Raises
    ------
    ProblemError
        404 for another institution's product, 409 and 412 for a stale version, 422 with every fault.
    """
    with instance.put_lock:
        for _ in range(_TRIES):
            follow_locked(instance)
            running = instance.matcher
            product = drafted(instance, caller, running.catalog, product_id, document, language)
            check_version(running.catalog, product_id, if_match)
            matcher = running.with_catalog(with_product(running.catalog, product))
            try:
                _keep(instance, caller, product, running, matcher)
            except marketplace.CatalogueMovedError:
                continue
            instance.matcher = matcher
            return product
    raise errors.busy()


def drafted(
    instance: Instance, caller: Caller, catalog: Catalog, product_id: str, document: Any, language: str
) -> Product:
    """The product that a document would become, with its next version; nothing is kept.

    Raises
    ------
    ProblemError
        404 for another institution's product, 422 with every fault.
    """
    known = catalog.row_of.get(product_id)
    kept = None if known is None else catalog.products[known]
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
        raise errors.not_found(NO_INSTITUTION)
    if owner is not None and product.institution_id != owner:
        raise errors.invalid([FieldError(pointer="/institution_id", detail=_OWNER)])
    return product


def with_product(catalog: Catalog, product: Product) -> Catalog:
    """The catalogue with a product in it; 422 where it does not fit."""
    try:
        return catalog.with_product(product)
    except InvalidProductError as error:
        raise _refused(error) from None


def check_version(catalog: Catalog, product_id: str, if_match: str | None) -> None:
    """Refuse what a caller says it wrote over a version that is not the present one.

    The ``version`` of the body is what was shown once and is not asked: whoever wants the check sends ``If-Match``.

    Raises
    ------
    ProblemError
        412 for a stale ``If-Match``.
    """
    known = catalog.row_of.get(product_id)
    present = 0 if known is None else catalog.products[known].version
    tag = f'"{present}"'
    if if_match is not None and tag not in _tags(if_match) and not (present and if_match.strip() == "*"):
        raise errors.ProblemError(412, "stale_version", _STALE, _now(present), headers={"ETag": tag})


def _tags(if_match: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in if_match.split(",")}


def _now(present: int) -> Text:
    return Text(
        zh=f"产品现为版本 {present}：请重新读取后再修改。",
        en=f"The product is at version {present} now: read it again first.",
    )


def _members(document: Any, product_id: str) -> dict[str, object]:
    if not isinstance(document, Mapping):
        raise errors.invalid([FieldError(pointer="", detail=Text(zh="须为对象", en="must be an object"))])
    members = {name: value for name, value in document.items() if name not in _SHOWN_ONLY}
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


def _refused(error: InvalidProductError) -> errors.ProblemError:
    return errors.invalid([FieldError(pointer=fault.pointer, detail=fault.message) for fault in error.errors])


def _keep(instance: Instance, caller: Caller, product: Product, before: Matcher, after: Matcher) -> None:
    now = instance.clock.now()
    document, archived = product_json(product), after.catalog.to_json()
    entry = audit.Entry(
        actor=caller.name,
        action="product_put",
        subject=product.product_id,
        detail={"version": product.version, "catalog": after.catalog.version},
    )

    def change(connection: Connection) -> None:
        marketplace.run_after(connection, before.catalog.version, after.catalog.version, archived, now)
        marketplace.put_product(connection, document, now)
        audit.append(connection, entry, now)

    instance.store.write(change)


_OWNER = Text(zh="产品不能转移到其他机构", en="a product cannot move to another institution")
_STALE = Text(zh="版本已过期", en="Stale version")
