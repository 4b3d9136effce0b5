"""Lists of leads as files for people without code: csv that opens safely, xlsx with typed columns and notes."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from api.lead_pages import NO_PLAN, LeadPage, Query, Ranked
from features.pair_codes import PURPOSES
from matcher.domain import Text

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {CSV: "csv", XLSX: "xlsx"}
Cell = str | int | float | Decimal | date | None
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
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


def form_of(accept: str) -> str:
    """``csv``, ``xlsx`` or ``json``, by the first media type of an ``Accept`` header that names one of them.

    >>> form_of("text/csv"), form_of("application/json, text/csv"), form_of("*/*")
    ('csv', 'json', 'json')
    """
    for part in accept[:500].split(","):
        name = part.partition(";")[0].strip().lower()
        if name in FORMS or name == "application/json":
            return FORMS.get(name, "json")
    return "json"


def file_name(query: Query, page: LeadPage, form: str) -> str:
    """A name that says whose list it is, which one and of what day."""
    owner = _UNSAFE.sub("-", query.institution_id)
    return f"leads-{owner}-{query.name}-{page.as_of.isoformat()}.{form}"


def write(page: LeadPage, query: Query, form: str, language: str) -> bytes:
    """The whole list as a ``csv`` or ``xlsx`` file."""
    return _csv(page, language) if form == "csv" else _xlsx(page, query, language)


def harmless(cell: str) -> str:
    """A text no spreadsheet takes for a formula, full-width signs and leading blanks included.

    >>> harmless("=1+1"), harmless("  ＝1+1"), harmless("烟台")
    ("'=1+1", "'  ＝1+1", '烟台')
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def _csv(page: LeadPage, language: str) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([column.title.in_language(language) for column in COLUMNS])
    for item in page.items:
        writer.writerow([_plain(column.cell(item, language)) for column in COLUMNS])
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return harmless(cell)
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def _xlsx(page: LeadPage, query: Query, language: str) -> bytes:
    import xlsxwriter  # a start need not wait for what a download now and then uses

    written = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
    with xlsxwriter.Workbook(written, options) as book:
        sheet = book.add_worksheet(Text(zh="线索", en="leads").in_language(language))
        _write_leads(book, sheet, page, language)
        _write_notes(book, page, query, language)
    return written.getvalue()


def _write_leads(book: Any, sheet: Any, page: LeadPage, language: str) -> None:
    formats = {name: book.add_format(given) for name, given in _FORMATS.items()}
    head = book.add_format({"bold": True, "text_wrap": True, "bg_color": "#DDE6F0", "valign": "top"})
    for index, column in enumerate(COLUMNS):
        sheet.set_column(index, index, column.width)
        sheet.write_string(0, index, column.title.in_language(language), head)
    for line, item in enumerate(page.items, start=1):
        for index, column in enumerate(COLUMNS):
            _write_cell(sheet, line, index, column.cell(item, language), formats[column.form])
    sheet.freeze_panes(1, 5)
    sheet.autofilter(0, 0, max(len(page.items), 1), len(COLUMNS) - 1)


def _write_cell(sheet: Any, line: int, index: int, cell: Cell, form: Any) -> None:
    if cell is None:
        sheet.write_blank(line, index, None, form)
    elif isinstance(cell, date):
        sheet.write_datetime(line, index, cell, form)
    elif isinstance(cell, str):
        sheet.write_string(line, index, harmless(cell), form)
    else:
        sheet.write_number(line, index, float(cell), form)


def _write_notes(book: Any, page: LeadPage, query: Query, language: str) -> None:
    notes = book.add_worksheet(Text(zh="说明", en="notes").in_language(language))
    notes.set_column(0, 0, 26)
    notes.set_column(1, 1, 110, book.add_format({"text_wrap": True}))
    bold = book.add_format({"bold": True})
    for line, (name, value) in enumerate(_notes(page, query, language)):
        notes.write_string(line, 0, harmless(name), bold)
        notes.write_string(line, 1, harmless(value))


def _notes(page: LeadPage, query: Query, language: str) -> list[tuple[str, str]]:
    def say(zh: str, en: str) -> str:
        return Text(zh=zh, en=en).in_language(language)

    named, versions = page.named, page.matcher.versions
    article = (
        say(f"第{named.article}条，{named.act}", f"article {named.article}, {named.act}") if named.article else "–"
    )
    return [
        (say("清单", "list"), f"{named.title.in_language(language)} ({query.name})"),
        (say("依据", "article"), article),
        (say("怎么做", "what to do"), named.todo.in_language(language)),
        (say("机构", "institution"), query.institution_id),
        (say("数据日期", "as of"), page.as_of.isoformat()),
        (say("线索计划", "plan"), page.plan or NO_PLAN.in_language(language)),
        (say("计划时间", "planned at"), page.planned_at or "–"),
        (
            say("版本", "versions"),
            f"model {versions.model}; policy {versions.policy}; catalog {versions.catalog}; rating {versions.rating}",
        ),
        (
            say("模拟数据", "simulated"),
            say("本实例的企业与数据均为模拟。", "Enterprises and data of this instance are simulated."),
        ),
        (
            say("脱敏", "masking"),
            say(
                "企业名称、统一社会信用代码与联系方式在企业授权本机构之前不显示；描述至少由 10 家企业共有。"
                "未授权的来源只给出组别层面的理由。",
                "Name, code and contact stay hidden until the enterprise consents to this institution; a description "
                "is shared by 10 enterprises at least. Without consent to a source, reasons speak of its group alone.",
            ),
        ),
        *((column.title.in_language(language), column.meaning.in_language(language)) for column in COLUMNS),
    ]


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
    return ("; " if language.startswith("en") else "；").join(text.in_language(language) for text in texts)


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


_FORMATS: dict[str, dict[str, Any]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "whole": {"num_format": "0", "valign": "top"},
    "money": {"num_format": "#,##0.00", "valign": "top"},
    "share": {"num_format": "0.0%", "valign": "top"},
    "day": {"num_format": "yyyy-mm-dd", "valign": "top"},
}
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
        lambda x, _: x.told.lead.value,
    ),
    _column(
        ("申请概率", "p apply"),
        "share",
        10,
        ("看到后申请的概率", "chance that it applies once it has seen the product"),
        lambda x, _: x.told.lead.p_apply,
    ),
    _column(
        ("通过概率", "p approve"),
        "share",
        10,
        ("审查后通过的概率", "chance of approval once reviewed"),
        lambda x, _: x.told.lead.p_approve,
    ),
    _column(
        ("理由", "reasons"),
        "text",
        70,
        ("对线索价值影响最大的理由", "what weighs most in the value"),
        lambda x, language: _joined([each.text for each in x.told.lead.reasons[:_REASONS]], language),
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
