"""An institution's list of leads: its plan, what was pushed since, what it has in work; read page by page.

A cursor names the plan, the moment the reading began, the rank reached and the last place shown: a plan made, a demand
pushed or a lead withdrawn between two pages neither repeats nor hides a lead.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection

from api import errors
from api.errors import FieldError, ProblemError
from api.instance import Instance
from api.lead_telling import Entry, Told, belonging, placed, tell
from api.paging import decoded, encoded
from matcher.domain import Text, Verdict
from matcher.leads import GENERAL, INBOUND, LISTS, OUTREACH, NamedList
from matcher.matching import Matcher
from matcher.store import audit, enterprises, lead_lists, lead_reads
from matcher.store.clock import moment
from matcher.store.leads import lead_id_of

MOST = 2_000
"""Leads of a file, and leads taken up or pushed since the plan that are looked at."""
OPEN = "open"
NO_PLAN = Text(
    zh="尚无线索计划：仅列出已推送的需求。", en="No plan has been made yet: only demands pushed so far are listed."
)
NOT_PERSONALISED = Text(
    zh="企业已关闭个性化：不评分，按推送时间排在其后。",
    en="not personalised: the enterprise switched scores off; listed after the others, by the moment of the push",
)
_STEP = 200
_SEPARATOR = "\n"
_RANK = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What an institution asks for; ``limit`` leads after ``cursor``."""

    institution_id: str
    name: str = GENERAL
    product_id: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A lead told, at its rank."""

    rank: int
    lead_id: str
    told: Told


@dataclass(frozen=True, kw_only=True)
class LeadPage:
    """One page of a list.

    Parameters
    ----------
    plan, planned_at
        The plan it follows and when it was kept; ``None`` where there is none.
    """

    items: tuple[Ranked, ...]
    next_cursor: str | None
    plan: str | None
    planned_at: str | None
    simulated: bool
    as_of: date
    named: NamedList
    matcher: Matcher


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a reader stands: which plan, since when, how many leads on, after which key."""

    plan: str
    until: str
    rank: int
    key: str


def lead_page(instance: Instance, query: Query) -> LeadPage:
    """One page of an institution's leads.

    Raises
    ------
    ProblemError
        422 for a bad cursor, 410 for one of a plan that is no longer kept.
    """
    matcher, as_of = instance.matcher, instance.clock.today()
    with instance.store.reading() as connection:
        place = _place(instance, connection, query.cursor)
        planned_at = lead_lists.kept_since(connection, place.plan) if place.plan else None
        entries = _entries(instance, matcher, connection, query, place, planned_at)
        waiting = [entry for entry in entries if _key(entry) > place.key]
        items, following = _fill(instance, matcher, connection, query, place, waiting)
    return LeadPage(
        items=items,
        next_cursor=None if following is None else _cursor(following),
        plan=place.plan or None,
        planned_at=planned_at,
        simulated=instance.world.simulated,
        as_of=as_of,
        named=LISTS[query.name],
        matcher=matcher,
    )


def disclose(instance: Instance, actor: str, query: Query, page: LeadPage, form: str) -> None:
    """Record which leads this page shows, and whose names, contacts and data, before it is answered."""
    named = [item.lead_id for item in page.items if item.told.uscc is not None]
    called = [item.lead_id for item in page.items if item.told.contact is not None]
    opened = {item.lead_id: sorted(item.told.leave.institution) for item in page.items if item.told.leave.institution}
    masked = "leads_shown" if form == "json" else "leads_exported"
    shown = "\n".join(item.lead_id for item in page.items)
    detail: dict[str, object] = {
        "form": form,
        "list": query.name,
        "plan": page.plan,
        "leads": len(page.items),
        "ranks": [page.items[0].rank, page.items[-1].rank] if page.items else [],
        "lead_ids_sha256": hashlib.sha256(shown.encode()).hexdigest(),
    }
    if named or opened:
        detail |= {"named": named, "contacts": called, "sources": opened}
    action = "leads_disclosed" if named or opened else masked
    entry = audit.Entry(actor=actor, action=action, subject=query.institution_id, detail=detail)
    now = instance.clock.now()

    def change(connection: Connection) -> None:
        audit.append(connection, entry, now)

    instance.store.write(change)


def _entries(
    instance: Instance,
    matcher: Matcher,
    connection: Connection,
    query: Query,
    place: _Place,
    planned_at: str | None,
) -> list[Entry]:
    """Everything that stands in the list, best first, one an enterprise."""
    institution_id = query.institution_id
    listed = lead_lists.find(connection, place.plan, institution_id) or () if place.plan else ()
    desk = lead_reads.on_desk(connection, institution_id, until=place.until, limit=MOST)
    rows = lead_reads.standing(connection, institution_id, [row.demand_id for row in listed])
    owners = lead_reads.open_enterprises(connection, [*(row.demand_id for row in listed), *desk])
    planned = {row.demand_id for row in listed}
    entries = [
        *(_planned(row, rows.get(row.demand_id), owners.get(row.demand_id, "")) for row in listed),
        *(
            _unplanned(row, owners.get(row.demand_id, ""), planned_at or "")
            for row in desk.values()
            if row.demand_id not in planned
        ),
    ]
    entries = [each for each in entries if _stands(matcher, query, each)]
    if query.name != GENERAL:
        entries = belonging(instance, connection, institution_id, entries, query.name)
    entries = _placed(instance, matcher, connection, institution_id, entries)
    return _one_each(sorted(entries, key=_key))


