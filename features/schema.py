"""Every column once: its name, dtype, unit, meaning, what null means, and the source it comes from.

Two kinds of table live here. ``SOURCES`` are the raw records as their keepers hand them over, one row per recorded
fact, each with the day it became known. ``PROFILE`` is what those records say about one enterprise on one day.
Nothing else in the project may invent a column of either.
"""

from dataclasses import dataclass, field
from typing import Literal

Dtype = Literal["string", "float", "integer", "boolean", "date"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name
        Identifier, unique within its table.
    dtype
        ``date`` is a calendar day; ``float`` holds money in yuan, quantities and shares.
    unit
        ``cny``, ``kwh``, ``share`` (1 is all), ``ratio``, ``count``, ``days``, ``months``, ``day``, ``code``, ``flag``.
    meaning
        What a value says, in one line.
    null
        What an absent value says; an empty text means null is refused.
    source
        The source it comes from; empty for the columns of a source itself.
    allowed
        Closed set of codes, empty when open.
    minimum
        Smallest value admitted, ``None`` where negatives mean something.
    """

    name: str
    dtype: Dtype
    unit: str
    meaning: str
    null: str = ""
    source: str = ""
    allowed: tuple[str, ...] = ()
    minimum: float | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """One raw table: a row per recorded fact; ``key`` tells two records of one fact apart from two facts."""

    name: str
    title_zh: str
    title_en: str
    key: tuple[str, ...]
    columns: tuple[Column, ...] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order, ``uscc`` and ``known_on`` first."""
        return tuple(column.name for column in self.columns)


_USCC = Column(name="uscc", dtype="string", unit="code", meaning="unified social credit code (GB 32100-2015)")
_KNOWN_ON = Column(
    name="known_on", dtype="date", unit="day", meaning="day the fact became known, not the day it happened"
)
_PERIOD = Column(name="period", dtype="date", unit="day", meaning="first day of the month the row speaks of")


def _c(
    name: str,
    dtype: Dtype,
    unit: str,
    meaning: str,
    null: str = "",
    *,
    allowed: tuple[str, ...] = (),
    low: float | None = None,
) -> Column:
    return Column(name=name, dtype=dtype, unit=unit, meaning=meaning, null=null, allowed=allowed, minimum=low)


def _source(name: str, zh: str, en: str, key: tuple[str, ...], *columns: Column) -> Source:
    return Source(name=name, title_zh=zh, title_en=en, key=("uscc", *key), columns=(_USCC, _KNOWN_ON, *columns))


_NOT_GIVEN = "not reported"

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        _source(
            "registry",
            "工商登记",
            "business registry",
            (),
            _c("name", "string", "code", "registered name", _NOT_GIVEN),
            _c("registered_on", "date", "day", "day of registration"),
            _c("industry_code", "string", "code", "GB/T 4754-2017: section letter, then up to four digits, as C3311"),
            _c(
                "division_code",
                "string",
                "code",
                "GB/T 2260 or statistical code of the county-level division, six digits",
            ),
            _c("registered_capital_cny", "float", "cny", "registered capital", _NOT_GIVEN, low=0),
            _c(
                "status",
                "string",
                "code",
                "standing in the registry",
                allowed=("active", "suspended", "revoked", "deregistered"),
            ),
            _c("agri_rural", "boolean", "flag", "an agriculture, rural areas or farmers entity", "not determined"),
        ),
        _source(
            "annual_report",
            "企业年报",
            "annual report",
            ("year",),
            _c("year", "integer", "count", "financial year", low=1990),
            _c("revenue_cny", "float", "cny", "revenue of the year", _NOT_GIVEN, low=0),
            _c("assets_cny", "float", "cny", "total assets at year end", _NOT_GIVEN, low=0),
            _c("liabilities_cny", "float", "cny", "total liabilities at year end", _NOT_GIVEN, low=0),
            _c("net_profit_cny", "float", "cny", "net profit of the year, negative for a loss", _NOT_GIVEN),
            _c("employees", "integer", "count", "persons employed at year end", _NOT_GIVEN, low=0),
        ),
        _source(
            "tax",
            "纳税",
            "tax filings",
            ("period",),
            _PERIOD,
            _c("taxed_sales_cny", "float", "cny", "sales declared for the month", _NOT_GIVEN, low=0),
            _c("tax_due_cny", "float", "cny", "tax due for the month", _NOT_GIVEN, low=0),
            _c("tax_paid_cny", "float", "cny", "tax paid for the month", _NOT_GIVEN, low=0),
            _c(
                "credit_grade",
                "string",
                "code",
                "tax credit grade in force",
                "not graded",
                allowed=("A", "B", "M", "C", "D"),
            ),
        ),
        _source(
            "invoices",
            "增值税发票",
            "VAT invoices",
            ("direction", "invoice_no"),
            _c(
                "direction",
                "string",
                "code",
                "output: issued by the enterprise; input: received",
                allowed=("output", "input"),
            ),
            _c("invoice_no", "string", "code", "number, unique per enterprise and direction"),
            _c("issued_on", "date", "day", "day of issue"),
            _c("counterparty", "string", "code", "the other party, pseudonymous", _NOT_GIVEN),
            _c("amount_cny", "float", "cny", "amount without tax; negative for a red-letter reversal"),
            _c("tax_cny", "float", "cny", "tax; sign as the amount", _NOT_GIVEN),
            _c("status", "string", "code", "void invoices carry no money", allowed=("valid", "void")),
        ),
        _source(
            "social_security",
            "社保",
            "social security",
            ("period",),
            _PERIOD,
            _c("headcount", "integer", "count", "persons insured in the month", _NOT_GIVEN, low=0),
            _c("due_cny", "float", "cny", "contributions due", _NOT_GIVEN, low=0),
            _c("paid_cny", "float", "cny", "contributions paid", _NOT_GIVEN, low=0),
        ),
        _source(
            "utilities",
            "水电气",
            "utilities",
            ("period",),
            _PERIOD,
            _c("electricity_kwh", "float", "kwh", "electricity used in the month", _NOT_GIVEN, low=0),
            _c("due_cny", "float", "cny", "bills of the month", _NOT_GIVEN, low=0),
            _c("paid_cny", "float", "cny", "paid by the due day", _NOT_GIVEN, low=0),
        ),
        _source(
            "credit",
            "信贷",
            "credit records",
            ("period",),
            _PERIOD,
            _c("outstanding_cny", "float", "cny", "operating loans outstanding at month end", _NOT_GIVEN, low=0),
            _c("lenders", "integer", "count", "institutions with a balance", _NOT_GIVEN, low=0),
            _c(
                "ever_borrowed",
                "boolean",
                "flag",
                "any operating loan so far in the credit system",
                "not known; not the same as no",
            ),
            _c("overdue_cny", "float", "cny", "overdue at month end", _NOT_GIVEN, low=0),
            _c("overdue_days", "integer", "days", "days past due of the oldest overdue amount", _NOT_GIVEN, low=0),
            _c("inquiries", "integer", "count", "hard inquiries in the month", _NOT_GIVEN, low=0),
            _c("maturing_90d_cny", "float", "cny", "principal maturing within 90 days", _NOT_GIVEN, low=0),
            _c(
                "loan_class",
                "string",
                "code",
                "worst five-category class",
                "no loan or not classified",
                allowed=("pass", "special_mention", "substandard", "doubtful", "loss"),
            ),
        ),
        _source(
            "court",
            "司法",
            "court records",
            ("case_no",),
            _c("case_no", "string", "code", "case number"),
            _c("filed_on", "date", "day", "day of filing"),
            _c("role", "string", "code", "side of the enterprise", allowed=("plaintiff", "defendant")),
            _c(
                "kind",
                "string",
                "code",
                "civil suit, enforcement, entry in the list of dishonest debtors, or none: searched, nothing found",
                allowed=("civil", "enforcement", "dishonest", "none"),
            ),
            _c("amount_cny", "float", "cny", "amount in dispute", _NOT_GIVEN, low=0),
            _c("closed_on", "date", "day", "day the case was closed", "still open, as far as known that day"),
        ),
        _source(
            "ip",
            "知识产权",
            "intellectual property",
            ("right_no",),
            _c("right_no", "string", "code", "number of the right"),
            _c(
                "kind",
                "string",
                "code",
                "kind of right; none: searched, nothing found",
                allowed=("invention_patent", "utility_model", "design", "trademark", "none"),
            ),
            _c("granted_on", "date", "day", "day of grant"),
            _c("expires_on", "date", "day", "last day in force", "no end known"),
            _c("own", "boolean", "flag", "the enterprise is its owner", "not determined"),
            _c("pledged", "boolean", "flag", "pledged now", "not determined"),
        ),
        _source(
            "customs",
            "海关",
            "customs",
            ("period",),
            _PERIOD,
            _c("export_cny", "float", "cny", "exports declared in the month", _NOT_GIVEN, low=0),
            _c("import_cny", "float", "cny", "imports declared in the month", _NOT_GIVEN, low=0),
        ),
        _source(
            "honours",
            "资质荣誉",
            "honours and qualifications",
            ("honour", "granted_on"),
            _c(
                "honour",
                "string",
                "code",
                "kind of honour; none: searched, nothing found",
                allowed=("hnte", "tech_sme", "srdi", "little_giant", "gazelle", "export_brand", "agri_leader", "none"),
            ),
            _c("granted_on", "date", "day", "first day in force"),
            _c("expires_on", "date", "day", "last day in force", "no end known"),
        ),
        _source(
            "real_estate",
            "不动产",
            "real estate",
            ("property_no",),
            _c("property_no", "string", "code", "number of the title"),
            _c(
                "kind",
                "string",
                "code",
                "use; none: searched, nothing found",
                allowed=("factory", "office", "shop", "land", "residence", "none"),
            ),
            _c("appraised_value_cny", "float", "cny", "latest appraisal", _NOT_GIVEN, low=0),
            _c("mortgaged_cny", "float", "cny", "amount secured on it already", _NOT_GIVEN, low=0),
        ),
    )
}
"""The twelve raw tables, by name. A later row with the same key replaces an earlier one from its own known-on day."""


