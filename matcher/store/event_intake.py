"""A batch of events taken in: each judged by itself against what the store knows, the good ones kept together.

Nothing is guessed: what names an unknown demand or product, lies in the future, or contradicts the recommendation it
names is refused with the field that is wrong. Judging reads in a handful of queries whatever the size of the batch.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from matcher.domain import Text
from matcher.store import audit, events
from matcher.store.clock import Clock, moment
from matcher.store.database import lock_audit

TOLERANCE = timedelta(minutes=5)
"""How far ahead of ours the clock of a sender may run."""
_SAME = 1e-9


class RacedError(Exception):
    """One of the events came in by another way since the batch was judged: judge it again."""


class FaultError(Exception):
    """What is wrong with one event, and in which field."""

    def __init__(self, field: str, detail: Text) -> None:
        super().__init__(detail.en)
        self.field, self.detail = field, detail


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One well-formed event as sent; ``index`` is its place in the call."""

    index: int
    event_id: str
    type: str
    occurred_at: datetime
    demand_id: str
    product_id: str
    recommendation_id: str | None = None
    position: int | None = None
    propensity: float | None = None
    reason_code: str | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of its content; the place in the call is no part of it."""
        cells = (
            self.event_id,
            self.type,
            moment(self.occurred_at),
            self.demand_id,
            self.product_id,
            self.recommendation_id,
            self.position,
            self.propensity,
            self.reason_code,
        )
        return hashlib.sha256(msgspec.json.encode(cells)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One event not taken in."""

    index: int
    event_id: str | None
    field: str
    detail: Text


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A judged call: rows to keep, how many were known already, and what was refused."""

    rows: tuple[events.EventRow, ...]
    duplicates: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, kw_only=True)
class _Known:
    kept: dict[str, str]
    demands: dict[str, events.KnownDemand]
    institutions: dict[str, str]
    shown: dict[str, events.Shown]


def judge(connection: Connection, sent: Sequence[Sent], actor: str, clock: Clock) -> Batch:
    """Judge every event of a call; changes nothing."""
    known = _Known(
        kept=events.fingerprints(connection, {each.event_id for each in sent}),
        demands=events.known_demands(connection, {each.demand_id for each in sent}),
        institutions=events.institutions_of(connection, {each.product_id for each in sent}),
        shown=events.shown(connection, {each.recommendation_id for each in sent if each.recommendation_id}),
    )
    now = clock.now()
    latest = _latest(clock, now)
    rows: list[events.EventRow] = []
    refused: list[Refused] = []
    duplicates = 0
    for each in sent:
        try:
            if _is_duplicate(each, known):
                duplicates += 1
                continue
            rows.append(_row(each, known, actor, now, latest))
            known.kept[each.event_id] = each.fingerprint
        except FaultError as fault:
            refused.append(Refused(index=each.index, event_id=each.event_id, field=fault.field, detail=fault.detail))
    return Batch(rows=tuple(rows), duplicates=duplicates, refused=tuple(refused))


def keep(connection: Connection, batch: Batch, actor: str, at: datetime) -> None:
    """Keep the good events of a judged batch with one entry of the audit, in the caller's transaction.

    Raises
    ------
    RacedError
        If one of them was kept since: nothing is kept, judge again.
    """
    if not batch.rows:
        return
    lock_audit(connection)  # before looking: two processes may bring the same event
    if events.fingerprints(connection, [row.event_id for row in batch.rows]):
        raise RacedError
    events.keep(connection, batch.rows)
    digest = hashlib.sha256("\n".join(sorted(row.fingerprint for row in batch.rows)).encode()).hexdigest()
    detail: dict[str, object] = {
        "accepted": len(batch.rows),
        "duplicates": batch.duplicates,
        "refused": len(batch.refused),
        "types": dict(sorted(Counter(row.type for row in batch.rows).items())),
        "digest": digest,
    }
    entry = audit.Entry(actor=actor, action="events_recorded", subject=f"events/{digest[:16]}", detail=detail)
    audit.append(connection, entry, at)


def _latest(clock: Clock, now: datetime) -> datetime:
    """The last moment an event may have happened at; a pinned day ahead of the machine counts to its end."""
    today = clock.today()
    if today <= events.day_of(now):
        return now + TOLERANCE
    return datetime(today.year, today.month, today.day, tzinfo=events.CHINA) + timedelta(days=1)


def _is_duplicate(each: Sent, known: _Known) -> bool:
    kept = known.kept.get(each.event_id)
    if kept is None:
        return False
    if kept != each.fingerprint:
        raise FaultError("event_id", _OTHER_CONTENT)
    return True


def _row(each: Sent, known: _Known, actor: str, now: datetime, latest: datetime) -> events.EventRow:
    demand = known.demands.get(each.demand_id)
    institution = known.institutions.get(each.product_id)
    if demand is None:
        raise FaultError("demand_id", Text(zh=f"没有需求 {each.demand_id}", en=f"there is no demand {each.demand_id}"))
    if institution is None:
        raise FaultError(
            "product_id", Text(zh=f"没有产品 {each.product_id}", en=f"there is no product {each.product_id}")
        )
    _check_moment(each, demand, latest)
    place = _place(each, demand, known)
    return events.EventRow(
        event_id=each.event_id,
        type=each.type,
        occurred_at=each.occurred_at,
        received_at=now,
        actor=actor,
        demand_id=each.demand_id,
        uscc=demand.uscc,
        product_id=each.product_id,
        institution_id=institution,
        recommendation_id=each.recommendation_id,
        position=each.position if place is None else place.position,
        propensity=each.propensity if place is None or place.propensity is None else place.propensity,
        reason_code=each.reason_code,
        fingerprint=each.fingerprint,
    )


def _check_moment(each: Sent, demand: events.KnownDemand, latest: datetime) -> None:
    if each.occurred_at > latest:
        until = moment(latest)
        raise FaultError(
            "occurred_at", Text(zh=f"发生时间在未来（晚于 {until}）", en=f"lies in the future (after {until})")
        )
    if demand.published_on is None:
        raise FaultError("demand_id", Text(zh="该需求尚未发布", en="the demand is not published yet"))
    if events.day_of(each.occurred_at) < demand.published_on:
        day = demand.published_on.isoformat()
        raise FaultError(
            "occurred_at", Text(zh=f"早于需求发布日 {day}", en=f"lies before the demand was published on {day}")
        )


def _place(each: Sent, demand: events.KnownDemand, known: _Known) -> events.Place | None:
    """Where the recommendation put the product; None where the event names no recommendation."""
    name = each.recommendation_id
    if name is None:
        return None
    listed = known.shown.get(name)
    if listed is None:
        raise FaultError("recommendation_id", Text(zh=f"没有推荐 {name}", en=f"there is no recommendation {name}"))
    if listed.uscc != demand.uscc or listed.demand_id not in {None, each.demand_id}:
        raise FaultError(
            "demand_id", Text(zh=f"推荐 {name} 不是为该需求作出", en=f"{name} was not made for this demand")
        )
    place = listed.places.get(each.product_id)
    if place is None:
        raise FaultError("product_id", Text(zh=f"推荐 {name} 未列该产品", en=f"{name} does not list this product"))
    if each.position is not None and each.position != place.position:
        raise FaultError(
            "position",
            Text(zh=f"推荐 {name} 中的位置为 {place.position}", en=f"{name} shows it at position {place.position}"),
        )
    if each.propensity is not None and place.propensity is not None and abs(each.propensity - place.propensity) > _SAME:
        raise FaultError(
            "propensity",
            Text(
                zh=f"推荐 {name} 记录的倾向为 {place.propensity}", en=f"{name} logged the propensity {place.propensity}"
            ),
        )
    return place


_OTHER_CONTENT = Text(
    zh="该 event_id 已用于内容不同的事件，请换新编号", en="this event_id was used for another event; take a new one"
)
