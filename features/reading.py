"""Raw rows in, validated rows out: refused rows are named by file, line, column and reason; the good ones go on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.reading_cells import ARROW, Fault, Mask, Reason, check, parse
from features.reading_files import Loaded, Refusal, load
from features.schema import SOURCES, Column, Source


@dataclass(frozen=True, kw_only=True)
class ReadResult:
    """What a batch gave.

    Parameters
    ----------
    frame
        The good rows, with exactly the columns of the source; days are ``datetime.date``, null is None or NaN.
    refusals
        Every fault of every refused row, by line; a row with several faults has several.
    """

    frame: pd.DataFrame
    refusals: tuple[Refusal, ...]


def read_rows(
    source: str,
    rows_or_path: Sequence[Mapping[str, Any]] | Path | str,
    *,
    fixed: Mapping[str, Any] | None = None,
    name: str = "rows",
) -> ReadResult:
    """Validate one batch of a source, row by row.

    Parameters
    ----------
    source
        A key of `SOURCES`.
    rows_or_path
        A ``.csv`` (UTF-8, with header) or ``.parquet`` file, or rows as decoded from JSON. A column that may be null
        may be left out. Lines count from 1, which in a CSV is the header.
    fixed
        Values that hold for all rows, such as ``{"uscc": …, "known_on": …}``; a row may repeat but not contradict them.
    name
        What refusals call the batch when it is no file.

    Raises
    ------
    KeyError
        If there is no such source.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Two rows of one fact that became known on the same day cannot both be right: the first goes in, the others are
    refused. The same fact known again on a later day is a revision and goes in.
    """
    table = SOURCES[source]
    loaded = load(table, rows_or_path, fixed or {}, name)
    if loaded.rows is None:
        return ReadResult(frame=_empty(table), refusals=loaded.refusals)
    judged = _Judged(loaded)
    values = {column.name: judged.parsed(column, loaded.rows[column.name]) for column in table.columns}
    for column in table.columns:
        judged.refuse(column.name, check(column, values[column.name]), only_sound=True)
    for name_of_column, fault in _order_faults(table, values):
        judged.refuse(name_of_column, [fault])
    judged.refuse(table.key[-1], _repeated(table, values, judged.sound, loaded.lines))
    good = pa.table(values).filter(pa.array(judged.sound))
    refusals = sorted((*loaded.refusals, *judged.refusals), key=lambda refusal: refusal.line)
    return ReadResult(frame=good.to_pandas(integer_object_nulls=True), refusals=tuple(refusals))


class _Judged:
    """The rows of one batch, and which of them are still sound."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.sound: Mask = ~loaded.spoilt
        self._unread: dict[str, Mask] = {}
        self.refusals: list[Refusal] = []

    def parsed(self, column: Column, cells: pa.Array) -> pa.Array:
        values, faults = parse(column, cells)
        self._unread[column.name] = np.zeros(len(values), dtype=bool)
        for fault in faults:
            self._unread[column.name][fault.rows] = True
        self.refuse(column.name, faults)
        return values

    def refuse(self, column: str, faults: Sequence[Fault], *, only_sound: bool = False) -> None:
        """Refuse the rows of faults; a cell that could not even be read is not judged again."""
        for fault in faults:
            rows = fault.rows[~self._unread[column][fault.rows]] if only_sound else fault.rows
            self.sound[rows] = False
            self.refusals.extend(
                Refusal(
                    file=self._loaded.file,
                    line=int(self._loaded.lines[row]),
                    column=column,
                    reason=fault.reason(int(row)),
                )
                for row in rows
            )


_YEAR_END = "year_end"

_ORDERED: dict[str, tuple[tuple[str, str], ...]] = {
    "registry": (("registered_on", "known_on"),),
    "annual_report": ((_YEAR_END, "known_on"),),
    "invoices": (("issued_on", "known_on"),),
    "court": (("filed_on", "known_on"), ("closed_on", "known_on"), ("filed_on", "closed_on")),
    "ip": (("granted_on", "known_on"), ("granted_on", "expires_on")),
    "honours": (("granted_on", "expires_on"),),
}
"""Days that may not stand in another order: a fact is known when it has happened, and ends after it begins."""

_MONTHLY = (("period", "known_on"),)


def _order_faults(source: Source, values: Mapping[str, pa.Array]) -> list[tuple[str, Fault]]:
    faults = []
    for earlier, later in _ORDERED.get(source.name, _MONTHLY if "period" in source.names else ()):
        first = _year_ends(values["year"]) if earlier == _YEAR_END else values[earlier]
        wrong = pc.fill_null(pc.greater(first, values[later]), False).to_numpy(zero_copy_only=False)
        if wrong.any():
            fault = Fault(rows=np.flatnonzero(wrong), reason=_out_of_order(earlier, first, later, values[later]))
            faults.append((later, fault))
    return faults


def _out_of_order(earlier: str, first: pa.Array, later: str, then: pa.Array) -> Callable[[int], Reason]:
    def reason(row: int) -> Reason:
        a, b = first[row].as_py(), then[row].as_py()
        return Reason(zh=f"{later} {b} 早于 {earlier} {a}", en=f"{later} {b} lies before {earlier} {a}")

    return reason


def _year_ends(years: pa.Array) -> pa.Array:
    text = pc.binary_join_element_wise(pc.utf8_lpad(years.cast(pa.string()), 4, "0"), "12", "31", "-")
    inside = pc.and_(pc.greater(years, 0), pc.less(years, 10_000))
    return pc.if_else(inside, text, pa.scalar(None, pa.string())).cast(pa.date32())


def _repeated(source: Source, values: Mapping[str, pa.Array], sound: Mask, lines: npt.NDArray[np.int64]) -> list[Fault]:
    kept = np.flatnonzero(sound)
    codes = np.zeros(len(kept), dtype=np.int64)
    for name in (*source.key, "known_on"):
        coded = values[name].take(pa.array(kept)).dictionary_encode()
        codes = codes * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
        codes = pd.factorize(codes)[0]
    later = pd.Series(codes).duplicated().to_numpy()
    if not later.any():
        return []
    first = pd.Series(kept).groupby(codes).transform("first").to_numpy()
    first_of = dict(zip(kept[later].tolist(), lines[first[later]].tolist(), strict=True))
    key = ", ".join(source.key)
    return [
        Fault(
            rows=kept[later],
            reason=lambda row: Reason(
                zh=f"与第{first_of[row]}行为同一条记录（{key}，获知日期相同）",
                en=f"the same fact as line {first_of[row]} (same {key} and known_on)",
            ),
        )
    ]


def _empty(source: Source) -> pd.DataFrame:
    schema = pa.schema([(column.name, ARROW[column.dtype]) for column in source.columns])
    frame: pd.DataFrame = schema.empty_table().to_pandas(integer_object_nulls=True)
    return frame
