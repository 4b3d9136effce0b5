"""What one recipient may know of an enterprise on a day: the sources it may read, and whether name and contact show.

The name is a datum of the registry, and so is whom to call: a consent to the source ``registry`` covers them, for a
purpose that discloses. Nothing is shown for want of a consent, and a revoked one permits nothing on any day.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from features.consent import permitted_sources
from features.schema import SOURCES
from matcher.store import enterprises

NAMING = frozenset({"lead_disclosure", "contact_disclosure", "equity_referral", "guarantee_referral"})
"""Purposes whose consent discloses who the enterprise is."""
CONTACTING = "contact_disclosure"
IDENTITY = "registry"
_BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """What a recipient may know of one enterprise.

    Parameters
    ----------
    sources
        Sources asked about that it may read for the purpose.
    missing
        Sources asked about that no consent opens to it.
    name, contact
        Whether who the enterprise is, and whom to call there, may be shown to it; contact implies name.
    """

    sources: frozenset[str]
    missing: frozenset[str]
    name: bool
    contact: bool


def may_know(
    connection: Connection,
    uscc: str,
    recipient: str,
    purpose: str,
    as_of: date,
    sources: Collection[str] = tuple(SOURCES),
) -> Disclosure:
    """What a recipient may know of an enterprise for a purpose on a day.

    Parameters
    ----------
    recipient
        ``platform`` or an institution's id; a consent to ``institutions`` covers each of these.
    sources
        What is asked about; every source if left out.

    Returns
    -------
    Disclosure
        Nothing at all for an enterprise nobody knows.
    """
    return _disclosure(enterprises.consents_of(connection, uscc), recipient, purpose, as_of, sources)


def may_know_each(
    connection: Connection,
    usccs: Collection[str],
    recipient: str,
    purpose: str,
    as_of: date,
    sources: Collection[str] = tuple(SOURCES),
) -> dict[str, Disclosure]:
    """``may_know`` of many enterprises at once, by code, in few queries: what a page of leads needs."""
    wanted = sorted(set(usccs))
    kept: dict[str, list[enterprises.ConsentRow]] = {uscc: [] for uscc in wanted}
    for start in range(0, len(wanted), _BLOCK):
        for row in enterprises.consents_among(connection, wanted[start : start + _BLOCK]):
            kept[row.uscc].append(row)
    return {uscc: _disclosure(rows, recipient, purpose, as_of, sources) for uscc, rows in kept.items()}


def _disclosure(
    rows: Iterable[enterprises.ConsentRow], recipient: str, purpose: str, as_of: date, sources: Collection[str]
) -> Disclosure:
    grants = [row.grant() for row in rows]
    readable = permitted_sources(grants, recipient, purpose, as_of)
    contact = IDENTITY in permitted_sources(grants, recipient, CONTACTING, as_of)
    asked = frozenset(sources)
    return Disclosure(
        sources=asked & readable,
        missing=asked - readable,
        name=contact or (purpose in NAMING and IDENTITY in readable),
        contact=contact,
    )
