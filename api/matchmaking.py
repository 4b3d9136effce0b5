"""From an event to be planned to the plan that is kept: who fits, who is admitted, who meets whom and when.

What is kept holds codes and ids alone; names and texts are told when it is read, to whom may know them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api import errors
from api.errors import FieldError
from api.instance import Instance
from api.profiles import Row
from api.schemas_matchmaking import PlanBody
from api.world import PURPOSE, RECIPIENT
from matcher.domain import Demand, Text
from matcher.eligibility import PASS, UNKNOWN
from matcher.matching import Matcher, Question
from matcher.matchmaking import Timetable, plan_meetings, seat_institutions
from matcher.matchmaking_candidates import Candidates, find_candidates
from matcher.matchmaking_themes import THEMES, Theme
from matcher.standing import mask
from matcher.store import enterprises, matchmaking, queues
from matcher.store.events import CHINA

MOST_DEMANDS = 2_000
"""Open demands of the theme considered for one event: those published last."""
MOST_SETTLED = 200
"""Enterprises without a meeting for whom the missing data are looked up."""
UNMATCHED = {
    "no_product": Text(zh="到场机构没有其可准入的产品", en="no institution at the tables has a product that admits it"),
    "not_settled": Text(
        zh="有产品因数据未知而不能判定", en="some product is undecided for want of a datum: settle it and plan again"
    ),
    "no_seat": Text(zh="名额或时段已由预期成效更高者占用", en="seats went where more matches are expected"),
    "no_chance": Text(zh="预期成效为零", en="no match is expected"),
}
"""Why an enterprise of the theme has no meeting."""
NOTES = {
    "nobody_fits": Text(
        zh="没有符合主题的在库需求，计划为空。", en="No open demand fits the theme: the plan is empty."
    ),
    "nobody_admitted": Text(
        zh="符合主题的企业均无可准入产品，计划为空。",
        en="No enterprise of the theme is admitted anywhere: the plan is empty.",
    ),
    "tables_left": Text(
        zh="部分桌位无机构可增加预期成效，留空。", en="Some tables stay empty: no further institution adds a match."
    ),
    "not_all_considered": Text(
        zh="符合主题的需求过多，仅考虑最近发布的部分。",
        en="Of the demands that fit, only those published last were considered.",
    ),
}
"""What else a plan says of itself."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """The demands an event is planned from, by how they stand to its theme.

    Parameters
    ----------
    unknown
        Sources that would settle whether an enterprise fits, by code.
    open, fitting
        Open demands of the kinds asked for, and those of them that fit the theme.
    """

    demands: tuple[Demand, ...]
    profiles: tuple[Row, ...]
    unknown: dict[str, tuple[str, ...]]
    open: int
    fitting: int


def check(body: PlanBody, matcher: Matcher, today: date) -> None:
    """Refuse what no event can be, field by field.

    Raises
    ------
    ProblemError
        422 with every fault.
    """
    faults = []
    if body.day < today:
        faults.append(FieldError(pointer="/day", detail=Text(zh="早于今天", en="lies before today")))
    for place, name in enumerate(body.institutions or ()):
        if name not in matcher.catalog.institutions:
            detail = Text(zh=f"没有机构 {name}", en=f"there is no institution {name}")
            faults.append(FieldError(pointer=f"/institutions/{place}", detail=detail))
    if body.institutions is not None and len(body.institutions) > body.tables:
        detail = Text(zh=f"机构数多于桌数 {body.tables}", en=f"more institutions than the {body.tables} tables")
        faults.append(FieldError(pointer="/institutions", detail=detail))
    if starts_at(body, body.slots) > datetime.combine(body.day + timedelta(days=1), time(), tzinfo=CHINA):
        faults.append(
            FieldError(pointer="/slots", detail=Text(zh="时段超出当天", en="the slots run past the end of the day"))
        )
    if faults:
        raise errors.invalid(faults)


def starts_at(body: PlanBody, slot: int) -> datetime:
    """Moment a slot begins, counted from 0, where the enterprises are."""
    first = datetime.combine(body.day, time.fromisoformat(body.starts_at), tzinfo=CHINA)
    return first + timedelta(minutes=body.slot_minutes * slot)


def plan(instance: Instance, body: PlanBody, event_id: str) -> dict[str, Any]:
    """Plan one event; the document to keep."""
    matcher, today = instance.matcher, instance.clock.today()
    theme = THEMES[body.theme]
    field = _open(instance, body, theme, today)
    found = find_candidates(
        matcher,
        field.profiles,
        field.demands,
        today,
        institutions=body.institutions,
        kinds=body.kinds,
        include_unknown=body.include_unknown,
    )
    seated = _seats(found, body)
    chance = found.chance[:, list(seated)]
    timed = plan_meetings(chance, body.slots, body.meetings_per_enterprise, body.max_enterprises)
    schedule = _schedule(matcher, field, found, seated, timed, body, today)
    return {
        "matchmaking_event_id": event_id,
        "theme": body.theme,
        "day": body.day,
        "as_of": today,
        "slots": body.slots,
        "slot_minutes": body.slot_minutes,
        "starts_at": body.starts_at,
        "tables": [
            {"table": place + 1, "institution_id": found.institutions[column]} for place, column in enumerate(seated)
        ],
        "counts": {
            "open": field.open,
            "considered": len(field.demands),
            "fits": len(found.enterprises),
            "unknown": len(field.unknown),
            "invited": int(timed.meets.any(axis=1).sum()),
            "meetings": int(timed.meets.sum()),
        },
        "invites": _invites(found, chance, timed),
        "schedule": schedule,
        "unmatched": _unmatched(matcher, field, found, chance, timed, today),
        "unknown": [{"uscc": code, "settle_with": list(sources)} for code, sources in field.unknown.items()],
        "expected_matches": round(timed.expected, 6),
        "notes": _notes(field, found, seated, body),
        "versions": {
            "model": matcher.versions.model,
            "policy": matcher.versions.policy,
            "catalog": matcher.versions.catalog,
            "features": matcher.versions.features,
            "rating": matcher.versions.rating,
        },
    }


def new_id(seed: bytes) -> str:
    """An id for an event."""
    return "MM-" + hashlib.sha256(seed).hexdigest()[:20]


def _open(instance: Instance, body: PlanBody, theme: Theme, today: date) -> Open:
    with instance.store.reading() as connection:
        every = queues.open_demands(connection, today)
        asked = [one for one in every if body.kinds is None or set(body.kinds) & set(one.kinds)]
        permitted = queues.permissions(connection, RECIPIENT, PURPOSE, today)
        known = known_profiles(instance, connection, [one.uscc for one in asked], today)
    nothing: frozenset[str] = frozenset()
    rows = {uscc: mask(row, permitted.get(uscc, nothing)) for uscc, row in known.items()}
    fits = {str(one.demand_id): theme.fits(rows[one.uscc], one) for one in asked}
    chosen = [name for name, answer in fits.items() if answer]
    latest = frozenset(
        instance.store.read(lambda connection: matchmaking.latest_demands(connection, chosen, MOST_DEMANDS))
    )
    demands = tuple(one for one in asked if one.demand_id in latest)
    unsure = [one.uscc for one in asked if fits[str(one.demand_id)] is None]
    sure = frozenset(one.uscc for one in asked if fits[str(one.demand_id)])
    return Open(
        demands=demands,
        profiles=tuple(rows[one.uscc] for one in demands),
        unknown={uscc: theme.settle_with(rows[uscc]) for uscc in unsure if uscc not in sure},
        open=len(asked),
        fitting=len(chosen),
    )


def known_profiles(instance: Instance, connection: Connection, codes: Sequence[str], day: date) -> dict[str, Row]:
    """Profiles by code, with whatever records came in since; not masked yet."""
    changed = frozenset(enterprises.with_records(connection))
    return {
        uscc: instance.profiles.row(
            uscc,
            day,
            enterprises.latest_batch(connection, uscc) if uscc in changed else 0,
            enterprises.records(connection, uscc) if uscc in changed else {},
        )
        for uscc in dict.fromkeys(codes)
    }


def _seats(found: Candidates, body: PlanBody) -> tuple[int, ...]:
    if body.institutions is not None:
        place = {name: column for column, name in enumerate(found.institutions)}
        return tuple(place[name] for name in body.institutions)
    return seat_institutions(found.chance, body.tables, body.slots)


def _schedule(
    matcher: Matcher,
    field: Open,
    found: Candidates,
    seated: Sequence[int],
    timed: Timetable,
    body: PlanBody,
    today: date,
) -> list[dict[str, Any]]:
    meetings = []
    for row, table in np.argwhere(timed.meets).tolist():
        column, slot = seated[table], int(timed.slot[row, table])
        demand = int(found.demand[row, column])
        product = int(found.product[row, column])
        meetings.append(
            {
                "slot": slot + 1,
                "starts_at": starts_at(body, slot).isoformat(),
                "table": table + 1,
                "institution_id": found.institutions[column],
                "uscc": found.enterprises[row],
                "demand_id": field.demands[demand].demand_id,
                "product_id": matcher.catalog.products[product].product_id,
                "expected_match": round(float(found.chance[row, column]), 6),
                "verdict": _verdict(matcher, field, demand, product, today) if body.include_unknown else "pass",
            }
        )
    return sorted(meetings, key=lambda one: (one["slot"], one["table"]))


def _verdict(matcher: Matcher, field: Open, demand: int, product: int, today: date) -> str:
    judged = matcher.judge_many([field.profiles[demand]], [field.demands[demand]], today)
    return "pass" if judged[0, product] == PASS else "unknown"


def _invites(found: Candidates, chance: Any, timed: Timetable) -> list[dict[str, Any]]:
    worth = 1.0 - np.where(timed.meets, 1.0 - chance, 1.0).prod(axis=1)
    invited = np.flatnonzero(timed.meets.any(axis=1))
    order = invited[np.argsort(-worth[invited], kind="stable")]
    return [
        {
            "rank": place + 1,
            "uscc": found.enterprises[row],
            "expected_matches": round(float(worth[row]), 6),
            "meetings": int(timed.meets[row].sum()),
        }
        for place, row in enumerate(order.tolist())
    ]


def _unmatched(
    matcher: Matcher, field: Open, found: Candidates, chance: Any, timed: Timetable, today: date
) -> list[dict[str, Any]]:
    own: dict[str, list[int]] = {}
    for place, demand in enumerate(field.demands):
        own.setdefault(demand.uscc, []).append(place)
    rows, settled = [], 0
    for row, code in enumerate(found.enterprises):
        if timed.meets[row].any():
            continue
        reason, settle_with = _why(found, chance, row), []
        if reason == "not_settled" and settled < MOST_SETTLED:
            settled += 1
            settle_with = _settle_with(matcher, field, found, own[code], today)
        ids = [field.demands[place].demand_id for place in own[code]]
        rows.append({"uscc": code, "demand_ids": ids, "reason": reason, "settle_with": settle_with})
    return rows


def _settle_with(matcher: Matcher, field: Open, found: Candidates, places: Sequence[int], today: date) -> list[str]:
    """What would settle the undecided products of the institutions that could sit at the tables."""
    missing: dict[str, None] = {}
    for place in places:
        question = Question(demand=field.demands[place], as_of=today, profile=field.profiles[place])
        verdicts = matcher.judge(question)
        for row in np.flatnonzero(verdicts.verdict == UNKNOWN).tolist():
            if matcher.catalog.products[row].institution_id in found.institutions:
                missing |= dict.fromkeys(one.settle_with for one in verdicts.checks(row) if one.settle_with)
    return list(missing)


def _why(found: Candidates, chance: Any, row: int) -> str:
    if chance[row].size and chance[row].max() > 0.0:
        return "no_seat"
    if (found.product[row] >= 0).any():
        return "no_seat" if found.chance[row].max() > 0.0 else "no_chance"
    return "not_settled" if found.unsettled[row] else "no_product"


def _notes(field: Open, found: Candidates, seated: Sequence[int], body: PlanBody) -> list[str]:
    notes = []
    if not field.demands:
        notes.append("nobody_fits")
    elif not (found.chance > 0.0).any():
        notes.append("nobody_admitted")
    elif len(seated) < body.tables:
        notes.append("tables_left")
    if len(field.demands) < field.fitting:
        notes.append("not_all_considered")
    return notes
