"""What the platform speaks of: enterprises, demands, products, institutions, rules, and what a match is made of.

Frozen and keyword-only. Money is Decimal yuan, rates are Decimal per year (0.0345 is 3.45 %), days are calendar days.
Nothing here knows a frame, a model or the web.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """The four kinds of product of the marketplace (article 2)."""

    LOAN = "loan"
    GUARANTEE = "guarantee"
    LEASE = "lease"
    INSURANCE = "insurance"


class Purpose(StrEnum):
    """What the money is for."""

    WORKING_CAPITAL = "working_capital"
    EQUIPMENT = "equipment"
    CONSTRUCTION = "construction"
    LOAN_REPAYMENT = "loan_repayment"
    STARTUP = "startup"
    EXPORT = "export"
    RESEARCH = "research"


class CollateralKind(StrEnum):
    """What an enterprise can put up."""

    REAL_ESTATE = "real_estate"
    MACHINERY = "machinery"
    INVENTORY = "inventory"
    RECEIVABLE = "receivable"
    WAREHOUSE_RECEIPT = "warehouse_receipt"
    INVENTION_PATENT = "invention_patent"
    TRADEMARK = "trademark"
    EXPORT_ORDER = "export_order"
    DEPOSIT = "deposit"
    EQUITY = "equity"


class Security(StrEnum):
    """How a product is secured; a warehouse receipt and a receivable are rights pledges, inventory is a movable one."""

    UNSECURED = "unsecured"
    GUARANTEE = "guarantee"
    MORTGAGE = "mortgage"
    RIGHTS_PLEDGE = "rights_pledge"
    MOVABLE_PLEDGE = "movable_pledge"
    WAREHOUSE_RECEIPT = "warehouse_receipt"
    INVENTORY = "inventory"
    RECEIVABLE = "receivable"


class Repayment(StrEnum):
    """How principal comes back."""

    ANY = "any"
    BULLET = "bullet"
    INSTALMENT = "instalment"
    REVOLVING = "revolving"


class InstitutionKind(StrEnum):
    """What an institution is."""

    STATE_BANK = "state_bank"
    JOINT_STOCK_BANK = "joint_stock_bank"
    CITY_BANK = "city_bank"
    RURAL_BANK = "rural_bank"
    GUARANTOR = "guarantor"
    LESSOR = "lessor"
    INSURER = "insurer"


class Operator(StrEnum):
    """How a rule compares."""

    EQ = "eq"
    NE = "ne"
    GE = "ge"
    LE = "le"
    IN = "in"
    NOT_IN = "not_in"
    STARTS_WITH_ANY = "starts_with_any"
    STARTS_WITH_NONE = "starts_with_none"


class Verdict(StrEnum):
    """Three answers, never two: unknown names the datum that would settle it."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Text:
    """One text a person reads, in both languages."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in ``zh-CN`` (default) or ``en``."""
        return self.en if language.startswith("en") else self.zh


@dataclass(frozen=True, kw_only=True)
class Collateral:
    """One thing offered as security; an appraisal not given is unknown, not zero."""

    kind: CollateralKind
    appraised_value_cny: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A financing demand as an enterprise states it.

    Parameters
    ----------
    kinds
        Product kinds asked for.
    max_annual_rate
        Highest yearly rate acceptable, ``None`` if not stated.
    needed_by
        Day the money is needed, ``None`` if not stated.
    """

    uscc: str
    amount_cny: Decimal
    term_months: int
    purpose: Purpose
    kinds: tuple[Kind, ...] = (Kind.LOAN, Kind.LEASE)
    max_annual_rate: Decimal | None = None
    collateral: tuple[Collateral, ...] = ()
    repayment: Repayment = Repayment.ANY
    needed_by: date | None = None
    demand_id: str | None = None


RuleValue = Decimal | bool | str | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One admission rule as data.

    Parameters
    ----------
    code
        Stable identifier, unique within its product.
    field
        ``profile.<column>``, ``demand.<field>`` or ``pair.<column>``.
    value
        Number (Decimal), flag, code, or a tuple of codes for the set operators.
    clause
        The rule in the institution's words.
    settle_with
        What settles it when the datum is missing: a source or a demand field.
    """

    code: str
    field: str
    operator: Operator
    value: RuleValue
    clause: Text
    settle_with: str


