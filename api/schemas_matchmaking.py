"""What callers say of matchmaking events, and what they are answered."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt

from api.bodies import BilingualError
from api.schemas import Body, Day, Identifier, different
from matcher.domain import Kind, Text
from matcher.matchmaking_themes import THEMES


def _theme(value: str) -> str:
    if value not in THEMES:
        known = ", ".join(THEMES)
        raise BilingualError(Text(zh=f"只能是 {known}", en=f"must be one of {known}"))
    return value


class PlanBody(Body):
    """An event to be planned.

    Parameters
    ----------
    institutions
        Who sits at the tables; the institutions that add most if left out.
    kinds
        Kinds of product talked about; all if left out.
    include_unknown
        Whether a pair may meet while a datum of its admission is unknown.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "theme": "specialised_new",
                    "day": "2027-01-15",
                    "tables": 10,
                    "slots": 8,
                    "slot_minutes": 20,
                    "starts_at": "09:00",
                }
            ]
        }
    )

    theme: Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(THEMES)}), AfterValidator(_theme)]
    day: Day
    tables: Annotated[StrictInt, Field(ge=1, le=200)]
    slots: Annotated[StrictInt, Field(ge=1, le=48)]
    slot_minutes: Annotated[StrictInt, Field(ge=5, le=240)] = 20
    starts_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "09:00"
    institutions: (
        Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=200), AfterValidator(different)] | None
    ) = None
    max_enterprises: Annotated[StrictInt, Field(ge=1, le=2_000)] = 500
    meetings_per_enterprise: Annotated[StrictInt, Field(ge=1, le=12)] = 3
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=4), AfterValidator(different)] | None = None
    include_unknown: StrictBool = False


class MetBody(Body):
    """One meeting of the plan, and whether the enterprise came to it."""

    demand_id: Identifier
    institution_id: Identifier
    slot: Annotated[StrictInt, Field(ge=1, le=48)]


class AttendanceBody(Body):
    """Who came and who did not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"attended": [{"demand_id": "D-000001", "institution_id": "I-001", "slot": 1}]}]
        }
    )

    attended: Annotated[tuple[MetBody, ...], Field(max_length=2_000)] = ()
    absent: Annotated[tuple[MetBody, ...], Field(max_length=2_000)] = ()


class ThemeShown(BaseModel):
    """One theme."""

    theme: str
    title: str
    meaning: str
    article: str


class ThemeList(BaseModel):
    """Every theme there is."""

    items: list[ThemeShown]
    next_cursor: str | None


class InviteShown(BaseModel):
    """One enterprise to invite, with the expected matches of its meetings."""

    rank: int
    uscc: str
    enterprise_name: str | None
    expected_matches: float
    meetings: int


class MeetingShown(BaseModel):
    """One meeting; ``verdict`` says whether the product's rules all pass or a datum is still unknown.

    ``lead_id`` and ``masked`` stand at an institution's own table.
    """

    slot: int
    starts_at: str
    table: int
    institution_id: str
    institution_name: str
    uscc: str | None
    enterprise_name: str | None
    demand_id: str
    product_id: str
    product_name: str
    expected_match: float
    verdict: Literal["pass", "unknown"]
    lead_id: str | None = None
    masked: bool | None = None


class UnmatchedShown(BaseModel):
    """One enterprise of the theme without a meeting, why, and the data that would settle an undecided admission."""

    uscc: str
    demand_ids: list[str]
    reason: str
    settle_with: list[str]
    text: str


class UnknownShown(BaseModel):
    """One enterprise of which nobody can say whether it fits the theme, with the sources that would settle it."""

    uscc: str
    settle_with: list[str]


class EventShown(BaseModel):
    """A planned event."""

    matchmaking_event_id: str
    theme: ThemeShown
    day: str
    slots: int
    slot_minutes: int
    tables: list[dict[str, Any]]
    counts: dict[str, int]
    invites: list[InviteShown]
    schedule: list[MeetingShown]
    unmatched: list[UnmatchedShown]
    unknown: list[UnknownShown]
    expected_matches: float
    notes: list[str]
    versions: dict[str, str]
    recorded_at: str


class EventSummary(BaseModel):
    """A planned event in a list."""

    matchmaking_event_id: str
    theme: str
    day: str
    meetings: int
    expected_matches: float


class EventList(BaseModel):
    """Planned events."""

    items: list[EventSummary]
    next_cursor: str | None


class OwnTable(BaseModel):
    """An institution's own table; names under the consent of each enterprise."""

    matchmaking_event_id: str
    theme: ThemeShown
    day: str
    table: int
    slot_minutes: int
    schedule: list[MeetingShown]


class AttendanceTaken(BaseModel):
    """How many were noted, known already or refused."""

    accepted: int
    duplicates: int
    refused: list[dict[str, Any]]
