"""What a hidden cause of exposure does to approvals, told by the lines that chance put where they were.

Where whoever made the lists knew more than the records say, the files reviewed are better than their papers, and q
learnt from them is too high for all others. A line drawn at random does not know: weighed by the inverse of its chance,
files from such lines speak for every pair. They are few, so they set one number only, and that one is shrunk.
"""

import numpy as np
from numpy.typing import NDArray

from matcher.calibration import expit

Floats = NDArray[np.float64]

APPROVE_CLIP = 5.0
"""Largest inverse propensity of exposure in calibrating q."""
FULL_CLIP = 1000.0
"""Largest inverse propensity where the hidden cause is to be told apart."""
SPREAD = 0.3
"""Expected spread in log odds of what hidden causes do: what the shift is shrunk by."""


def hidden_shift(log_odds: Floats, outcome: Floats, weight: Floats, propensity: Floats) -> float:
    """Shift of calibrated log odds of approval towards what lines drawn at random show, against the usual weights.

    Parameters
    ----------
    log_odds
        Calibrated, of reviewed files of all months: both sides share what the trees know of their own rows.
    weight
        Of review, before exposure.
    propensity
        Chance with which each line stood where it did.
    """
    usual, _ = _newton(log_odds, outcome, weight * exposure_weights(propensity, APPROVE_CLIP))
    drawn, information = _newton(log_odds, outcome, weight * exposure_weights(propensity, FULL_CLIP))
    return float((drawn - usual) * information / (information + 1.0 / SPREAD**2))


def exposure_weights(propensity: Floats, clip: float) -> Floats:
    """Clipped inverse chance of having been shown there, their mean 1: the old list's favourites count less."""
    clipped = np.clip(1.0 / propensity, 1.0, clip)
    weight: Floats = clipped / clipped.mean()
    return weight


def _newton(log_odds: Floats, outcome: Floats, weight: Floats) -> tuple[float, float]:
    """One step towards the intercept the weighted outcomes ask for, and the information of their effective number."""
    q = expit(log_odds)
    slope, curvature = float(weight @ (outcome - q)), float(weight @ (q * (1.0 - q)))
    effective = float(weight.sum()) / float(weight @ weight)
    return slope / curvature, curvature * effective
