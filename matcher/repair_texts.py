"""Names of things a repair speaks of, and who can do it, in both languages."""

from features.schema import SOURCES
from matcher.domain import CollateralKind, Kind, Repayment, Text

COLLATERAL_TEXTS: dict[CollateralKind, Text] = {
    CollateralKind.REAL_ESTATE: Text(zh="不动产", en="real estate"),
    CollateralKind.MACHINERY: Text(zh="机器设备", en="machinery"),
    CollateralKind.INVENTORY: Text(zh="存货", en="inventory"),
    CollateralKind.RECEIVABLE: Text(zh="应收账款", en="receivables"),
    CollateralKind.WAREHOUSE_RECEIPT: Text(zh="仓单", en="warehouse receipts"),
    CollateralKind.INVENTION_PATENT: Text(zh="发明专利", en="invention patents"),
    CollateralKind.TRADEMARK: Text(zh="商标", en="trademarks"),
    CollateralKind.EXPORT_ORDER: Text(zh="出口订单", en="export orders"),
    CollateralKind.DEPOSIT: Text(zh="存单", en="a deposit"),
    CollateralKind.EQUITY: Text(zh="股权", en="equity"),
}
KIND_TEXTS: dict[Kind, Text] = {
    Kind.LOAN: Text(zh="贷款", en="a loan"),
    Kind.GUARANTEE: Text(zh="担保", en="a guarantee"),
    Kind.LEASE: Text(zh="融资租赁", en="a finance lease"),
    Kind.INSURANCE: Text(zh="保险", en="insurance"),
}
REPAYMENT_TEXTS: dict[Repayment, Text] = {
    Repayment.ANY: Text(zh="不限", en="in any way"),
    Repayment.BULLET: Text(zh="到期一次还本", en="at maturity"),
    Repayment.INSTALMENT: Text(zh="分期还本", en="in instalments"),
    Repayment.REVOLVING: Text(zh="循环使用、随借随还", en="as a revolving line"),
}
RECORD_OFFICES: dict[str, Text] = {
    source.name: Text(zh=source.title_zh, en=source.title_en) for source in SOURCES.values()
}
"""Keepers of records, by source: a repair whose office is a source is done with that keeper, or by a consent to it."""

OFFICES: dict[str, Text] = {
    "enterprise": Text(zh="企业自行调整需求", en="the enterprise itself, in its demand"),
    "appraiser": Text(zh="资产评估机构", en="a property appraiser"),
    **{name: Text(zh=f"{text.zh}数据提供单位", en=f"the keeper of {text.en}") for name, text in RECORD_OFFICES.items()},
}
"""Who can do a repair, by the code in ``domain.Repair.office``."""
