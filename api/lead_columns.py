"""Columns of a list of leads as a file: titles, forms, meanings and what stands in each cell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from api.lead_pages import NOT_PERSONALISED, Ranked
from features.pair_codes import PURPOSES
from matcher.domain import Text
from matcher.lead_texts import why_this_firm

Cell = str | int | float | Decimal | date | None
_FLAGS = {
    "first-loans": Text(zh="首贷", en="first loan"),
    "renewals": Text(zh="续贷", en="renewal"),
    "bridge": Text(zh="转贷", en="bridge"),
}
_ORIGINS = {"inbound": Text(zh="企业申请", en="inbound"), "outreach": Text(zh="主动触达", en="outreach")}


@dataclass(frozen=True, kw_only=True)
class FileColumn:
    """One column of the file.

    Parameters
    ----------
    form
        ``text``, ``whole``, ``money``, ``share`` or ``day``.
    meaning
        For the notes sheet.
    """

    title: Text
    form: str
    width: int
    meaning: Text
    cell: Callable[[Ranked, str], Cell]


def _column(
    title: tuple[str, str], form: str, width: int, meaning: tuple[str, str], cell: Callable[[Ranked, str], Cell]
) -> FileColumn:
    return FileColumn(
        title=Text(zh=title[0], en=title[1]),
        form=form,
        width=width,
        meaning=Text(zh=meaning[0], en=meaning[1]),
        cell=cell,
    )


def _joined(texts: Sequence[Text], language: str) -> str:
    return " | ".join(text.in_language(language) for text in texts)


def _reasons(item: Ranked, language: str) -> str:
    if not item.told.entry.personalised:
        return NOT_PERSONALISED.in_language(language)
    return _joined([each.text for each in why_this_firm(item.told.lead.reasons, _REASONS)], language)


def _purpose(item: Ranked, language: str) -> str:
    code = item.told.lead.case.demand.purpose.value
    zh, en = PURPOSES[code]
    return Text(zh=zh, en=en).in_language(language)


def _contact(item: Ranked, _language: str) -> str | None:
    contact = item.told.contact
    return None if contact is None else " ".join(str(value) for value in contact.values() if value)


def _flags(item: Ranked, language: str) -> str:
    return _joined([_FLAGS[name] for name in sorted(item.told.lead.lists)], language)


def _oldest(item: Ranked, _language: str) -> int | None:
    return max((each.age_days for each in item.told.lead.freshness.values()), default=None)


_REASONS = 4
COLUMNS: tuple[FileColumn, ...] = (
    _column(("排名", "rank"), "whole", 6, ("排序位次", "place in the list"), lambda x, _: x.rank),
    _column(
        ("企业", "enterprise"),
        "text",
        34,
        ("授权前为脱敏描述", "a description until the enterprise consents"),
        lambda x, language: x.told.name.in_language(language),
    ),
    _column(
        ("产品", "product"),
        "text",
        26,
        ("本机构最适合的产品", "the product of yours that fits best"),
        lambda x, language: x.told.lead.product.name.in_language(language),
    ),
    _column(
        ("金额（元）", "amount (CNY)"),
        "money",
        16,
        ("需求金额", "amount asked for"),
        lambda x, _: x.told.lead.case.demand.amount_cny,
    ),
    _column(
        ("期限（月）", "term (months)"),
        "whole",
        9,
        ("需求期限", "term asked for"),
        lambda x, _: x.told.lead.case.demand.term_months,
    ),
    _column(("用途", "purpose"), "text", 12, ("资金用途", "what the money is for"), _purpose),
    _column(
        ("线索价值", "value"),
        "share",
        10,
        ("本机构审批起决定作用的概率", "chance that your approval is the one that counts"),
        lambda x, _: x.told.lead.value if x.told.entry.personalised else None,
    ),
    _column(
        ("申请概率", "p apply"),
        "share",
        10,
        ("看到后申请的概率", "chance that it applies once it has seen the product"),
        lambda x, _: x.told.lead.p_apply if x.told.entry.personalised else None,
    ),
    _column(
        ("通过概率", "p approve"),
        "share",
        10,
        ("审查后通过的概率", "chance of approval once reviewed"),
        lambda x, _: x.told.lead.p_approve if x.told.entry.personalised else None,
    ),
    _column(
        ("理由", "reasons"),
        "text",
        70,
        ("与该企业有关、对线索价值影响最大的理由", "what weighs most in the value and speaks of the enterprise"),
        _reasons,
    ),
    _column(
        ("需核实", "to verify"),
        "text",
        60,
        ("尚未知的准入条件、过旧或缺失的数据来源", "unknown rules, old or missing sources"),
        lambda x, language: _joined([each.text for each in x.told.lead.verify], language),
    ),
    _column(
        ("政策支持", "policy cover"),
        "text",
        60,
        ("适用或可能适用的政策及条款", "measures that apply or may apply, with their articles"),
        lambda x, language: _joined([each.text for each in x.told.lead.policy_cover], language),
    ),
    _column(("名单", "lists"), "text", 12, ("首贷、续贷、转贷", "first loan, renewal, bridge"), _flags),
    _column(
        ("来源", "origin"),
        "text",
        10,
        ("企业申请或主动触达", "who came to whom"),
        lambda x, language: _ORIGINS[x.told.entry.origin].in_language(language),
    ),
    _column(
        ("状态", "status"), "text", 12, ("线索所处状态", "where the lead stands"), lambda x, _: x.told.entry.status
    ),
    _column(
        ("下一步期限", "due on"),
        "day",
        12,
        ("应在该日前完成下一步", "day by which the next step is due"),
        lambda x, _: x.told.entry.due_on,
    ),
    _column(
        ("最旧数据（天）", "oldest data (days)"),
        "whole",
        10,
        ("所用来源中最旧数据的天数", "age of the oldest source used"),
        _oldest,
    ),
    _column(("统一社会信用代码", "uscc"), "text", 22, ("授权后显示", "shown under consent"), lambda x, _: x.told.uscc),
    _column(("联系方式", "contact"), "text", 26, ("授权后显示", "shown under consent"), _contact),
    _column(("线索编号", "lead id"), "text", 24, ("用于认领", "what a claim names"), lambda x, _: x.lead_id),
    _column(
        ("需求编号", "demand id"),
        "text",
        20,
        ("需求库编号", "id in the demand library"),
        lambda x, _: x.told.entry.demand_id,
    ),
)
"""Columns of the file, in order."""
