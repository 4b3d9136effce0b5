"""The worlds of the simulated city: one calendar, and one set of mechanism strengths per world.

Every number here is a simulation parameter. Nothing measured on these worlds says anything about Yantai.
"""

from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

FIRST_DAY = date(2024, 11, 1)
"""First day monthly records speak of: a year before the first demand, so that 12-month windows are whole."""
FIRST_DEMAND_DAY = date(2025, 11, 1)
LAST_DAY = date(2026, 10, 31)
HOLD_OUT_FIRST_DAY = date(2026, 9, 1)
"""First day of the held-out months, whose true probabilities are written to ``truth/``."""

MONTHS = pd.date_range(FIRST_DAY, LAST_DAY, freq="MS")
RECORD_MONTHS = len(MONTHS)
DEMAND_MONTH_0 = 12 * (FIRST_DEMAND_DAY.year - FIRST_DAY.year) + FIRST_DEMAND_DAY.month - FIRST_DAY.month
LIST_LENGTH = 10
MAX_APPLICATIONS = 3

STEEP = (1.0, 0.78, 0.62, 0.49, 0.39, 0.31, 0.25, 0.20, 0.16, 0.13)
USUAL = (1.0, 0.88, 0.77, 0.67, 0.59, 0.52, 0.46, 0.41, 0.37, 0.34)
FLAT = (1.0, 0.96, 0.93, 0.90, 0.88, 0.86, 0.84, 0.82, 0.81, 0.80)


@dataclass(frozen=True, kw_only=True)
class World:
    """Strengths of the mechanisms of one world.

    Parameters
    ----------
    examination
        v_k, chance that the item at position k is looked at.
    capacity_ratio
        Files all institutions can review, over files expected; below 1 queues overflow.
    popularity, relationship_exposure
        Weights of popularity in place and of the hidden relationship in the order of the old list.
    relationship_apply, relationship_approve
        Weights of the hidden relationship in the logits of applying and of approval.
    rate, speed, nearness, loyalty
        Weights of all-in rate, of speed, of a branch in the division and of the main bank in the logit of applying.
    quality, table
        Weights of latent quality and of the institutions' rule tables in the logit of approval.
    appetite, drift
        Spread of appetites by industry and place, and of their monthly steps.
    shift, monthly_shift
        Change of the logit of approval in the first month, and per month.
    break_month
        Month (1 to 12) at which appetites are redrawn by half; 0 for never.
    online_first
        Share of online files that pass the queue in front of the others.
    agri
        Factor on the share of agriculture, and on the weight of county towns.
    missing
        Factor on the chance that a source is lacking.
    queue
        How an institution orders its queue: ``mixed``, ``quality``, ``customers`` or ``fifo``.
    """

    name: str
    about: str
    examination: tuple[float, ...] = USUAL
    capacity_ratio: float = 1.1
    popularity: float = 1.0
    relationship_exposure: float = 0.5
    relationship_apply: float = 0.2
    relationship_approve: float = 0.22
    rate: float = 0.8
    speed: float = 0.45
    nearness: float = 0.6
    loyalty: float = 0.8
    quality: float = 0.5
    table: float = 0.66
    appetite: float = 0.42
    drift: float = 0.04
    shift: float = 0.0
    monthly_shift: float = 0.0
    break_month: int = 0
    online_first: float = 0.35
    agri: float = 1.0
    missing: float = 1.0
    queue: str = "mixed"

    def as_dict(self) -> dict[str, object]:
        """Parameters as plain values, for the manifest."""
        return asdict(self)


WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World(
            name="default",
            about="Every mechanism at a middling strength; as many reviews as files, but not where files go.",
        ),
        World(
            name="crowded",
            about="Reviews for under half of the files, steep examination, lists led by the same popular products.",
            capacity_ratio=0.42,
            examination=STEEP,
            popularity=2.2,
            online_first=0.1,
        ),
        World(
            name="tight_credit",
            about="Approval falls month by month, rule tables weigh more, and the best files are reviewed first.",
            shift=-0.3,
            monthly_shift=-0.07,
            table=0.85,
            queue="quality",
            capacity_ratio=0.7,
        ),
        World(
            name="loyal",
            about="Relationship banking: enterprises apply at their main bank, which serves its customers first.",
            loyalty=1.9,
            relationship_apply=0.4,
            rate=0.45,
            speed=0.25,
            queue="customers",
        ),
        World(
            name="online_fast",
            about="Speed is what sells, most small files are decided by machine, and whole lists are read.",
            speed=1.1,
            rate=0.5,
            nearness=0.1,
            loyalty=0.2,
            online_first=0.9,
            quality=0.3,
            table=0.85,
            examination=FLAT,
        ),
        World(
            name="rural",
            about="County towns and farms: thin records, small lenders with few officers, nearness decides.",
            agri=3.5,
            nearness=1.3,
            missing=1.8,
            appetite=0.6,
            capacity_ratio=0.65,
            queue="fifo",
        ),
        World(
            name="confounded",
            about="The hidden relationship drives both who is shown what and who is approved.",
            relationship_exposure=1.6,
            relationship_apply=0.5,
            relationship_approve=0.6,
        ),
        World(
            name="drifting",
            about="Appetites wander quickly and half of them are redrawn in the ninth month.",
            drift=0.12,
            break_month=9,
            appetite=0.55,
        ),
    )
}


def world_named(name: str) -> World:
    """The world of that name.

    Raises
    ------
    UnknownWorldError
        If there is none; the message lists those there are.
    """
    if name not in WORLDS:
        raise UnknownWorldError(f"There is no world {name!r}: choose one of {', '.join(WORLDS)}.")
    return WORLDS[name]


class UnknownWorldError(ValueError):
    """A world nobody described."""


def stream(seed: int, *path: int) -> np.random.Generator:
    """An independent stream of random numbers for one part of the city, so that parts do not disturb each other."""
    return np.random.default_rng([seed, *path])
