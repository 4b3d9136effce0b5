"""A batch as columns of cells, whatever it came in: CSV, parquet, or rows decoded from JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from features.reading_cells import FOREIGN, Mask, Reason
from features.schema import Column, Source


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One fault: where it stands and why it was refused; line 0 is the batch as a whole."""

    file: str
    line: int
    column: str
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Cells of a batch by column, before any judgement of values.

    Parameters
    ----------
    rows
        All columns of the source, None when the batch is no table of the source at all.
    lines
        Line of each row.
    spoilt
        Rows refused already.
    """

    source: Source
    file: str
    rows: dict[str, pa.Array] | None
    lines: npt.NDArray[np.int64]
    spoilt: Mask
    refusals: tuple[Refusal, ...] = ()


def load(
    source: Source, rows_or_path: Sequence[Mapping[str, Any]] | Path | str, fixed: Mapping[str, Any], name: str
) -> Loaded:
    """Read a batch as columns; a file of unknown or lacking columns is refused whole."""
    if not isinstance(rows_or_path, Path | str):
        return _load_rows(source, rows_or_path, fixed, name)
    path = Path(rows_or_path)
    if path.suffix == ".parquet":
        table = pa.parquet.read_table(path)
        return _load_table(source, path.name, table, np.arange(1, table.num_rows + 1), fixed, [])
    return _load_csv(source, path, fixed)


def _load_csv(source: Source, path: Path, fixed: Mapping[str, Any]) -> Loaded:
    torn: list[Refusal] = []

    def note(row: Any) -> str:
        reason = Reason(
            zh=f"应有{row.expected_columns}列，实有{row.actual_columns}列",
            en=f"has {row.actual_columns} cells, the header {row.expected_columns}",
        )
        torn.append(Refusal(file=path.name, line=int(row.number), column="", reason=reason))
        return "skip"

    try:
        names = _header(path)
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = Reason(zh=f"不是带表头的 UTF-8 CSV：{error}", en=f"not a UTF-8 CSV with a header: {error}")
        return _refused(source, path.name, [Refusal(file=path.name, line=0, column="", reason=reason)])
    skipped = np.array([refusal.line for refusal in torn], dtype=np.int64)
    lines = np.setdiff1d(np.arange(2, 2 + table.num_rows + len(torn)), skipped)
    return _load_table(source, path.name, table, lines, fixed, torn)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig") as file:
        return [name.strip('"') for name in file.readline().rstrip("\r\n").split(",")]


def _load_table(
    source: Source,
    file: str,
    table: pa.Table,
    lines: npt.NDArray[np.int64],
    fixed: Mapping[str, Any],
    torn: list[Refusal],
) -> Loaded:
    faults = _header_faults(source, file, table.column_names, fixed)
    if faults:
        return _refused(source, file, faults)
    spoilt: Mask = np.zeros(table.num_rows, dtype=bool)
    rows = {}
    for column in source.columns:
        if column.name in table.column_names:
            rows[column.name] = table[column.name].combine_chunks()
        else:
            rows[column.name] = pa.nulls(table.num_rows)
        if column.name in fixed:
            rows[column.name], wrong = _held(column, rows[column.name], fixed[column.name])
            torn.extend(_contradiction(file, int(lines[row]), column, fixed) for row in np.flatnonzero(wrong))
            spoilt |= wrong
    return Loaded(source=source, file=file, rows=rows, lines=lines, spoilt=spoilt, refusals=tuple(torn))


def _header_faults(source: Source, file: str, names: Sequence[str], fixed: Mapping[str, Any]) -> list[Refusal]:
    unknown = [name for name in names if name not in source.names]
    missing = [c.name for c in source.columns if not c.null and c.name not in names and c.name not in fixed]
    repeated = sorted({name for name in names if names.count(name) > 1} if isinstance(names, list) else set())
    return [
        *(_refusal(file, 1, name, *_unknown(source)) for name in unknown),
        *(_refusal(file, 1, name, "缺少此列", "this column is missing") for name in missing),
        *(_refusal(file, 1, name, "此列重复出现", "this column stands twice") for name in repeated),
    ]


def _load_rows(source: Source, rows: Sequence[Mapping[str, Any]], fixed: Mapping[str, Any], name: str) -> Loaded:
    spoilt: Mask = np.zeros(len(rows), dtype=bool)
    refusals: list[Refusal] = []
    for place, row in enumerate(rows):
        for key in sorted(set(row) - set(source.names)):
            refusals.append(_refusal(name, place + 1, key, *_unknown(source)))
            spoilt[place] = True
    columns = {}
    for column in source.columns:
        cells = pa.array([_spelt(column, row.get(column.name)) for row in rows], pa.string())
        if column.name in fixed:
            cells, wrong = _held(column, cells, fixed[column.name])
            refusals.extend(_contradiction(name, int(r) + 1, column, fixed) for r in np.flatnonzero(wrong))
            spoilt |= wrong
        columns[column.name] = cells
    lines = np.arange(1, len(rows) + 1)
    return Loaded(source=source, file=name, rows=columns, lines=lines, spoilt=spoilt, refusals=tuple(refusals))


def _spelt(column: Column, value: Any) -> str | None:
    """A JSON value as the text that spells it for its column, or as text no such column admits."""
    if value is None:
        return None
    if column.dtype == "string":
        return value if isinstance(value, str) and value else _foreign(value)
    if column.dtype == "boolean":
        return str(value).lower() if isinstance(value, bool) else _foreign(value)
    if column.dtype == "date":
        return _spelt_day(value)
    return _spelt_number(column, value)


def _spelt_day(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) and value else _foreign(value)


def _spelt_number(column: Column, value: Any) -> str:
    if isinstance(value, bool):
        return _foreign(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float | Decimal):
        return str(value)
    # Money travels as decimal strings; counts do not.
    decimal = isinstance(value, str) and column.dtype == "float" and value != ""
    return str(value) if decimal else _foreign(value)


def _foreign(value: Any) -> str:
    return FOREIGN + json.dumps(value, ensure_ascii=False, default=str)[:60]


def _held(column: Column, cells: pa.Array, value: Any) -> tuple[pa.Array, Mask]:
    wanted = _spelt(column, value)
    found = cells.to_pylist()
    wrong = np.array([cell is not None and _spelt(column, cell) != wanted for cell in found], dtype=bool)
    return pa.array([wanted] * len(found), pa.string()), wrong


def _contradiction(file: str, line: int, column: Column, fixed: Mapping[str, Any]) -> Refusal:
    value = fixed[column.name]
    return _refusal(file, line, column.name, f"与本批次的 {value} 不一致", f"differs from {value}, given for the batch")


def _unknown(source: Source) -> tuple[str, str]:
    columns = ", ".join(source.names)
    return f"{source.title_zh}没有此列，可用列为 {columns}", f"unknown column of {source.name}: it has {columns}"


def _refusal(file: str, line: int, column: str, zh: str, en: str) -> Refusal:
    return Refusal(file=file, line=line, column=column, reason=Reason(zh=zh, en=en))


def _refused(source: Source, file: str, refusals: Sequence[Refusal]) -> Loaded:
    nothing = np.zeros(0, dtype=np.int64)
    return Loaded(
        source=source, file=file, rows=None, lines=nothing, spoilt=nothing.astype(bool), refusals=tuple(refusals)
    )
