"""Fits smooth, strictly increasing calibrations forward in time, and per-institution offsets shrunk to none."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from matcher.calibration import Calibration

Floats = NDArray[np.float64]
Derivatives = Callable[[Floats], tuple[float, Floats]]
"""Minus the log likelihood in all, and its gradient, of calibrated log odds."""

KNOTS = 4
STIFFNESS = 20.0
"""Pull of each log slope towards its neighbour, in units of log likelihood."""


def fit_calibration(raw: Floats, loss: Derivatives) -> Calibration:
    """The calibration of raw scores under a loss; near the identity shift where there is little to learn from."""
    knots = np.unique(np.quantile(raw, np.linspace(0.1, 0.9, KNOTS)))
    width = max(float(np.ptp(knots)) / (2.0 * KNOTS), 0.05)
    shape = Calibration(intercept=0.0, knots=tuple(knots.tolist()), slopes=(1.0,) * (len(knots) + 1), width=width)
    basis = shape.basis(raw)

    def total(theta: Floats) -> tuple[float, Floats]:
        slopes = np.exp(theta[1:])
        value, gradient = loss(theta[0] + basis @ slopes)
        steps = np.diff(theta[1:])
        bend = np.concatenate([[0.0], steps]) - np.concatenate([steps, [0.0]])
        penalty = STIFFNESS * (steps @ steps) + 0.5 * theta[1:] @ theta[1:]
        down = np.concatenate([[gradient.sum()], (gradient @ basis) * slopes + 2.0 * STIFFNESS * bend + theta[1:]])
        return float(value + penalty), down

    begin = np.concatenate([[float(knots[0])], np.zeros(len(knots) + 1)])
    found = minimize(total, begin, jac=True, method="L-BFGS-B", bounds=[(-30, 30)] + [(-2.3, 2.3)] * (len(knots) + 1))
    return Calibration(
        intercept=round(float(found.x[0]), 9),
        knots=tuple(round(float(k), 9) for k in knots),
        slopes=tuple(round(float(s), 9) for s in np.exp(found.x[1:])),
        width=round(width, 9),
    )


def binary_loss(outcome: Floats, weight: Floats) -> Derivatives:
    """Weighted cross-entropy of yes-or-no outcomes."""

    def loss(log_odds: Floats) -> tuple[float, Floats]:
        value = float(weight @ (np.logaddexp(0.0, log_odds) - outcome * log_odds))
        return value, weight * (0.5 * (1.0 + np.tanh(0.5 * log_odds)) - outcome)

    return loss


def shrunken_offsets(
    group: NDArray[np.intp], groups: int, gradient: Floats, information: Floats, spread: float
) -> Floats:
    """One Newton step per group towards its own intercept, shrunk as if offsets were normal with ``spread``."""
    slope = np.bincount(group, gradient, groups)
    curvature = np.bincount(group, information, groups)
    offsets: Floats = -slope / (curvature + 1.0 / spread**2)
    return offsets
