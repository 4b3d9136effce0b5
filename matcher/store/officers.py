"""Officers and reviews of each institution, month by month, as reported; one row an institution and month."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from matcher.store.clock import moment
from matcher.store.database import put
from matcher.store.tables_platform import officers


@dataclass(frozen=True, kw_only=True)
class OfficerMonth:
    """One month of one institution.

    Parameters
    ----------
    period
        First day of the month.
    capacity, reviewed
        Reviews it says it can make, and files it reviewed; ``None`` where not known.
    """

    institution_id: str
    period: date
    officers: int
    capacity: int | None
    reviewed: int | None


def keep(connection: Connection, months: Iterable[OfficerMonth], recorded_at: datetime) -> None:
    """Keep months; one kept before is replaced by what is reported now."""
    when = moment(recorded_at)
    for month in months:
        put(connection, officers, {**asdict(month), "recorded_at": when})


def months_until(connection: Connection, day: date) -> tuple[OfficerMonth, ...]:
    """Every month begun by a day, by institution and month."""
    query = select(officers).where(officers.c.period <= day).order_by(officers.c.institution_id, officers.c.period)
    return _months(connection.execute(query).all())


def _months(rows: Sequence[object]) -> tuple[OfficerMonth, ...]:
    names = ("institution_id", "period", "officers", "capacity", "reviewed")
    return tuple(OfficerMonth(**{name: getattr(row, name) for name in names}) for row in rows)
