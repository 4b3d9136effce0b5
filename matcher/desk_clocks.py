"""By when an institution must answer: days per state, in calendar days or in working days of the PRC.

A year whose public holidays are not on file has plain weekdays; ``Clocks.is_exact`` says whether that happened.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import yaml

from matcher.demand_states import State
from matcher.domain import Purpose

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """Days an institution has, counted from the day after the one its lead entered a state.

    Parameters
    ----------
    accept, contact, decide
        After a push, after a claim, after the first contact.
    renewal
        In place of ``decide`` for a renewal of an enterprise on the city's renewal whitelist (article 9).
    expire
        Days a demand stands open without a desk working on it.
    escalate
        Calendar days a lead may be late before that is escalated.
    working
        Whether days are working days; otherwise calendar days.
    """

    accept: int = 1
    contact: int = 3
    decide: int = 10
    renewal: int = 3
    expire: int = 90
    escalate: int = 3
    working: bool = False

    def due_on(self, state: State, since: date, *, is_whitelisted_renewal: bool) -> date | None:
        """Last day on which a lead in this state is on time, ``None`` where no clock runs."""
        days = self._days(state, is_whitelisted_renewal)
        return None if days is None else self.after(since, days)

    def after(self, since: date, days: int) -> date:
        """The day so many days after another."""
        if not self.working:
            return since + timedelta(days=days)
        day = since
        for _ in range(days):
            day += _DAY
            while not is_working_day(day):
                day += _DAY
        return day

    def is_exact(self, day: date) -> bool:
        """Whether the public holidays of the day's year are known, where they matter."""
        return not self.working or day.year in _calendar()

    def _days(self, state: State, is_whitelisted_renewal: bool) -> int | None:
        decide = self.renewal if is_whitelisted_renewal else self.decide
        return {
            State.PUSHED: self.accept,
            State.CLAIMED: self.contact,
            State.CONTACTED: decide,
            State.DUE_DILIGENCE: decide,
        }.get(state)


def is_whitelisted_renewal(purpose: Purpose, on_renewal_whitelist: bool | None) -> bool:
    """Whether the shorter clock of article 9 runs; an enterprise not known to be on the list has the common one."""
    return purpose is Purpose.LOAN_REPAYMENT and on_renewal_whitelist is True


def is_working_day(day: date) -> bool:
    """Monday to Friday but for public holidays, and the weekend days worked in exchange.

    >>> is_working_day(date(2026, 10, 1)), is_working_day(date(2026, 10, 10)), is_working_day(date(2031, 10, 1))
    (False, True, True)
    """
    year = _calendar().get(day.year)
    if year is not None and day in year.worked:
        return True
    return day.weekday() < _SATURDAY and (year is None or day not in year.off)


@dataclass(frozen=True, kw_only=True)
class _Year:
    off: frozenset[date]
    worked: frozenset[date]


@cache
def _calendar() -> dict[int, _Year]:
    document = yaml.safe_load((files("matcher") / "public_holidays.yaml").read_text(encoding="utf-8"))
    return {
        year: _Year(
            off=frozenset(day for first, last in told["holidays"] for day in _days(first, last)),
            worked=frozenset(told["worked"]),
        )
        for year, told in document.items()
    }


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
