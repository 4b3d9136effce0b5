"""Which published demands a rule would admit, before it is put: counts, what changes, and which rules keep demands out.

Nothing of the product is kept; that it was asked is audited. Demands are shown by a handle that differs in every
preview, with what they ask in broad terms: nobody can follow one demand through many previews.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api import product_put
from api.auth import Caller
from api.instance import Instance
from api.matchmaking import known_profiles
from api.profiles import Row
from api.world import PURPOSE, RECIPIENT
from matcher.catalog import Catalog
from matcher.domain import Demand, Kind, Product
from matcher.eligibility import FAIL, PASS, UNKNOWN, demand_columns, judge_checks
from matcher.matching import Matcher
from matcher.standing import mask
from matcher.store import audit, queues

SAMPLE = 50
"""Most demands shown of each change."""
_BANDS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000)
_CAP = "guarantee_fee_cap"
Verdicts = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The open demands with what the platform may read of each."""

    demands: tuple[Demand, ...]
    profiles: tuple[Row, ...]
    columns: dict[str, NDArray[Any]]
    terms: dict[str, NDArray[Any]]
    as_of: date


def preview(instance: Instance, caller: Caller, product_id: str, document: Any, language: str) -> dict[str, Any]:
    """What the document of a product would change.

    Raises
    ------
    ProblemError
        As when it is put: 404, 422; a stale version matters to nobody here.
    """
    matcher, today = instance.matcher, instance.clock.today()
    catalog = matcher.catalog
    product = product_put.drafted(instance, caller, catalog, product_id, document, language)
    drafted = product_put.with_product(catalog, product)
    asked = asked_now(instance, matcher, today)
    new, checks = _judged(matcher, drafted, product, asked)
    known = catalog.row_of.get(product_id)
    old = None if known is None else _judged(matcher, catalog, catalog.products[known], asked)[0]
    _note(instance, caller, product, len(asked.demands))
    before = np.full(len(new), FAIL, dtype=np.int8) if old is None else old
    salt = secrets.token_bytes(16)
    return {
        "product_id": product_id,
        "present_version": None if known is None else catalog.products[known].version,
        "as_of": today,
        "demands": len(asked.demands),
        "counts": {"preview": _counts(new), "present": None if old is None else _counts(old)},
        "newly_admitted": _sample(asked.demands, (new == PASS) & (before != PASS), salt),
        "newly_unknown": _sample(asked.demands, (new == UNKNOWN) & (before != UNKNOWN), salt),
        "newly_refused": _sample(asked.demands, (new == FAIL) & (before != FAIL), salt),
        "rules": _rules(checks, product, language),
    }


def asked_now(instance: Instance, matcher: Matcher, today: date) -> Asked:
    """The open demands of a day as the platform reads them."""
    with instance.store.reading() as connection:
        demands = queues.open_demands(connection, today)
        permitted = queues.permissions(connection, RECIPIENT, PURPOSE, today)
        known = known_profiles(instance, connection, [one.uscc for one in demands], today)
    nothing: frozenset[str] = frozenset()
    masked = {uscc: mask(row, permitted.get(uscc, nothing)) for uscc, row in known.items()}
    profiles = tuple(masked[one.uscc] for one in demands)
    return Asked(
        demands=demands,
        profiles=profiles,
        columns=matcher.standing_columns(profiles, today),
        terms=demand_columns(demands),
        as_of=today,
    )


def _judged(
    matcher: Matcher, catalog: Catalog, product: Product, asked: Asked
) -> tuple[Verdicts, Mapping[str, Verdicts]]:
    """Verdicts of one product over the demands, and those of each of its checks."""
    if not asked.demands:
        return np.zeros(0, dtype=np.int8), {}
    row = catalog.row_of[product.product_id]
    checks = dict(judge_checks(catalog, row, asked.columns, asked.terms, asked.as_of))
    if product.kind is Kind.GUARANTEE:  # the law's cap on fees joins in
        alone = Matcher(catalog.alone(row), matcher.ranker, matcher.rating, matcher.rulebook)
        whole = alone.judge_many(asked.profiles, asked.demands, asked.as_of)[:, 0]
        least = np.minimum.reduce(list(checks.values()))
        checks[_CAP] = np.where(whole < least, whole, PASS).astype(np.int8)
    return np.minimum.reduce(list(checks.values())), checks


def _counts(verdicts: Verdicts) -> dict[str, int]:
    failed, unknown, passed = np.bincount(verdicts, minlength=3).tolist()
    return {"pass": passed, "unknown": unknown, "fail": failed}


def _sample(demands: Sequence[Demand], chosen: NDArray[np.bool_], salt: bytes) -> dict[str, Any]:
    places = np.flatnonzero(chosen)
    shown = [_masked(demands[place], salt) for place in places[:SAMPLE].tolist()]
    return {"count": len(places), "sample": sorted(shown, key=lambda one: str(one["handle"]))}


def _masked(demand: Demand, salt: bytes) -> dict[str, Any]:
    low = max((bound for bound in _BANDS if demand.amount_cny >= bound), default=0)
    high = min((bound for bound in _BANDS if demand.amount_cny < bound), default=None)
    return {
        "handle": hashlib.sha256(salt + str(demand.demand_id).encode()).hexdigest()[:12],
        "purpose": demand.purpose.value,
        "amount_from_cny": str(low),
        "amount_below_cny": None if high is None else str(high),
    }


def _rules(checks: Mapping[str, Verdicts], product: Product, language: str) -> list[dict[str, Any]]:
    """How many demands each check keeps out, and how many it alone keeps out; the strictest first."""
    clauses = {rule.code: rule.clause.in_language(language) for rule in product.rules}
    failing = np.add.reduce([verdicts == FAIL for verdicts in checks.values()], axis=0) if checks else np.zeros(0)
    told = [
        {
            "code": code,
            "clause": clauses.get(code),
            "failed": int((verdicts == FAIL).sum()),
            "failed_alone": int(((verdicts == FAIL) & (failing == 1)).sum()),
            "unknown": int((verdicts == UNKNOWN).sum()),
        }
        for code, verdicts in checks.items()
    ]
    return sorted(told, key=lambda one: (-int(str(one["failed"])), str(one["code"])))


def _note(instance: Instance, caller: Caller, product: Product, demands: int) -> None:
    now = instance.clock.now()
    rules = hashlib.sha256(repr((product.rules, product.amount_min_cny, product.amount_max_cny)).encode()).hexdigest()
    entry = audit.Entry(
        actor=caller.name,
        action="product_previewed",
        subject=product.product_id,
        detail={"demands": demands, "rules": rules[:16]},
    )
    instance.store.write(lambda connection: audit.append(connection, entry, now))
