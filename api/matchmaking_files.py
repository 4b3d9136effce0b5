"""The timetable of an event as a file for the day itself: csv that opens safely, or xlsx."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response

from api.lead_files import CSV, XLSX, harmless
from matcher.domain import Text

COLUMNS: Mapping[str, Text] = {
    "slot": Text(zh="时段", en="slot"),
    "starts_at": Text(zh="开始时间", en="starts at"),
    "table": Text(zh="桌号", en="table"),
    "institution_name": Text(zh="机构", en="institution"),
    "enterprise_name": Text(zh="企业", en="enterprise"),
    "uscc": Text(zh="统一社会信用代码", en="credit code"),
    "demand_id": Text(zh="需求编号", en="demand"),
    "product_id": Text(zh="产品编号", en="product"),
    "product_name": Text(zh="产品", en="product name"),
    "verdict": Text(zh="准入", en="admission"),
    "expected_match": Text(zh="预期成效", en="expected match"),
}
"""What a line of the file tells, in order."""
_WIDTHS = {"institution_name": 28, "enterprise_name": 34, "product_name": 28, "starts_at": 26, "uscc": 22}


def respond(event: Mapping[str, Any], form: str, language: str) -> Response:
    """The file, named after the event."""
    name = f"{event['matchmaking_event_id']}-{event['day']}.{form}"
    content = as_csv(event["schedule"], language) if form == "csv" else as_xlsx(event, language)
    return Response(
        content,
        media_type=f"{CSV}; charset=utf-8" if form == "csv" else XLSX,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Vary": "Accept, Accept-Language",
            "Cache-Control": "private, no-store",
        },
    )


def as_csv(schedule: Sequence[Mapping[str, Any]], language: str) -> bytes:
    """One line a meeting."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([title.in_language(language) for title in COLUMNS.values()])
    for meeting in schedule:
        cells = (meeting.get(name) for name in COLUMNS)
        writer.writerow(
            ["" if cell is None else harmless(cell) if isinstance(cell, str) else str(cell) for cell in cells]
        )
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def as_xlsx(event: Mapping[str, Any], language: str) -> bytes:
    """The timetable, and a sheet of notes."""
    import xlsxwriter  # a start need not wait for what a download now and then uses

    written = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(written, options) as book:
        sheet = book.add_worksheet(Text(zh="日程", en="timetable").in_language(language))
        bold = book.add_format({"bold": True})
        for place, (name, title) in enumerate(COLUMNS.items()):
            sheet.set_column(place, place, _WIDTHS.get(name, 12))
            sheet.write_string(0, place, title.in_language(language), bold)
        for line, meeting in enumerate(event["schedule"], start=1):
            for place, name in enumerate(COLUMNS):
                _write(sheet, line, place, meeting.get(name))
        sheet.freeze_panes(1, 0)
        notes = book.add_worksheet(Text(zh="说明", en="notes").in_language(language))
        for line, text in enumerate(_notes(event, language)):
            notes.write_string(line, 0, harmless(text))
    return written.getvalue()


def _write(sheet: Any, line: int, place: int, cell: Any) -> None:
    if isinstance(cell, int | float):
        sheet.write_number(line, place, cell)
    elif cell is not None:
        sheet.write_string(line, place, harmless(str(cell)))


def _notes(event: Mapping[str, Any], language: str) -> list[str]:
    return [
        f"{event['theme']['title']} · {event['day']}",
        event["theme"]["meaning"],
        *event.get("notes", ()),
        Text(zh="企业与数据均为模拟。", en="Enterprises and data are simulated.").in_language(language),
    ]
