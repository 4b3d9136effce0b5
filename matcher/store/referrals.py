"""Referrals between equity, loan and guarantee (article 10): sent, answered by whom they went to, and done."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from matcher.store import enterprises
from matcher.store.clock import moment
from matcher.store.tables_platform import referrals

IDENTITY = "registry"
"""The source whose consent says who the enterprise is."""
PURPOSES = {"equity": "equity_referral", "guarantee": "guarantee_referral", "loan": "contact_disclosure"}
"""Kinds of referral, each with the purpose it takes a consent for."""


class State(StrEnum):
    """Where a referral stands."""

    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DONE = "done"


NEXT = {State.SENT: (State.ACCEPTED, State.DECLINED), State.ACCEPTED: (State.DONE, State.DECLINED)}
"""What may follow a state; nothing follows the others."""


class NotMovableError(Exception):
    """The referral stands where this answer cannot be given."""

    def __init__(self, state: State) -> None:
        super().__init__(f"The referral is {state}.")
        self.state = state


@dataclass(frozen=True, kw_only=True)
class Referral:
    """One referral as kept.

    Parameters
    ----------
    recipient
        Institution it is addressed to.
    answer_note
        What the recipient said with its last answer.
    """

    referral_id: str
    uscc: str
    kind: str
    recipient: str
    state: State
    demand_id: str | None
    note: str | None
    answer_note: str | None
    sent_at: str
    changed_at: str


def add(connection: Connection, referral: Referral, at: datetime) -> None:
    """Keep a new referral."""
    connection.execute(referrals.insert(), _cells(referral) | {"recorded_at": moment(at)})


def find(connection: Connection, referral_id: str) -> Referral | None:
    """The referral of this id, ``None`` if there is none."""
    row = connection.execute(select(referrals).where(referrals.c.referral_id == referral_id)).first()
    return None if row is None else _referral(row)


def open_one(connection: Connection, uscc: str, kind: str, recipient: str) -> Referral | None:
    """A referral of this kind to this recipient that is not answered to the end."""
    query = select(referrals).where(
        referrals.c.uscc == uscc,
        referrals.c.kind == kind,
        referrals.c.recipient == recipient,
        referrals.c.state.in_((State.SENT.value, State.ACCEPTED.value)),
    )
    row = connection.execute(query).first()
    return None if row is None else _referral(row)


def listed(connection: Connection, recipient: str | None) -> tuple[Referral, ...]:
    """Referrals in order of their id, all or those to one recipient."""
    query = select(referrals).order_by(referrals.c.referral_id)
    if recipient is not None:
        query = query.where(referrals.c.recipient == recipient)
    return tuple(_referral(row) for row in connection.execute(query))


def answer(connection: Connection, referral_id: str, after: State, note: str | None, at: datetime) -> Referral:
    """Move a referral on, whatever other process does the same.

    Raises
    ------
    NotMovableError
        If it stands where this answer cannot be given.
    """
    query = select(referrals).where(referrals.c.referral_id == referral_id).with_for_update()
    kept = _referral(connection.execute(query).one())
    if after not in NEXT.get(kept.state, ()):
        raise NotMovableError(kept.state)
    answered = moved(kept, after, note, at)
    connection.execute(referrals.update().where(referrals.c.referral_id == referral_id).values(**_cells(answered)))
    return answered


def moved(kept: Referral, after: State, note: str | None, at: datetime) -> Referral:
    """A referral as it is after an answer; a note left out leaves the one before."""
    return replace(kept, state=after, answer_note=kept.answer_note if note is None else note, changed_at=moment(at))


def has_consent(connection: Connection, uscc: str, kind: str, recipient: str, as_of: date) -> bool:
    """Whether the enterprise consented, on that day, to this kind of referral to this very recipient.

    A consent to every institution does not count: article 10 shares among three named parties.
    """
    return any(
        row.source == IDENTITY
        and row.purpose == PURPOSES[kind]
        and row.recipient == recipient
        and row.granted_on <= as_of
        and (row.expires_on is None or as_of <= row.expires_on)
        for row in enterprises.consents_of(connection, uscc)
    )


def _cells(referral: Referral) -> dict[str, Any]:
    document = {
        "note": referral.note,
        "answer_note": referral.answer_note,
        "sent_at": referral.sent_at,
        "changed_at": referral.changed_at,
    }
    return {
        "referral_id": referral.referral_id,
        "uscc": referral.uscc,
        "demand_id": referral.demand_id,
        "kind": referral.kind,
        "recipient": referral.recipient,
        "state": referral.state.value,
        "document": msgspec.json.encode(document).decode(),
    }


def _referral(row: Row[Any]) -> Referral:
    return Referral(
        referral_id=row.referral_id,
        uscc=row.uscc,
        kind=row.kind,
        recipient=row.recipient,
        state=State(row.state),
        demand_id=row.demand_id,
        **msgspec.json.decode(row.document),
    )
