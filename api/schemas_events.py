"""What callers may say of events, field by field."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictInt

from api.bodies import BilingualError
from api.schemas import FIRST_DAY, LAST_DAY, Body, Identifier, Number
from matcher.domain import Text
from matcher.store.event_intake import Sent
from matcher.store.events import TYPES

MOST = 1_000
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_NO_MOMENT = Text(
    zh="不是带时区的 RFC 3339 时刻，如 2026-11-23T09:30:00+08:00",
    en="not an RFC 3339 moment with offset, as 2026-11-23T09:30:00+08:00",
)
_NO_TYPE = Text(zh=f"没有该类型，可用：{'、'.join(TYPES)}", en=f"no such type; there are {', '.join(TYPES)}")


def moment_of(value: Any) -> datetime:
    """An RFC 3339 moment with offset, within the days the platform knows.

    Raises
    ------
    BilingualError
        For anything else.
    """
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise BilingualError(_NO_MOMENT)
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError:
        raise BilingualError(_NO_MOMENT) from None
    if not FIRST_DAY.year <= found.year <= LAST_DAY.year:
        raise BilingualError(
            Text(zh=f"须在 {FIRST_DAY} 至 {LAST_DAY} 之间", en=f"must lie between {FIRST_DAY} and {LAST_DAY}")
        )
    return found


def _known_type(value: str) -> str:
    if value not in TYPES:
        raise BilingualError(_NO_TYPE)
    return value


Moment = Annotated[datetime, BeforeValidator(moment_of)]
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$")]
EventType = Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(TYPES)}), AfterValidator(_known_type)]


class EventBody(Body):
    """One event; position and propensity are taken from the recommendation where it is named."""

    event_id: EventId
    type: EventType
    occurred_at: Moment
    demand_id: Identifier
    product_id: Identifier
    recommendation_id: Identifier | None = None
    position: Annotated[StrictInt, Field(ge=1, le=50)] | None = None
    propensity: Annotated[Number, Field(gt=0, le=1)] | None = None
    reason_code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None = None

    def sent(self, index: int) -> Sent:
        """The event as the store judges it."""
        return Sent(
            index=index,
            event_id=self.event_id,
            type=self.type,
            occurred_at=self.occurred_at,
            demand_id=self.demand_id,
            product_id=self.product_id,
            recommendation_id=self.recommendation_id,
            position=self.position,
            propensity=None if self.propensity is None else float(self.propensity),
            reason_code=self.reason_code,
        )


class EventsBody(Body):
    """Up to 1,000 events, each ``EventBody``; a bad one is refused by itself and leaves the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "event_id": "e-20261101-000001",
                            "type": "exposed",
                            "occurred_at": "2026-11-01T09:30:00+08:00",
                            "demand_id": "D-000001",
                            "product_id": "P-0001",
                            "position": 1,
                            "propensity": 0.95,
                        }
                    ]
                }
            ]
        }
    )

    events: Annotated[
        list[dict[str, Any]],
        Field(min_length=1, max_length=MOST, json_schema_extra={"items": EventBody.model_json_schema()}),
    ]
