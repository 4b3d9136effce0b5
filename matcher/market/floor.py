"""The exposure floor: least views of products of small institutions and of new ones, in proportion to capacity.

Only exposure is adjusted, and only where it is short; the planner's second dual finds what it takes.
"""

import numpy as np
from numpy.typing import NDArray

from matcher.market.inputs import Floats, Integers

FAIR_SHARE = 0.8
"""Small institutions together are short of views below this part of their share of the capacity."""

FLOOR_SHARE = 0.5
"""Part of its institution's share of the capacity that a product is held to; a new one below it is short."""


def exposure_floor(
    views: Floats, owner: Integers, capacity: Floats, *, small: NDArray[np.bool_], new: NDArray[np.bool_]
) -> Floats | None:
    """Least views per product; ``None`` where nobody is short.

    Parameters
    ----------
    views, owner, small, new
        Per product: expected views without a floor, its institution, whether that is small, whether it is new.
    capacity
        Reviews per institution; infinite, where not known, earns no floor.
    """
    known = np.where(np.isfinite(capacity), capacity, 0.0)
    offered = np.bincount(owner, minlength=capacity.size)
    fair = views.sum() * known / max(float(known[offered > 0].sum()), 1e-9)
    share = fair[owner] / np.maximum(offered, 1)[owner]
    short = views[small].sum() < FAIR_SHARE * share[small].sum()
    if not short and not (views[new] < FLOOR_SHARE * share[new]).any():
        return None
    return np.where(small | new, FLOOR_SHARE * share, 0.0)
