"""The whole store as one file, and back into an empty store of either kind: also the way from one kind to the other.

A backup is a zip of one JSON-lines file a table, read in one transaction while the service goes on, with a manifest of
row counts and SHA-256 digests. Days are ISO text and bytes base64. What cannot be checked is not restored.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Date, LargeBinary, Table, func, select, text

from matcher.store import audit
from matcher.store.database import Database, open_database
from matcher.store.tables_platform import leads

METADATA = leads.metadata
FORMAT = 1
_MANIFEST = "manifest.json"
_BLOCK = 5_000


class BackupError(Exception):
    """A backup that cannot be written, or must not be restored; says why."""


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """One table of a backup: its rows, and the SHA-256 of its lines."""

    name: str
    rows: int
    digest: str


def backup(database: Database, path: Path, say: Callable[[str], None] = lambda _line: None) -> tuple[TableSummary, ...]:
    """Write the store as it is at this moment; a file of that name is replaced only by a whole new one."""
    unfinished = path.with_name(path.name + ".unfinished")
    found = []
    with database.reads.connect() as connection, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        _see_one_moment(connection)
        for table in METADATA.sorted_tables:
            found.append(_write(connection, table, archive))
            say(f"{table.name}: {found[-1].rows} rows")
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        manifest = {"format": FORMAT, "revision": revision, "tables": [_summary(one) for one in found]}
        archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    unfinished.replace(path)
    return tuple(found)


def restore(url: str, path: Path, say: Callable[[str], None] = lambda _line: None) -> tuple[TableSummary, ...]:
    """Fill an empty store with a backup, all of it or nothing, and check the audit chain before it counts.

    Raises
    ------
    BackupError
        If the file is no whole backup of these tables, the store is not empty, or the audit chain does not hold.
    """
    with _opened(path) as archive:
        manifest = _manifest(archive)
        database = open_database(url)
        try:
            with database.writes.begin() as connection:
                _refuse_unlike(connection, manifest)
                found = tuple(_read(connection, archive, one, say) for one in manifest["tables"])
                _continue_numbers(connection)
                broken = audit.verify(connection)
                if broken is not None:
                    raise BackupError(
                        f"The audit chain of the backup breaks at row {broken.sequence}: {broken.reason}."
                    )
        finally:
            database.close()
    return found


def _see_one_moment(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    else:
        connection.exec_driver_sql("BEGIN")


def _write(connection: Connection, table: Table, archive: zipfile.ZipFile) -> TableSummary:
    rows, digest = 0, hashlib.sha256()
    with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as file:
        ordered = select(table).order_by(*table.primary_key.columns)
        for row in connection.execution_options(yield_per=_BLOCK).execute(ordered):
            line = msgspec.json.encode([_out(value) for value in row]) + b"\n"
            digest.update(line)
            file.write(line)
            rows += 1
    return TableSummary(name=str(table.name), rows=rows, digest=digest.hexdigest())


def _read(
    connection: Connection, archive: zipfile.ZipFile, one: dict[str, Any], say: Callable[[str], None]
) -> TableSummary:
    table, digest, rows = METADATA.tables[one["name"]], hashlib.sha256(), 0
    names = list(table.columns.keys())
    with archive.open(f"{table.name}.jsonl") as file:
        for lines in _blocks(file):
            for line in lines:
                digest.update(line)
            connection.execute(table.insert(), [_row(table, names, line) for line in lines])
            rows += len(lines)
    if rows != one["rows"] or digest.hexdigest() != one["digest"]:
        raise BackupError(f"The table {table.name} of the backup is not as it was written: nothing was restored.")
    say(f"{table.name}: {rows} rows")
    return TableSummary(name=str(table.name), rows=rows, digest=digest.hexdigest())


def _blocks(file: Any) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    for line in io.BufferedReader(file):
        lines.append(line)
        if len(lines) == _BLOCK:
            yield lines
            lines = []
    if lines:
        yield lines


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} cannot be read as a backup: {error}.") from error


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = msgspec.json.decode(archive.read(_MANIFEST))
        named = {one["name"] for one in manifest["tables"]}
    except (KeyError, TypeError, msgspec.DecodeError, zipfile.BadZipFile) as error:
        raise BackupError(f"The backup has no readable manifest ({error}): it is not whole.") from error
    if manifest.get("format") != FORMAT or named != set(METADATA.tables):
        raise BackupError("The backup is of another format or of other tables than this version keeps.")
    return manifest


def _refuse_unlike(connection: Connection, manifest: dict[str, Any]) -> None:
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision != manifest["revision"]:
        raise BackupError(f"The backup is of migration {manifest['revision']}, this version is at {revision}.")
    held = [
        name
        for name, table in METADATA.tables.items()
        if connection.execute(select(func.count()).select_from(table)).scalar()
    ]
    if held:
        raise BackupError(f"The store is not empty ({', '.join(sorted(held)[:3])} …): restore into a new one.")


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL count on after the highest number restored; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for name, table in METADATA.tables.items():
        column = table.primary_key.columns[0]
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": name, "column": column.name}
        ).scalar()
        if sequence is not None:
            highest = connection.execute(select(func.max(column))).scalar()
            if highest is not None:
                connection.execute(
                    text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest}
                )


def _summary(one: TableSummary) -> dict[str, Any]:
    return {"name": one.name, "rows": one.rows, "digest": one.digest}


def _out(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value.isoformat() if isinstance(value, date) else value


def _in(table: Table, name: str, cell: Any) -> Any:
    kind = table.columns[name].type
    if cell is None:
        return None
    if isinstance(kind, LargeBinary):
        return base64.b64decode(cell)
    return date.fromisoformat(cell) if isinstance(kind, Date) else cell


def _row(table: Table, names: list[str], line: bytes) -> dict[str, Any]:
    return {name: _in(table, name, cell) for name, cell in zip(names, msgspec.json.decode(line), strict=True)}
