"""Reviews an institution can make in a month, from its officers and from what it reviewed before.

What an institution states counts as stated. Where it states nothing, reviews per officer are estimated and drawn to
what officers do elsewhere as far as its own past says little. Where the days are known on which its files came and were
read, its pace is what explains both together (``matcher.market.files``), and never under what it did in two months.
Else its months speak, the last ones weighing most: one in which the queue ran dry shows how many files there were, not
how many could have been read, so it is a lower bound and is left out unless it is above what the others say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import exp, log, sqrt

from matcher.market.files import Files, Pace, paces

MONTHS = 12
"""Months looked back on."""

_HALF_LIFE = 3.0
_OWN_SPREAD = 0.35
_BUSY = 0.75
_LIKELY = 1.96
_LEAST_PRESSED = 0.5
_TELLING = 0.2
STATED, FROM_FILES, ESTIMATED, DECLARED, POOLED = "stated", "files", "estimated", "declared", "pooled"


@dataclass(frozen=True, kw_only=True)
class ReviewMonth:
    """One month of one institution as it reported it.

    Parameters
    ----------
    period
        First day of the month.
    capacity
        Reviews it says it can make, ``None`` where it says nothing.
    reviewed
        Files reviewed, ``None`` where not known.
    """

    institution_id: str
    period: date
    officers: int
    capacity: int | None = None
    reviewed: int | None = None


@dataclass(frozen=True, kw_only=True)
class ReviewCapacity:
    """Reviews one institution can make in a month.

    Parameters
    ----------
    reviews
        Per month, before anything is committed.
    low, high
        Interval of 95 % of the estimate from its officers and past reviews; both ``None`` where nothing can be
        estimated.
    estimated
        What officers and past reviews say, beside what was stated; ``None`` where they say nothing.
    how
        ``stated`` by the institution, from its ``files`` day by day, ``estimated`` from its months, ``pooled`` from
        its officers at the rate of others, or ``declared`` in the catalogue.
    committed
        Reviews already promised to claimed leads.
    """

    reviews: float
    how: str
    officers: int
    estimated: float | None = None
    low: float | None = None
    high: float | None = None
    committed: int = 0

    @property
    def left(self) -> float:
        """Reviews that can still be given away, never below 0."""
        return max(0.0, self.reviews - self.committed)


@dataclass(frozen=True, kw_only=True)
class _Rate:
    """Log of reviews per officer: what an institution's own past says, and the variance of that.

    Parameters
    ----------
    least
        Log rate it reached in two months and is not taken to be under; ``None`` where nothing shows one.
    """

    mean: float
    noise: float
    how: str = ESTIMATED
    least: float | None = None


def review_capacities(
    months: Iterable[ReviewMonth],
    as_of: date,
    *,
    committed: Mapping[str, int] | None = None,
    declared: Mapping[str, tuple[int, int]] | None = None,
    files: Files | None = None,
) -> dict[str, ReviewCapacity]:
    """Capacity per institution as known on a day; later months are not read.

    Parameters
    ----------
    committed
        Reviews already promised, per institution.
    declared
        (officers, reviews a month) of the catalogue, for institutions without any month; no officers and no reviews
        is a capacity of 0.
    files
        Applications as known on the day, where they are known one by one.
    """
    known = _by_institution(months, as_of)
    staff = {name: {month.period: month.officers for month in own} for name, own in known.items()}
    pace = {} if files is None else paces(files, staff, as_of)
    rates = {name: rate for name, own in known.items() if (rate := _rate(own, pace.get(name), as_of)) is not None}
    pooled, between = _pooled(rates.values())
    found = {name: _capacity(own, rates.get(name), pooled, between) for name, own in known.items()}
    for name, (officers, reviews) in (declared or {}).items():
        if name not in found:
            found[name] = ReviewCapacity(reviews=float(reviews), how=DECLARED, officers=officers)
    return {name: replace(one, committed=(committed or {}).get(name, 0)) for name, one in sorted(found.items())}


def _by_institution(months: Iterable[ReviewMonth], as_of: date) -> dict[str, list[ReviewMonth]]:
    known: dict[str, list[ReviewMonth]] = {}
    for month in sorted(months, key=lambda each: each.period):
        if month.period <= as_of:
            known.setdefault(month.institution_id, []).append(month)
    return known


def _rate(own: Sequence[ReviewMonth], pace: Pace | None, as_of: date) -> _Rate | None:
    """What an institution's own past says: its pace where files are known day by day, else its months."""
    if pace is None:
        return _rate_of_months(own, as_of)
    reached = sorted(
        log(month.reviewed / month.officers) for month in _telling(own, as_of) if month.reviewed and month.officers
    )
    return _Rate(
        mean=log(pace.an_officer),
        noise=1.0 / max(pace.pressed, _LEAST_PRESSED),
        how=FROM_FILES,
        least=reached[-2] if len(reached) > 1 else None,
    )


