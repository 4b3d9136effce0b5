"""How applications come about: an item is looked at, clicked if it appeals, applied for if it convinces.

Given that it was looked at, click and application are two thresholds on one appeal s: P(apply | seen) = σ(s) and
P(click | seen) = σ(s + c). Looking has chance v_k, known from positions that chance decided; an application made has
become known by a day with chance F. So a row not applied for at position 8 hardly says anything, and a late one less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matcher.calibration import expit

Floats = NDArray[np.float64]

LEAST_DELAY_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What was shown and what came of it, one entry per item.

    Parameters
    ----------
    seen
        v_k of its position.
    known
        Chance that an application made is known by now; 0 below the last possible application.
    clicked, applied
        What is known of it.
    """

    seen: Floats
    known: Floats
    clicked: NDArray[np.bool_]
    applied: NDArray[np.bool_]

    def part(self, rows: NDArray[Any]) -> "Looks":
        """Some of them."""
        return Looks(
            seen=self.seen[rows], known=self.known[rows], clicked=self.clicked[rows], applied=self.applied[rows]
        )

    def applications_alone(self) -> "Looks":
        """The same without what clicks say: with a gap of 0 the likelihood is that of applying alone."""
        return Looks(
            seen=self.seen * self.known, known=np.ones(len(self.seen)), clicked=self.applied, applied=self.applied
        )


def looks_of(exposures: pd.DataFrame, examination: Floats, delays: Floats, known_until: np.datetime64) -> Looks:
    """Looks of logged items as known on a day.

    Parameters
    ----------
    delays
        Chance that an application is made within k days of being shown, k from 0.
    """
    age = (known_until - exposures["shown_on"].to_numpy().astype("datetime64[D]")).astype(int)
    within = delays[np.clip(age, 0, len(delays) - 1)]
    applied = exposures["applied"].to_numpy(dtype=bool) & (
        exposures["applied_on"].to_numpy().astype("datetime64[D]") <= known_until
    )
    return Looks(
        seen=examination[exposures["position"].to_numpy() - 1],
        known=np.where(exposures["at_risk"].to_numpy(dtype=bool), within, 0.0),
        clicked=exposures["clicked"].to_numpy(dtype=bool) | applied,
        applied=applied,
    )


def delay_curve(exposures: pd.DataFrame, known_until: np.datetime64, longest: int = 45) -> Floats:
    """Chance that an application is made within k days, from items shown long enough ago."""
    old = exposures["shown_on"].to_numpy().astype("datetime64[D]") <= known_until - longest
    made = exposures[old & exposures["applied"].to_numpy(dtype=bool)]
    if len(made) < LEAST_DELAY_ROWS:
        return np.ones(1)
    days = (made["applied_on"] - made["shown_on"]).dt.days.to_numpy()
    curve: Floats = np.cumsum(np.bincount(np.clip(days, 0, longest), minlength=longest + 1)) / len(made)
    return curve


def log_likelihood(appeal: Floats, gap: float, looks: Looks) -> Floats:
    """Log likelihood of each look given its appeal and the gap c between clicking and applying."""
    a, b = expit(appeal), expit(appeal + gap)
    click_only = np.maximum(b - looks.known * a, 1e-12)
    none = np.maximum(1.0 - looks.seen * b, 1e-12)
    chance = np.where(looks.applied, a, np.where(looks.clicked, click_only, none))
    likelihood: Floats = np.log(np.maximum(chance, 1e-12))
    return likelihood


def derivatives(appeal: Floats, gap: float, looks: Looks) -> tuple[Floats, Floats]:
    """Gradient of minus the log likelihood by the appeal, and its Fisher information."""
    a, b = expit(appeal), expit(appeal + gap)
    slope_a, slope_b = a * (1.0 - a), b * (1.0 - b)
    between = np.maximum(b - looks.known * a, 1e-9)
    slope_between = slope_b - looks.known * slope_a
    none = np.maximum(1.0 - looks.seen * b, 1e-9)
    gradient = np.where(
        looks.applied,
        -(1.0 - a),
        np.where(looks.clicked, -slope_between / between, looks.seen * slope_b / none),
    )
    information = looks.seen * (
        looks.known * slope_a * (1.0 - a) + slope_between**2 / between + looks.seen * slope_b**2 / none
    )
    return gradient, np.maximum(information, 1e-9)


def objective(looks: Looks, gap: float) -> Callable[[Floats, Any], tuple[Floats, Floats]]:
    """The likelihood as LightGBM takes it."""

    def fit(appeal: Floats, _: Any) -> tuple[Floats, Floats]:
        return derivatives(appeal, gap, looks)

    return fit


def start(looks: Looks) -> tuple[float, float]:
    """Appeal and gap at which one and the same chance for all fits best: where learning starts."""
    clicks = looks.clicked.sum() / looks.seen.sum()
    applications = looks.applied.sum() / (looks.seen * looks.known).sum()
    appeal = float(np.log(applications / (1.0 - applications)))
    return appeal, max(float(np.log(clicks / (1.0 - clicks))) - appeal, 0.05)


def examination_of(exposures: pd.DataFrame, click_chance: Floats | None = None) -> Floats:
    """v_k from positions that chance decided: clicks at k over clicks expected, relative to the first, never rising.

    Parameters
    ----------
    exposures
        Logged items; only those put in place by chance are read.
    click_chance
        P(click | seen) of each by a model, so that what chance put at k need not be of average appeal; without it all
        appeal alike.
    """
    chance = exposures["explored"].to_numpy(dtype=bool)
    position = exposures["position"].to_numpy()[chance] - 1
    size = int(exposures["position"].max())
    clicked = exposures["clicked"].to_numpy(dtype=float)[chance]
    expected = np.ones(len(position)) if click_chance is None else click_chance[chance]
    looked = np.bincount(position, clicked, size) + 1e-9
    weight = np.bincount(position, expected, size) + 1e-9
    curve = _never_rising(looked / weight, weight)
    examination: Floats = np.clip(curve / curve[0], 0.01, 1.0)
    return examination


def _never_rising(values: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """Nearest curve that never rises: pools of neighbours that would."""
    pools: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append([value, weight, 1.0])
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            last, first = pools.pop(), pools.pop()
            total = first[1] + last[1]
            pools.append([(first[0] * first[1] + last[0] * last[1]) / total, total, first[2] + last[2]])
    curve: Floats = np.repeat([pool[0] for pool in pools], [int(pool[2]) for pool in pools]).astype(np.float64)
    return curve
