"""What is asked of a matcher, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from features.dealings import Line
from matcher.domain import Benefit, Check, Cost, Demand, NearMiss, Product, Reason, Verdict
from matcher.rating import Rating
from matcher.standing import Row


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What an answer was made with; each version stays addressable."""

    model: str
    policy: str
    catalog: str
    prices: str
    features: str
    rating: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked for.

    Parameters
    ----------
    profile
        The enterprise's profile as it may be read; nulls where nothing is known or permitted.
    personalised
        False: ordered by declared terms and cost alone, the profile decides admission only.
    include_unknown
        Whether products with an unknown rule may be listed.
    explore, seed
        Share of lines drawn from the products admitted instead of by score, and what the draws follow from: the same
        seed gives the same list.
    by_relevance
        As lists were before the market: by p·q alone, nothing explored. Only answers of that time ask for it.
    dealings
        Earlier dealings of the enterprise on the platform, as known on the day; ``None`` where nobody knows of any.
    """

    demand: Demand
    as_of: date
    profile: Row = field(repr=False)
    top_n: int = 10
    personalised: bool = True
    include_unknown: bool = True
    explore: float = 0.0
    seed: str = ""
    by_relevance: bool = False
    dealings: tuple[Line, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One product of the list; probabilities are ``None``, like H, where the list is not personalised.

    Parameters
    ----------
    still_needed
        H: chance that the enterprise still needs funding after the items above; 1 at the top.
    explored, propensity
        Whether the line was drawn instead of scored, and the chance with which this product came to stand here.
    """

    rank: int
    product: Product
    product_index: int
    score: float
    p_apply: float | None
    p_approve: float | None
    queue_price: float
    still_needed: float | None
    explored: bool
    propensity: float
    verdict: Verdict
    checks: tuple[Check, ...]
    cost: Cost
    benefits: tuple[Benefit, ...]
    reason_base: float
    reasons: tuple[Reason, ...]
    versus_next: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The list, what it was counted from, and what stood in the way of the others.

    Parameters
    ----------
    counts
        ``catalog`` and its parts ``eligible``, ``unknown``, ``failed``.
    prices_stale
        Whether the price table is too far from ``as_of`` to be charged: then every price is 0.
    stages
        Seconds spent by stage; no part of the answer.
    """

    versions: Versions
    counts: Mapping[str, int]
    items: tuple[Item, ...]
    near_misses: tuple[NearMiss, ...]
    size_class: str
    rating: Rating | None
    missing_sources: tuple[str, ...]
    prices_stale: bool
    stages: Mapping[str, float] = field(compare=False, repr=False)