@dataclass(frozen=True, kw_only=True)
class Institution:
    """A bank, guarantor, lessor or insurer of the city.

    Parameters
    ----------
    is_local_legal_person
        A locally incorporated financial institution (article 5).
    is_government_guarantor
        A government financing guarantee institution, bound by the fee caps of article 7.
    is_small
        Few officers: has an exposure floor in the market.
    officers, reviews_per_month
        Officers, and files they can review in a month.
    """

    institution_id: str
    name: Text
    kind: InstitutionKind
    is_local_legal_person: bool = False
    is_government_guarantor: bool = False
    is_small: bool = False
    officers: int = 0
    reviews_per_month: int = 0


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product of the marketplace, in one version.

    Parameters
    ----------
    collateral_kinds
        Collateral it accepts, empty when unsecured or guaranteed only.
    rate_low, rate_high
        Quoted yearly interest (premium for insurance, fee for a guarantee is ``guarantee_fee_rate``).
    guarantee_fee_rate
        Yearly fee of a guarantor on the guaranteed amount: a guarantee product's own quote, or that of the
        guarantor behind a guaranteed loan.
    upfront_fee_rate
        Share of the amount paid once at the start.
    purposes
        Purposes served, empty for any.
    tags
        ``scheme`` (article 4), ``tech_finance``, ``ip_pledge``, ``supply_chain``, ``export``, ``agri``, ``first_loan``,
        ``renewal``, ``bridge``, ``online``.
    valid_from, valid_to
        First and last day on offer; ``None`` for no end.
    """

    product_id: str
    version: int
    institution_id: str
    name: Text
    kind: Kind
    security: Security
    amount_min_cny: Decimal
    amount_max_cny: Decimal
    term_min_months: int
    term_max_months: int
    rate_low: Decimal
    rate_high: Decimal
    repayments: tuple[Repayment, ...]
    days_to_disburse: int
    collateral_kinds: tuple[CollateralKind, ...] = ()
    guarantee_fee_rate: Decimal = Decimal(0)
    upfront_fee_rate: Decimal = Decimal(0)
    purposes: tuple[Purpose, ...] = ()
    tags: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    valid_from: date = date(2020, 1, 1)
    valid_to: date | None = None

    def on_offer(self, day: date) -> bool:
        """Whether it can be asked for on a day; its first and its last day count."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule's answer for one demand: what was seen, what was required, and what would settle an unknown."""

    code: str
    verdict: Verdict
    clause: Text
    observed: str | None
    required: str
    settle_with: str | None
    field: str = ""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """The smallest change of one actionable fact that, with its siblings, admits the demand."""

    field: str
    before: str | None
    after: str
    office: str
    text: Text


@dataclass(frozen=True, kw_only=True)
class NearMiss:
    """A product that few rules keep out, and what would let the enterprise in."""

    product_index: int
    failed: tuple[Check, ...]
    repairs: tuple[Repair, ...]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One share of the score; with the base the shares add up to it."""

    code: str
    group: str
    contribution: float
    text: Text


Facts = Mapping[str, object]
"""Named facts; absent or ``None`` is unknown."""


@dataclass(frozen=True, kw_only=True)
class Benefit:
    """One policy measure's answer for one case.

    Parameters
    ----------
    status
        ``entitled``, ``conditional``, ``excluded``, ``upcoming``, ``expired`` or ``not_applicable``.
    force
        ``hard``, ``soft``, ``target`` or ``guidance``.
    amount_cny
        Yuan rounded down to the fen, ``None`` where the law states none or it cannot be known.
    payee
        ``enterprise``, ``bank`` or ``guarantor``.
    figures
        Named figures: Decimal, day, flag or code.
    missing
        Facts that would settle a conditional answer.
    """

    measure: str
    article: str
    act: str
    force: str
    status: str
    amount_cny: Decimal | None
    payee: str
    figures: Mapping[str, Decimal | date | bool | str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    text: Text


@dataclass(frozen=True, kw_only=True)
class CostComponent:
    """One part of a cost in yuan, subsidies negative, with the article where law sets it."""

    code: str
    amount_cny: Decimal
    article: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an offer costs the enterprise over its term, after entitlements that are certain."""

    all_in_annual_rate: Decimal
    total_cny: Decimal
    components: tuple[CostComponent, ...]
