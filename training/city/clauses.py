"""Admission rules as data: the clause in both languages, the column it reads and what settles it when missing."""

from collections.abc import Callable, Mapping

Rule = dict[str, object]
Number = float | int


def _rule(code: str, field: str, operator: str, value: object, zh: str, en: str, settle_with: str) -> Rule:
    return {
        "code": code,
        "field": field,
        "operator": operator,
        "value": value,
        "clause": {"zh": zh, "en": en},
        "settle_with": settle_with,
    }


def _number(value: Number) -> str:
    return str(value)


def at_least(code: str, column: str, value: Number, zh: str, en: str, source: str) -> Rule:
    """A numeric column not below a value."""
    return _rule(code, column, "ge", _number(value), zh.format(value), en.format(value), source)


def at_most(code: str, column: str, value: Number, zh: str, en: str, source: str) -> Rule:
    """A numeric column not above a value."""
    return _rule(code, column, "le", _number(value), zh.format(value), en.format(value), source)


def one_of(code: str, column: str, values: tuple[str, ...], zh: str, en: str, source: str) -> Rule:
    """A code within a set."""
    text = "、".join(values)
    return _rule(code, column, "in", list(values), zh.format(text), en.format(", ".join(values)), source)


def holds(code: str, column: str, value: bool, zh: str, en: str, source: str) -> Rule:
    """A flag with a required value."""
    return _rule(code, column, "eq", value, zh, en, source)


def tax_grade(values: tuple[str, ...]) -> Rule:
    """Tax credit grades a product takes."""
    return one_of(
        "tax_grade",
        "profile.tax_credit_grade",
        values,
        "纳税信用等级须为{}级",
        "tax credit grade must be one of {}",
        "tax",
    )


def in_places(divisions: tuple[str, ...], zh: str, en: str) -> Rule:
    """Divisions an enterprise has to be registered in."""
    return _rule(
        "division",
        "profile.division_code",
        "starts_with_any",
        list(divisions),
        f"注册地须在{zh}",
        f"registered in {en}",
        "registry",
    )


def in_industries(codes: tuple[str, ...], zh: str, en: str) -> Rule:
    """Industry code prefixes a product is limited to."""
    return _rule(
        "industry",
        "profile.industry_code",
        "starts_with_any",
        list(codes),
        f"限{zh}",
        f"limited to {en}",
        "registry",
    )


def not_in_industries(codes: tuple[str, ...], zh: str, en: str) -> Rule:
    """Industry code prefixes a product is closed to."""
    return _rule(
        "industry_excluded",
        "profile.industry_code",
        "starts_with_none",
        list(codes),
        f"不适用于{zh}",
        f"not for {en}",
        "registry",
    )


def has_honour(column: str, zh: str, en: str) -> Rule:
    """An honour that has to be in force."""
    return holds(
        column, f"profile.{column}", True, f"须为有效期内的{zh}", f"must hold a valid status of {en}", "honours"
    )


def size_within(values: tuple[str, ...]) -> Rule:
    """Size classes a product serves."""
    return one_of(
        "size_class",
        "profile.size_class",
        values,
        "企业划型须为：{}",
        "size class must be one of {}",
        "annual_report",
    )