def _p(source: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=c.name,
            dtype=c.dtype,
            unit=c.unit,
            meaning=c.meaning,
            null=c.null or "the source has no row known by the day",
            source=source,
            allowed=c.allowed,
            minimum=c.minimum,
        )
        for c in columns
    )


def _freshness(source: str) -> Column:
    return _c(f"freshness_{source}_days", "float", "days", f"days since the last row of {source} became known")


PROFILE: tuple[Column, ...] = (
    *_p(
        "registry",
        _c("age_months", "float", "months", "months since registration", low=0),
        _c("industry_code", "string", "code", "GB/T 4754-2017 code"),
        _c("industry_section", "string", "code", "first letter of the industry code"),
        _c("division_code", "string", "code", "county-level division"),
        _c("registered_capital_cny", "float", "cny", "registered capital", low=0),
        _c("is_active", "boolean", "flag", "in good standing in the registry"),
        _c("is_agri_rural", "boolean", "flag", "an agri-rural entity"),
        _freshness("registry"),
    ),
    *_p(
        "annual_report",
        _c("revenue_annual_cny", "float", "cny", "revenue of the latest reported year", low=0),
        _c("revenue_growth_annual", "float", "ratio", "latest reported year over the one before, minus 1"),
        _c("assets_total_cny", "float", "cny", "total assets", low=0),
        _c("leverage", "float", "ratio", "liabilities over assets", low=0),
        _c("net_margin", "float", "ratio", "net profit over revenue"),
        _c("employees_reported", "float", "count", "persons employed at year end", low=0),
        _freshness("annual_report"),
    ),
    *_p(
        "tax",
        _c("taxed_sales_3m_cny", "float", "cny", "declared sales of the last 3 whole months", low=0),
        _c("taxed_sales_6m_cny", "float", "cny", "declared sales of the last 6 whole months", low=0),
        _c("taxed_sales_12m_cny", "float", "cny", "declared sales of the last 12 whole months", low=0),
        _c("taxed_sales_growth_6m", "float", "ratio", "last 6 months over the 6 before, minus 1"),
        _c("taxed_sales_volatility_12m", "float", "ratio", "standard deviation over mean of 12 monthly sales", low=0),
        _c("tax_paid_12m_cny", "float", "cny", "tax paid for the last 12 whole months", low=0),
        _c("tax_burden_12m", "float", "share", "tax paid over declared sales", low=0),
        _c("tax_steadiness_12m", "float", "share", "months of the last 12 filed and paid in full", low=0),
        _c("tax_months_filed_12m", "float", "count", "months filed of the last 12", low=0),
        _c("tax_arrears_12m_cny", "float", "cny", "tax due and not paid, last 12 months", low=0),
        _c("tax_credit_grade", "string", "code", "grade in force", allowed=("A", "B", "M", "C", "D")),
        _freshness("tax"),
    ),
    *_p(
        "invoices",
        _c("sales_3m_cny", "float", "cny", "valid output invoices net of reversals, last 3 whole months"),
        _c("sales_6m_cny", "float", "cny", "the same, last 6"),
        _c("sales_12m_cny", "float", "cny", "the same, last 12"),
        _c("purchases_3m_cny", "float", "cny", "valid input invoices net of reversals, last 3 whole months"),
        _c("purchases_6m_cny", "float", "cny", "the same, last 6"),
        _c("purchases_12m_cny", "float", "cny", "the same, last 12"),
        _c("sales_growth_6m", "float", "ratio", "last 6 months over the 6 before, minus 1"),
        _c("sales_growth_yoy_3m", "float", "ratio", "last 3 months over the same months a year before, minus 1"),
        _c("sales_volatility_12m", "float", "ratio", "standard deviation over mean of 12 monthly sales", low=0),
        _c(
            "sales_trend_adjusted",
            "float",
            "ratio",
            "change of the year-on-year ratio: last 3 months against the 3 before; season cancels",
        ),
        _c("months_with_sales_12m", "float", "count", "months of the last 12 with a valid output invoice", low=0),
        _c("days_since_last_sale", "float", "days", "days since the last valid output invoice", low=0),
        _c("gross_margin_12m", "float", "ratio", "1 minus purchases over sales"),
        _c("customers_12m", "float", "count", "distinct customers", low=0),
        _c("customer_top_share_12m", "float", "share", "largest customer's share of sales", low=0),
        _c("customer_concentration_12m", "float", "share", "Herfindahl index over customers", low=0),
        _c(
            "customer_repeat_share_12m",
            "float",
            "share",
            "sales of the last 6 months to customers already served in the 6 before",
            low=0,
        ),
        _c("suppliers_12m", "float", "count", "distinct suppliers", low=0),
        _c("supplier_concentration_12m", "float", "share", "Herfindahl index over suppliers", low=0),
        _c("void_share_12m", "float", "share", "void among output invoices, by count", low=0),
        _c("reversal_share_12m", "float", "share", "reversed over positive output amount", low=0),
        _freshness("invoices"),
    ),
    *_p(
        "social_security",
        _c("headcount", "float", "count", "persons insured in the latest month", low=0),
        _c("headcount_trend_6m", "float", "ratio", "mean of the last 3 months over the mean of the 3 before, minus 1"),
        _c("social_arrears_months_12m", "float", "count", "months of the last 12 not paid in full", low=0),
        _c("sales_per_head_cny", "float", "cny", "12-month sales over latest headcount"),
        _freshness("social_security"),
    ),
    *_p(
        "utilities",
        _c("electricity_12m_kwh", "float", "kwh", "electricity of the last 12 whole months", low=0),
        _c("electricity_growth_6m", "float", "ratio", "last 6 months over the 6 before, minus 1"),
        _c("electricity_volatility_12m", "float", "ratio", "standard deviation over mean of 12 months", low=0),
        _c("sales_per_kwh_cny", "float", "cny", "12-month sales over 12-month electricity: output against energy"),
        _c("utility_arrears_months_12m", "float", "count", "months of the last 12 not paid by the due day", low=0),
        _freshness("utilities"),
    ),
    *_p(
        "credit",
        _c("loans_outstanding_cny", "float", "cny", "operating loans outstanding", low=0),
        _c("lenders_count", "float", "count", "institutions with a balance", low=0),
        _c(
            "has_prior_loan",
            "boolean",
            "flag",
            "any operating loan so far; false is a first-time borrower",
            "unknown is not first-time",
        ),
        _c("overdue_months_12m", "float", "count", "months of the last 12 with an overdue amount", low=0),
        _c("overdue_days_max_12m", "float", "days", "longest overdue in the last 12 months", low=0),
        _c("overdue_now_cny", "float", "cny", "overdue at the latest month end", low=0),
        _c("credit_inquiries_3m", "float", "count", "hard inquiries, last 3 months", low=0),
        _c("credit_inquiries_6m", "float", "count", "hard inquiries, last 6 months", low=0),
        _c("maturing_90d_cny", "float", "cny", "principal maturing within 90 days of the latest month end", low=0),
        _c(
            "loan_class_worst_12m",
            "string",
            "code",
            "worst five-category class of 12 months",
            allowed=("pass", "special_mention", "substandard", "doubtful", "loss"),
        ),
        _c("debt_to_sales", "float", "ratio", "loans outstanding over 12-month sales (invoiced, else declared)", low=0),
        _freshness("credit"),
    ),
    *_p(
        "court",
        _c("lawsuits_defendant_24m", "float", "count", "civil suits against it filed in 24 months", low=0),
        _c("lawsuits_amount_24m_cny", "float", "cny", "amount of those suits", low=0),
        _c("enforcements_open", "float", "count", "enforcement cases open", low=0),
        _c("is_dishonest_listed", "boolean", "flag", "on the list of dishonest debtors"),
        _freshness("court"),
    ),
    *_p(
        "ip",
        _c("invention_patents", "float", "count", "own invention patents in force", low=0),
        _c("utility_models", "float", "count", "own utility models and designs in force", low=0),
        _c("trademarks", "float", "count", "own trademarks in force", low=0),
        _c("ip_granted_24m", "float", "count", "rights granted in 24 months", low=0),
        _c("ip_pledged", "float", "count", "rights pledged now", low=0),
        _freshness("ip"),
    ),
    *_p(
        "customs",
        _c("exports_12m_cny", "float", "cny", "exports of the last 12 whole months", low=0),
        _c("imports_12m_cny", "float", "cny", "imports of the last 12 whole months", low=0),
        _c("exports_growth_6m", "float", "ratio", "last 6 months over the 6 before, minus 1"),
        _c("export_share", "float", "share", "exports over 12-month sales", low=0),
        _freshness("customs"),
    ),
    *_p(
        "honours",
        _c("is_hnte", "boolean", "flag", "high and new-tech enterprise, in force"),
        _c("is_tech_sme", "boolean", "flag", "technology-based SME, in force"),
        _c("is_srdi", "boolean", "flag", "specialised, refined, distinctive, innovative, in force (little giants too)"),
        _c("honours_in_force", "float", "count", "honours in force", low=0),
        _c("honour_days_left", "float", "days", "days until the first of them expires", low=0),
        _freshness("honours"),
    ),
    *_p(
        "real_estate",
        _c("property_value_cny", "float", "cny", "appraised value of all titles", low=0),
        _c("property_free_cny", "float", "cny", "appraised value less what is secured on it, not below zero", low=0),
        _freshness("real_estate"),
    ),
)
"""What is known about one enterprise on one day: one row per enterprise, key ``uscc``."""

PROFILE_BY_NAME: dict[str, Column] = {column.name: column for column in PROFILE}
NUMERIC_PROFILE: tuple[str, ...] = tuple(c.name for c in PROFILE if c.dtype in {"float", "integer", "boolean"})
"""Profile columns a model may read as numbers; booleans are 0, 1 or null."""
