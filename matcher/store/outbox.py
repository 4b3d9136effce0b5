"""What institutions are to be told, kept in the transaction that made it so; webhooks and the stream read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from matcher.store.clock import moment
from matcher.store.tables_platform import outbox


@dataclass(frozen=True, kw_only=True)
class Message:
    """One thing to tell one institution.

    Parameters
    ----------
    kind
        What happened, as ``lead.pushed``: institutions choose the kinds they want.
    payload
        JSON of it; nothing in it may need a consent the institution does not hold.
    """

    institution_id: str
    kind: str
    payload: Mapping[str, Any]


def announce(connection: Connection, messages: Sequence[Message], occurred_at: datetime, recorded_at: datetime) -> None:
    """Put messages in the outbox, in the order given, within the caller's transaction."""
    if not messages:
        return
    connection.execute(
        outbox.insert(),
        [
            {
                "institution_id": one.institution_id,
                "kind": one.kind,
                "payload": msgspec.json.encode(one.payload).decode(),
                "occurred_at": moment(occurred_at),
                "recorded_at": moment(recorded_at),
            }
            for one in messages
        ],
    )
