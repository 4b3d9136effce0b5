"""What each cycle of the closed loop is measured by: the truth of the month, and who was funded in the end.

Everything is paired: the same demands under the same luck, once served by the retrained champion, once by the first
model. Intervals are bootstraps over enterprises or demands; they do not see that lists of one month share officers.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.city.log import Arrivals
from training.city.parameters import LIST_LENGTH
from training.city.served import ServedCity
from training.dataset import History
from training.gate import paired_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Month:
    """One month served in both cities.

    Parameters
    ----------
    champion
        Version that served the retrained city.
    ndcg_retrained, ndcg_frozen
        NDCG@10 of each demand of the retrained city, by p·q of either model, before it is served.
    ece
        Calibration error over all admitted pairs of that city: ``p_retrained``, ``p_frozen``, ``q_retrained``,
        ``q_frozen``.
    value_retrained, value_frozen
        Chance that each demand is applied for and would be approved, summed over the lines it was given, by the truth
        of its own city and v_k.
    funded_retrained, funded_frozen
        Whether each enterprise asking in that month was funded through a demand of it in the end.
    """

    month: int
    first_day: str
    champion: str
    demands: int
    rows: NDArray[np.int64] = field(repr=False)
    ndcg_retrained: Floats = field(repr=False)
    ndcg_frozen: Floats = field(repr=False)
    ece: dict[str, float]
    value_retrained: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    value_frozen: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    funded_retrained: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    funded_frozen: Floats = field(repr=False, default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference, retrained minus frozen, with its 95 % interval."""

    retrained: float
    frozen: float
    difference: float
    low: float
    high: float


def measured(
    month: int,
    city: ServedCity,
    history: History,
    arrivals: Arrivals,
    retrained: tuple[Floats, Floats],
    frozen: tuple[Floats, Floats],
    champion: str,
) -> Month:
    """Both models on the demands of the retrained city, before they are served."""
    line, product = np.nonzero(arrivals.verdict > 0)
    true_p, true_q = _sigmoid(arrivals.logit[line, product]), arrivals.judgement.chance[line, product]
    gain = true_p * true_q
    best = metrics.discounted_gain(line, gain, gain)
    reached = [metrics.discounted_gain(line, (p * q)[line, product], gain) / best for p, q in (retrained, frozen)]
    said = {
        f"{which}_{name}": metrics.expected_calibration_error(pair[place][line, product], true)
        for name, pair in (("retrained", retrained), ("frozen", frozen))
        for place, (which, true) in enumerate((("p", true_p), ("q", true_q)))
    }
    return Month(
        month=month,
        first_day=city.first_day(month).isoformat(),
        champion=champion,
        demands=len(arrivals.rows),
        rows=arrivals.rows,
        ndcg_retrained=reached[0],
        ndcg_frozen=reached[1],
        ece=said,
    )


def value(arrivals: Arrivals, score: Floats, city: ServedCity) -> Floats:
    """Chance of an application that would be approved, summed over the lines of each demand's list."""
    masked = np.where(arrivals.verdict > 0, score, -np.inf)
    order = np.argsort(-masked, axis=1, kind="stable")[:, :LIST_LENGTH]
    line = np.arange(len(order))[:, None]
    worth = _sigmoid(arrivals.logit) * arrivals.judgement.chance * (arrivals.verdict > 0)
    looks = np.array(city.world.examination)[: order.shape[1]]
    return np.asarray((worth[line, order] * looks).sum(axis=1))


def settled(month: Month, city: ServedCity, frozen: ServedCity) -> Month:
    """The same month with who was funded in the end."""
    who = city.city.demands.enterprise[month.rows]
    asking = np.unique(who)
    place = np.searchsorted(asking, who)
    both = [
        np.minimum(np.bincount(place, each.funded()[month.rows], len(asking)), 1.0).astype(np.float64)
        for each in (city, frozen)
    ]
    return replace(month, funded_retrained=both[0], funded_frozen=both[1])


def compared(retrained: Floats, frozen: Floats, *, total: bool = False) -> Difference:
    """A paired difference of means, or of totals."""
    low, high = paired_interval(retrained - frozen)
    scale = float(len(retrained)) if total else 1.0
    return Difference(
        retrained=scale * float(retrained.mean()),
        frozen=scale * float(frozen.mean()),
        difference=scale * float((retrained - frozen).mean()),
        low=scale * low,
        high=scale * high,
    )


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
