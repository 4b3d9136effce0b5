"""Recommendations as they were made: the inputs and the very bytes of the answer, compressed."""

import zlib
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.tables import recommendations

_INSERT = recommendations.insert()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One recommendation.

    Parameters
    ----------
    inputs
        JSON of everything the answer followed from: request, demand, profile as used, versions, language.
    answer
        The bytes sent.
    digest
        SHA-256 of ``answer``.
    """

    recommendation_id: str
    demand_id: str | None
    uscc: str
    as_of: date
    inputs: bytes
    answer: bytes
    digest: str


def keep(connection: Connection, kept: Kept, recorded_at: datetime) -> None:
    """Write one recommendation within the caller's transaction."""
    connection.execute(
        _INSERT,
        {
            "recommendation_id": kept.recommendation_id,
            "demand_id": kept.demand_id,
            "uscc": kept.uscc,
            "as_of": kept.as_of,
            "inputs": zlib.compress(kept.inputs, 1),
            "answer": zlib.compress(kept.answer, 1),
            "digest": kept.digest,
            "recorded_at": moment(recorded_at),
        },
    )


def find(connection: Connection, recommendation_id: str) -> Kept | None:
    """The recommendation with this id, ``None`` if there is none."""
    table = recommendations.c
    row = connection.execute(select(recommendations).where(table.recommendation_id == recommendation_id)).first()
    if row is None:
        return None
    return Kept(
        recommendation_id=row.recommendation_id,
        demand_id=row.demand_id,
        uscc=row.uscc,
        as_of=row.as_of,
        inputs=zlib.decompress(row.inputs),
        answer=zlib.decompress(row.answer),
        digest=row.digest,
    )
