"""What is remembered between two pages of leads: leads told before, worths of leads nobody placed, and the crowd."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.profiles import ProfileBook
from matcher.lead_mask import Crowd, Traits
from matcher.leads import Lead
from matcher.policy import Rulebook
from matcher.policy.size import size_classes

T = TypeVar("T")
_LEADS, _WORTHS = 8_192, 65_536


class Remembered(OrderedDict[Hashable, T]):
    """The answers asked for last, at most ``most`` of them; safe to share between threads."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._lock = most, Lock()

    def each(self, keys: Sequence[Hashable], make: Callable[[list[int]], Sequence[T]]) -> list[T]:
        """The answer to each key; ``make`` is given the positions of those not known and answers them at once."""
        with self._lock:
            known: dict[Hashable, T] = {}
            for key in keys:
                if key in self:
                    self.move_to_end(key)
                    known[key] = self[key]
        asked = [place for place, key in enumerate(keys) if key not in known]
        if asked:
            made = {keys[place]: answer for place, answer in zip(asked, make(asked), strict=True)}
            known |= made
            with self._lock:
                self.update(made)
                while len(self) > self._most:
                    self.popitem(last=False)
        return [known[key] for key in keys]


class LeadBook:
    """Caches of one running service; every key names the versions and consents its answer followed from."""

    def __init__(self) -> None:
        self.leads: Remembered[Lead] = Remembered(_LEADS)
        self.worths: Remembered[float] = Remembered(_WORTHS)
        self._crowd: Crowd | None = None
        self._lock = Lock()

    def crowd(self, profiles: ProfileBook, rulebook: Rulebook) -> Crowd:
        """Everybody on the platform by traits, counted once."""
        with self._lock:
            if self._crowd is None:
                self._crowd = crowd_of(profiles, rulebook)
            return self._crowd


def crowd_of(profiles: ProfileBook, rulebook: Rulebook) -> Crowd:
    """Everybody's trade, district and size class on the world's last day."""
    columns = profiles.everybody()
    sizes = size_classes(
        columns["industry_code"],
        _first(columns["headcount"], columns["employees_reported"]),
        _first(columns["revenue_annual_cny"], columns["taxed_sales_12m_cny"], columns["sales_12m_cny"]),
        np.asarray(columns["assets_total_cny"], dtype=np.float64),
        as_of=profiles.world.last_day,
        rulebook=rulebook,
    )
    rows = zip(columns["industry_section"], columns["division_code"], sizes, strict=True)
    return Crowd(Traits(section=section, division=division, size=size) for section, division, size in rows)


def _first(*columns: NDArray[Any]) -> NDArray[np.float64]:
    best = np.asarray(columns[0], dtype=np.float64)
    for column in columns[1:]:
        best = np.where(np.isnan(best), np.asarray(column, dtype=np.float64), best)
    return best
