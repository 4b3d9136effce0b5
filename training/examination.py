"""The examination curve: how often each position is looked at, estimated from lines that were drawn at random.

What stands high is clicked more because it is good and because it is high. A line drawn at random is as good at every
position, so its clicks tell how often the position is looked at. Clicks are used rather than applications: applications
stop at a limit, and a line further down would look unseen when it was only not needed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WIDEST_WEIGHT = 50.0


@dataclass(frozen=True, kw_only=True)
class ExaminationCurve:
    """Chance that positions 1, 2, … are looked at, relative to ``first``, with a 95 % interval.

    Parameters
    ----------
    exposures
        Random lines behind each position.
    """

    chance: Floats
    low: Floats
    high: Floats
    exposures: NDArray[np.int64]


def examination_curve(
    exposures: pd.DataFrame, *, positions: int = 10, first: float = 1.0, resamples: int = 200, seed: int = 0
) -> ExaminationCurve:
    """Estimate the curve from logged exposures, with a bootstrap over demands.

    Only explored lines count, each weighed by one over its propensity, capped at 50 times the least weight. The curve
    is made non-increasing by pooling neighbours: nobody is taken to look at the second line more than at the first.

    Parameters
    ----------
    exposures
        One row a line shown: ``demand_id``, ``position`` (from 1), ``explored``, ``propensity``, ``clicked``.
    first
        Chance that the first position is looked at.

    Raises
    ------
    ValueError
        If no random line at the first position was clicked: there is nothing to compare with.
    """
    drawn = exposures[exposures["explored"].astype(bool) & (exposures["position"] <= positions)]
    weight = 1.0 / drawn["propensity"].to_numpy(dtype=np.float64)
    weight = np.minimum(weight, _WIDEST_WEIGHT * weight.min(initial=np.inf))
    place = drawn["position"].to_numpy(dtype=np.int64) - 1
    clicked = drawn["clicked"].to_numpy(dtype=np.float64)
    demand, _ = pd.factorize(drawn["demand_id"])
    shown = _by_demand(demand, place, weight, positions)
    clicks = _by_demand(demand, place, weight * clicked, positions)
    if clicks[:, 0].sum() <= 0.0:
        raise ValueError("exposures: no random line at position 1 was clicked, explore more before estimating")
    estimate = _curve(shown.sum(axis=0), clicks.sum(axis=0), first)
    generator = np.random.default_rng(seed)
    again = []
    for _ in range(resamples):
        times = generator.multinomial(len(shown), np.full(len(shown), 1.0 / len(shown))).astype(np.float64)
        again.append(_curve(times @ shown, times @ clicks, first))
    low, high = np.quantile(np.asarray(again), (0.025, 0.975), axis=0)
    return ExaminationCurve(
        chance=estimate,
        low=np.minimum(low, estimate),
        high=np.maximum(high, estimate),
        exposures=np.bincount(place, minlength=positions),
    )


def _by_demand(demand: NDArray[np.int64], place: NDArray[np.int64], weight: Floats, positions: int) -> Floats:
    table = np.zeros((int(demand.max(initial=-1)) + 1, positions))
    np.add.at(table, (demand, place), weight)
    return table


def _curve(shown: Floats, clicks: Floats, first: float) -> Floats:
    rate = np.divide(clicks, shown, out=np.zeros_like(clicks), where=shown > 0.0)
    pooled = _non_increasing(rate, shown)
    return np.asarray(np.clip(first * pooled / max(pooled[0], 1e-12), 0.0, 1.0))


def _non_increasing(rate: Floats, weight: Floats) -> Floats:
    """Pool adjacent violators; a position never shown takes the value above it."""
    blocks: list[tuple[float, float, int]] = []
    for value, mass in zip(rate.tolist(), weight.tolist(), strict=True):
        current = (value, mass, 1)
        while blocks and (current[1] == 0.0 or current[0] > blocks[-1][0]):
            above, above_mass, above_count = blocks.pop()
            total = above_mass + current[1]
            mean = (above * above_mass + current[0] * current[1]) / total if total > 0.0 else above
            current = (mean, total, above_count + current[2])
        blocks.append(current)
    return np.repeat([value for value, _, _ in blocks], [count for _, _, count in blocks]).astype(np.float64)
