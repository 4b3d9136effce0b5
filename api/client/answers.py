"""What the service answers, noun by noun: the types of the client and the schemas of the OpenAPI document alike.

Money and rates are decimal text, days and moments ISO text, probabilities and contributions numbers. An answer may
hold more than is named here.
"""

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


class Consent(TypedDict):
    """A consent of an enterprise for one source, purpose and recipient."""

    uscc: str
    source: str
    purpose: str
    recipient: str
    granted_on: str
    expires_on: str | None
    state: str


class ConsentPage(TypedDict):
    """A page of consents."""

    items: list[Consent]
    next_cursor: str | None


class ConsentRevoked(TypedDict):
    """How many consents were taken back."""

    uscc: str
    source: str
    state: str
    revoked: int


class Personalised(TypedDict):
    """Whether an enterprise's lists are ordered by what is known of it."""

    uscc: str
    personalised: bool


class RefusalReason(TypedDict):
    """A reason of refusal, who can repair it and how."""

    code: str
    text: str
    repaired_by: str
    repairer: str
    repair: str


class RefusalReasons(TypedDict):
    """Every reason there is."""

    items: list[RefusalReason]
    next_cursor: str | None


class DeskLead(TypedDict):
    """A lead as it stands on a desk."""

    lead_id: str
    demand_id: str
    institution_id: str
    product_id: str | None
    state: str
    origin: str | None
    due_on: str | None
    late: bool
    reason_code: str | None
    amount_cny: str | None
    annual_rate: str | None


class DemandSummary(TypedDict):
    """A demand in a list."""

    demand_id: str
    state: str
    published_on: str | None
    demand: dict[str, Any]


class DemandPage(TypedDict):
    """A page of demands."""

    items: list[DemandSummary]
    next_cursor: str | None


class Demand(DemandSummary):
    """A demand with its leads, every move and its clocks."""

    late: bool
    can: list[str]
    leads: list[DeskLead]
    moves: list[dict[str, Any]]
    clocks: dict[str, Any]


class Verify(TypedDict):
    """What an officer should verify."""

    code: str
    kind: str
    settle_with: str | None
    text: str


class Lead(TypedDict):
    """One lead of an institution's list; names are masked until the enterprise's consent to this institution."""

    lead_id: str
    rank: int
    value: float
    demand_id: str
    product_id: str
    product_name: str
    enterprise_name: str
    masked: bool
    uscc: str | None
    p_apply: float | None
    p_approve: float | None
    amount_cny: str
    term_months: int
    reason_base: float
    reasons: list[Reason]
    verify: list[Verify]
    policy_cover: list[Benefit]
    freshness: dict[str, Any]
    due_on: str | None
    status: str


class LeadPage(TypedDict):
    """A page of leads, the plan they follow, and a note where there is none."""

    items: list[Lead]
    next_cursor: str | None
    as_of: str
    plan: str | None
    versions: Versions
    note: str | None


class RefusedEvent(TypedDict):
    """An event that was not taken in, and why."""

    index: int
    event_id: str | None
    pointer: str
    detail: str


class EventsTaken(TypedDict):
    """What became of the events that were sent."""

    accepted: int
    duplicates: int
    refused: list[RefusedEvent]


class EventType(TypedDict):
    """A type of event and its meaning."""

    type: str
    meaning: str


class EventTypes(TypedDict):
    """Every type of event."""

    items: list[EventType]
    next_cursor: str | None


class AuditRow(TypedDict):
    """One sealed row of the audit."""

    sequence: int
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    digest: str


class AuditPage(TypedDict):
    """A page of the audit."""

    items: list[AuditRow]
    next_cursor: str | None


class Assessment(TypedDict):
    """Every measure of the plan in one case."""

    policy_version: str
    items: list[Benefit]


class Measure(TypedDict):
    """One measure of the rulebook as in force on a day."""

    measure: str
    article: str
    act: str
    force: str
    payee: str | None
    phase: str
    title: str
    text: str
    values: list[dict[str, Any]]


class Rulebook(TypedDict):
    """The rulebook as data."""

    policy_version: str
    as_of: str
    items: list[Measure]


class Target(TypedDict):
    """One target of the plan against what the store counts; null is unknown."""

    code: str
    title: str
    article: str
    threshold: str
    unit: str
    observed: str | None
    reached: str
    missing: list[str]


