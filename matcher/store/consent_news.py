"""What institutions are told of consents: that one for them came or went, and which of their leads it concerns.

Nothing told needs a consent: an enterprise is meant by the institution's own leads, never by name or code.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from features.consent import ANYONE, INSTITUTIONS, PLATFORM
from matcher.store.enterprises import ConsentRow
from matcher.store.outbox import Message, announce
from matcher.store.tables import demands
from matcher.store.tables_platform import leads

GRANTED, REVOKED = "consent.granted", "consent.revoked"


def tell(connection: Connection, kind: str, rows: Iterable[ConsentRow], now: datetime) -> None:
    """Announce consents to their recipients, in the caller's transaction.

    One to every institution is told to those that have a lead of the enterprise; one to the platform, to nobody.
    """
    messages: list[Message] = []
    for row in rows:
        if row.recipient == PLATFORM:
            continue
        known = _leads_of(connection, row.uscc)
        everyone = row.recipient in {INSTITUTIONS, ANYONE}
        messages += [_message(kind, row, one, known.get(one, [])) for one in (known if everyone else [row.recipient])]
    announce(connection, messages, now, now)


def _message(kind: str, row: ConsentRow, institution_id: str, lead_ids: list[str]) -> Message:
    payload = {
        "source": row.source,
        "purpose": row.purpose,
        "recipient": row.recipient,
        "expires_on": None if row.expires_on is None else row.expires_on.isoformat(),
        "lead_ids": lead_ids,
    }
    return Message(institution_id=institution_id, kind=kind, payload=payload)


def _leads_of(connection: Connection, uscc: str) -> dict[str, list[str]]:
    """Leads of one enterprise by institution."""
    query = (
        select(leads.c.institution_id, leads.c.lead_id)
        .join(demands, demands.c.demand_id == leads.c.demand_id)
        .where(demands.c.uscc == uscc)
        .order_by(leads.c.institution_id, leads.c.lead_id)
    )
    found: dict[str, list[str]] = {}
    for institution, lead_id in connection.execute(query):
        found.setdefault(institution, []).append(lead_id)
    return found
