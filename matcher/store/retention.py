"""How long what is kept, as data with reasons; and taking out what is older, with an entry of the audit for each kind.

What the law, the learner or a replay needs stays. Nothing younger than the policy says is ever taken out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select, tuple_

from matcher.domain import Text
from matcher.store import audit
from matcher.store.clock import moment
from matcher.store.deliveries import PENDING, SENDING
from matcher.store.events import CHINA
from matcher.store.store import Store
from matcher.store.tables import audit as audit_table
from matcher.store.tables import consents, idempotency, recommendations
from matcher.store.tables_platform import contacts, deliveries, events, outbox

_BLOCK = 1_000
AUDIT = "audit"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How long one kind of rows is kept.

    Parameters
    ----------
    days
        Days after it was recorded; None keeps it as long as the store.
    """

    kind: str
    days: int | None
    reason: Text


@dataclass(frozen=True, kw_only=True)
class Old:
    """What of one kind is old enough on a day: recorded before ``cut``; None where the kind is kept for good."""

    rule: Rule
    cut: date | None
    rows: int


POLICY = (
    Rule(
        kind="idempotency",
        days=7,
        reason=Text(zh="重试只在数日内发生", en="a caller repeats a request within days, not weeks"),
    ),
    Rule(
        kind="recommendations",
        days=1_095,
        reason=Text(
            zh="三年内可复算与申诉；之后审计中仍存摘要",
            en="replayed and contested for three years; its digest stays in the audit",
        ),
    ),
    Rule(
        kind="contacts",
        days=730,
        reason=Text(
            zh="两年未更新且无披露授权的联系方式不再保留",
            en="no contact is kept two years unrefreshed and without a consent to it",
        ),
    ),
    Rule(
        kind=AUDIT,
        days=1_825,
        reason=Text(zh="五年后封存入档，链条不断", en="sealed into an archive after five years; the chain goes on"),
    ),
    Rule(
        kind="deliveries",
        days=180,
        reason=Text(
            zh="失败消息在半年内可重发；仍在推送中的不删",
            en="a dead one can be replayed for half a year; one on its way stays",
        ),
    ),
    Rule(
        kind="outbox",
        days=180,
        reason=Text(
            zh="断线的消息流半年内可续接；仍在推送中的不删",
            en="a stream resumes within half a year; what is on its way stays, and so does the newest",
        ),
    ),
    Rule(
        kind="events",
        days=None,
        reason=Text(zh="训练所需，不含个人信息", en="what training reads; no personal data in it"),
    ),
)


def old(connection: Connection, today: date, before: date) -> tuple[Old, ...]:
    """What is older than the policy keeps and was recorded before a day; changes nothing."""
    found = []
    for rule in POLICY:
        cut = None if rule.days is None else min(before, today - timedelta(days=rule.days))
        rows = 0 if cut is None else _count(connection, rule.kind, cut, today)
        found.append(Old(rule=rule, cut=cut, rows=rows))
    return tuple(found)


def prune(store: Store, due: Old, actor: str) -> int:
    """Take out what is old of one kind, block by block so that nobody waits long; how many rows went.

    Raises
    ------
    ValueError
        For a kind kept for good, or the audit, which is archived instead.
    """
    if due.cut is None or due.rule.kind not in _TABLES:
        raise ValueError(f"rows of {due.rule.kind} are not taken out")
    kind, cut, today = due.rule.kind, due.cut, store.clock.today()
    total = 0
    while gone := store.write(lambda connection: _take_out(connection, kind, cut, today)):
        total += gone
    if total:
        detail: dict[str, object] = {"rows": total, "recorded_before": cut.isoformat(), "days": due.rule.days}
        entry = audit.Entry(actor=actor, action="retention_pruned", subject=f"retention/{kind}", detail=detail)
        now = store.clock.now()
        store.write(lambda connection: audit.append(connection, entry, now))
    return total


def start_of(day: date) -> datetime:
    """The first moment of a day in China."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def _count(connection: Connection, kind: str, cut: date, today: date) -> int:
    if kind == AUDIT:
        table, which = audit_table, audit_table.c.occurred_at < moment(start_of(cut))
    else:
        table, which = _TABLES[kind], _which(kind, cut, today)
    return int(connection.execute(select(func.count()).select_from(table).where(which)).scalar_one())


def _take_out(connection: Connection, kind: str, cut: date, today: date) -> int:
    table = _TABLES[kind]
    keys = list(table.primary_key.columns)
    block = connection.execute(select(*keys).where(_which(kind, cut, today)).limit(_BLOCK)).all()
    if block:
        connection.execute(table.delete().where(tuple_(*keys).in_([tuple(row) for row in block])))
    return len(block)


def _which(kind: str, cut: date, today: date) -> ColumnElement[bool]:
    table = _TABLES[kind]
    if kind == "deliveries":  # as old as the message it delivers
        old_messages = select(outbox.c.sequence).where(outbox.c.recorded_at < moment(start_of(cut)))
        return and_(table.c.sequence.in_(old_messages), _off_its_way(today))
    aged: ColumnElement[bool] = table.c.recorded_at < moment(start_of(cut))
    narrow = _NARROWED.get(kind)
    return aged if narrow is None else and_(aged, narrow(today))


def _without_consent(today: date) -> ColumnElement[bool]:
    """Contacts no standing consent lets anybody see."""
    table = consents.c
    standing = (
        select(table.consent_id)
        .where(
            table.uscc == contacts.c.uscc,
            table.purpose == "contact_disclosure",
            table.revoked.is_(False),
            (table.expires_on.is_(None)) | (table.expires_on >= today),
        )
        .correlate(contacts)
    )
    return ~standing.exists()


def _off_its_way(_today: date) -> ColumnElement[bool]:
    """Deliveries of messages nobody is being sent, but the newest: its number would be given out again."""
    newest = select(func.max(deliveries.c.delivery_id)).scalar_subquery()
    return and_(deliveries.c.sequence.not_in(_on_their_way()), deliveries.c.delivery_id < newest)


def _told(_today: date) -> ColumnElement[bool]:
    """Messages nobody is being sent, but the newest: readers resume by its number, which must not come again."""
    newest = select(func.max(outbox.c.sequence)).scalar_subquery()
    return and_(outbox.c.sequence.not_in(_on_their_way()), outbox.c.sequence < newest)


def _on_their_way() -> Select[tuple[int]]:
    moving = deliveries.alias("moving")
    return select(moving.c.sequence).where(moving.c.state.in_((PENDING, SENDING)))


_TABLES: dict[str, Table] = {
    "idempotency": idempotency,
    "recommendations": recommendations,
    "contacts": contacts,
    "events": events,
    "deliveries": deliveries,
    "outbox": outbox,
}
_NARROWED: dict[str, Callable[[date], ColumnElement[bool]]] = {
    "contacts": _without_consent,
    "outbox": _told,
}
