"""What the service answers about consents, demands, leads, events, the audit and the law."""

from typing import Any

from typing_extensions import TypedDict

from api.client.answers_match import Benefit, Reason, Versions


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
    value: float | None
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
    reason_base: float | None
    personalised: bool
    note: str | None
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
