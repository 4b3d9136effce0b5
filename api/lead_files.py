"""Lists of leads as files for people without code: csv that opens safely, xlsx with typed columns and notes."""

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import Any

from api.lead_columns import COLUMNS, Cell
from api.lead_pages import MOST, NO_PLAN, LeadPage, Query
from matcher.domain import Text

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {CSV: "csv", XLSX: "xlsx"}
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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
            say("本实例的企业与数据均为模拟。", "Enterprises and data of this instance are simulated.")
            if page.simulated
            else say("否：真实企业与数据。", "No: enterprises and data are real."),
        ),
        (say("条数", "rows"), _rows(page).in_language(language)),
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


def _rows(page: LeadPage) -> Text:
    """How many leads the file holds, and whether that is all of them."""
    count = len(page.items)
    if page.next_cursor is None:
        return Text(zh=f"{count} 条，全部", en=f"{count}, all there are")
    return Text(
        zh=f"仅前 {count} 条：文件最多 {MOST} 条，其余请按页读取 JSON。",
        en=f"the first {count} only: a file holds {MOST} at most; read the rest page by page as JSON",
    )


_FORMATS: dict[str, dict[str, Any]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "whole": {"num_format": "0", "valign": "top"},
    "money": {"num_format": "#,##0.00", "valign": "top"},
    "share": {"num_format": "0.0%", "valign": "top"},
    "day": {"num_format": "yyyy-mm-dd", "valign": "top"},
}
