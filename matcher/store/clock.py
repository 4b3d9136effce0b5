"""The one clock. Business look-ups take a day; the clock only says when a thing was recorded and what day is meant."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """Says when something is being recorded, and which day a caller means who names none."""

    def now(self) -> datetime:
        """The present moment, with offset."""
        ...

    def today(self) -> date:
        """The day meant where a request states none."""
        ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The present day where the service runs."""
        return datetime.now().astimezone().date()


@dataclass(frozen=True, kw_only=True)
class PinnedClock:
    """A clock whose day stands still: a simulated city lives on its last day, while moments still pass."""

    day: date

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The pinned day."""
        return self.day


def moment(value: datetime) -> str:
    """A moment as the store keeps it: RFC 3339 in UTC, to the microsecond, so that text order is time order."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")
