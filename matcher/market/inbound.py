"""Who applied: files an institution has already, in the order in which reading them counts."""

from dataclasses import dataclass

import numpy as np

from matcher.market.inputs import Floats, Integers
from matcher.market.lists import REVIEW_WIDTH


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """What the files sent so far are worth.

    Parameters
    ----------
    value
        (files,) chance that the approval of this file is the one that counts.
    need
        (demands,) chance that the demand still needs funding once its files are decided.
    """

    value: Floats
    need: Floats


def inbound(demands: int, demand: Integers, approve: Floats, price: Floats) -> Inbound:
    """Value of files by q times the chance that no other file of the same demand succeeds.

    Parameters
    ----------
    demand
        Demand of each file, 0 to ``demands`` - 1.
    approve, price
        Chance of approval of each file if it is reviewed, and price of a review where it lies: dear queues leave
        files of little promise unread.
    """
    above = np.clip((approve - price) / REVIEW_WIDTH, -50.0, 50.0)
    success = np.minimum(approve / (1.0 + np.exp(-above)), 1.0 - 1e-12)
    fails = np.log1p(-success)
    together = np.bincount(demand, weights=fails, minlength=demands)
    return Inbound(value=np.asarray(approve * np.exp(together[demand] - fails)), need=np.exp(together))
