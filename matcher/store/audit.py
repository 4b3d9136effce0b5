"""The audit: append-only rows, each sealed with the digest of the one before, so that no row can change unseen.

The store also states the head of the chain, so that rows cut off its end are missed too; rows archived off its
beginning are vouched for by a row of the chain itself. A signed checkpoint kept elsewhere (``audit_checkpoint``) holds
against somebody who can rewrite the whole store.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, or_, select

from matcher.store.clock import moment
from matcher.store.database import lock_audit
from matcher.store.tables import audit, facts

GENESIS = "0" * 64
ARCHIVED = "audit_archived"
"""Action of the row that vouches for the rows archived before it."""
HEAD = "audit_head"
_LAST = select(audit.c.sequence, audit.c.digest).order_by(audit.c.sequence.desc()).limit(1)
_APPEND = audit.insert()
_HEAD = select(facts.c.value).where(facts.c.name == HEAD)
_MOVE_HEAD = facts.update().where(facts.c.name == HEAD)
_BLOCK = 2_000
_TELL_EVERY = 10_000
Tell = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened: who did what to what, with the facts needed to check it; never personal data."""

    actor: str
    action: str
    subject: str
    detail: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first place where the chain does not hold."""

    sequence: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """One place in the chain: a row's number and digest."""

    sequence: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows are looked for; None asks for all. ``subject`` also finds what stands under it, as ``subject/…``."""

    subject: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def append(connection: Connection, entry: Entry, occurred_at: datetime) -> str:
    """Add one row to the chain within the caller's transaction; gives its digest."""
    lock_audit(connection)
    last = head(connection) or _last_row(connection)  # the stated head first: what follows a cut end must show it
    row = {
        "sequence": last.sequence + 1,
        "occurred_at": moment(occurred_at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": msgspec.json.encode(entry.detail, order="deterministic").decode(),
        "previous": last.digest,
    }
    digest = seal(row)
    connection.execute(_APPEND, row | {"digest": digest})
    _state_head(connection, f"{row['sequence']}:{digest}")
    return digest


def head(connection: Connection) -> Link | None:
    """The last row of the chain as the store states it, ``None`` before the first."""
    found = connection.execute(_HEAD).scalar()
    if found is None:
        return None
    sequence, _, digest = str(found).partition(":")
    return Link(sequence=int(sequence), digest=digest)


def verify(connection: Connection, tell: Tell = lambda _rows: None, known: Link | None = None) -> Broken | None:
    """Walk the whole chain; ``None`` where every row is as it was written and stands where it stood.

    Parameters
    ----------
    tell
        Told the number of rows walked, now and then.
    known
        A row the chain is known to have had, from a checkpoint kept elsewhere.
    """
    stated = head(connection)  # before the rows: what is appended meanwhile lies behind it
    walk = Walk(awaited=tuple(link for link in (stated, known) if link is not None))
    for count, row in enumerate(rows_of(connection), start=1):
        broken = walk.take(row)
        if broken is not None:
            return broken
        if count % _TELL_EVERY == 0:
            tell(count)
    if stated is None and walk.last.sequence:
        return Broken(sequence=walk.last.sequence, reason="the head of the chain is not stated")
    return walk.end()


def rows_of(connection: Connection) -> Iterator[Mapping[str, Any]]:
    """Every row of the chain in order, read in blocks whatever their number."""
    query = select(audit).order_by(audit.c.sequence).execution_options(yield_per=_BLOCK)
    with connection.execute(query) as result:  # who stops half-way gives the cursor back
        for found in result:
            yield {str(name): value for name, value in found._mapping.items()}


def find(connection: Connection, wanted: Wanted, after: int, limit: int) -> list[dict[str, Any]]:
    """Rows looked for that stand after a place in the chain, in its order."""
    query = _filtered(select(audit), wanted).where(audit.c.sequence > after)
    found = connection.execute(query.order_by(audit.c.sequence).limit(limit))
    return [{**row._mapping, "detail": msgspec.json.decode(row.detail)} for row in found]


def seal(row: Mapping[str, object]) -> str:
    """Digest of a row over everything in it, the digest before it included."""
    return hashlib.sha256(msgspec.json.encode(row, order="sorted")).hexdigest()


class Walk:
    """Follows a chain row by row; knows only the last one.

    Parameters
    ----------
    awaited
        Rows that must be met on the way.
    """

    def __init__(self, awaited: Iterable[Link] = ()) -> None:
        self.last = Link(sequence=0, digest=GENESIS)
        self._awaited = {link.sequence: link for link in awaited}
        self._archived: Link | None = None

    def take(self, row: Mapping[str, Any]) -> Broken | None:
        """The next row; what is wrong with it."""
        cells = dict(row)
        digest, sequence = cells.pop("digest"), int(cells["sequence"])
        if self.last.sequence == 0 and sequence > 1:
            self._archived = self.last = Link(sequence=sequence - 1, digest=str(cells["previous"]))
        expected = self.last.sequence + 1
        if sequence != expected:
            return Broken(sequence=expected, reason="row missing or out of order")
        if cells["previous"] != self.last.digest:
            return Broken(sequence=expected, reason="does not follow from the row before")
        if seal(cells) != digest:
            return Broken(sequence=expected, reason="changed since it was written")
        awaited = self._awaited.pop(sequence, None)
        if awaited is not None and awaited.digest != digest:
            return Broken(sequence=sequence, reason="not the row that was known to stand here")
        if self._archived is not None and cells["action"] == ARCHIVED and archived_until(cells) == self._archived:
            self._archived = None
        self.last = Link(sequence=sequence, digest=str(digest))
        return None

    def end(self) -> Broken | None:
        """Nothing follows; what was awaited and did not come."""
        if self._archived is not None:
            return Broken(sequence=1, reason="the first rows are missing and no row vouches for their archive")
        if any(sequence > self.last.sequence for sequence in self._awaited):
            return Broken(sequence=self.last.sequence + 1, reason="rows were cut off the end")
        return None


def archived_until(row: Mapping[str, Any]) -> Link:
    """The last row of the archive a row vouches for."""
    detail = msgspec.json.decode(row["detail"])
    return Link(sequence=int(detail["until"]), digest=str(detail["digest"]))


def _last_row(connection: Connection) -> Link:
    found = connection.execute(_LAST).first()
    if found is None:
        return Link(sequence=0, digest=GENESIS)
    return Link(sequence=int(found.sequence), digest=str(found.digest))


def _state_head(connection: Connection, value: str) -> None:
    if connection.execute(_MOVE_HEAD.values(value=value)).rowcount == 0:
        connection.execute(facts.insert(), {"name": HEAD, "value": value})


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    table = audit.c
    if wanted.subject is not None:
        under = table.subject.startswith(wanted.subject + "/", autoescape=True)
        query = query.where(or_(table.subject == wanted.subject, under))
    if wanted.actor is not None:
        query = query.where(table.actor == wanted.actor)
    if wanted.action is not None:
        query = query.where(table.action == wanted.action)
    if wanted.since is not None:
        query = query.where(table.occurred_at >= moment(wanted.since))
    if wanted.until is not None:
        query = query.where(table.occurred_at < moment(wanted.until))
    return query
