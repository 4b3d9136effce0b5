"""What the service answers about keys, webhooks, readiness, matchmaking events and referrals."""

from typing import Any

from typing_extensions import TypedDict


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
