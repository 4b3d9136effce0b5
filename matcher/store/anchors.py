"""Core enterprises the platform has confirmed: whom selling to makes a firm part of a supply chain (article 1)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from matcher.store.clock import moment
from matcher.store.database import put
from matcher.store.tables_platform import anchors


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """One confirmed core enterprise.

    Parameters
    ----------
    known_as
        What it is called in the invoices of its suppliers, beside its code and its name.
    confirmed_on
        First day on which it counts.
    """

    uscc: str
    name: str
    chain: str | None
    known_as: tuple[str, ...]
    confirmed_on: date

    @property
    def counterparties(self) -> frozenset[str]:
        """Everything that names it in an invoice."""
        return frozenset((self.uscc, self.name, *self.known_as))


def confirm(connection: Connection, anchor: Anchor, at: datetime) -> None:
    """Keep a core enterprise, or what is said of it anew."""
    document = {
        "name": anchor.name,
        "chain": anchor.chain,
        "known_as": anchor.known_as,
        "confirmed_on": anchor.confirmed_on,
    }
    put(
        connection,
        anchors,
        {"uscc": anchor.uscc, "document": msgspec.json.encode(document).decode(), "recorded_at": moment(at)},
    )


def withdraw(connection: Connection, uscc: str) -> bool:
    """Confirm it no longer; whether it was."""
    return connection.execute(anchors.delete().where(anchors.c.uscc == uscc)).rowcount > 0


def confirmed(connection: Connection) -> tuple[Anchor, ...]:
    """Every confirmed core enterprise, by code."""
    return tuple(_anchor(row) for row in connection.execute(select(anchors).order_by(anchors.c.uscc)))


def _anchor(row: Row[Any]) -> Anchor:
    document = msgspec.json.decode(row.document)
    return Anchor(
        uscc=row.uscc,
        name=document["name"],
        chain=document["chain"],
        known_as=tuple(document["known_as"]),
        confirmed_on=date.fromisoformat(document["confirmed_on"]),
    )
