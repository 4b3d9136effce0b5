"""Raw rows as they stood on a day: known by then, the latest version of each, every date told from that day.

After this step no expression needs the day itself: a month is ``back`` calendar months before the month of the day, a
date is so many ``days`` and whole ``months`` ago. So the families of columns are compiled once and serve every day.
"""

from datetime import date
from typing import Any

import ibis

from features.schema import SOURCES, Column, Source

Table = Any
"""An ibis table or column expression; ibis carries no types of its own to check against."""

_IBIS: dict[str, str] = {
    "string": "string",
    "float": "float64",
    "integer": "int64",
    "boolean": "boolean",
    "date": "date",
}


def raw_table(source: Source) -> Table:
    """The unbound table ``raw_<source>`` with the declared columns: one row per recorded fact and version."""
    return ibis.table({c.name: _IBIS[c.dtype] for c in source.columns}, name=f"raw_{source.name}")


def seen_table(source: str) -> Table:
    """The unbound table ``seen_<source>`` that `seen` describes, for the families to build upon."""
    return ibis.table(seen(SOURCES[source], date(2000, 1, 1), revised=False).schema(), name=f"seen_{source}")


def seen(source: Source, as_of: date, *, revised: bool) -> Table:
    """What a source said on a day: one row per fact, in its latest version known by then.

    Parameters
    ----------
    revised
        Whether the table may hold several versions of one fact. Without revisions the choice of the latest is left
        out, which is what makes ten million invoices cheap.

    Returns
    -------
    Table
        The columns of the source, where money and energy are whole hundredths (``<column>_fen``, so that sums are exact
        and the same in any order), and for each date ``<date>_days``, ``<date>_months`` (whole months) and
        ``<date>_back`` (calendar months) before the day; negative lies after it.
    """
    raw = raw_table(source)
    rows = raw.filter(raw.known_on <= ibis.literal(as_of))
    if revised:
        rows = _latest(source, rows)
    return rows.select(**_told_from(source, rows, as_of))


def _latest(source: Source, rows: Table) -> Table:
    # Beyond the day all other columns break ties, so that two conflicting rows of one day never depend on row order.
    rest = [name for name in source.names if name not in source.key and name != "known_on"]
    order = [ibis.desc(rows.known_on, nulls_first=False), *(ibis.desc(rows[n], nulls_first=False) for n in rest)]
    window = ibis.window(group_by=[rows[k] for k in source.key], order_by=order)
    numbered = rows.mutate(version=ibis.row_number().over(window))
    return numbered.filter(numbered.version == 0).drop("version")


def _told_from(source: Source, rows: Table, as_of: date) -> dict[str, Table]:
    columns: dict[str, Table] = {}
    for column in source.columns:
        value = rows[column.name]
        if column.dtype == "date":
            columns |= _ages(column.name, value, as_of)
        elif column.dtype == "float":
            columns[f"{column.name}_fen"] = _hundredths(column, value)
        else:
            columns[column.name] = value
    return columns


def _ages(name: str, value: Table, as_of: date) -> dict[str, Table]:
    back = ibis.literal(as_of.year * 12 + as_of.month) - (value.year() * 12 + value.month())
    whole = back - (value.day() > as_of.day).cast("int32")
    return {
        f"{name}_days": ibis.literal(as_of).delta(value, unit="day"),
        f"{name}_months": whole,
        f"{name}_back": back,
    }


def _hundredths(column: Column, value: Table) -> Table:
    number = (value * 100).round().cast("int64")
    return value.isnan().ifelse(ibis.null("int64"), number).name(column.name)
