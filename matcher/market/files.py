"""How quickly officers read when files wait: from the days on which each file came, was read, or was needed no more.

On a day with ``n`` files to read an institution that can read ``s`` a day reads min(s, n). Days on which fewer waited
than could be read say that much and no more, so what is looked for is the pace that explains all reviews together:
the ``s`` at which Σ min(s, n) over the days is the reviews that were made. No day has to be called busy or slack.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]

WAITING_DAYS = 30
"""Days after which a file nobody read is given up."""
LOOKED_BACK_DAYS = 365
WORKDAYS_A_MONTH = 260.89 / 12
"""Mean of the days from Monday to Friday in a month."""

_HALVINGS = 50


@dataclass(frozen=True, kw_only=True)
class Files:
    """Applications as known on a day, one row each.

    Parameters
    ----------
    reviewed_on
        ``NaT`` where no decision is known.
    needless_on
        Day on which another approval made the file needless, ``NaT`` where none did.
    """

    institution_id: Sequence[str]
    product_id: Sequence[str]
    applied_on: Days
    reviewed_on: Days
    needless_on: Days


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How one institution read.

    Parameters
    ----------
    an_officer
        Reviews an officer makes in a month when files wait.
    pressed
        Reviews made on days on which more waited than were read: what the pace rests on.
    """

    an_officer: float
    pressed: float


def paces(files: Files, officers: Mapping[str, Mapping[date, int]], as_of: date) -> dict[str, Pace]:
    """The pace of each institution with files and officers, from the days of the last year before ``as_of``.

    Parameters
    ----------
    officers
        By institution and first day of the month.
    """
    names, owner = np.unique(np.asarray(files.institution_id, dtype=object), return_inverse=True)
    if not names.size:
        return {}
    end = np.datetime64(as_of, "D")
    first = max(files.applied_on.min(), end - np.timedelta64(LOOKED_BACK_DAYS, "D"))
    days = np.arange(first, end)
    days = days[np.is_busday(days)]
    begun, until, done = _spans(files, first, days.size)
    found = {}
    for row, name in enumerate(names.tolist()):
        staff = _staff(officers.get(name, {}), days)
        if days.size and staff.max() > 0:
            own = owner == row
            read, at_hand = _at_hand(begun[own], until[own], done[own], days.size)
            if pace := _pace(read, at_hand, staff):
                found[name] = pace
    return found


def _spans(
    files: Files, first: np.datetime64, days: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Working days, counted from the first, on which each file could first be read, was last at hand, and was read.

    A file can be read as soon after it came as the quickest of its product was.
    """
    reviewed = np.where(np.isnat(files.reviewed_on), np.datetime64("9000-01-01"), files.reviewed_on)
    is_read = ~np.isnat(files.reviewed_on)
    _, product = np.unique(np.asarray(files.product_id, dtype=object), return_inverse=True)
    took = (reviewed - files.applied_on).astype(np.int64)
    quickest = np.full(product.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(quickest, product[is_read], took[is_read])
    typical = int(np.median(quickest[quickest < WAITING_DAYS])) if (quickest < WAITING_DAYS).any() else 0
    quickest = np.where(quickest < WAITING_DAYS, np.maximum(quickest, 0), typical)
    ready = files.applied_on + quickest[product]
    given_up = files.applied_on + np.timedelta64(WAITING_DAYS, "D")
    last = np.where(np.isnat(files.needless_on), given_up, np.minimum(given_up, files.needless_on))
    begun = np.maximum(np.busday_count(first, ready), 0)
    read = np.where(is_read, np.busday_count(first, reviewed), days)
    until = np.minimum(np.busday_count(first, last + np.timedelta64(1, "D")) - 1, read - 1)
    return begun, np.minimum(until, days - 1), read


def _at_hand(
    begun: NDArray[np.int64], until: NDArray[np.int64], read: NDArray[np.int64], days: int
) -> tuple[Floats, Floats]:
    """Per working day: files read, and files that were there to be read."""
    done = np.bincount(read[(read >= 0) & (read < days)], minlength=days).astype(np.float64)
    waited = (until >= begun) & (until >= 0) & (begun < days)
    change = np.bincount(begun[waited], minlength=days + 1) - np.bincount(until[waited] + 1, minlength=days + 1)
    return done, done + np.cumsum(change)[:days]


def _staff(officers: Mapping[date, int], days: Days) -> Floats:
    """Officers on each day; outside the months told, those of the nearest."""
    told = sorted(officers)
    if not told:
        return np.zeros(days.size)
    place = np.searchsorted(np.array(told, dtype="datetime64[D]"), days, side="right") - 1
    return np.array([officers[month] for month in told], dtype=np.float64)[np.maximum(place, 0)]


def _pace(read: Floats, at_hand: Floats, staff: Floats) -> Pace | None:
    """The pace of an officer at which the files at hand give the reviews made; ``None`` where nothing was read."""
    if read.sum() == 0.0:
        return None
    low, high = 0.0, float((at_hand[staff > 0] / staff[staff > 0]).max())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if np.minimum(middle * staff, at_hand).sum() < read.sum():
            low = middle
        else:
            high = middle
    pressed = float(read[at_hand > high * staff].sum())
    return Pace(an_officer=high * WORKDAYS_A_MONTH, pressed=pressed)