def _planned(row: lead_lists.LeadRow, standing: lead_reads.Standing | None, uscc: str) -> Entry:
    return Entry(
        value=row.value,
        demand_id=row.demand_id,
        uscc=uscc,
        product_id=row.product_id,
        origin=row.origin,
        p_apply=row.p_apply,
        p_approve=row.p_approve,
        fresh=False,
        status=OPEN if standing is None else standing.state,
        due_on=None if standing is None else standing.due_on,
        pushed_at="" if standing is None else standing.pushed_at,
    )


def _unplanned(row: lead_reads.Standing, uscc: str, planned_at: str) -> Entry:
    return Entry(
        value=0.0,
        demand_id=row.demand_id,
        uscc=uscc,
        product_id=row.product_id,
        origin=INBOUND if row.origin == INBOUND else OUTREACH,
        p_apply=None,
        p_approve=None,
        fresh=row.state == lead_reads.PUSHED and row.pushed_at > planned_at,
        status=row.state,
        due_on=row.due_on,
        pushed_at=row.pushed_at,
    )


def _stands(matcher: Matcher, query: Query, entry: Entry) -> bool:
    """Whether demand, lead and product still stand, and the product is the one asked for."""
    row = matcher.catalog.row_of.get(entry.product_id)
    return (
        entry.uscc != ""
        and entry.status not in lead_reads.CLOSED_LEADS
        and row is not None
        and matcher.catalog.products[row].institution_id == query.institution_id
        and query.product_id in {None, entry.product_id}
    )


def _placed(
    instance: Instance, matcher: Matcher, connection: Connection, institution_id: str, entries: list[Entry]
) -> list[Entry]:
    """The entries with today's worth of each lead no plan has placed."""
    off = enterprises.not_personalised(connection, {each.uscc for each in entries})
    entries = [replace(each, personalised=each.uscc not in off) for each in entries]
    unplaced = [each for each in entries if each.p_approve is None and each.personalised]
    worths = placed(instance, matcher, connection, institution_id, unplaced)
    values = {each.demand_id: value for each, value in zip(unplaced, worths, strict=True)}
    return [replace(each, value=values.get(each.demand_id, each.value)) for each in entries]


def _one_each(entries: Iterable[Entry]) -> list[Entry]:
    """The best lead of each enterprise, and every one the institution owes an answer to."""
    known: set[str] = set()
    kept = []
    for entry in entries:
        if entry.uscc not in known or entry.status in lead_reads.ON_DESK:
            kept.append(entry)
        known.add(entry.uscc)
    return kept


def _fill(
    instance: Instance,
    matcher: Matcher,
    connection: Connection,
    query: Query,
    place: _Place,
    waiting: Sequence[Entry],
) -> tuple[tuple[Ranked, ...], _Place | None]:
    """Leads until the page is full; what is not admitted any more (unless owed an answer) or not listed is left out."""
    items: list[Ranked] = []
    position = 0
    while position < len(waiting) and len(items) < query.limit:
        step = waiting[position : position + min(query.limit - len(items), _STEP)]
        for told in tell(instance, matcher, connection, query.institution_id, step):
            position += 1
            admitted = told.lead.verdict is not Verdict.FAIL or told.entry.status in lead_reads.ON_DESK
            if admitted and query.name in {GENERAL, *told.lead.lists}:
                name = lead_id_of(told.entry.demand_id, query.institution_id)
                items.append(Ranked(rank=place.rank + len(items) + 1, lead_id=name, told=told))
    if position >= len(waiting):
        return tuple(items), None
    following = replace(place, rank=place.rank + len(items), key=_key(waiting[position - 1]))
    return tuple(items), following


def _key(entry: Entry) -> str:
    """Text in order of value, best first, then of demand: doubles above nought stand in the order of their bits.

    What no score may place stands behind every hexadecimal digit, the longest pushed first.
    """
    if not entry.personalised:
        return f"g{entry.pushed_at or '~'}{entry.demand_id}"
    (bits,) = struct.unpack(">Q", struct.pack(">d", max(entry.value, 0.0)))
    return f"{(1 << 64) - 1 - bits:016x}{entry.demand_id}"


def _place(instance: Instance, connection: Connection, cursor: str | None) -> _Place:
    if cursor is None:
        return _Place(plan=lead_lists.current(connection) or "", until=moment(instance.clock.now()), rank=0, key="")
    parts = decoded(cursor).split(_SEPARATOR)
    if len(parts) != 4 or not all(map(str.isprintable, parts)) or not _RANK.fullmatch(parts[2]):
        raise errors.invalid(
            [FieldError(pointer="/cursor", detail=Text(zh="不是有效游标", en="not a cursor of this list"))]
        )
    place = _Place(plan=parts[0], until=parts[1], rank=int(parts[2]), key=parts[3])
    passed = place.plan and lead_lists.current(connection) != place.plan
    if passed and lead_lists.kept_since(connection, place.plan) is None:
        raise _gone()
    return place


def _cursor(place: _Place) -> str:
    return encoded(_SEPARATOR.join((place.plan, place.until, str(place.rank), place.key)))


def _gone() -> ProblemError:
    return ProblemError(
        410,
        "list_gone",
        Text(zh="列表已更新", en="The list was rebuilt"),
        Text(
            zh="该游标所属的线索计划已不再保留，请不带游标重新读取。",
            en="The plan this cursor belongs to is no longer kept: read again without a cursor.",
        ),
    )
