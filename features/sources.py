"""The raw tables behind every profile: a lazy handle over DuckDB that neither copies files nor forgets a version."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

import duckdb
import pandas as pd
import pyarrow as pa

from features.reading import ReadResult, read_rows
from features.reading_cells import ARROW, Reason
from features.reading_files import Refusal
from features.schema import SOURCES, Source

__all__ = ["ReadResult", "Reason", "Refusal", "SourceShapeError", "SourceTables", "hold_names", "read_rows"]

_SQL = {"string": "VARCHAR", "float": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}


class SourceShapeError(ValueError):
    """A table that is not what the schema says; the message names the table and the columns."""


class SourceTables:
    """All raw tables of one store, opened once and read as often as wanted, from any thread.

    An absent source is an empty table. Rows are trusted to have passed `features.sources.read_rows`; here only names
    and types of columns are held to the schema.
    """

    def __init__(self, *, threads: int = 2, memory: str = "1400MB") -> None:
        self._connection = duckdb.connect()
        self._connection.execute(f"SET threads = {threads}")
        self._connection.execute(f"SET memory_limit = '{memory}'")
        self._connection.execute(f"SET temp_directory = '{tempfile.gettempdir()}/credit-matcher-duckdb'")
        self._connection.execute("SET preserve_insertion_order = false")
        self._connection.execute("SET parquet_metadata_cache = true")
        self._revised: dict[str, bool] = {}
        self._lock = Lock()

    @classmethod
    def from_directory(cls, path: Path | str, *, threads: int = 2, memory: str = "1400MB") -> "SourceTables":
        """Tables from ``<source>.parquet``, or ``<source>.csv`` with a header, in one directory.

        Parameters
        ----------
        memory
            Ceiling of the engine; beyond it work spills to the directory of temporary files.

        Raises
        ------
        SourceShapeError
            If a file lacks a column of its source or has one too many.
        """
        tables = cls(threads=threads, memory=memory)
        for source in SOURCES.values():
            tables._bind(source, _scan(Path(path), source))
        return tables

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame], *, threads: int = 2) -> "SourceTables":
        """Tables from frames by source name, with the columns of `SOURCES`; NaN and None are null.

        Raises
        ------
        SourceShapeError
            If a name is no source, a column is missing or unknown, or a value is not of the declared type.
        """
        unknown = sorted(set(frames) - set(SOURCES))
        if unknown:
            raise SourceShapeError(f"No source is called {', '.join(unknown)}: use one of {', '.join(SOURCES)}.")
        tables = cls(threads=threads)
        for source in SOURCES.values():
            if source.name not in frames:
                tables._bind(source, None)
                continue
            arrow = _arrow(source, frames[source.name])
            tables._connection.register("incoming", arrow)
            tables._connection.execute(f"CREATE TABLE stored_{source.name} AS SELECT * FROM incoming")
            tables._connection.unregister("incoming")
            tables._bind(source, f"SELECT * FROM stored_{source.name}")
        return tables

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own to the tables ``source_<name>``; its temporary tables are seen by nobody else."""
        return self._connection.cursor()

    def has_revisions(self, source: str) -> bool:
        """Whether some fact of a source stands in more than one row; found out once per handle."""
        with self._lock:
            if source not in self._revised:
                self._revised[source] = self._find_revision(SOURCES[source])
            return self._revised[source]

    def close(self) -> None:
        """Release the engine."""
        self._connection.close()

    def _find_revision(self, source: Source) -> bool:
        # A 64-bit hash instead of the key keeps ten million facts in memory; a collision only costs the exact way.
        found = (
            self.cursor()
            .execute(f"SELECT count(*) > count(DISTINCT hash({', '.join(source.key)})) FROM source_{source.name}")
            .fetchone()
        )
        return bool(found and found[0])

    def _bind(self, source: Source, select: str | None) -> None:
        types = {c.name: _SQL[c.dtype] for c in source.columns}
        if select is None:
            nulls = ", ".join(f"CAST(NULL AS {sql}) AS {name}" for name, sql in types.items())
            query = f"SELECT {nulls} WHERE false"
        else:
            self._hold_names(source, select)
            query = f"SELECT {', '.join(f'CAST({n} AS {sql}) AS {n}' for n, sql in types.items())} FROM ({select})"
        self._connection.execute(f"CREATE VIEW source_{source.name} AS {query}")

    def _hold_names(self, source: Source, select: str) -> None:
        names = [row[0] for row in self._connection.execute(f"DESCRIBE {select}").fetchall()]
        hold_names(source, names)


def hold_names(source: Source, names: Sequence[str]) -> None:
    """Refuse a table whose columns are not exactly those of the source, in any order.

    Raises
    ------
    SourceShapeError
        Naming what is missing and what is unknown.
    """
    missing = [name for name in source.names if name not in names]
    unknown = [name for name in names if name not in source.names]
    if missing or unknown:
        raise SourceShapeError(
            f"{source.name}: missing columns {missing or 'none'}, unknown columns {unknown or 'none'}; "
            f"the source has {list(source.names)}."
        )


def _scan(directory: Path, source: Source) -> str | None:
    parquet, text = directory / f"{source.name}.parquet", directory / f"{source.name}.csv"
    if parquet.exists():
        return f"SELECT * FROM read_parquet({_quoted(parquet)})"
    if text.exists():
        return f"SELECT * FROM read_csv({_quoted(text)}, header = true, all_varchar = true)"
    return None


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _arrow(source: Source, frame: pd.DataFrame) -> pa.Table:
    hold_names(source, list(frame.columns))
    schema = pa.schema([(c.name, ARROW[c.dtype]) for c in source.columns])
    try:
        return pa.Table.from_pandas(frame[list(source.names)], schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceShapeError(f"{source.name}: {error}") from error
