"""What an institution says to be told, and what it is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from api.bodies import BilingualError
from api.outbound import LONGEST_URL
from api.schemas import Body
from matcher.domain import Text
from matcher.store.push_kinds import KINDS

State = Literal["pending", "sending", "delivered", "dead", "cancelled"]
_LISTED = ", ".join(KINDS)


def _listed(kind: str) -> str:
    if kind not in KINDS:
        raise BilingualError(Text(zh=f"没有该消息类型；可选：{_LISTED}", en=f"no such kind; there are: {_LISTED}"))
    return kind


def _some_different(kinds: tuple[str, ...]) -> tuple[str, ...]:
    if not kinds:
        raise BilingualError(Text(zh="至少 1 项", en="at least 1 item"))
    if len(set(kinds)) != len(kinds):
        raise BilingualError(Text(zh="不得重复", en="each may be named once"))
    return kinds


Kind = Annotated[str, Field(max_length=40), AfterValidator(_listed)]
# A lower bound of the framework's would be told beside every bad kind as well: the list is then shorter by it.
_Kinds = Annotated[
    tuple[Kind, ...], Field(max_length=len(KINDS), json_schema_extra={"minItems": 1, "uniqueItems": True})
]


class WebhookBody(Body):
    """Where to send, and which kinds; every kind if none is named."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"url": "https://bank.example/hooks/matcher", "kinds": ["lead.pushed"]}]}
    )

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]
    kinds: Annotated[_Kinds, AfterValidator(_some_different)] = tuple(KINDS)


class SubscriptionBody(Body):
    """Whether messages of a kind are wanted at all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})

    enabled: StrictBool


class WebhookShown(BaseModel):
    """A webhook without its secret."""

    webhook_id: str
    url: str
    kinds: list[str]
    active: bool
    previous_secret_until: datetime | None
    recorded_at: datetime


class WebhookMade(WebhookShown):
    """A new webhook; its secret is shown this once."""

    secret: str
    name_resolved: bool


class SecretMade(BaseModel):
    """A new secret, shown this once; the one before signs beside it until the moment given."""

    webhook_id: str
    secret: str
    previous_secret_until: datetime


class DeliveryShown(BaseModel):
    """A message on its way to a webhook, or at the end of it."""

    delivery_id: int
    message_id: str
    kind: str
    state: State
    attempts: int
    next_at: datetime | None
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None


class DeliveryList(BaseModel):
    """Deliveries, the newest first."""

    items: list[DeliveryShown]
    next_cursor: str | None


class WebhookList(BaseModel):
    """Webhooks of the caller's institution."""

    items: list[WebhookShown]
    next_cursor: str | None


class Queued(BaseModel):
    """A message queued for a webhook."""

    webhook_id: str
    message_id: str


class Replayed(BaseModel):
    """How many deliveries are sent again."""

    webhook_id: str
    replayed: int


class SubscriptionShown(BaseModel):
    """A kind of message: wanted, not wanted, or nothing said yet (null)."""

    kind: str
    text: str
    enabled: bool | None


class SubscriptionList(BaseModel):
    """Every kind there is."""

    items: list[SubscriptionShown]
    next_cursor: str | None


def of(model: type[BaseModel], status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of what a route answers when it does as asked."""
    return {status: {"model": model, "description": description}}
