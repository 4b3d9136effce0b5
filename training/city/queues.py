"""Officers' queues, day by day: finite reviews a month, an order of their own, files that lapse or are withdrawn."""

import heapq
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from training.city.luck import Luck

LAPSE_DAYS = 30
"""A file waiting longer is never reviewed."""


@dataclass(slots=True, kw_only=True)
class File:
    """One application on its way: what is drawn for it stays hidden until its day."""

    application: int
    demand: int
    product: int
    bank: int
    applied_on: date
    ready_on: date
    key: float
    approve: bool
    reason: str
    days: int
    position: int = 0
    reviewed_on: date | None = None
    disbursed_on: date | None = None


@dataclass(kw_only=True)
class Queues:
    """The queues of all institutions; ``capacity`` is reviews a month."""

    capacity: np.ndarray
    luck: Luck
    funded: dict[int, date] = field(default_factory=dict)
    waiting: list[list[tuple[float, int, File]]] = field(default_factory=list)
    reviewed: dict[tuple[int, date], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = [[] for _ in self.capacity]

    def enter(self, file: File) -> None:
        """Put a file in its institution's queue and note its place there."""
        queue = self.waiting[file.bank]
        file.position = len(queue) + 1
        heapq.heappush(queue, (file.key, file.application, file))

    def work(self, day: date, workdays: int) -> list[File]:
        """One working day of every institution; the files that were disbursed as a result of it."""
        paid: list[File] = []
        period = day.replace(day=1)
        for bank, queue in enumerate(self.waiting):
            if queue:
                left = int(self.capacity[bank]) - self.reviewed.get((bank, period), 0)
                self._review(bank, queue, day, min(left, self._quota(bank, day, workdays)), paid)
        return paid

    def _quota(self, bank: int, day: date, workdays: int) -> int:
        share = self.capacity[bank] / workdays
        return int(share) + int(self.luck.quota(bank, day.toordinal()) < share - int(share))

    def _review(self, bank: int, queue: list[tuple[float, int, File]], day: date, quota: int, paid: list[File]) -> None:
        held = []
        while queue and quota > 0:
            entry = heapq.heappop(queue)
            file = entry[2]
            if file.demand in self.funded or (day - file.applied_on).days > LAPSE_DAYS:
                continue
            if file.ready_on > day:
                held.append(entry)
                continue
            quota -= 1
            period = day.replace(day=1)
            self.reviewed[bank, period] = self.reviewed.get((bank, period), 0) + 1
            file.reviewed_on = day
            if file.approve:
                rng = self.luck.signing(file.demand, file.product)
                if rng.random() < 0.93:
                    self.funded[file.demand] = day
                    file.disbursed_on = day + timedelta(days=1 + file.days // 2 + int(rng.exponential(2.5)))
                    paid.append(file)
        for entry in held:
            heapq.heappush(queue, entry)
