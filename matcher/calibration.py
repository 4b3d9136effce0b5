"""Calibration of log odds: smooth, strictly increasing, linear in both tails; six numbers a reader can plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Maps the raw log odds of a model to calibrated log odds.

    The slope passes smoothly from one of ``slopes`` to the next around each of ``knots``, over about ``width``.

    Parameters
    ----------
    slopes
        One more than knots, all positive: hence strictly increasing.
    """

    intercept: float
    knots: tuple[float, ...]
    slopes: tuple[float, ...]
    width: float

    def __post_init__(self) -> None:
        """Refuse what would not be increasing."""
        if len(self.slopes) != len(self.knots) + 1 or min(self.slopes) <= 0 or self.width <= 0:
            raise ValueError(
                "a calibration needs positive width and one positive slope more than it has knots: "
                f"{len(self.knots)} knots, slopes {self.slopes}, width {self.width}"
            )

    def log_odds(self, raw: Floats) -> Floats:
        """Calibrated log odds, shape as ``raw``."""
        return self.intercept + _weighed(self.basis(raw), self.slopes)

    def slope(self, raw: Floats) -> Floats:
        """Derivative of ``log_odds``, always positive."""
        steps = expit((raw[..., None] - np.array(self.knots)) / self.width)
        ones = np.ones((*np.shape(raw), 1))
        shares = np.concatenate([ones, steps], axis=-1) - np.concatenate([steps, 0.0 * ones], axis=-1)
        return _weighed(shares, self.slopes)

    def basis(self, raw: Floats) -> Floats:
        """Contribution of each slope to ``log_odds``, shape (…, slopes): they add up to ``raw`` less the first knot."""
        distance = (raw[..., None] - np.array(self.knots)) / self.width
        above = self.width * np.logaddexp(0.0, distance)
        below = -self.width * np.logaddexp(0.0, -distance[..., :1])
        after = np.concatenate([above[..., 1:], np.zeros((*np.shape(raw), 1))], axis=-1)
        basis: Floats = np.concatenate([below, above - after], axis=-1)
        return basis

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "intercept": self.intercept,
            "knots": list(self.knots),
            "slopes": list(self.slopes),
            "width": self.width,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Calibration":
        """The inverse of ``to_json``."""
        return cls(
            intercept=float(content["intercept"]),
            knots=_floats(content["knots"]),
            slopes=_floats(content["slopes"]),
            width=float(content["width"]),
        )


IDENTITY = Calibration(intercept=0.0, knots=(0.0,), slopes=(1.0, 1.0), width=1.0)
"""Leaves log odds as they are."""


def expit(log_odds: Floats) -> Floats:
    """Probability of log odds.

    >>> expit(np.array([0.0]))
    array([0.5])
    """
    probability: Floats = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
    return probability


def _weighed(parts: Floats, weights: Sequence[float]) -> Floats:
    """Sum over the last axis in a fixed order, so that a row does not depend on how many stand beside it."""
    total: Floats = parts[..., 0] * weights[0]
    for index in range(1, len(weights)):
        total = total + parts[..., index] * weights[index]
    return total


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
