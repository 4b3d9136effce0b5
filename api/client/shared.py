"""Calls of every role, and those of the analyst, the regulator and the administrator."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, cast

from api.client import answers
from api.client.nouns import Nouns


class Shared(Nouns):
    """Products, the law, the audit, targets and keys."""

    def products(
        self,
        *,
        kind: str | None = None,
        institution_id: str | None = None,
        q: str | None = None,
        amount_cny: Decimal | str | int | None = None,
        security: str | None = None,
        term_months: int | None = None,
        purpose: str | None = None,
        valid_on: date | None = None,
        page_size: int = 200,
    ) -> Iterator[answers.Product]:
        """Products by kind, institution, words, an amount, term and purpose they serve, security, and day."""
        params = {"kind": kind, "institution_id": institution_id, "q": q, "amount_cny": amount_cny}
        more = {"term_months": term_months, "purpose": purpose, "valid_on": valid_on}
        return self._pages("GET", "/v1/products", params | more | {"security": security, "limit": page_size})

    def product(self, product_id: str) -> answers.Product:
        """One product, rules included."""
        return cast(answers.Product, self._got("GET", "/v1/products/{product_id}", product_id=product_id))

    def put_product(self, product_id: str, product: Mapping[str, Any]) -> answers.Product:
        """A new version of a product."""
        path = "/v1/products/{product_id}"
        return cast(answers.Product, self._calls.send("PUT", path, {"product_id": product_id}, body=product).json())

    def product_versions(self, product_id: str, *, page_size: int = 200) -> Iterator[answers.ProductVersion]:
        """Versions of a product, first to last."""
        path = "/v1/products/{product_id}/versions"
        return self._pages("GET", path, {"limit": page_size}, product_id=product_id)

    def product_version(self, product_id: str, version: int) -> answers.Product:
        """A product as it was in one version."""
        path = "/v1/products/{product_id}/versions/{version}"
        return cast(answers.Product, self._got("GET", path, product_id=product_id, version=version))

    def preview_product(self, product_id: str, product: Mapping[str, Any]) -> answers.Preview:
        """Which published demands a product as written would admit; changes nothing."""
        path = "/v1/products/{product_id}/preview"
        return cast(answers.Preview, self._got("POST", path, body=product, product_id=product_id))

    def product_qr(self, product_id: str, form: Literal["svg", "png"] = "svg") -> bytes:
        """A QR code that opens the product."""
        path = self._path("GET", "/v1/products/{product_id}/qr.{form}")
        return self._calls.send("GET", path, {"product_id": product_id, "form": form}).content

    def assess(self, facts: Mapping[str, Any], *, as_of: date | None = None) -> answers.Assessment:
        """What the plan grants in one case."""
        body = {"facts": facts} | ({} if as_of is None else {"as_of": as_of})
        return cast(answers.Assessment, self._got("POST", "/v1/policies/assess", body=body))

    def policies(self, *, as_of: date | None = None) -> answers.Rulebook:
        """The rulebook as in force on a day."""
        return cast(answers.Rulebook, self._got("GET", "/v1/policies", {"as_of": as_of}))

    def list_file(
        self,
        name: Literal["products", "policies"],
        form: Literal["csv", "xlsx"],
        *,
        as_of: date | None = None,
        held: str | None = None,
    ) -> tuple[bytes, str] | None:
        """A list of article 3 and its ETag; ``None`` where ``held``, an ETag of before, still stands."""
        path = self._path("GET", "/v1/lists/{name}.{form}")
        headers = {} if held is None else {"If-None-Match": held}
        answer = self._calls.send("GET", path, {"name": name, "form": form}, params={"as_of": as_of}, headers=headers)
        return (answer.content, answer.headers["etag"]) if answer.is_success else None

    def targets(self, year: int) -> answers.Targets:
        """Every target of the plan for a year against what is counted."""
        return cast(answers.Targets, self._got("GET", "/v1/targets", {"year": year}))

    def audit(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: date | datetime | None = None,
        until: date | datetime | None = None,
        page_size: int = 200,
    ) -> Iterator[answers.AuditRow]:
        """Rows of the audit in the order they were sealed."""
        params = {"subject": subject, "actor": actor, "action": action, "from": _iso(since), "until": _iso(until)}
        return self._pages("GET", "/v1/audit", params | {"limit": str(page_size)})

    def make_key(
        self,
        role: str,
        *,
        institution_id: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
    ) -> answers.MadeKey:
        """A new key; this answer alone holds it."""
        stated = {"institution_id": institution_id, "expires_at": _iso(expires_at)}
        more = {"scopes": None if scopes is None else list(scopes), "requests_per_minute": requests_per_minute}
        body = {name: value for name, value in (stated | more).items() if value is not None}
        return cast(answers.MadeKey, self._made("POST", "/v1/keys", body={"role": role} | body))

    def keys(self) -> answers.KeyList:
        """Every key by its public half."""
        return cast(answers.KeyList, self._got("GET", "/v1/keys"))

    def rotate_key(self, key_id: str) -> answers.MadeKey:
        """A successor with the same rights; the old key opens for another 24 hours."""
        return cast(answers.MadeKey, self._made("POST", "/v1/keys/{key_id}/rotate", key_id=key_id))

    def revoke_key(self, key_id: str) -> None:
        """Make a key useless."""
        self._got("DELETE", "/v1/keys/{key_id}", key_id=key_id)


def _iso(moment: date | datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
