"""What callers may say, field by field, with bounds; unknown fields are refused everywhere."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from api.bodies import BilingualError
from features.consent import PURPOSES
from features.uscc import uscc_fault
from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment, Text

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)  # any other text might be read as seconds or a week
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?|[+-]?(NaN|Infinity)", re.ASCII)
_MOST_CNY = Decimal(10_000_000_000)


def _spelled(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise BilingualError(Text(zh="不是数值", en="not a number"))
    return value


def _iso_text(value: Any) -> Any:
    if not isinstance(value, date) and not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise BilingualError(Text(zh="不是有效日期（YYYY-MM-DD）", en="not a calendar day (YYYY-MM-DD)"))
    return value


def _near_day(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        text = Text(zh=f"须在 {FIRST_DAY} 至 {LAST_DAY} 之间", en=f"must lie between {FIRST_DAY} and {LAST_DAY}")
        raise BilingualError(text)
    return value


def _good_uscc(value: str) -> str:
    fault = uscc_fault(value)
    if fault is not None:
        raise BilingualError(Text(zh=fault.zh, en=fault.en))
    return value


def _yearly_rate(value: Decimal) -> Decimal:
    if value > 1:
        raise BilingualError(
            Text(
                zh=f"利率为每年小数：{value} 若指百分数请写 {value / 100}",
                en=f"a rate is a share per year: if {value} is per cent, write {value / 100}",
            )
        )
    return value


def _plain(value: Decimal) -> Decimal:
    """3e6 as 3000000: what is kept and shown has no exponent."""
    return Decimal(format(value, "f"))


def _purpose(value: str) -> str:
    if value not in PURPOSES:
        known = ", ".join(PURPOSES)
        raise BilingualError(Text(zh=f"没有该用途，可用：{known}", en=f"no such purpose; there are {known}"))
    return value


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that names an item twice."""
    if len(set(values)) < len(values):
        raise BilingualError(Text(zh="列表项重复", en="names an item twice"))
    return values


Number = Annotated[Decimal, BeforeValidator(_spelled), Field(allow_inf_nan=False, max_digits=30)]
Money = Annotated[Number, Field(ge=0, le=_MOST_CNY, decimal_places=2), AfterValidator(_plain)]
Amount = Annotated[Number, Field(gt=0, le=_MOST_CNY, decimal_places=2), AfterValidator(_plain)]
Rate = Annotated[Number, Field(gt=0, decimal_places=8), AfterValidator(_yearly_rate), AfterValidator(_plain)]
Day = Annotated[date, BeforeValidator(_iso_text), AfterValidator(_near_day)]
Uscc = Annotated[str, Field(max_length=40), AfterValidator(_good_uscc)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Body(BaseModel):
    """A request body: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CollateralBody(Body):
    """One thing offered as security; an appraisal left out is unknown, not zero."""

    kind: CollateralKind
    appraised_value_cny: Money | None = None


class DemandBody(Body):
    """A financing demand."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "uscc": "91370602MA3TERT037",
                    "amount_cny": "3000000",
                    "term_months": 12,
                    "purpose": "working_capital",
                    "kinds": ["loan"],
                    "max_annual_rate": "0.05",
                    "collateral": [{"kind": "real_estate", "appraised_value_cny": "5000000"}],
                    "repayment": "any",
                    "needed_by": "2026-12-20",
                }
            ]
        }
    )

    uscc: Uscc
    amount_cny: Amount
    term_months: Annotated[StrictInt, Field(ge=1, le=360)]
    purpose: Purpose
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=4), AfterValidator(different)] = (
        Kind.LOAN,
        Kind.LEASE,
    )
    max_annual_rate: Rate | None = None
    collateral: Annotated[tuple[CollateralBody, ...], Field(max_length=20)] = ()
    repayment: Repayment = Repayment.ANY
    needed_by: Day | None = None

    def demand(self, demand_id: str | None = None) -> Demand:
        """The demand as the house speaks of it."""
        return Demand(
            demand_id=demand_id,
            uscc=self.uscc,
            amount_cny=self.amount_cny,
            term_months=self.term_months,
            purpose=self.purpose,
            kinds=self.kinds,
            max_annual_rate=self.max_annual_rate,
            collateral=tuple(
                Collateral(kind=item.kind, appraised_value_cny=item.appraised_value_cny) for item in self.collateral
            ),
            repayment=self.repayment,
            needed_by=self.needed_by,
        )


class RecommendationBody(Body):
    """What to recommend for: a demand of the library, or one stated here; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"demand_id": "D-000001", "top_n": 10, "personalised": True}]}
    )

    demand_id: Identifier | None = None
    demand: DemandBody | None = None
    top_n: Annotated[StrictInt, Field(ge=1, le=50)] = 10
    personalised: StrictBool = True
    include_unknown: StrictBool = True
    as_of: Day | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "RecommendationBody":
        if (self.demand_id is None) == (self.demand is None):
            raise BilingualError(
                Text(zh="demand_id 与 demand 必须且只能给出一个", en="give either demand_id or demand, not both")
            )
        return self


class RecordsBody(Body):
    """Raw rows of one source, with the day they became known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "known_on": "2026-10-15",
                    "rows": [{"period": "2026-09", "taxed_sales_cny": "820000.00", "tax_paid_cny": "9100.00"}],
                }
            ]
        }
    )

    known_on: Day
    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5_000)]


class ConsentBody(Body):
    """A consent: what for, to whom, until when (the last day; twelve months from today if absent)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"purpose": "lead_disclosure", "recipient": "I-001", "expires_on": "2027-06-30"}]
        }
    )

    purpose: Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(PURPOSES)}), AfterValidator(_purpose)]
    recipient: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$")]
    expires_on: Day | None = None


class PersonalisationBody(Body):
    """Whether an enterprise's lists may be ordered by what is known of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    enabled: StrictBool


class AssessBody(Body):
    """Facts of one case; a fact left out or null is unknown."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": "2024-03-01",
                    "facts": {
                        "size_class": "small",
                        "platform_rating": "B",
                        "security_kind": "guarantee",
                        "amount_cny": "3000000",
                        "guarantor_is_government": True,
                        "guaranteed_amount_cny": "3000000",
                        "existing_guaranteed_cny": "0",
                    },
                }
            ]
        }
    )

    as_of: Day | None = None
    facts: dict[str, Any]
