"""What enterprises brought in beside the loaded world: batches of raw rows, and who may read which source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from features.consent import ANYONE, Grant
from matcher.store.clock import moment
from matcher.store.tables import consents, record_batches
from matcher.store.tables_platform import personalisation

_BY_USCC = select(consents).where(consents.c.revoked.is_(False)).order_by(consents.c.consent_id)


@dataclass(frozen=True, kw_only=True)
class ConsentRow:
    """One source of one enterprise, readable by one recipient for one purpose, from a day to a day.

    Revoking is not dated: a revoked consent permits nothing any more, whatever day is asked about.
    """

    uscc: str
    source: str
    purpose: str
    recipient: str
    granted_on: date
    expires_on: date | None

    def grant(self) -> Grant:
        """The consent as the laws of consent read it."""
        return Grant(
            source=self.source,
            purpose=self.purpose,
            recipient=self.recipient,
            granted_on=self.granted_on,
            expires_on=self.expires_on,
        )


def append_records(
    connection: Connection, uscc: str, source: str, known_on: date, rows: Sequence[Mapping[str, Any]], at: datetime
) -> None:
    """Keep validated raw rows of one source, in the order given; nothing kept before is changed."""
    connection.execute(
        record_batches.insert(),
        {
            "uscc": uscc,
            "source": source,
            "known_on": known_on,
            "rows": msgspec.json.encode(rows).decode(),
            "recorded_at": moment(at),
        },
    )


def records(connection: Connection, uscc: str) -> dict[str, list[dict[str, Any]]]:
    """Every row brought in for an enterprise, per source, oldest batch first."""
    query = select(record_batches).where(record_batches.c.uscc == uscc).order_by(record_batches.c.batch_id)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.source, []).extend(msgspec.json.decode(row.rows))
    return found


def latest_batch(connection: Connection, uscc: str) -> int:
    """Number of the last batch of an enterprise, 0 where none came in: changes whenever its records do."""
    query = (
        select(record_batches.c.batch_id)
        .where(record_batches.c.uscc == uscc)
        .order_by(record_batches.c.batch_id.desc())
        .limit(1)
    )
    return int(connection.execute(query).scalar() or 0)


def with_records(connection: Connection) -> tuple[str, ...]:
    """Codes of the enterprises that brought records in, in order."""
    query = select(record_batches.c.uscc).distinct().order_by(record_batches.c.uscc)
    return tuple(connection.execute(query).scalars())


def grant(connection: Connection, rows: Sequence[ConsentRow], recorded_at: datetime) -> None:
    """Keep consents; an earlier one for the same source, purpose and recipient is replaced by the caller's revoke."""
    when = moment(recorded_at)
    connection.execute(
        consents.insert(),
        [
            {
                "uscc": row.uscc,
                "source": row.source,
                "purpose": row.purpose,
                "recipient": row.recipient,
                "granted_on": row.granted_on,
                "expires_on": row.expires_on,
                "revoked": False,
                "recorded_at": when,
            }
            for row in rows
        ],
    )


def revoke(connection: Connection, uscc: str, source: str, purpose: str | None, recipient: str | None) -> int:
    """Revoke the consents of a source, all of them or those for a purpose and recipient; how many there were."""
    table = consents.c
    change = consents.update().where(table.uscc == uscc, table.source == source, table.revoked.is_(False))
    if purpose is not None:
        change = change.where(table.purpose == purpose)
    if recipient is not None:
        change = change.where(table.recipient == recipient)
    return int(connection.execute(change.values(revoked=True)).rowcount)


def consents_of(connection: Connection, uscc: str) -> tuple[ConsentRow, ...]:
    """Consents of an enterprise that were not revoked, oldest first."""
    return tuple(_consent(row) for row in connection.execute(_BY_USCC.where(consents.c.uscc == uscc)))


def consents_among(connection: Connection, usccs: Sequence[str]) -> tuple[ConsentRow, ...]:
    """Consents of some hundred enterprises that were not revoked, oldest first."""
    return tuple(_consent(row) for row in connection.execute(_BY_USCC.where(consents.c.uscc.in_(usccs))))


def readable(connection: Connection, recipient: str, purpose: str, as_of: date) -> dict[str, frozenset[str]]:
    """Codes of the enterprises whose source a recipient that is no institution may read on a day, by source."""
    table = consents.c
    query = select(table.source, table.uscc).where(
        table.revoked.is_(False),
        table.recipient.in_((recipient, ANYONE)),
        table.purpose.in_((purpose, ANYONE)),
        table.granted_on <= as_of,
        table.expires_on.is_(None) | (table.expires_on >= as_of),
    )
    found: dict[str, set[str]] = {}
    for source, uscc in connection.execute(query):
        found.setdefault(source, set()).add(uscc)
    return {source: frozenset(usccs) for source, usccs in found.items()}


@dataclass(frozen=True, kw_only=True)
class KeptConsent:
    """A consent as it stands in the book, revoked or not; ``consent_id`` grows with every grant."""

    consent_id: int
    consent: ConsentRow
    revoked: bool


def every_consent(connection: Connection, uscc: str) -> tuple[KeptConsent, ...]:
    """Every consent an enterprise ever gave, revoked ones included, oldest first."""
    query = select(consents).where(consents.c.uscc == uscc).order_by(consents.c.consent_id)
    return tuple(
        KeptConsent(consent_id=int(row.consent_id), consent=_consent(row), revoked=bool(row.revoked))
        for row in connection.execute(query)
    )


def set_personalisation(connection: Connection, uscc: str, enabled: bool, recorded_at: datetime) -> None:
    """Say whether an enterprise's lists may be ordered by what is known of it."""
    connection.execute(personalisation.delete().where(personalisation.c.uscc == uscc))
    connection.execute(personalisation.insert(), {"uscc": uscc, "enabled": enabled, "recorded_at": moment(recorded_at)})


def is_personalised(connection: Connection, uscc: str) -> bool:
    """Whether it may; an enterprise that never said so is."""
    found = connection.execute(select(personalisation.c.enabled).where(personalisation.c.uscc == uscc)).scalar()
    return found is None or bool(found)


def not_personalised(connection: Connection, usccs: Collection[str] | None = None) -> frozenset[str]:
    """Codes of the enterprises that switched personalisation off, among some or of all."""
    table = personalisation.c
    query = select(table.uscc).where(table.enabled.is_(False))
    off = frozenset(str(uscc) for uscc in connection.execute(query).scalars())
    return off if usccs is None else off & frozenset(usccs)


def _consent(row: Any) -> ConsentRow:
    return ConsentRow(
        uscc=row.uscc,
        source=row.source,
        purpose=row.purpose,
        recipient=row.recipient,
        granted_on=row.granted_on,
        expires_on=row.expires_on,
    )
