"""The closed codes that pair rows tell apart, with their names in both languages, and the order of graded ones."""

PURPOSES: dict[str, tuple[str, str]] = {
    "working_capital": ("流动资金", "working capital"),
    "equipment": ("购置设备", "equipment"),
    "construction": ("厂房建设", "construction"),
    "loan_repayment": ("偿还贷款", "loan repayment"),
    "startup": ("创业", "start-up"),
    "export": ("出口", "export"),
    "research": ("研发", "research"),
}
REPAYMENTS = ("bullet", "instalment", "revolving")
PRODUCT_KINDS: dict[str, tuple[str, str]] = {
    "loan": ("贷款", "loan"),
    "guarantee": ("担保", "guarantee"),
    "lease": ("融资租赁", "lease"),
    "insurance": ("保险", "insurance"),
}
SECURITIES: dict[str, tuple[str, str]] = {
    "unsecured": ("信用方式", "unsecured"),
    "guarantee": ("保证方式", "third-party guarantee"),
    "mortgage": ("抵押方式", "mortgage"),
    "rights_pledge": ("权利质押", "pledge of rights"),
    "movable_pledge": ("动产质押", "pledge of movables"),
    "warehouse_receipt": ("仓单质押", "warehouse-receipt finance"),
    "inventory": ("存货融资", "inventory finance"),
    "receivable": ("应收账款融资", "receivables finance"),
}
INSTITUTION_KINDS: dict[str, tuple[str, str]] = {
    "state_bank": ("国有大行", "state bank"),
    "joint_stock_bank": ("股份制银行", "joint-stock bank"),
    "city_bank": ("城商行", "city bank"),
    "rural_bank": ("农商行", "rural bank"),
    "guarantor": ("担保机构", "guarantor"),
    "lessor": ("租赁公司", "lessor"),
    "insurer": ("保险公司", "insurer"),
}
TAGS: dict[str, tuple[str, str]] = {
    "scheme": ("政策支持产品", "policy scheme"),
    "tech_finance": ("科技金融", "tech finance"),
    "ip_pledge": ("知识产权质押", "IP pledge"),
    "supply_chain": ("供应链金融", "supply-chain finance"),
    "export": ("外贸融资", "export finance"),
    "agri": ("涉农", "agri-rural"),
    "first_loan": ("首贷专属", "first loan"),
    "renewal": ("续贷", "renewal"),
    "bridge": ("应急转贷", "bridge"),
    "online": ("线上办理", "online"),
}
TAX_GRADES = {"A": 4.0, "B": 3.0, "M": 2.0, "C": 1.0, "D": 0.0}
LOAN_CLASSES = {"pass": 0.0, "special_mention": 1.0, "substandard": 2.0, "doubtful": 3.0, "loss": 4.0}
