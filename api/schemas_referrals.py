"""What callers say of referrals and core enterprises, and what they are answered."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Body, Day, Identifier

Words = Annotated[str, Field(min_length=1, max_length=200)]
Note = Annotated[str, Field(min_length=1, max_length=1_000)]


class ReferralBody(Body):
    """A referral of an enterprise to one institution; it takes the enterprise's consent to that very institution."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"uscc": "91370602MA3TERT037", "kind": "guarantee", "recipient": "I-001"}]}
    )

    uscc: Annotated[str, Field(max_length=40)]
    kind: Literal["equity", "guarantee", "loan"]
    recipient: Identifier
    demand_id: Identifier | None = None
    note: Note | None = None


class AnswerBody(Body):
    """What the recipient says to a referral."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answer": "accepted"}]})

    answer: Literal["accepted", "declined", "done"]
    note: Note | None = None


class AnchorBody(Body):
    """A core enterprise confirmed by the platform.

    Parameters
    ----------
    known_as
        What it is called in invoices, beside its code and name.
    confirmed_on
        First day on which it counts; today if left out.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "烟台某核心企业", "chain": "汽车零部件"}]})

    name: Words
    chain: Words | None = None
    known_as: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    confirmed_on: Day | None = None


class ReferralShown(BaseModel):
    """One referral; name and contact under the enterprise's consent as it stands now."""

    referral_id: str
    kind: str
    state: str
    recipient: str
    uscc: str | None
    enterprise_name: str
    contact: dict[str, Any] | None
    masked: bool
    demand_id: str | None
    note: str | None
    answer_note: str | None
    sent_at: str
    changed_at: str


class ReferralList(BaseModel):
    """Referrals."""

    items: list[ReferralShown]
    next_cursor: str | None


class AnchorShown(BaseModel):
    """One confirmed core enterprise."""

    uscc: str
    name: str
    chain: str | None
    known_as: list[str]
    confirmed_on: str


class AnchorList(BaseModel):
    """Confirmed core enterprises."""

    items: list[AnchorShown]
    next_cursor: str | None


class SignalShown(BaseModel):
    """One datum a flag was computed from."""

    code: str
    value: Literal["yes", "no", "unknown"]
    observed: str | None
    source: str
    settle_with: str | None
    text: str


class FlagShown(BaseModel):
    """One flag with what made it so."""

    flag: str
    value: Literal["yes", "no", "unknown"]
    article: str
    text: str
    settle_with: list[str]
    signals: list[SignalShown]


class FlagsShown(BaseModel):
    """The flags of an enterprise on a day."""

    uscc: str
    as_of: str
    flags: list[FlagShown]
