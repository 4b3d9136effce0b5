"""Leads as one institution may be told them today: profiles under the platform's consents, names under its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection

from api.instance import Instance
from api.profiles import Row
from api.world import PURPOSE, RECIPIENT
from features.consent import Grant, permitted_sources
from matcher.domain import Demand, Text
from matcher.lead_mask import Traits
from matcher.leads import Lead, LeadCase, leads, may_belong, needed_as_planned, worths
from matcher.matching import Matcher
from matcher.standing import mask
from matcher.store import enterprises, lead_reads
from matcher.store.disclosure import CONTACTING, IDENTITY

DISCLOSING = "lead_disclosure"
_BLOCK = 500


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One place of an institution's list, before it is told.

    Parameters
    ----------
    value
        What places it: as planned, or as pushed.
    p_apply, p_approve
        As planned; ``None`` for a lead no plan has placed.
    fresh
        Pushed since the plan.
    status
        State of the lead's row, ``open`` where it has none.
    pushed_at
        Moment of the push, empty for a lead that was never pushed.
    personalised
        Whether a score may place it; without, it stands after all others, the longest pushed first.
    """

    value: float
    demand_id: str
    uscc: str
    product_id: str
    origin: str
    p_apply: float | None
    p_approve: float | None
    fresh: bool
    status: str
    due_on: date | None
    pushed_at: str = ""
    personalised: bool = True


@dataclass(frozen=True, kw_only=True)
class Leave:
    """What consents of one enterprise open on a day: to the platform, and to one institution."""

    platform: frozenset[str]
    institution: frozenset[str]
    name: bool
    contact: bool


@dataclass(frozen=True, kw_only=True)
class Told:
    """One lead with who it is, as far as that may be told.

    Parameters
    ----------
    uscc, contact
        ``None`` until the enterprise consents to this institution.
    """

    entry: Entry
    lead: Lead
    leave: Leave
    name: Text
    uscc: str | None
    contact: dict[str, Any] | None = field(repr=False)


def leaves(connection: Connection, usccs: Sequence[str], institution_id: str, as_of: date) -> dict[str, Leave]:
    """What each enterprise's consents open on a day."""
    wanted = sorted(set(usccs))
    grants: dict[str, list[Grant]] = {uscc: [] for uscc in wanted}
    for start in range(0, len(wanted), _BLOCK):
        for row in enterprises.consents_among(connection, wanted[start : start + _BLOCK]):
            grants[row.uscc].append(row.grant())
    return {uscc: _leave(given, institution_id, as_of) for uscc, given in grants.items()}


def tell(
    instance: Instance, matcher: Matcher, connection: Connection, institution_id: str, entries: Sequence[Entry]
) -> list[Told]:
    """The entries told, in order; what was told before under the same versions and consents is not computed again."""
    as_of = instance.clock.today()
    usccs = [entry.uscc for entry in entries]
    leave = leaves(connection, usccs, institution_id, as_of)
    batches = lead_reads.batches_among(connection, usccs)
    demands = lead_reads.demands_among(connection, [entry.demand_id for entry in entries])
    keys = [
        (entry, demands[entry.demand_id], leave[entry.uscc], batches.get(entry.uscc, 0), as_of, matcher.versions)
        for entry in entries
    ]

    def make(places: list[int]) -> Sequence[Lead]:
        asked = [entries[place] for place in places]
        return leads(matcher, _cases(instance, matcher, connection, asked, demands, leave, batches, as_of), as_of)

    made = instance.leads.leads.each(keys, make)
    calling = [entry.uscc for entry in entries if leave[entry.uscc].contact]
    contacts = lead_reads.contacts_among(connection, calling) if calling else {}
    crowd = instance.leads.crowd(instance.profiles, matcher.rulebook)
    told = []
    for entry, lead in zip(entries, made, strict=True):
        given = leave[entry.uscc]
        registered = instance.names.get(entry.uscc) if given.name else None
        name = crowd.describe(_traits(lead)) if registered is None else Text(zh=registered, en=registered)
        told.append(
            Told(
                entry=entry,
                lead=lead,
                leave=given,
                name=name,
                uscc=entry.uscc if given.name else None,
                contact=contacts.get(entry.uscc),
            )
        )
    return told


