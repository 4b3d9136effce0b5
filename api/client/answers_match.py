"""What the service answers about products, enterprises and what is recommended to them."""

from typing import Any, Literal

from typing_extensions import TypedDict

Verdict = Literal["pass", "fail", "unknown"]


class Versions(TypedDict):
    """The versions an answer was made with."""

    model: str
    policy: str
    catalog: str
    prices: str | None
    features: str
    rating: str | None


class Check(TypedDict):
    """One check of one product."""

    code: str
    verdict: Verdict
    clause: str
    observed: Any
    required: Any
    settle_with: str | None


class Benefit(TypedDict):
    """What the plan grants in a case; ``amount_cny`` is null where it cannot be said."""

    measure: str
    article: str
    act: str
    force: str
    status: str
    amount_cny: str | None
    payee: str | None
    figures: dict[str, Any]
    missing: list[str]
    text: str


class Reason(TypedDict):
    """One entry of the account that adds up to a score."""

    code: str
    group: str
    contribution: float
    text: str


class Difference(TypedDict):
    """One entry of the account of why an item stands above the next."""

    code: str
    contribution: float
    text: str


class Offer(TypedDict):
    """What a product would lend."""

    amount_cny: str
    term_months: int
    annual_rate_low: str
    annual_rate_high: str
    days_to_disburse: int
    security: str


class CostPart(TypedDict):
    """One part of a cost; subsidies are negative."""

    code: str
    amount_cny: str
    article: str | None


class Cost(TypedDict):
    """What financing costs, everything counted."""

    all_in_annual_rate: str
    total_cny: str
    components: list[CostPart]


class Eligibility(TypedDict):
    """Whether the enterprise may have a product, check by check."""

    verdict: Verdict
    checks: list[Check]


class RecommendedItem(TypedDict):
    """One product of a recommendation; ``reason_base`` and the contributions add up to ``score``."""

    rank: int
    explored: bool
    product_id: str
    product_name: str
    kind: str
    institution_id: str
    institution_name: str
    score: float
    p_apply: float | None
    p_approve: float | None
    queue_price: float
    offer: Offer
    cost: Cost
    eligibility: Eligibility
    reasons: list[Reason]
    reason_base: float
    versus_next: list[Difference]
    benefits: list[Benefit]


Repair = TypedDict("Repair", {"field": str, "from": Any, "to": Any, "office": str | None, "text": str})


class NearMiss(TypedDict):
    """A product just out of reach, and the smallest repair."""

    product_id: str
    product_name: str
    failed: list[Check]
    repair: list[Repair]


class Recommendation(TypedDict):
    """A ranked list for one demand."""

    recommendation_id: str
    demand_id: str | None
    as_of: str
    personalised: bool
    versions: Versions
    counts: dict[str, int]
    missing_sources: list[str]
    items: list[RecommendedItem]
    near_misses: list[NearMiss]


class Replay(TypedDict):
    """Whether recomputing gave the same bytes."""

    identical: bool
    digest: str
    recorded_digest: str


class Rule(TypedDict):
    """One admission rule of a product."""

    code: str
    field: str
    operator: str
    value: Any
    clause: Any
    settle_with: str | None


class Product(TypedDict):
    """A product of the marketplace in one version."""

    product_id: str
    version: int
    institution_id: str
    institution_name: str
    name: Any
    kind: str
    rules: list[Rule]


class ProductPage(TypedDict):
    """A page of products."""

    items: list[Product]
    next_cursor: str | None


class EnterpriseNamed(TypedDict):
    """An enterprise in the list."""

    uscc: str
    name: str | None


class EnterprisePage(TypedDict):
    """A page of enterprises."""

    items: list[EnterpriseNamed]
    next_cursor: str | None


class Profile(TypedDict):
    """What is known and may be read of an enterprise on a day; null is unknown."""

    uscc: str
    name: str | None
    as_of: str
    columns: dict[str, Any]
    size_class: str
    platform_rating: dict[str, Any] | None
    freshness: dict[str, Any]
    consents: dict[str, str]
    personalised: bool
    missing_sources: list[str]


class RefusedRow(TypedDict):
    """A row that was not taken in, and why."""

    row: int
    column: str
    reason: str


class RecordsTaken(TypedDict):
    """What became of the rows that were sent."""

    accepted: int
    refused: list[RefusedRow]
    consent: str
