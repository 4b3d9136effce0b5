"""Every column of a demand × product row once: its side, its business group, the signs it may act with, its names.

One row of the matrix speaks of one demand and one product. The profile side repeats what is known of the enterprise,
the demand side what it asks, the product side what is offered, the pair side how the two meet. Null is NaN.
Nothing here stands for sex, ethnicity, religion, health or ownership.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from features.pair_codes import INSTITUTION_KINDS, PRODUCT_KINDS, PURPOSES, SECURITIES, TAGS
from features.pair_groups import GROUPS

__all__ = [
    "COLUMN_OF",
    "FIRST_NAMES",
    "FOOTPRINT_NAMES",
    "GROUPS",
    "OFFSETS",
    "PAIR_COLUMNS",
    "PAIR_NAMES",
    "PairColumn",
]

Side = Literal["profile", "demand", "product", "pair"]
Scale = Literal["plain", "log", "signed_log"]


@dataclass(frozen=True, kw_only=True)
class PairColumn:
    """One column of the pair matrix.

    Parameters
    ----------
    apply_sign, approve_sign
        Direction in which the column may move P(apply | seen) and P(approve | reviewed): 1 never down, -1 never up,
        0 free.
    scale
        ``log`` holds log1p of the quantity, ``signed_log`` sign times log1p of its magnitude.
    unit
        As in ``features.schema``, of the quantity before scaling; ``flag`` is 0 or 1, ``change`` 0.1 for a
        tenth more, ``effect`` a log odds.
    """

    name: str
    side: Side
    group: str
    apply_sign: int
    approve_sign: int
    scale: Scale
    unit: str
    zh: str
    en: str


def _rows(side: Side, group: str, *rows: tuple[str, int, int, Scale, str, str, str]) -> tuple[PairColumn, ...]:
    return tuple(
        PairColumn(
            name=name,
            side=side,
            group=group,
            apply_sign=p,
            approve_sign=q,
            scale=scale,
            unit=unit,
            zh=zh,
            en=en,
        )
        for name, p, q, scale, unit, zh, en in rows
    )


def _flags(side: Side, group: str, prefix: str, names: dict[str, tuple[str, str]]) -> tuple[PairColumn, ...]:
    return _rows(side, group, *((f"{prefix}{code}", 0, 0, "plain", "flag", *text) for code, text in names.items()))


OFFSETS = ("institution_apply_offset", "institution_approve_offset")
"""Columns no tree reads: they are added to the calibrated log odds of applying and of approval, as they stand."""

PROFILE_SIDE: tuple[PairColumn, ...] = (
    *_rows(
        "profile",
        "turnover",
        ("sales_12m_cny", 0, 1, "signed_log", "cny", "近12个月开票销售额", "invoiced sales of 12 months"),
        ("sales_3m_cny", 0, 1, "signed_log", "cny", "近3个月开票销售额", "invoiced sales of 3 months"),
        ("taxed_sales_12m_cny", 0, 1, "log", "cny", "近12个月纳税销售额", "declared sales of 12 months"),
        ("revenue_annual_cny", 0, 1, "log", "cny", "年报营业收入", "reported annual revenue"),
        ("assets_total_cny", 0, 1, "log", "cny", "资产总额", "total assets"),
    ),
    *_rows(
        "profile",
        "growth",
        ("sales_growth_6m", 0, 1, "signed_log", "change", "近6个月开票增长", "growth of invoiced sales, 6 months"),
        (
            "sales_growth_yoy_3m",
            0,
            1,
            "signed_log",
            "change",
            "近3个月开票同比",
            "invoiced sales year on year, 3 months",
        ),
        ("sales_trend_adjusted", 0, 1, "signed_log", "change", "季节调整后销售趋势", "sales trend net of season"),
        ("sales_volatility_12m", 0, -1, "plain", "ratio", "开票销售波动", "volatility of invoiced sales"),
        ("months_with_sales_12m", 0, 1, "plain", "count", "近12个月有开票月数", "months with sales of 12"),
        ("days_since_last_sale", 0, -1, "log", "days", "距最近开票天数", "days since the last sale"),
        ("taxed_sales_growth_6m", 0, 1, "signed_log", "change", "近6个月纳税销售增长", "growth of declared sales"),
        ("taxed_sales_volatility_12m", 0, -1, "plain", "ratio", "纳税销售波动", "volatility of declared sales"),
        ("revenue_growth_annual", 0, 1, "signed_log", "change", "年报收入增长", "growth of annual revenue"),
    ),
    *_rows(
        "profile",
        "tax",
        ("tax_paid_12m_cny", 0, 1, "log", "cny", "近12个月纳税额", "tax paid in 12 months"),
        ("tax_burden_12m", 0, 0, "plain", "share", "税负率", "tax burden"),
        ("tax_steadiness_12m", 0, 1, "plain", "share", "按期足额纳税月份占比", "months filed and paid in full"),
        ("tax_arrears_12m_cny", 0, -1, "log", "cny", "近12个月欠税", "tax arrears of 12 months"),
        ("tax_credit_grade", 0, 1, "plain", "tax_grade", "纳税信用等级", "tax credit grade"),
    ),
    *_rows(
        "profile",
        "counterparties",
        ("gross_margin_12m", 0, 0, "signed_log", "share", "进销毛利率", "gross margin"),
        ("customers_12m", 0, 1, "log", "count", "近12个月客户数", "customers in 12 months"),
        ("customer_top_share_12m", 0, -1, "plain", "share", "第一大客户占比", "share of the largest customer"),
        ("customer_repeat_share_12m", 0, 1, "plain", "share", "老客户销售占比", "sales to repeat customers"),
        ("supplier_concentration_12m", 0, 0, "plain", "share", "供应商集中度", "supplier concentration"),
        ("void_share_12m", 0, -1, "plain", "share", "发票作废率", "share of void invoices"),
        ("reversal_share_12m", 0, -1, "plain", "share", "红冲占比", "share reversed"),
    ),
    *_rows(
        "profile",
        "operations",
        ("headcount", 0, 1, "log", "count", "参保人数", "persons insured"),
        ("headcount_trend_6m", 0, 1, "signed_log", "change", "参保人数变化", "trend of headcount"),
        ("social_arrears_months_12m", 0, -1, "plain", "months", "社保欠缴月数", "months of social-security arrears"),
        ("electricity_12m_kwh", 0, 0, "log", "kwh", "近12个月用电", "electricity of 12 months"),
        ("electricity_growth_6m", 0, 1, "signed_log", "change", "近6个月用电增长", "growth of electricity use"),
        ("utility_arrears_months_12m", 0, -1, "plain", "months", "水电气欠费月数", "months of utility arrears"),
    ),
    *_rows(
        "profile",
        "balance",
        ("leverage", 0, -1, "plain", "share", "资产负债率", "liabilities over assets"),
        ("net_margin", 0, 1, "signed_log", "share", "净利率", "net margin"),
        ("debt_to_sales", 0, -1, "log", "ratio", "贷款余额与销售额之比", "debt to sales"),
        ("loans_outstanding_cny", 0, 0, "log", "cny", "经营贷款余额", "loans outstanding"),
        ("maturing_90d_cny", 0, 0, "log", "cny", "90天内到期贷款", "loans maturing within 90 days"),
    ),
    *_rows(
        "profile",
        "credit_record",
        ("has_prior_loan", 0, 1, "plain", "flag", "有贷款历史", "has borrowed before"),
        ("lenders_count", 0, 0, "plain", "count", "合作机构数", "lenders with a balance"),
        ("overdue_months_12m", 0, -1, "plain", "months", "近12个月逾期月数", "months overdue of 12"),
        ("overdue_days_max_12m", 0, -1, "log", "days", "最长逾期天数", "longest overdue"),
        ("overdue_now_cny", 0, -1, "log", "cny", "当前逾期金额", "overdue now"),
        ("credit_inquiries_3m", 0, -1, "plain", "count", "近3个月征信查询", "credit inquiries in 3 months"),
        ("loan_class_worst_12m", 0, -1, "plain", "loan_class", "近12个月最差五级分类", "worst loan class of 12 months"),
    ),
    *_rows(
        "profile",
        "legal",
        ("lawsuits_defendant_24m", 0, -1, "plain", "count", "近24个月被诉案件", "suits against it in 24 months"),
        ("lawsuits_amount_24m_cny", 0, -1, "log", "cny", "被诉金额", "amount of those suits"),
        ("enforcements_open", 0, -1, "plain", "count", "未结执行案件", "open enforcement cases"),
        ("is_dishonest_listed", 0, -1, "plain", "flag", "列入失信名单", "on the list of dishonest debtors"),
    ),
    *_rows(
        "profile",
        "innovation",
        ("invention_patents", 0, 1, "log", "count", "有效发明专利", "invention patents in force"),
        ("utility_models", 0, 1, "log", "count", "实用新型与外观", "utility models and designs"),
        ("trademarks", 0, 1, "log", "count", "有效商标", "trademarks in force"),
        ("is_hnte", 0, 1, "plain", "flag", "高新技术企业", "high and new-tech enterprise"),
        ("is_tech_sme", 0, 1, "plain", "flag", "科技型中小企业", "technology-based SME"),
        ("is_srdi", 0, 1, "plain", "flag", "专精特新企业", "SRDI enterprise"),
        ("honours_in_force", 0, 1, "plain", "count", "有效荣誉资质", "honours in force"),
    ),
    *_rows(
        "profile",
        "trade",
        ("exports_12m_cny", 0, 0, "log", "cny", "近12个月出口额", "exports of 12 months"),
        ("export_share", 0, 0, "plain", "share", "出口占销售比", "exports over sales"),
    ),
    *_rows(
        "profile",
        "security",
        ("property_value_cny", 0, 0, "log", "cny", "不动产评估值", "appraised property"),
        ("property_free_cny", 0, 1, "log", "cny", "可抵押不动产净值", "free property value"),
    ),
    *_rows(
        "profile",
        "standing",
        ("age_months", 0, 1, "log", "months", "成立时长", "age"),
        ("registered_capital_cny", 0, 1, "log", "cny", "注册资本", "registered capital"),
        ("is_agri_rural", 0, 0, "plain", "flag", "涉农主体", "agri-rural entity"),
    ),
)

DEMAND_SIDE: tuple[PairColumn, ...] = (
    *_rows(
        "demand",
        "request",
        ("amount_cny", 0, 0, "log", "cny", "申请金额", "amount asked"),
        ("term_months", 0, 0, "plain", "months", "申请期限", "term asked"),
        ("max_annual_rate", 0, 0, "plain", "rate", "可接受最高利率", "highest rate accepted"),
        ("days_until_needed", 0, 0, "log", "days", "距用款日", "days until the money is needed"),
        ("collateral_offered", 0, 0, "plain", "flag", "提供抵质押物", "offers collateral"),
    ),
    *_rows(
        "demand",
        "request",
        ("amount_share_of_turnover", 0, -1, "log", "ratio", "申请金额与年销售额之比", "amount over yearly sales"),
        (
            "debt_after_share_of_turnover",
            0,
            -1,
            "log",
            "ratio",
            "贷后负债与年销售额之比",
            "debt after the loan over yearly sales",
        ),
        ("amount_share_of_tax_paid", 0, -1, "log", "ratio", "申请金额与年纳税额之比", "amount over yearly tax"),
    ),
    *_rows(
        "demand",
        "security",
        ("property_cover", 0, 1, "log", "ratio", "可抵押不动产与申请金额之比", "free property over amount"),
    ),
    *_flags("demand", "request", "purpose_", PURPOSES),
)

PRODUCT_SIDE: tuple[PairColumn, ...] = (
    *_rows(
        "product",
        "price",
        ("rate_low", -1, 0, "plain", "rate", "最低年利率", "lowest annual rate"),
        ("rate_high", -1, 0, "plain", "rate", "最高年利率", "highest annual rate"),
        ("guarantee_fee_rate", -1, 0, "plain", "rate", "年担保费率", "yearly guarantee fee"),
        ("upfront_fee_rate", -1, 0, "plain", "rate", "一次性费率", "upfront fee"),
    ),
    *_rows("product", "speed", ("days_to_disburse", -1, 0, "plain", "days", "放款时长", "time to disburse")),
    *_rows(
        "product",
        "fit",
        ("amount_max_cny", 0, 0, "log", "cny", "最高额度", "highest amount"),
        ("amount_min_cny", 0, 0, "log", "cny", "起贷金额", "lowest amount"),
        ("term_max_months", 0, 0, "plain", "months", "最长期限", "longest term"),
    ),
    *_flags("product", "product", "kind_", PRODUCT_KINDS),
    *_flags("product", "product", "security_", SECURITIES),
    *_flags("product", "product", "tag_", TAGS),
    *_flags("product", "institution", "institution_kind_", INSTITUTION_KINDS),
    *_rows(
        "product",
        "institution",
        (
            "institution_apply_effect",
            1,
            0,
            "plain",
            "effect",
            "机构受企业选择程度",
            "how often the institution is chosen",
        ),
        (
            "institution_approve_effect",
            0,
            1,
            "plain",
            "effect",
            "机构过往批准率",
            "approvals of the institution so far",
        ),
        ("institution_apply_offset", 0, 0, "plain", "effect", "机构选择校准", "choice of the institution, calibrated"),
        ("institution_approve_offset", 0, 0, "plain", "effect", "机构批准校准", "its approvals, calibrated"),
        ("product_apply_effect", 1, 0, "plain", "effect", "产品受企业选择程度", "how often the product is chosen"),
        ("product_approve_effect", 0, 1, "plain", "effect", "产品过往批准率", "approvals of the product so far"),
    ),
)

PAIR_SIDE: tuple[PairColumn, ...] = (
    *_rows(
        "pair",
        "security",
        ("collateral_cover", 0, 1, "log", "ratio", "押品价值与申请金额之比", "collateral over amount"),
    ),
    *_rows(
        "pair",
        "fit",
        (
            "amount_position",
            0,
            0,
            "plain",
            "share",
            "申请金额在产品额度区间的位置",
            "amount within the product's range",
        ),
        ("term_position", 0, 0, "plain", "share", "申请期限在产品期限区间的位置", "term within the product's range"),
        ("repayment_match", 1, 0, "plain", "flag", "还款方式相符", "repayment as asked"),
        ("purpose_match", 1, 0, "plain", "flag", "专为该用途设计", "made for this purpose"),
        ("tech_match", 1, 0, "plain", "flag", "科技企业对应科技金融产品", "tech firm and tech finance"),
        ("ip_match", 1, 0, "plain", "flag", "有专利且接受知识产权质押", "patents and IP pledge"),
        ("export_match", 1, 0, "plain", "flag", "出口企业对应外贸产品", "exporter and export finance"),
        ("agri_match", 1, 0, "plain", "flag", "涉农主体对应涉农产品", "agri-rural entity and agri product"),
        ("first_loan_match", 1, 0, "plain", "flag", "首贷户对应首贷产品", "first-time borrower and first-loan product"),
        ("renewal_match", 1, 0, "plain", "flag", "还贷需求对应续贷产品", "loan repayment and renewal product"),
    ),
    *_rows(
        "pair",
        "price",
        ("declared_annual_cost", -1, 0, "plain", "rate", "标示年化综合成本", "declared yearly cost"),
        ("rate_headroom", 1, 0, "plain", "rate", "利率低于可接受上限", "rate below the highest accepted"),
    ),
    *_rows("pair", "speed", ("speed_margin", 1, 0, "plain", "days", "放款早于用款日", "days to spare before the need")),
    *_rows(
        "pair",
        "institution",
        ("section_approve_effect", 0, 1, "plain", "effect", "机构对本行业的批准倾向", "its approvals in this industry"),
        (
            "division_approve_effect",
            0,
            1,
            "plain",
            "effect",
            "机构对本区县的批准倾向",
            "its approvals in this district",
        ),
        (
            "division_apply_effect",
            1,
            0,
            "plain",
            "effect",
            "本区县企业选择该机构的程度",
            "choice of it in this district",
        ),
        ("amount_approve_effect", 0, 1, "plain", "effect", "机构对该金额的批准倾向", "its approvals at this amount"),
        ("size_approve_effect", 0, 1, "plain", "effect", "机构对该规模企业的批准倾向", "its approvals at this size"),
    ),
)

FIRST_NAMES: tuple[str, ...] = tuple(c.name for c in (*PROFILE_SIDE, *DEMAND_SIDE, *PRODUCT_SIDE, *PAIR_SIDE))
"""The columns of bundles that name none: what there was before any was appended."""

FOOTPRINT_SIDE = _rows(
    "pair",
    "institution",
    ("footprint_share", 0, 0, "plain", "effect", "机构已放款份额", "its share of what was financed so far"),
    ("footprint_place", 1, 1, "plain", "effect", "机构在本区县的放款份额", "its share of what was financed here"),
    ("footprint_industry", 1, 1, "plain", "effect", "机构对本行业的放款侧重", "its lending to this industry"),
    (
        "footprint_request",
        1,
        1,
        "plain",
        "effect",
        "机构对该规模和金额的放款侧重",
        "its lending at this size and amount",
    ),
)
FOOTPRINT_NAMES: tuple[str, ...] = tuple(column.name for column in FOOTPRINT_SIDE)
DEALINGS_SIDE = _rows(
    "pair",
    "institution",
    ("earlier_choice", 1, 0, "plain", "effect", "本企业过往选择该机构的程度", "its earlier choice of this institution"),
    ("earlier_appeal", 1, 0, "plain", "effect", "看到后向该机构申请的程度", "how often it applied there when shown"),
    ("earlier_approvals_here", 0, 1, "plain", "effect", "在该机构的过往获批情况", "its earlier approvals there"),
    ("earlier_approvals", 0, 1, "plain", "effect", "在平台的过往获批情况", "its earlier approvals on the platform"),
)

PAIR_COLUMNS: tuple[PairColumn, ...] = (
    *PROFILE_SIDE,
    *DEMAND_SIDE,
    *PRODUCT_SIDE,
    *PAIR_SIDE,
    *FOOTPRINT_SIDE,
    *DEALINGS_SIDE,
)
"""The columns of the pair matrix, in order; new ones come last, and a bundle names those it reads."""

PAIR_NAMES: tuple[str, ...] = tuple(column.name for column in PAIR_COLUMNS)
COLUMN_OF: dict[str, int] = {name: index for index, name in enumerate(PAIR_NAMES)}


def schema_hash(names: Sequence[str] = PAIR_NAMES) -> str:
    """Digest of names, order, scales and signs of columns: a model fitted to others must not score these rows.

    Raises
    ------
    KeyError
        If there is no column of one of these names.
    """
    columns = [PAIR_COLUMNS[COLUMN_OF[name]] for name in names]
    text = ";".join(f"{c.name}|{c.scale}|{c.unit}|{c.apply_sign}|{c.approve_sign}|{c.group}" for c in columns)
    return sha256(text.encode()).hexdigest()