def _telling(own: Sequence[ReviewMonth], as_of: date) -> list[ReviewMonth]:
    """Finished months looked back on, in which officers worked and reviews are known."""
    return [
        month
        for month in own
        if month.reviewed is not None
        and month.officers > 0
        and _age(month.period, as_of) <= MONTHS
        and not _is_unfinished(month.period, as_of)
    ]


def _rate_of_months(own: Sequence[ReviewMonth], as_of: date) -> _Rate | None:
    """Weighted mean of the log reviews per officer over the months in which officers were busy."""
    points = [
        (
            0.5 ** (_age(month.period, as_of) / _HALF_LIFE),
            log(((month.reviewed or 0) + 0.5) / month.officers),
            _slack(month),
        )
        for month in _telling(own, as_of)
    ]
    if not points:
        return None
    busy = [(weight, rate) for weight, rate, slack in points if slack is False]
    if not busy:
        highest = max(rate for _, rate, _ in points)
        busy = [(weight, rate) for weight, rate, slack in points if slack is None and rate >= highest + log(_BUSY)]
    if not busy:
        # Never busy: the best month is the least it can do.
        return _Rate(mean=max(rate for _, rate, _ in points), noise=4.0 * _OWN_SPREAD**2)
    total = sum(weight for weight, _ in busy)
    mean = sum(weight * rate for weight, rate in busy) / total
    squares = sum(weight * weight for weight, _ in busy)
    return _Rate(mean=mean, noise=_OWN_SPREAD**2 * squares / (total * total))


def _slack(month: ReviewMonth) -> bool | None:
    """Whether the queue ran dry in a month; ``None`` where nobody said what could have been read."""
    if month.capacity is None or month.reviewed is None:
        return None
    return month.reviewed < month.capacity


def _pooled(rates: Iterable[_Rate]) -> tuple[float, float]:
    """Mean of the log rates and their variance between institutions, beyond what little evidence explains."""
    known = [rate for rate in rates if rate.noise <= _TELLING]
    if not known:
        return log(4.0), 1.0
    mean = sum(rate.mean for rate in known) / len(known)
    if len(known) == 1:
        return mean, 0.25
    seen = sum((rate.mean - mean) ** 2 for rate in known) / (len(known) - 1)
    noise = sum(rate.noise for rate in known) / len(known)
    return mean, max(seen - noise, 0.01)


def _capacity(own: Sequence[ReviewMonth], rate: _Rate | None, pooled: float, between: float) -> ReviewCapacity:
    last = own[-1]
    estimated = low = high = None
    if last.officers > 0:
        weight = 0.0 if rate is None else between / (between + rate.noise)
        mean = pooled if rate is None else weight * rate.mean + (1.0 - weight) * pooled
        spread = _LIKELY * sqrt((1.0 - weight) * between)
        low, estimated, high = (
            last.officers * exp(at if rate is None or rate.least is None else max(at, rate.least))
            for at in (mean - spread, mean, mean + spread)
        )
    if last.capacity is not None:
        reviews, how = float(last.capacity), STATED
    else:
        reviews, how = estimated or 0.0, POOLED if rate is None else rate.how
    return ReviewCapacity(reviews=reviews, how=how, officers=last.officers, estimated=estimated, low=low, high=high)


def _age(period: date, as_of: date) -> int:
    return (as_of.year - period.year) * 12 + as_of.month - period.month


def _is_unfinished(period: date, as_of: date) -> bool:
    """The month of ``as_of`` still runs, unless that is its last day: what was reviewed so far says nothing yet."""
    following = date(period.year + period.month // 12, period.month % 12 + 1, 1)
    return _age(period, as_of) == 0 and (following - as_of).days > 1
