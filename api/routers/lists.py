"""The two lists of article 3, as files: products and services of the banks, policies for enterprises."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response

from api.auth import ROLES, Caller, requires
from api.schemas import Day
from api.service import instance_of
from matcher.policy.lists import PolicyRow, ProductRow, column_names, list_version, policy_rows, product_rows

router = APIRouter(prefix="/v1/lists", tags=["lists"])
Anyone = Annotated[Caller, Depends(requires(*ROLES))]
Cell = str | int | Decimal | date | None
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@router.get("/{name}.{form}", summary="清单下载 · Lists of article 3")
async def download(
    request: Request,
    name: Literal["products", "policies"],
    form: Literal["csv", "xlsx"],
    _caller: Anyone,
    as_of: Day | None = None,
) -> Response:
    """A list in its present edition; ``ETag`` is its version, and what is held already is not sent again."""
    instance = instance_of(request)
    day = as_of or instance.clock.today()
    rows: Sequence[ProductRow] | Sequence[PolicyRow]
    if name == "products":
        catalog = instance.matcher.catalog
        rows = product_rows(catalog.products, catalog.institutions, day)
        header = column_names(ProductRow)
    else:
        rows = policy_rows(day, instance.matcher.rulebook)
        header = column_names(PolicyRow)
    version = list_version(rows)
    headers = {"ETag": f'"{version}"', "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if is_held(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    table = [astuple(row) for row in rows]
    content = _csv(header, table) if form == "csv" else _xlsx(name, header, table, version, day)
    return Response(
        content,
        media_type="text/csv; charset=utf-8" if form == "csv" else _XLSX,
        headers=headers | {"Content-Disposition": f'attachment; filename="{name}-{day.isoformat()}-{version}.{form}"'},
    )


def is_held(if_none_match: str, tag: str) -> bool:
    """Whether a caller holds the version with this tag already.

    >>> is_held('"a", W/"b"', '"b"'), is_held("*", '"b"'), is_held('"a"', '"b"')
    (True, True, False)
    """
    held = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in held or tag in held


def harmless(cell: Cell) -> str:
    """A cell as text no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless(Decimal("0.5")), harmless(None)
    ("'=1+1", '0.5', '')
    """
    if cell is None:
        return ""
    text = str(cell)
    return "'" + text if isinstance(cell, str) and text.startswith(_FORMULA) else text


def _csv(header: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def _xlsx(name: str, header: Sequence[str], rows: Sequence[tuple[Cell, ...]], version: str, day: date) -> bytes:
    import xlsxwriter  # a start need not wait for what a download now and then uses

    written = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(written, options) as book:
        sheet = book.add_worksheet(name)
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, header, book.add_format({"bold": True}))
        for line, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, date):
                    sheet.write_datetime(line, column, cell, days)
                elif isinstance(cell, Decimal | int):
                    sheet.write_number(line, column, float(cell))
                elif cell is not None:
                    sheet.write_string(line, column, cell)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(rows), 1), len(header) - 1)
        notes = book.add_worksheet("notes")
        notes.write_column(0, 0, [f"version {version}", f"as of {day.isoformat()}", "simulated · 模拟数据"])
    return written.getvalue()
