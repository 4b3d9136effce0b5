"""Price tables: what a review costs at each institution, as one plan found it, with all it followed from.

A table is content: equal tables have equal versions and equal bytes, and a table once in service is kept for replays.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from matcher.market.capacity import ReviewCapacity
from matcher.market.inputs import Floats

OLDEST_DAYS = 3
"""Days between a table and the day asked about beyond which its prices are not charged."""

PRICE_CEILING = 0.8
"""No review is charged more than this."""

_FORMAT = 1


class PriceTableError(ValueError):
    """Bytes that are no price table of this format; says why."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Chance that positions 1, 2, … are looked at.

    Parameters
    ----------
    low, high
        Interval of 95 % where it was estimated, else empty.
    source
        Where the curve comes from: a bundle's version or a log.
    """

    chance: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    source: str


@dataclass(frozen=True, kw_only=True)
class ReviewQueue:
    """One institution in a plan: its capacity and how that is known, and the files expected there in the period."""

    capacity: ReviewCapacity
    load: float


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices of a review by institution.

    Parameters
    ----------
    as_of
        Day of the plan.
    prices
        By institution; one not named costs nothing.
    queues
        Capacity and expected load by institution.
    planner
        Which way of making lists the planner expects most of.
    expected_funded
        Distinct enterprises each way is expected to fund.
    floored
        Whether small institutions and new products needed an exposure floor.
    demands
        Open demands planned for.
    model, catalog
        Versions the chances came from.
    """

    as_of: date
    prices: Mapping[str, float]
    examination: Examination
    max_applications: int
    queues: Mapping[str, ReviewQueue] = field(default_factory=dict)
    planner: str = "prices"
    expected_funded: Mapping[str, float] = field(default_factory=dict)
    floored: bool = False
    demands: int = 0
    model: str = ""
    catalog: str = ""

    @cached_property
    def version(self) -> str:
        """Day and digest of the content."""
        return f"{self.as_of.isoformat()}-{sha256(self.to_json()).hexdigest()[:12]}"

    def to_json(self) -> bytes:
        """The table as a document; equal tables give equal bytes."""
        document = asdict(self) | {"as_of": self.as_of.isoformat(), "format": _FORMAT}
        return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, document: bytes) -> "PriceTable":
        """The table of a document.

        Raises
        ------
        PriceTableError
            If the bytes are no price table of this format.
        """
        try:
            cells: dict[str, Any] = json.loads(document)
            if cells.pop("format") != _FORMAT:
                raise PriceTableError("The price table has another format than this code reads: plan again.")
            return cls(
                **cells
                | {
                    "as_of": date.fromisoformat(cells["as_of"]),
                    "examination": _examination(cells["examination"]),
                    "queues": {name: _queue(queue) for name, queue in cells["queues"].items()},
                }
            )
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise PriceTableError(f"These bytes are no price table: {error!r}. Plan again.") from error

    def distance(self, as_of: date) -> int:
        """Days between the plan and a day, before or after it.

        A table knows the queues of its own days. Those of last month it knows as little as those of next month, so a
        question about an earlier day is as far from it as one about a later day.
        """
        return abs((as_of - self.as_of).days)

    def is_stale(self, as_of: date) -> bool:
        """Whether its prices say nothing about a day."""
        return self.distance(as_of) > OLDEST_DAYS


def extended(curve: Floats, positions: int) -> Floats:
    """An examination curve for at least that many positions: beyond its end it goes on falling at its mean rate.

    >>> extended(np.array([1.0, 0.5]), 4).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    known = np.asarray(curve, dtype=np.float64)
    if known.size == 0:
        return np.ones(positions)
    if known.size >= positions:
        return known
    falling = float((known[-1] / known[0]) ** (1.0 / (known.size - 1))) if known.size > 1 and known[0] > 0.0 else 1.0
    further = np.arange(1, positions - known.size + 1)
    return np.concatenate([known, known[-1] * min(falling, 1.0) ** further])


def _examination(cells: Mapping[str, Any]) -> Examination:
    lists = {name: tuple(cells[name]) for name in ("chance", "low", "high")}
    return Examination(source=cells["source"], **lists)


def _queue(cells: Mapping[str, Any]) -> ReviewQueue:
    return ReviewQueue(capacity=ReviewCapacity(**cells["capacity"]), load=cells["load"])
