"""Why an institution refuses, as a fixed list: each reason with who can repair it and how.

The codes are those the learner knows refusals by; a reason nobody can repair has no place here, and where the repair is
to ask elsewhere it says so.
"""

from dataclasses import dataclass

from matcher.domain import Text


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One reason to refuse.

    Parameters
    ----------
    repaired_by
        ``enterprise``, ``platform``, ``guarantor``, ``appraiser``, ``tax_office`` or ``court``: who can repair it.
    """

    code: str
    text: Text
    repaired_by: str
    repair: Text


def _refusal(code: str, zh: str, en: str, repaired_by: str, how_zh: str, how_en: str) -> Refusal:
    return Refusal(code=code, text=Text(zh=zh, en=en), repaired_by=repaired_by, repair=Text(zh=how_zh, en=how_en))


REPAIRERS: dict[str, Text] = {
    "enterprise": Text(zh="企业", en="the enterprise"),
    "platform": Text(zh="平台", en="the platform"),
    "guarantor": Text(zh="融资担保机构", en="a guarantor"),
    "appraiser": Text(zh="资产评估机构", en="a property appraiser"),
    "tax_office": Text(zh="税务部门", en="the tax office"),
    "court": Text(zh="法院", en="the court"),
}
"""Who can repair a refusal."""

REFUSALS: dict[str, Refusal] = {
    one.code: one
    for one in (
        _refusal(
            "size_of_loan",
            "申请额度与经营规模不匹配",
            "The amount is too high for the business",
            "enterprise",
            "降低申请额度，或分期申请，或补充订单、合同证明用款需要",
            "Ask for less, ask in stages, or show the orders and contracts the money is for",
        ),
        _refusal(
            "leverage",
            "负债率偏高",
            "Leverage is too high",
            "enterprise",
            "偿还部分存量贷款或增加实收资本，并提交最新财务报表",
            "Pay down existing loans or bring in capital, and send the latest accounts",
        ),
        _refusal(
            "credit_history",
            "征信记录存在逾期",
            "Past payments were late",
            "enterprise",
            "结清逾期并取得结清证明；记录有误的向征信机构提出异议",
            "Settle what is overdue and get it confirmed in writing; dispute an entry that is wrong",
        ),
        _refusal(
            "inquiries",
            "近期征信查询过多",
            "Too many credit inquiries of late",
            "enterprise",
            "三个月内不再多头申请，由平台一次匹配后再申请",
            "Apply nowhere else for three months; apply again after one match by the platform",
        ),
        _refusal(
            "tax_grade",
            "纳税信用等级不足",
            "The tax credit grade is too low",
            "tax_office",
            "补报补缴后向税务部门申请纳税信用修复",
            "File and pay what is missing, then ask the tax office to restore the grade",
        ),
        _refusal(
            "age",
            "经营年限不足",
            "In business for too short a time",
            "guarantor",
            "选择创业类产品，或由政府性融资担保机构增信",
            "Choose a product for starters, or have a government guarantor stand in",
        ),
        _refusal(
            "growth",
            "营业收入下滑",
            "Sales are falling",
            "enterprise",
            "提交在手订单及最近三个月开票数据，说明下滑原因",
            "Show orders in hand and the last three months of invoices, and explain the fall",
        ),
        _refusal(
            "legal_cases",
            "存在未结诉讼或执行案件",
            "Court cases are open",
            "court",
            "履行或和解后由法院出具结案证明，申请信用修复",
            "Perform or settle, get the court's closing note, and apply for repair of the record",
        ),
        _refusal(
            "steadiness",
            "经营流水不稳定",
            "Income is unsteady",
            "enterprise",
            "授权水电、社保等连续数据，或将结算集中到一个账户",
            "Consent to utility and social-security records, or settle through one account",
        ),
        _refusal(
            "debt",
            "还款来源不足以覆盖本息",
            "Income does not cover the instalments",
            "enterprise",
            "延长期限、调整还款方式或降低额度",
            "Lengthen the term, change the way of repayment, or ask for less",
        ),
        _refusal(
            "paperwork",
            "材料不完整或不一致",
            "Documents are missing or disagree",
            "platform",
            "按清单补齐材料；可由平台数据替代的，授权平台提供",
            "Complete the list; what the platform holds can be given by consent instead",
        ),
        _refusal(
            "collateral",
            "抵质押物不足",
            "The security is not enough",
            "appraiser",
            "重新评估或增加抵质押物，或改选信用、担保类产品",
            "Have it appraised anew or add security, or choose an unsecured or guaranteed product",
        ),
        _refusal(
            "guarantor",
            "缺少合格保证人",
            "No acceptable guarantor",
            "guarantor",
            "申请政府性融资担保机构担保",
            "Ask a government guarantor to stand in",
        ),
        _refusal(
            "purpose",
            "贷款用途不明或不符合规定",
            "The purpose is unclear or not allowed",
            "enterprise",
            "提交采购合同、发票等用途证明，修改需求后重新发布",
            "Show contracts or invoices for the purpose, correct the demand and publish it again",
        ),
        _refusal(
            "appetite",
            "不属于本机构当前投放方向",
            "Not what this institution lends to at present",
            "platform",
            "由平台推送其他投放方向相符的机构",
            "The platform offers it to institutions that do lend here",
        ),
        _refusal(
            "judgement",
            "综合评审未通过",
            "Refused on the whole by review",
            "enterprise",
            "约客户经理面谈，说明经营情况后可重新提交",
            "Meet the officer, explain the business, and submit again",
        ),
        _refusal(
            "unreachable",
            "无法联系到企业",
            "The enterprise could not be reached",
            "platform",
            "由平台核对并更新联系人",
            "The platform checks and renews the contact",
        ),
    )
}
"""Every reason by its code."""
