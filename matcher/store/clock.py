"""The one clock. Business look-ups take a day; the clock only says when a thing was recorded and what day is meant."""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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


_MORNING = timedelta(hours=1)
"""Nine o'clock in China, in UTC."""


class MovableClock:
    """A clock somebody moves from day to day: each day begins at nine in China and goes on as real time does.

    Parameters
    ----------
    day
        The first day.
    """

    def __init__(self, day: date) -> None:
        self._since = (day, time.monotonic())

    def now(self) -> datetime:
        """The moment of the day it stands on, in UTC."""
        day, begun = self._since
        return _morning(day) + timedelta(seconds=time.monotonic() - begun)

    def today(self) -> date:
        """The day it was moved to."""
        return self._since[0]

    def move_to(self, day: date) -> None:
        """Begin another day.

        Raises
        ------
        ValueError
            If that would go back in time.
        """
        if _morning(day) < self.now():
            raise ValueError(f"the clock stands at {self.now()}: it cannot go back to the morning of {day}")
        self._since = (day, time.monotonic())


def _morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _MORNING


def moment(value: datetime) -> str:
    """A moment as the store keeps it: RFC 3339 in UTC, to the microsecond, so that text order is time order."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")