NUMERIC: Mapping[str, Callable[[Number], Rule]] = {
    "age": lambda v: at_least(
        "age", "profile.age_months", v, "注册成立满{}个月", "registered for at least {} months", "registry"
    ),
    "young": lambda v: at_most(
        "young", "profile.age_months", v, "注册成立不超过{}个月", "registered for at most {} months", "registry"
    ),
    "tax_months": lambda v: at_least(
        "tax_months",
        "profile.tax_months_filed_12m",
        v,
        "近12个月至少申报纳税{}个月",
        "taxes filed in at least {} of the last 12 months",
        "tax",
    ),
    "tax_paid": lambda v: at_least(
        "tax_paid",
        "profile.tax_paid_12m_cny",
        v,
        "近12个月纳税不少于{}元",
        "at least {} yuan of tax paid in 12 months",
        "tax",
    ),
    "sales_months": lambda v: at_least(
        "sales_months",
        "profile.months_with_sales_12m",
        v,
        "近12个月至少{}个月有开票",
        "sales invoiced in at least {} of the last 12 months",
        "invoices",
    ),
    "void_share": lambda v: at_most(
        "void_share",
        "profile.void_share_12m",
        v,
        "近12个月作废发票占比不高于{}",
        "void share of invoices at most {}",
        "invoices",
    ),
    "top_customer": lambda v: at_most(
        "top_customer",
        "profile.customer_top_share_12m",
        v,
        "第一大客户占比不高于{}",
        "largest customer at most {} of sales",
        "invoices",
    ),
    "overdue": lambda v: at_most(
        "overdue",
        "profile.overdue_days_max_12m",
        v,
        "近12个月最长逾期不超过{}天",
        "longest overdue in 12 months at most {} days",
        "credit",
    ),
    "inquiries": lambda v: at_most(
        "inquiries",
        "profile.credit_inquiries_3m",
        v,
        "近3个月征信查询不超过{}次",
        "at most {} credit inquiries in 3 months",
        "credit",
    ),
    "lenders": lambda v: at_most(
        "lenders",
        "profile.lenders_count",
        v,
        "有余额的合作机构不超过{}家",
        "at most {} lenders with a balance",
        "credit",
    ),
    "leverage": lambda v: at_most(
        "leverage", "profile.leverage", v, "资产负债率不高于{}", "liabilities over assets at most {}", "annual_report"
    ),
    "headcount": lambda v: at_least(
        "headcount",
        "profile.headcount",
        v,
        "社保参保不少于{}人",
        "at least {} persons insured",
        "social_security",
    ),
    "exports": lambda v: at_least(
        "exports",
        "profile.exports_12m_cny",
        v,
        "近12个月出口额不少于{}元",
        "exports of at least {} yuan in 12 months",
        "customs",
    ),
    "patents": lambda v: at_least(
        "patents",
        "profile.invention_patents",
        v,
        "有效自有发明专利不少于{}件",
        "at least {} own invention patents in force",
        "ip",
    ),
    "trademarks": lambda v: at_least(
        "trademarks", "profile.trademarks", v, "有效自有商标不少于{}件", "at least {} own trademarks in force", "ip"
    ),
    "enforcements": lambda v: at_most(
        "enforcements",
        "profile.enforcements_open",
        v,
        "未结执行案件不超过{}件",
        "at most {} enforcement cases open",
        "court",
    ),
    "cover": lambda v: at_least(
        "collateral_cover",
        "pair.collateral_cover",
        v,
        "押品评估值不低于金额的{}倍",
        "appraised collateral at least {} times the amount",
        "demand.collateral",
    ),
    "turnover": lambda v: at_most(
        "amount_share_of_turnover",
        "pair.amount_share_of_turnover",
        v,
        "金额不超过近12个月营业收入的{}倍",
        "amount at most {} of 12-month turnover",
        "invoices",
    ),
}
"""Numeric rules by short name; each takes its threshold."""

NOT_DISHONEST = holds(
    "not_dishonest",
    "profile.is_dishonest_listed",
    False,
    "未被列入失信被执行人名单",
    "not on the list of dishonest debtors",
    "court",
)
FIRST_LOAN = holds(
    "first_loan",
    "profile.has_prior_loan",
    False,
    "此前未获得过经营性贷款",
    "no operating loan so far",
    "credit",
)
HAS_LOAN = holds("has_loan", "profile.has_prior_loan", True, "已有经营性贷款", "has had an operating loan", "credit")
ACTIVE = holds("active", "profile.is_active", True, "登记状态正常", "in good standing in the registry", "registry")
AGRI = holds("agri", "profile.is_agri_rural", True, "须为涉农主体", "must be an agri-rural entity", "registry")
RATED = one_of(
    "platform_rating",
    "profile.platform_rating",
    ("A", "B", "C"),
    "平台评级须为{}级",
    "platform rating must be one of {}",
    "invoices",
)
