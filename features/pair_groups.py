"""The business groups of pair columns: what reasons are named by."""

GROUPS: dict[str, tuple[str, str]] = {
    "turnover": ("经营规模", "size of business"),
    "growth": ("增长与稳定", "growth and steadiness"),
    "tax": ("纳税", "tax record"),
    "counterparties": ("客户与供应商", "customers and suppliers"),
    "operations": ("用工与用能", "staff and energy"),
    "balance": ("资产负债", "balance sheet"),
    "credit_record": ("信贷记录", "credit record"),
    "legal": ("司法记录", "court record"),
    "innovation": ("知识产权与资质", "IP and honours"),
    "trade": ("进出口", "foreign trade"),
    "security": ("抵质押", "collateral and property"),
    "standing": ("登记与年限", "registration and age"),
    "request": ("融资需求", "the request"),
    "fit": ("需求与产品契合", "fit of request and product"),
    "price": ("融资成本", "price"),
    "speed": ("放款速度", "speed"),
    "product": ("产品类型", "type of product"),
    "institution": ("机构表现", "record of the institution"),
}
"""Business groups in the order in which reasons name them, with their titles."""
