"""Every column once: its name, dtype, unit, meaning, what null means, and the source it comes from.

Two kinds of table live here. `SOURCES` are the raw records as their keepers hand them over, one row per recorded fact,
each with the day it became known. `PROFILE` is what those records say about one enterprise on one day. Nothing else in
the project may invent a column of either. The lists themselves are the three CSV files under ``definitions/``.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal, cast, get_args

Dtype = Literal["string", "float", "integer", "boolean", "date"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name
        Identifier, unique within its table.
    dtype
        ``date`` is a calendar day; ``float`` holds money in yuan, quantities and shares.
    unit
        ``cny``, ``kwh``, ``share`` (1 is all), ``ratio``, ``count``, ``days``, ``months``, ``day``, ``code``, ``flag``.
    title_zh
        Short name for readers of Chinese.
    meaning
        What a value says, in one line.
    null, null_zh
        What an absent value says; an empty text means null is refused.
    source
        The source it comes from; empty for the columns of a source itself.
    uses
        Every source a value may be computed from, ``source`` first; reading it needs consent to all of them.
    allowed
        Closed set of codes, empty when open.
    minimum
        Smallest value admitted, ``None`` where negatives mean something.
    pattern
        Regular expression the whole of a code must match, empty when any.
    """

    name: str
    dtype: Dtype
    unit: str
    title_zh: str
    meaning: str
    null: str = ""
    null_zh: str = ""
    source: str = ""
    uses: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    pattern: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One raw table: a row per recorded fact; ``key`` tells two records of one fact apart from two facts."""

    name: str
    title_zh: str
    title_en: str
    key: tuple[str, ...]
    columns: tuple[Column, ...] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order, ``uscc`` and ``known_on`` first."""
        return tuple(column.name for column in self.columns)


def _rows(table: str) -> Iterator[dict[str, str]]:
    text = files("features").joinpath("definitions", f"{table}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _split(codes: str) -> tuple[str, ...]:
    return tuple(codes.split("|")) if codes else ()


def _column(row: dict[str, str], *, derived: bool) -> Column:
    if row["dtype"] not in get_args(Dtype):
        raise ValueError(f"definitions: {row['name']} has dtype {row['dtype']}; use one of {get_args(Dtype)}.")
    return Column(
        name=row["name"],
        dtype=cast(Dtype, row["dtype"]),
        unit=row["unit"],
        title_zh=row["title_zh"],
        meaning=row["meaning"],
        null=row["null"],
        null_zh=row["null_zh"],
        source=row["source"] if derived else "",
        uses=(row["source"], *_split(row["uses"])) if derived else (),
        allowed=_split(row["allowed"]),
        minimum=float(row["minimum"]) if row["minimum"] else None,
        pattern=row.get("pattern", ""),
    )


def _sources() -> dict[str, Source]:
    columns: dict[str, list[Column]] = {}
    for row in _rows("records"):
        columns.setdefault(row["source"], []).append(_column(row, derived=False))
    return {
        row["name"]: Source(
            name=row["name"],
            title_zh=row["title_zh"],
            title_en=row["title_en"],
            key=_split(row["key"]),
            columns=tuple(columns[row["name"]]),
        )
        for row in _rows("sources")
    }


SOURCES: dict[str, Source] = _sources()
"""The twelve raw tables, by name. A later row with the same key replaces an earlier one from its own known-on day.

Of the sources that are searched rather than filed (court, ip, honours, real_estate) a row of kind ``none`` says
"searched, nothing found": with it counts are zero, without any row they are unknown.
"""

PROFILE: tuple[Column, ...] = tuple(_column(row, derived=True) for row in _rows("profile"))
"""What is known about one enterprise on one day: one row per enterprise, key ``uscc``."""

PROFILE_BY_NAME: dict[str, Column] = {column.name: column for column in PROFILE}
NUMERIC_PROFILE: tuple[str, ...] = tuple(c.name for c in PROFILE if c.dtype in {"float", "integer", "boolean"})
"""Profile columns a model may read as numbers; booleans are 0, 1 or null."""
