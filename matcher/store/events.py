"""What happened between enterprises and products, event by event: kept once, never changed, read by the learner.

An event has two moments: when it happened and when it came in. The learner sees both: what arrives late is known late.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from matcher.domain import Text
from matcher.store.clock import moment
from matcher.store.tables import demands, products, recommendations
from matcher.store.tables_platform import events

CHINA = timezone(timedelta(hours=8))
"""Where the enterprises are: the day of an event is its day there."""
TYPES: Mapping[str, Text] = {
    "exposed": Text(zh="产品在列表中展示", en="the product was shown in a list"),
    "clicked": Text(zh="点击查看产品", en="the product was opened"),
    "saved": Text(zh="收藏产品", en="the product was kept for later"),
    "dismissed": Text(zh="不感兴趣", en="the product was put aside"),
    "contacted": Text(zh="企业联系机构", en="the enterprise got in touch with the institution"),
    "applied": Text(zh="提交申请", en="an application was made"),
    "withdrawn": Text(zh="撤回申请", en="the application was taken back"),
    "accepted": Text(zh="企业接受机构方案", en="the enterprise took the institution's offer"),
    "declined": Text(zh="企业拒绝机构方案", en="the enterprise turned the institution's offer down"),
    "invited": Text(zh="受邀参加对接活动", en="the enterprise was invited to a matchmaking event"),
    "attended": Text(zh="出席对接活动", en="the enterprise came to a matchmaking event"),
    "absent": Text(zh="未出席对接活动", en="the enterprise did not come to a matchmaking event"),
}
"""Every type of event there is, with its meaning; another is refused."""
_BLOCK = 5_000


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """One event as kept.

    Parameters
    ----------
    occurred_at, received_at
        When it happened, and when it came in; both with offset.
    position
        Place in the list it came from, from 1; None where nobody said.
    propensity
        Chance with which that place was given to that product; None where nobody said.
    fingerprint
        Digest of what was sent: the same id with another digest is another story.
    """

    event_id: str
    type: str
    occurred_at: datetime
    received_at: datetime
    actor: str
    demand_id: str | None
    uscc: str | None
    product_id: str | None
    institution_id: str | None
    recommendation_id: str | None = None
    position: int | None = None
    propensity: float | None = None
    reason_code: str | None = None
    fingerprint: str

    @property
    def occurred_on(self) -> date:
        """Its day in China."""
        return day_of(self.occurred_at)


@dataclass(frozen=True, kw_only=True)
class KnownDemand:
    """Whose demand it is and since when it stands in the library; None while it does not."""

    uscc: str
    published_on: date | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a recommendation put a product, with what chance (None where it did not say), and whether by chance."""

    position: int
    propensity: float | None
    explored: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What one recommendation showed: its places by product."""

    demand_id: str | None
    uscc: str
    places: Mapping[str, Place]


def day_of(at: datetime) -> date:
    """The day of a moment, in China.

    >>> day_of(datetime.fromisoformat("2026-10-30T17:00:00+00:00"))
    datetime.date(2026, 10, 31)
    """
    return at.astimezone(CHINA).date()


def keep(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Write events in the caller's transaction; an id already kept raises an integrity error."""
    names = [each.name for each in fields(EventRow)]
    cells = [{name: getattr(row, name) for name in names} for row in rows]
    for each in cells:
        each["occurred_at"], each["received_at"] = moment(each["occurred_at"]), moment(each["received_at"])
    if cells:
        connection.execute(events.insert(), cells)


def fingerprints(connection: Connection, event_ids: Collection[str]) -> dict[str, str]:
    """Digests of the events of these ids that are kept already."""
    table = events.c
    query = select(table.event_id, table.fingerprint).where(table.event_id.in_(event_ids))
    return {row.event_id: row.fingerprint for row in connection.execute(query)}


def known_demands(connection: Connection, demand_ids: Collection[str]) -> dict[str, KnownDemand]:
    """The demands of these ids that there are."""
    table = demands.c
    query = select(table.demand_id, table.uscc, table.published_on).where(table.demand_id.in_(demand_ids))
    return {
        row.demand_id: KnownDemand(uscc=row.uscc, published_on=row.published_on) for row in connection.execute(query)
    }


def institutions_of(connection: Connection, product_ids: Collection[str]) -> dict[str, str]:
    """Institution of each product of these ids that there is or was, in whatever version."""
    table = products.c
    query = select(table.product_id, table.institution_id).where(table.product_id.in_(product_ids)).distinct()
    return {row.product_id: row.institution_id for row in connection.execute(query)}


def shown(connection: Connection, recommendation_ids: Collection[str]) -> dict[str, Shown]:
    """What the recommendations of these ids showed, those that there are."""
    table = recommendations.c
    query = select(table.recommendation_id, table.demand_id, table.uscc, table.answer).where(
        table.recommendation_id.in_(recommendation_ids)
    )
    return {
        row.recommendation_id: Shown(demand_id=row.demand_id, uscc=row.uscc, places=_places(row.answer))
        for row in connection.execute(query)
    }


def read(connection: Connection, until: datetime | None = None) -> Iterator[EventRow]:
    """Every event received up to a moment, in the order of what happened; in blocks, whatever their number."""
    query = select(events).order_by(events.c.occurred_at, events.c.event_id)
    if until is not None:
        query = query.where(events.c.received_at <= moment(until))
    with connection.execute(query.execution_options(yield_per=_BLOCK)) as result:
        for row in result:
            cells: dict[str, Any] = dict(row._mapping)
            cells["occurred_at"] = datetime.fromisoformat(cells["occurred_at"])
            cells["received_at"] = datetime.fromisoformat(cells["received_at"])
            yield EventRow(**cells)


class _Item(msgspec.Struct):
    rank: int
    product_id: str
    propensity: float | None = None
    explored: bool = False


class _Answer(msgspec.Struct):
    items: list[_Item]


_ANSWER = msgspec.json.Decoder(_Answer)


def _places(answer: bytes) -> dict[str, Place]:
    items = _ANSWER.decode(zlib.decompress(answer)).items
    return {
        item.product_id: Place(position=item.rank, propensity=item.propensity, explored=item.explored) for item in items
    }
