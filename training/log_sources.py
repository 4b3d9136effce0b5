"""Raw tables beside an exported log: those of a directory, with the records that were put into the store added."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, select

from features.reading import read_rows
from features.schema import SOURCES, Source
from matcher.store.tables import record_batches

_TYPES = {
    "string": pa.string(),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def write_sources(connection: Connection, out: Path, base: Path | None) -> None:
    """Write every source as ``<source>.parquet``; one without rows is written empty.

    Of two rows of one fact that became known on the same day the one put into the store last stands.
    """
    out.mkdir(parents=True, exist_ok=True)
    added = _records(connection)
    for name, source in SOURCES.items():
        kept = None if base is None else base / f"{name}.parquet"
        path = out / f"{name}.parquet"
        if kept is not None and kept.exists() and name not in added:
            shutil.copyfile(kept, path)
            continue
        parts = [_frame(source, added.get(name, ()))]
        if kept is not None and kept.exists():
            parts.append(pq.read_table(kept).cast(_schema(source)))
        pq.write_table(_newest_first(source, pa.concat_tables(parts)), path)


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
