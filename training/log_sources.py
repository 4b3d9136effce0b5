"""Raw tables beside an exported log: those of a directory, with the records that were put into the store added.

Rows of a source go out only where its enterprise lets the platform read it for matching on the day of the export, as
a recommendation of that day would: whoever revoked, or whose consent ended, teaches no model any more.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, select

from features.consent import PLATFORM
from features.reading import read_rows
from features.schema import SOURCES, Source
from matcher.store import enterprises
from matcher.store.tables import record_batches

PURPOSE = "financing_match"
"""What a consent must be for: the models learned serve this purpose and no other."""

_TYPES = {
    "string": pa.string(),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def write_sources(connection: Connection, out: Path, base: Path | None, as_of: date) -> Counter[str]:
    """Write every source as ``<source>.parquet``; one without rows is written empty.

    Of two rows of one fact that became known on the same day the one put into the store last stands.

    Returns
    -------
    Counter
        Rows left out for want of a consent on the day, by source.
    """
    out.mkdir(parents=True, exist_ok=True)
    added = _records(connection)
    readable = enterprises.readable(connection, PLATFORM, PURPOSE, as_of)
    left_out: Counter[str] = Counter()
    for name, source in SOURCES.items():
        kept = None if base is None else base / f"{name}.parquet"
        parts = [_frame(source, added.get(name, ()))]
        if kept is not None and kept.exists():
            parts.append(pq.read_table(kept).cast(_schema(source)))
        everything = pa.concat_tables(parts)
        table = _of(everything, readable.get(name, frozenset()))
        if table.num_rows < everything.num_rows:
            left_out[name] = everything.num_rows - table.num_rows
        pq.write_table(_newest_first(source, table), out / f"{name}.parquet")
    return left_out


def _of(table: pa.Table, usccs: Collection[str]) -> pa.Table:
    """Rows of these enterprises."""
    return table.filter(pc.is_in(table["uscc"], value_set=pa.array(sorted(usccs), pa.string())))


def _records(connection: Connection) -> dict[str, list[Mapping[str, Any]]]:
    """Rows put into the store by source, the newest first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    query = select(record_batches).order_by(record_batches.c.batch_id.desc())
    for row in connection.execute(query.execution_options(yield_per=1_000)):
        found.setdefault(row.source, []).extend(reversed(msgspec.json.decode(row.rows)))
    return found


def _frame(source: Source, rows: Any) -> pa.Table:
    if not rows:
        return _schema(source).empty_table()
    frame = read_rows(source.name, rows).frame
    arrays = [pa.array(frame[c.name], _TYPES[c.dtype], from_pandas=True) for c in source.columns]
    return pa.Table.from_arrays(arrays, schema=_schema(source))


def _newest_first(source: Source, table: pa.Table) -> pa.Table:
    frame = table.to_pandas(types_mapper=None)
    keep = ~frame.duplicated([*source.key, "known_on"], keep="first").to_numpy()
    return table.filter(pa.array(keep)).sort_by("uscc")


def _schema(source: Source) -> pa.Schema:
    return pa.schema([(c.name, _TYPES[c.dtype]) for c in source.columns])
