"""The body of a product as the OpenAPI document shows it; the catalogue's own reader decides (``parse_product``)."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.schemas import Body
from matcher.domain import CollateralKind, Kind, Operator, Purpose, Repayment, Security

_Number = Annotated[str, Field(pattern=r"^[0-9]{1,13}(\.[0-9]{1,8})?$")] | Annotated[int, Field(ge=0, le=10**13)]
_Share = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,8})?|1)$")]
_Months = Annotated[int, Field(ge=0, le=600)]
_Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class BothLanguages(Body):
    """A text in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=400)]
    en: Annotated[str, Field(min_length=1, max_length=400)]


_Text = Annotated[str, Field(min_length=1, max_length=400)] | BothLanguages


class RuleBody(Body):
    """One admission rule: a fact of the profile, the demand or the pair, an operator, and what it is held against."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    field: Annotated[str, Field(pattern=r"^(profile|demand|pair)\.[a-z0-9_]+$")]
    operator: Operator
    value: Any
    clause: _Text
    settle_with: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class ProductBody(Body):
    """A new version of a product; its version is counted by the service, its codes in lists may stand once each."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "institution_id": "I-002",
                    "name": {"zh": "税银快贷", "en": "Tax Express Loan"},
                    "kind": "loan",
                    "security": "unsecured",
                    "amount_min_cny": "60000",
                    "amount_max_cny": "1200000",
                    "term_min_months": 1,
                    "term_max_months": 12,
                    "rate_low": "0.0433",
                    "rate_high": "0.0483",
                    "repayments": ["bullet", "instalment"],
                    "days_to_disburse": 2,
                    "rules": [
                        {
                            "code": "age",
                            "field": "profile.age_months",
                            "operator": "ge",
                            "value": "12",
                            "clause": {"zh": "注册成立满12个月", "en": "registered for at least 12 months"},
                        }
                    ],
                }
            ]
        }
    )

    product_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    version: int | None = None
    institution_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    institution_name: str | None = None
    name: _Text
    kind: Kind
    security: Security
    amount_min_cny: _Number
    amount_max_cny: _Number
    term_min_months: _Months
    term_max_months: _Months
    rate_low: _Share
    rate_high: _Share
    repayments: Annotated[tuple[Repayment, ...], Field(min_length=1)]
    days_to_disburse: Annotated[int, Field(ge=0, le=3650)]
    collateral_kinds: tuple[CollateralKind, ...] = ()
    guarantee_fee_rate: _Share = "0"
    upfront_fee_rate: _Share = "0"
    purposes: tuple[Purpose, ...] = ()
    tags: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=64)] = ()
    valid_from: _Day | None = None
    valid_to: _Day | None = None
