"""One row per enterprise as known on a day: the only path from raw records to profile columns.

Every column is an engine-neutral expression; DuckDB runs them here. Money is added in whole fen, so a profile is the
same bit for bit whatever the order of rows, the number of threads, or how many enterprises are built together.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import duckdb
import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.profile_invoices import invoices_family
from features.profile_months import (
    credit_family,
    customs_family,
    social_security_family,
    tax_family,
    utilities_family,
)
from features.profile_seen import Table, seen
from features.profile_standing import (
    annual_report_family,
    court_family,
    honours_family,
    ip_family,
    real_estate_family,
    registry_family,
)
from features.profile_terms import ratio
from features.schema import PROFILE, SOURCES
from features.sources import SourceTables

FAMILIES: Mapping[str, Callable[[], Table]] = {
    "registry": registry_family,
    "annual_report": annual_report_family,
    "tax": tax_family,
    "invoices": invoices_family,
    "social_security": social_security_family,
    "utilities": utilities_family,
    "credit": credit_family,
    "court": court_family,
    "ip": ip_family,
    "customs": customs_family,
    "honours": honours_family,
    "real_estate": real_estate_family,
}
"""For each source the expression over ``seen_<source>`` that gives its columns, one row per enterprise."""


def build_profiles(tables: SourceTables, as_of: date, *, enterprises: Sequence[str] | None = None) -> pd.DataFrame:
    """What was known about each enterprise on a day: one row per enterprise, sorted by the index ``uscc``.

    Parameters
    ----------
    as_of
        Only rows with ``known_on`` up to this day count. "Last 12 months" are the 12 whole calendar months before the
        month of this day.
    enterprises
        Codes to build; each gets a row even if nothing is known of it. None builds every enterprise of any source.

    Returns
    -------
    DataFrame
        Exactly the columns of `PROFILE`. Numbers and flags (1, 0) are float64 and NaN when unknown; codes are objects,
        None when unknown.
    """
    cursor = tables.cursor()
    try:
        _open(cursor, tables, as_of, enterprises)
        for name in FAMILIES:
            cursor.execute(f"CREATE TEMP TABLE family_{name} AS {_family_sql(name)}")
        if enterprises is None:
            cursor.execute(f"CREATE TEMP TABLE spine AS {_everyone_sql()}")
        return _frame(cursor.execute(_join_sql()).fetchnumpy())
    finally:
        cursor.close()


def profile_columns(frame: pd.DataFrame) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.object_]]:
    """The columns of a profile frame as arrays, without copies: float64 for numbers and flags, object for codes."""
    return {column.name: frame[column.name].to_numpy() for column in PROFILE}


def _open(
    cursor: duckdb.DuckDBPyConnection, tables: SourceTables, as_of: date, enterprises: Sequence[str] | None
) -> None:
    asked = sorted(set(enterprises or ()))
    if enterprises is not None:
        cursor.execute("CREATE TEMP TABLE spine AS SELECT unnest($1::VARCHAR[]) AS uscc", [asked])
    for source in SOURCES.values():
        name = source.name
        if enterprises is None:
            cursor.execute(f"CREATE TEMP VIEW raw_{name} AS SELECT * FROM source_{name}")
            cursor.execute(f"CREATE TEMP VIEW seen_{name} AS {_seen_sql(name, as_of, tables.has_revisions(name))}")
        else:
            _take(cursor, name, asked, _seen_sql(name, as_of, True))


def _take(cursor: duckdb.DuckDBPyConnection, source: str, asked: Sequence[str], sql: str) -> None:
    # One constant code is what lets the reader skip row groups of a file sorted by enterprise.
    wanted = "($1)" if len(asked) == 1 else "(SELECT uscc FROM spine)"
    raw = f"SELECT * FROM source_{source} WHERE uscc IN {wanted}"
    query = f"CREATE TEMP TABLE seen_{source} AS WITH raw_{source} AS ({raw}) SELECT * FROM ({sql})"
    cursor.execute(query, list(asked) if len(asked) == 1 else None)


@lru_cache(maxsize=512)
def _seen_sql(source: str, as_of: date, revised: bool) -> str:
    return str(ibis.to_sql(seen(SOURCES[source], as_of, revised=revised), dialect="duckdb"))


@lru_cache(maxsize=32)
def _family_sql(source: str) -> str:
    return str(ibis.to_sql(FAMILIES[source](), dialect="duckdb"))


@lru_cache(maxsize=1)
def _join_sql() -> str:
    return str(ibis.to_sql(_joined(), dialect="duckdb"))


@lru_cache(maxsize=1)
def _everyone_sql() -> str:
    known = [part.select("uscc") for part in _parts().values()]
    return str(ibis.to_sql(ibis.union(known[0], *known[1:], distinct=False).distinct(), dialect="duckdb"))


def _parts() -> dict[str, Table]:
    return {name: ibis.table(family().schema(), name=f"family_{name}") for name, family in FAMILIES.items()}


def _joined() -> Table:
    parts = _parts()
    spine = ibis.table({"uscc": "string"}, name="spine")
    rows = spine
    for name, part in parts.items():
        rows = rows.left_join(part, spine.uscc == part.uscc, rname="{name}_" + name)
    rows = rows.mutate(**_across(rows))
    return rows.select("uscc", *(_typed(rows, c.name, c.dtype) for c in PROFILE)).order_by("uscc")


def _across(rows: Table) -> dict[str, Table]:
    # Invoiced sales, else declared: the one turnover all these ratios share.
    sales = ibis.coalesce(rows.sales_12m_cny, rows.taxed_sales_12m_cny)
    return {
        "sales_per_head_cny": ratio(sales, rows.headcount),
        "sales_per_kwh_cny": ratio(sales, rows.electricity_12m_kwh),
        "debt_to_sales": ratio(rows.loans_outstanding_cny, sales),
        "export_share": ratio(rows.exports_12m_cny, sales),
    }


def _typed(rows: Table, name: str, dtype: str) -> Table:
    return rows[name].cast("string" if dtype == "string" else "float64").name(name)


def _frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    index = pd.Index(_objects(columns["uscc"]), name="uscc", dtype=object)
    data = {c.name: _objects(columns[c.name]) if c.dtype == "string" else _floats(columns[c.name]) for c in PROFILE}
    return pd.DataFrame({n: pd.Series(v, index=index, dtype=v.dtype) for n, v in data.items()}, index=index)


def _floats(values: Any) -> npt.NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def _objects(values: Any) -> npt.NDArray[np.object_]:
    objects: npt.NDArray[np.object_] = np.ma.getdata(values).astype(object)
    objects[np.ma.getmaskarray(values)] = None
    return objects
