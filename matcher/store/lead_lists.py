"""Lead lists as planned, one per institution and plan, kept whole: paging stays stable while a new one is made."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from matcher.store.clock import moment
from matcher.store.marketplace import state, stated
from matcher.store.tables_platform import lead_lists

CURRENT = "lead_lists"


@dataclass(frozen=True, kw_only=True)
class LeadRow:
    """One enterprise worth an officer's hour, by its demand and its best product here.

    Parameters
    ----------
    value
        Chance that this institution's approval is the one that counts: what the list is ordered by.
    origin
        ``inbound`` for an enterprise that applied, ``outreach`` for one to be called.
    """

    demand_id: str
    product_id: str
    value: float
    p_apply: float
    p_approve: float
    origin: str


def keep(connection: Connection, version: str, lists: Mapping[str, tuple[LeadRow, ...]], recorded_at: datetime) -> None:
    """Keep the lists of one plan, best lead first, and make them the current ones in the caller's transaction."""
    when = moment(recorded_at)
    rows = [
        {
            "version": version,
            "institution_id": institution,
            "document": zlib.compress(msgspec.json.encode([_cells(row) for row in leads]), 6),
            "recorded_at": when,
        }
        for institution, leads in lists.items()
    ]
    if rows:
        connection.execute(lead_lists.insert(), rows)
    state(connection, CURRENT, version)


def current(connection: Connection) -> str | None:
    """Version of the plan whose lists are current, ``None`` before the first plan."""
    return stated(connection, CURRENT)


def find(connection: Connection, version: str, institution_id: str) -> tuple[LeadRow, ...] | None:
    """The list of an institution in one plan, best first; ``None`` where the plan is not kept or has none for it."""
    table = lead_lists.c
    packed = connection.execute(
        select(table.document).where(table.version == version, table.institution_id == institution_id)
    ).scalar()
    if packed is None:
        return None
    return tuple(LeadRow(**cells) for cells in msgspec.json.decode(zlib.decompress(packed)))


def every(connection: Connection, institution_id: str) -> Iterator[tuple[LeadRow, ...]]:
    """The lists of an institution in every plan still kept: the current one, then the newest first."""
    table = lead_lists.c
    query = select(table.version).where(table.institution_id == institution_id)
    versions = connection.execute(query.order_by(table.recorded_at.desc(), table.version)).scalars().all()
    now = current(connection)
    for version in sorted(versions, key=lambda each: each != now):
        yield find(connection, version, institution_id) or ()


def kept_since(connection: Connection, version: str) -> str | None:
    """When the lists of a plan were kept, ``None`` where they are not kept (any more)."""
    found = connection.execute(
        select(func.min(lead_lists.c.recorded_at)).where(lead_lists.c.version == version)
    ).scalar()
    return None if found is None else str(found)


def prune(connection: Connection, keep: int) -> int:
    """Drop the lists of all but the newest plans, in the caller's transaction; how many plans went.

    The current plan stays whatever its age. Whoever is paging through a dropped one is told to start again.

    Parameters
    ----------
    keep
        Number of plans that stay, 1 or more.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}: at least the current plan must stay")
    table = lead_lists.c
    newest = select(table.version).group_by(table.version).order_by(func.max(table.recorded_at).desc(), table.version)
    versions = list(connection.execute(newest).scalars())
    now = current(connection)
    gone = [version for version in versions if version != now][keep - (now in versions) :]
    if gone:
        connection.execute(lead_lists.delete().where(table.version.in_(gone)))
    return len(gone)


def _cells(row: LeadRow) -> dict[str, object]:
    return {
        "demand_id": row.demand_id,
        "product_id": row.product_id,
        "value": row.value,
        "p_apply": row.p_apply,
        "p_approve": row.p_approve,
        "origin": row.origin,
    }
