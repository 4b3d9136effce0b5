"""Old rows of the audit moved into a file: the file verifies by itself, and the chain goes on from where it ends.

One JSON document a line, gzipped, as kept. The row appended when they are moved names the last of them by number and
digest, and the file by its SHA-256, so neither can be exchanged unseen.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from matcher.store.audit import ARCHIVED, Broken, Entry, Link, Walk, append, rows_of
from matcher.store.clock import moment
from matcher.store.retention import start_of
from matcher.store.store import Store
from matcher.store.tables import audit


@dataclass(frozen=True, kw_only=True)
class Span:
    """Rows at the beginning of the chain, first to last."""

    first: int
    last: Link

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.last.sequence - self.first + 1


def archive(store: Store, cut: date, directory: Path, actor: str) -> Path | Broken | None:
    """Move the rows recorded before a day into a new file of a directory; None where nothing is that old.

    The file is written and walked before any row leaves the store: a crash between leaves both.
    """
    with store.reading() as connection:
        span = old_rows(connection, start_of(cut))
        if span is None:
            return None
        path = directory / f"audit-{span.first:012d}-{span.last.sequence:012d}.jsonl.gz"
        path.unlink(missing_ok=True)  # rows still in the store were archived by a run that did not finish
        broken = write_archive(connection, span, path) or verify_archive(path, span.last)
    if broken is not None:
        return broken
    now = store.clock.now()
    store.write(lambda connection: forget_archived(connection, span, path, actor, now))
    return path


def old_rows(connection: Connection, before: datetime) -> Span | None:
    """The unbroken beginning of the chain recorded before a moment, ``None`` where nothing is that old."""
    table = audit.c
    first = connection.execute(select(func.min(table.sequence))).scalar()
    if first is None:
        return None
    young = connection.execute(select(func.min(table.sequence)).where(table.occurred_at >= moment(before))).scalar()
    query = select(table.sequence, table.digest).order_by(table.sequence.desc()).limit(1)
    found = connection.execute(query if young is None else query.where(table.sequence < young)).first()
    if found is None:
        return None
    return Span(first=int(first), last=Link(sequence=int(found.sequence), digest=str(found.digest)))


def write_archive(connection: Connection, span: Span, path: Path) -> Broken | None:
    """Write the rows of a span into a new file, durably; what is broken in them, nothing being written then."""
    walk = Walk()
    part = path.with_suffix(path.suffix + ".part")
    try:
        with part.open("xb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
            for row in rows_of(connection):
                if row["sequence"] > span.last.sequence:
                    break
                broken = walk.take(row)
                if broken is not None:
                    return broken
                packed.write(msgspec.json.encode(dict(row)) + b"\n")
            packed.close()
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return None


def read_archive(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of an archive, one by one."""
    with gzip.open(path, "rb") as packed:
        for line in packed:
            yield msgspec.json.decode(line)


def verify_archive(path: Path, last: Link | None = None) -> Broken | None:
    """Walk an archive by itself; ``None`` where its rows follow from each other, up to the one it must end with."""
    walk = Walk(awaited=() if last is None else (last,))
    for row in read_archive(path):
        broken = walk.take(row)
        if broken is not None:
            return broken
    if last is not None and walk.last != last:
        return Broken(sequence=walk.last.sequence + 1, reason="the archive does not end where the chain says")
    return None


def forget_archived(connection: Connection, span: Span, path: Path, actor: str, at: datetime) -> None:
    """Take the archived rows out of the store and vouch for them in the chain, in the caller's transaction."""
    connection.execute(audit.delete().where(audit.c.sequence <= span.last.sequence))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    detail: dict[str, object] = {
        "from": span.first,
        "until": span.last.sequence,
        "digest": span.last.digest,
        "file": path.name,
        "file_sha256": digest,
    }
    subject = f"audit/{span.first}-{span.last.sequence}"
    append(connection, Entry(actor=actor, action=ARCHIVED, subject=subject, detail=detail), at)
