"""The written form of sources, applications and officers: exact columns and types, and nothing that is hidden."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from features.schema import Source
from training.city.actors import City, Log
from training.city.parameters import DEMAND_MONTH_0, LAST_DAY, MONTHS

_TYPES = {
    "string": pa.string(),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def source_table(source: Source, rows: pd.DataFrame | pa.Table) -> pa.Table:
    """Rows of a source with exactly its columns, ordered by enterprise."""
    schema = pa.schema([(c.name, _TYPES[c.dtype]) for c in source.columns])
    if isinstance(rows, pa.Table):
        return rows.select(source.names).cast(schema)
    ordered = rows.reindex(columns=list(source.names)).sort_values("uscc", kind="stable")
    arrays = [_array(ordered[c.name], _TYPES[c.dtype]) for c in source.columns]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if kind == pa.date32():
        return pa.array(values.to_numpy().astype("datetime64[D]"), pa.date32(), from_pandas=True)
    if kind == pa.bool_():
        return pa.array(values.astype("boolean"), kind, from_pandas=True)
    return pa.array(values, kind, from_pandas=True)


def application_table(city: City, log: Log, until: date = LAST_DAY) -> pa.Table:
    """One row per application made up to a day, as known on it; never reviewed is not refused."""
    files, loans = [f for f in log.files if f.applied_on <= until], log.loans.by_application
    banks = [str(r["institution_id"]) for r in city.institutions.records]
    products = [str(p["product_id"]) for p in city.marketplace.products]
    paid = [loans.get(f.application) for f in files]
    known = [loan if loan is not None and loan.disbursed_on <= until else None for loan in paid]
    ended = [None if loan is None or loan.matures_on > until else loan.matures_on for loan in known]
    rates = [(float(str(p["rate_low"])) + float(str(p["rate_high"]))) / 2 for p in city.marketplace.products]
    return pa.table(
        {
            "application_id": pa.array([f"A-{f.application + 1:06d}" for f in files], pa.string()),
            "demand_id": pa.array(city.demands.demand_id[[f.demand for f in files]], pa.string()),
            "product_id": pa.array([products[f.product] for f in files], pa.string()),
            "institution_id": pa.array([banks[f.bank] for f in files], pa.string()),
            "applied_on": pa.array([f.applied_on for f in files], pa.date32()),
            "queue_position": pa.array([f.position for f in files], pa.int64()),
            "reviewed": pa.array([f.reviewed_on is not None for f in files], pa.bool_()),
            "reviewed_on": pa.array([f.reviewed_on for f in files], pa.date32()),
            "approved": pa.array([f.approve if f.reviewed_on else None for f in files], pa.bool_()),
            "refusal_reason": pa.array(
                [f.reason if f.reviewed_on and not f.approve else None for f in files], pa.string()
            ),
            "amount_cny": pa.array(city.demands.amount_cny[[f.demand for f in files]], pa.float64()),
            "annual_rate": pa.array(
                [
                    loan.annual_rate if loan else round(rates[f.product], 4)
                    for f, loan in zip(files, known, strict=True)
                ],
                pa.float64(),
            ),
            "disbursed_on": pa.array([loan.disbursed_on if loan else None for loan in known], pa.date32()),
            "matured_on": pa.array(ended, pa.date32()),
            "outcome": pa.array([loan.outcome_on(until) if loan else "none" for loan in known], pa.string()),
        }
    )


def officer_table(city: City, log: Log) -> pa.Table:
    """One row per institution and month: officers, reviews they can do, reviews they did."""
    rows: list[tuple[str, date, int, int, int]] = []
    for month in MONTHS[DEMAND_MONTH_0:]:
        for b, record in enumerate(city.institutions.records):
            done = log.reviewed.get((b, month.date()), 0)
            officers = int(np.asarray(city.institutions.officers)[b])
            rows.append((str(record["institution_id"]), month.date(), officers, int(log.capacity[b]), done))
    names = ("institution_id", "period", "officers", "capacity", "reviewed")
    kinds = (pa.string(), pa.date32(), pa.int64(), pa.int64(), pa.int64())
    columns = list(zip(*rows, strict=True))
    return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})