class Targets(TypedDict):
    """Every target of a year."""

    year: int
    counted_on: str
    items: list[Target]


class Key(TypedDict):
    """A key by its public half."""

    key_id: str
    role: str
    institution_id: str | None
    scopes: list[str] | None
    expires_at: str | None
    requests_per_minute: int | None
    rotated_from: str | None
    revoked: bool


class MadeKey(Key):
    """A new key; ``key`` is seen this once and null in a replay."""

    key: str | None


class KeyList(TypedDict):
    """Every key."""

    items: list[Key]
    next_cursor: str | None


class Live(TypedDict):
    """The process answers."""

    status: str


class Ready(TypedDict):
    """Whether the service can answer, and what is missing."""

    status: str
    missing: list[str]


class Webhook(TypedDict):
    """A webhook without its secret."""

    webhook_id: str
    url: str
    kinds: list[str]
    active: bool
    previous_secret_until: str | None
    recorded_at: str


class MadeWebhook(Webhook):
    """A new webhook; its secret is shown this once."""

    secret: str
    name_resolved: bool


class WebhookPage(TypedDict):
    """A page of webhooks."""

    items: list[Webhook]
    next_cursor: str | None


class MadeSecret(TypedDict):
    """A new secret, shown this once."""

    webhook_id: str
    secret: str
    previous_secret_until: str


class Delivery(TypedDict):
    """A message on its way to a webhook, or at the end of it."""

    delivery_id: int
    message_id: str
    kind: str
    state: str
    attempts: int
    next_at: str | None
    last_status: int | None
    last_error: str | None
    delivered_at: str | None


class DeliveryPage(TypedDict):
    """A page of deliveries."""

    items: list[Delivery]
    next_cursor: str | None


class QueuedMessage(TypedDict):
    """A message queued for a webhook."""

    webhook_id: str
    message_id: str


class ReplayedDeliveries(TypedDict):
    """How many deliveries are sent again."""

    webhook_id: str
    replayed: int


class Subscription(TypedDict):
    """A kind of message: wanted, not wanted, or nothing said yet (null)."""

    kind: str
    text: str
    enabled: bool | None


class SubscriptionList(TypedDict):
    """Every kind of message."""

    items: list[Subscription]
    next_cursor: str | None


class ProductVersion(TypedDict):
    """One version of a product."""

    version: int
    recorded_at: str
    current: bool


class Preview(TypedDict):
    """What a product as written would admit, beside what its present version admits."""

    product_id: str
    present_version: int | None
    as_of: str
    demands: int
    counts: dict[str, dict[str, int] | None]
    newly_admitted: dict[str, Any]
    newly_unknown: dict[str, Any]
    newly_refused: dict[str, Any]
    rules: list[dict[str, Any]]


class Theme(TypedDict):
    """A theme of matchmaking events."""

    theme: str
    title: str
    meaning: str
    article: str


class ThemeList(TypedDict):
    """Every theme."""

    items: list[Theme]
    next_cursor: str | None


class MatchmakingEvent(TypedDict):
    """A planned event: whom to invite, and who meets whom when."""

    matchmaking_event_id: str
    day: str
    invites: list[dict[str, Any]]
    schedule: list[dict[str, Any]]
    unmatched: list[dict[str, Any]]
    expected_matches: float


class MatchmakingSummary(TypedDict):
    """A planned event in a list."""

    matchmaking_event_id: str
    theme: str
    day: str
    meetings: int
    expected_matches: float


class OwnTable(TypedDict):
    """The meetings at an institution's own table."""

    matchmaking_event_id: str
    day: str
    table: int
    schedule: list[dict[str, Any]]


class AttendanceTaken(TypedDict):
    """How many were noted, known already or refused."""

    accepted: int
    duplicates: int
    refused: list[dict[str, Any]]


class Referral(TypedDict):
    """A referral; name and contact under the enterprise's consent as it stands now."""

    referral_id: str
    kind: str
    state: str
    recipient: str
    uscc: str | None
    enterprise_name: str
    masked: bool
    demand_id: str | None


class Anchor(TypedDict):
    """A confirmed core enterprise."""

    uscc: str
    name: str
    chain: str | None
    known_as: list[str]
    confirmed_on: str


class Flags(TypedDict):
    """The supply-chain and cross-border flags of an enterprise on a day."""

    uscc: str
    as_of: str
    flags: list[dict[str, Any]]
