"""What callers say of demands and leads: publications, contacts, answers of institutions."""

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Request
from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from api import bodies
from api.bodies import BilingualError
from api.schemas import Amount, Body, Day, DemandBody, Rate
from matcher.domain import Text
from matcher.refusals import REFUSALS

Words = Annotated[str, Field(min_length=1, max_length=200)]


def _known_reason(value: str) -> str:
    if value not in REFUSALS:
        known = ", ".join(REFUSALS)
        raise BilingualError(Text(zh=f"只能是 {known}", en=f"must be one of {known}"))
    return value


class ContactBody(Body):
    """Whom to speak to at the enterprise; kept, and shown to nobody the enterprise did not consent to."""

    name: Words
    phone: Annotated[str, Field(pattern=r"^[0-9+() -]{5,30}$")] | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,120}$")] | None = None


class PublishBody(DemandBody):
    """A financing demand for the library.

    Parameters
    ----------
    draft
        Kept without being published: nobody is told and nothing is recommended for it.
    on_renewal_whitelist
        Whether the enterprise is on the city's renewal whitelist; unknown if left out.
    """

    draft: StrictBool = False
    contact: ContactBody | None = None
    on_renewal_whitelist: StrictBool | None = None


class NothingBody(Body):
    """Nothing need be said; ``{}`` or no body at all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


async def read_nothing(request: Request, limit: int) -> bytes:
    """The body of a request that need not say anything.

    Raises
    ------
    ProblemError
        413 beyond the limit, 400 for no JSON, 422 for anything said.
    """
    raw = await bodies.read(request, limit)
    bodies.validate(NothingBody, bodies.parse(raw or b"{}"))
    return raw


class ReturnBody(Body):
    """What the enterprise must complete before the institution goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"complete": ["2025 annual accounts"]}]})

    complete: Annotated[tuple[Words, ...], Field(min_length=1, max_length=20)]


class DecisionBody(Body):
    """An approval with its terms, or a rejection with its reason; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"approved": True, "amount_cny": "2000000", "annual_rate": "0.0385"},
                {"rejected": True, "reason_code": "collateral"},
            ]
        }
    )

    approved: Literal[True] | None = None
    amount_cny: Amount | None = None
    annual_rate: Rate | None = None
    rejected: Literal[True] | None = None
    reason_code: Annotated[str, Field(max_length=40), AfterValidator(_known_reason)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "DecisionBody":
        approval = (self.amount_cny, self.annual_rate)
        if self.approved and not self.rejected and None not in approval and self.reason_code is None:
            return self
        if self.rejected and not self.approved and approval == (None, None) and self.reason_code is not None:
            return self
        raise BilingualError(
            Text(
                zh="须给出 approved、amount_cny、annual_rate，或 rejected、reason_code，二者必居其一",
                en="give approved, amount_cny and annual_rate, or rejected and reason_code, not both",
            )
        )


class DisbursementBody(Body):
    """Money paid out; the rate is the approved one if left out, the day is today."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"amount_cny": "2000000", "annual_rate": "0.0385", "disbursed_on": "2026-10-30"}]
        }
    )

    amount_cny: Amount
    annual_rate: Rate | None = None
    disbursed_on: Day | None = None


class RepaymentBody(Body):
    """Money paid back, in full unless said otherwise; a part needs its amount."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount_cny": "500000", "in_full": False}]})

    amount_cny: Amount | None = None
    repaid_on: Day | None = None
    in_full: StrictBool = True

    @model_validator(mode="after")
    def _part_has_an_amount(self) -> "RepaymentBody":
        if not self.in_full and self.amount_cny is None:
            raise BilingualError(Text(zh="部分还款须给出 amount_cny", en="a part repaid needs its amount_cny"))
        return self


def plain(value: Decimal | None) -> str | None:
    """Decimal text for the store, ``None`` where nothing was said."""
    return None if value is None else format(value, "f")