def placed(
    instance: Instance, matcher: Matcher, connection: Connection, institution_id: str, entries: Sequence[Entry]
) -> list[float]:
    """What entries nobody placed are worth today."""
    as_of = instance.clock.today()
    usccs = [entry.uscc for entry in entries]
    leave = leaves(connection, usccs, institution_id, as_of)
    batches = lead_reads.batches_among(connection, usccs)
    demands = lead_reads.demands_among(connection, [entry.demand_id for entry in entries])
    keys = [
        (
            demands[entry.demand_id],
            entry.product_id,
            entry.origin,
            leave[entry.uscc].platform,
            batches.get(entry.uscc, 0),
            as_of,
            matcher.versions,
        )
        for entry in entries
    ]

    def make(places: list[int]) -> Sequence[float]:
        asked = [entries[place] for place in places]
        cases = _cases(instance, matcher, connection, asked, demands, leave, batches, as_of)
        found: list[float] = worths(matcher, cases, as_of).tolist()
        return found

    return instance.leads.worths.each(keys, make)


def belonging(
    instance: Instance, connection: Connection, institution_id: str, entries: Sequence[Entry], name: str
) -> list[Entry]:
    """Entries whose profile, as far as the platform may read it, lets them stand in a named list."""
    as_of = instance.clock.today()
    usccs = [entry.uscc for entry in entries]
    batches = lead_reads.batches_among(connection, usccs)
    rows = {uscc: _profile(instance, connection, uscc, batches.get(uscc, 0), as_of) for uscc in set(usccs)}
    likely = [entry for entry in entries if may_belong(name, rows[entry.uscc])]
    leave = leaves(connection, [entry.uscc for entry in likely], institution_id, as_of)
    return [entry for entry in likely if may_belong(name, mask(rows[entry.uscc], leave[entry.uscc].platform))]


def _leave(grants: Sequence[Grant], institution_id: str, as_of: date) -> Leave:
    disclosed = permitted_sources(grants, institution_id, DISCLOSING, as_of)
    contact = IDENTITY in permitted_sources(grants, institution_id, CONTACTING, as_of)
    return Leave(
        platform=permitted_sources(grants, RECIPIENT, PURPOSE, as_of),
        institution=disclosed | permitted_sources(grants, institution_id, PURPOSE, as_of),
        name=contact or IDENTITY in disclosed,  # leave to match is no leave to be named, as in ``disclosure.NAMING``
        contact=contact,
    )


def _cases(
    instance: Instance,
    matcher: Matcher,
    connection: Connection,
    entries: Sequence[Entry],
    demands: dict[str, Demand],
    leave: dict[str, Leave],
    batches: dict[str, int],
    as_of: date,
) -> list[LeadCase]:
    cases = []
    for entry in entries:
        given = leave[entry.uscc]
        row = _profile(instance, connection, entry.uscc, batches.get(entry.uscc, 0), as_of)
        cases.append(
            LeadCase(
                demand=demands[entry.demand_id],
                product_row=matcher.catalog.row_of[entry.product_id],
                profile=mask(row, given.platform),
                sources=given.institution,
                origin=entry.origin,
                needed=_needed(entry),
            )
        )
    return cases


def _profile(instance: Instance, connection: Connection, uscc: str, batch: int, as_of: date) -> Row:
    records = enterprises.records(connection, uscc) if batch else {}
    return instance.profiles.row(uscc, as_of, batch, records)


def _needed(entry: Entry) -> float:
    if entry.p_apply is None or entry.p_approve is None:
        return 1.0
    return needed_as_planned(entry.value, entry.p_apply, entry.p_approve, entry.origin)


def _traits(lead: Lead) -> Traits:
    profile = lead.case.profile
    return Traits(
        section=_code(profile.get("industry_section")),
        division=_code(profile.get("division_code")),
        size=lead.size_class,
    )


def _code(value: float | str | None) -> str | None:
    return value if isinstance(value, str) else None
