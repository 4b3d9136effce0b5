"""A kept event as its readers may see it: the platform everything by name, an institution its own table, masked."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection

from api import asking
from api.instance import Instance
from api.matchmaking import NOTES, UNMATCHED
from matcher.domain import Text
from matcher.lead_mask import Traits
from matcher.matchmaking_themes import THEMES
from matcher.store.disclosure import may_know_each
from matcher.store.leads import lead_id_of
from matcher.store.matchmaking import KeptEvent

PURPOSE = "lead_disclosure"
"""What an institution reads a name at its table for."""
Document = dict[str, Any]


def theme(code: str, language: str) -> Document:
    """One theme."""
    found = THEMES[code]
    return {
        "theme": code,
        "title": found.title.in_language(language),
        "meaning": found.meaning.in_language(language),
        "article": found.article,
    }


def summary(event: KeptEvent) -> Document:
    """An event in a list."""
    document = event.document
    return {
        "matchmaking_event_id": event.matchmaking_event_id,
        "theme": document["theme"],
        "day": document["day"],
        "meetings": document["counts"]["meetings"],
        "expected_matches": document["expected_matches"],
    }


def for_platform(instance: Instance, document: Mapping[str, Any], recorded_at: str, language: str) -> Document:
    """The whole event."""
    names = instance.names
    shown = {name: document[name] for name in _AS_KEPT}
    return shown | {
        "theme": theme(document["theme"], language),
        "tables": [
            {**one, "institution_name": _institution(instance, one["institution_id"], language)}
            for one in document["tables"]
        ],
        "invites": [{**one, "enterprise_name": names.get(one["uscc"])} for one in document["invites"]],
        "schedule": [
            _meeting(instance, one, language) | {"enterprise_name": names.get(one["uscc"])}
            for one in document["schedule"]
        ],
        "unmatched": [{**one, "text": UNMATCHED[one["reason"]].in_language(language)} for one in document["unmatched"]],
        "notes": [NOTES[code].in_language(language) for code in document["notes"]],
        "recorded_at": recorded_at,
    }


def for_institution(
    instance: Instance, connection: Connection, event: KeptEvent, institution_id: str, today: date, language: str
) -> Document | None:
    """An institution's own table, names under each enterprise's consent to it; ``None`` where it has no table."""
    document = event.document
    table = next((one["table"] for one in document["tables"] if one["institution_id"] == institution_id), None)
    if table is None:
        return None
    own = [one for one in document["schedule"] if one["institution_id"] == institution_id]
    known = may_know_each(connection, {one["uscc"] for one in own}, institution_id, PURPOSE, today)
    meetings = []
    for one in own:
        shown = _meeting(instance, one, language) | {"lead_id": lead_id_of(one["demand_id"], institution_id)}
        if known[one["uscc"]].name:
            shown |= {"enterprise_name": instance.names.get(one["uscc"]), "masked": False}
        else:
            described = masked_name(instance, connection, one["uscc"], today)
            shown |= {"uscc": None, "enterprise_name": described.in_language(language), "masked": True}
        meetings.append(shown)
    return {
        "matchmaking_event_id": event.matchmaking_event_id,
        "theme": theme(document["theme"], language),
        "day": document["day"],
        "table": table,
        "slot_minutes": document["slot_minutes"],
        "schedule": meetings,
    }


def masked_name(instance: Instance, connection: Connection, uscc: str, today: date) -> Text:
    """What an enterprise is called before it agrees to be named: its trade and district, shared by many."""
    row = asking.profile_of(instance, connection, uscc, today)
    section, division = row.get("industry_section"), row.get("division_code")
    traits = Traits(
        section=section if isinstance(section, str) else None,
        division=division if isinstance(division, str) else None,
        size=None,
    )
    return instance.leads.crowd(instance.profiles, instance.matcher.rulebook).describe(traits)


def _meeting(instance: Instance, meeting: Mapping[str, Any], language: str) -> Document:
    catalog = instance.matcher.catalog
    row = catalog.row_of.get(meeting["product_id"])
    product = meeting["product_id"] if row is None else catalog.products[row].name.in_language(language)
    return {
        **meeting,
        "institution_name": _institution(instance, meeting["institution_id"], language),
        "product_name": product,
    }


def _institution(instance: Instance, institution_id: str, language: str) -> str:
    found = instance.matcher.catalog.institutions.get(institution_id)
    return institution_id if found is None else found.name.in_language(language)


_AS_KEPT = (
    "matchmaking_event_id",
    "day",
    "as_of",
    "slots",
    "slot_minutes",
    "starts_at",
    "counts",
    "unknown",
    "expected_matches",
    "versions",
)
