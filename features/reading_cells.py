"""What one cell may hold: text or typed values to the declared type, exactly or not at all.

Nothing is rounded, trimmed or guessed. Text must spell the value in full: ``3`` is an integer and ``3.0`` is not, flags
are ``true`` and ``false``, days are ISO. A typed whole number such as 3.0 (JSON and parquet know but one kind of number
once a null is about) is the integer 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.schema import Column
from features.uscc import uscc_fault

LARGEST = 1e13
"""Bound on any amount, in units: hundredths of it are still exact in a float and their squares in 38 digits."""
FOREIGN = "\t"
"""Stands before the spelling of a typed value that its column cannot hold; no column admits a text that begins so."""
LONGEST = 256
"""Bound on any text, in characters."""

ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}

_SPELLING = {
    "integer": r"^-?[0-9]{1,15}$",
    "float": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$",
    "boolean": r"^(true|false)$",
}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why something was refused, in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Cells of one column that break one rule, by row number from 0."""

    rows: npt.NDArray[np.int64]
    reason: Callable[[int], Reason]


def parse(column: Column, cells: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Cells in the declared type, with null where they do not say such a value, and what was wrong with those."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_null(cells.type):
        return pa.nulls(len(cells), ARROW[column.dtype]), []
    if pa.types.is_large_string(cells.type):
        cells = cells.cast(pa.string())
    values = _from_text(column, cells) if pa.types.is_string(cells.type) else _from_typed(column, cells)
    lost = _mask(cells.is_valid()) & _mask(values.is_null())
    return values, list(_fault(lost, lambda row: _wrong_type(column, cells[row].as_py())))


def check(column: Column, values: pa.Array) -> list[Fault]:
    """Values of the type but outside what the column admits: null, closed codes, bounds, patterns, check digits."""
    return [*_null_faults(column, values), *_code_faults(column, values), *_bound_faults(column, values)]


def _from_text(column: Column, text: pa.Array) -> pa.Array:
    if column.dtype == "string":
        return text
    if column.dtype == "date":
        return _each(text, _day, pa.date32())
    spelt = pc.match_substring_regex(text, _SPELLING[column.dtype])
    return pc.if_else(spelt, text, pa.scalar(None, pa.string())).cast(ARROW[column.dtype])


def _from_typed(column: Column, cells: pa.Array) -> pa.Array:
    kind, wanted = cells.type, ARROW[column.dtype]
    nothing = pa.nulls(len(cells), wanted)
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if column.dtype == "float" and numeric:
        values = cells.cast(wanted, safe=False)
        return pc.if_else(pc.is_nan(values), pa.scalar(None, wanted), values)
    if column.dtype == "integer" and numeric:
        number = cells.cast(pa.float64(), safe=False)
        whole = pc.and_(pc.equal(pc.floor(number), number), pc.less(pc.abs(number), 1e15))
        return pc.if_else(whole, number, pa.scalar(None, pa.float64())).cast(wanted)
    if column.dtype == "date" and pa.types.is_timestamp(kind):
        day = cells.cast(pa.date32(), safe=False)
        return pc.if_else(pc.equal(day.cast(kind), cells), day, pa.scalar(None, wanted))
    if column.dtype == "date" and pa.types.is_date(kind):
        return cells.cast(wanted)
    return cells if kind == wanted else nothing


def _day(text: str) -> date | None:
    if len(text) != 10:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _each(text: pa.Array, rule: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    # Days and codes repeat: judging each distinct one once is what makes a million rows quick.
    coded = text.dictionary_encode()
    judged = pa.array([rule(value) for value in coded.dictionary.to_pylist()], kind)
    return judged.take(coded.indices)


def _null_faults(column: Column, values: pa.Array) -> Iterator[Fault]:
    if column.null:
        return
    reason = Reason(zh=f"{column.title_zh}不能为空", en=f"{column.name} may not be empty")
    yield from _fault(_mask(values.is_null()), lambda row: reason)


def _code_faults(column: Column, values: pa.Array) -> Iterator[Fault]:
    if column.dtype != "string":
        return
    if column.allowed:
        known = _mask(pc.is_in(values, pa.array(column.allowed))) | _mask(values.is_null())
        yield from _fault(~known, lambda row: _not_allowed(column, values[row].as_py()))
        return
    verdicts = _each(values, lambda text: _text_fault(column, text) is not None, pa.bool_())
    yield from _fault(_mask(verdicts), lambda row: _text_fault(column, values[row].as_py()) or Reason(zh="", en=""))


def _text_fault(column: Column, text: str) -> Reason | None:
    if len(text) > LONGEST:
        return Reason(zh=f"超过{LONGEST}个字符", en=f"longer than {LONGEST} characters")
    if text.startswith(FOREIGN):
        return _wrong_type(column, text)
    if text != text.strip() or not text.isprintable():
        return Reason(zh="含首尾空白或控制字符", en="has blanks around it or control characters in it")
    if column.name == "uscc":
        fault = uscc_fault(text)
        return None if fault is None else Reason(zh=fault.zh, en=fault.en)
    if column.pattern and not _mask(pc.match_substring_regex(pa.array([text]), f"^({column.pattern})$"))[0]:
        return Reason(zh=f"“{text}”不符合格式 {column.pattern}", en=f"{text!r} does not match {column.pattern}")
    return None


def _bound_faults(column: Column, values: pa.Array) -> Iterator[Fault]:
    if column.dtype in {"float", "integer"}:
        number = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        yield from _fault(np.abs(number) > LARGEST, lambda row: _too_large(values[row].as_py()))
        if column.minimum is not None:
            low = column.minimum
            yield from _fault(number < low, lambda row: _too_small(values[row].as_py(), low))
    if column.name == "period":
        late = pc.not_equal(pc.day(values), 1)
        yield from _fault(_mask(late), lambda row: _not_first(values[row].as_py()))


def _mask(flags: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(flags, False).to_numpy(zero_copy_only=False).astype(bool)
    return mask


def _fault(mask: Mask, reason: Callable[[int], Reason]) -> Iterator[Fault]:
    if mask.any():
        yield Fault(rows=np.flatnonzero(mask), reason=reason)


_KINDS = {
    "string": ("文本", "a text"),
    "float": ("数字", "a number"),
    "integer": ("整数", "a whole number"),
    "boolean": ("true 或 false", "true or false"),
    "date": ("ISO 日期（如 2026-10-31）", "an ISO day such as 2026-10-31"),
}


def _wrong_type(column: Column, found: Any) -> Reason:
    zh, en = _KINDS[column.dtype]
    shown = str(found).removeprefix(FOREIGN)[:60]
    return Reason(zh=f"应为{zh}，实为“{shown}”", en=f"must be {en}, not {shown!r}")


def _not_allowed(column: Column, found: str) -> Reason:
    codes = ", ".join(column.allowed)
    return Reason(zh=f"“{found[:60]}”不在代码集 {codes} 之内", en=f"{found[:60]!r} is none of {codes}")


def _too_small(found: float, low: float) -> Reason:
    return Reason(zh=f"{found:g} 小于下限 {low:g}", en=f"{found:g} is below {low:g}")


def _too_large(found: float) -> Reason:
    return Reason(zh=f"{found:g} 的绝对值超过 {LARGEST:g}", en=f"{found:g} is beyond {LARGEST:g} either way")


def _not_first(found: date) -> Reason:
    return Reason(zh=f"{found} 不是月份的第一天", en=f"{found} is not the first day of a month")
