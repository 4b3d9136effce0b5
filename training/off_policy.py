"""What another ranker's lists would have brought, told from the log of the lists that were shown.

The outcome of a line is modelled as depending on its product and its position alone (position-based click models). A
line counts where chance put the very product there that the other ranker would have: one over its logged propensity
times. Self-normalised weighting (SNIPS) trusts nothing else; the doubly robust estimate (DR) starts from the model's
own expectation and corrects it by the weighted residuals, so it is right if either the propensities or the model are.

Lines below the last application a demand may make were never free to be applied for. They are censored: the lines
still free stand for them, by one over the chance of being free.

Sources: Dudík, Langford, Li (2011), Doubly robust policy evaluation and learning; Swaminathan, Joachims (2015), The
self-normalized estimator for counterfactual learning; Li et al. (2018), Offline evaluation of ranking policies with
click models.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

LEAST_FREE = 1e-3
"""No line is taken to be less often free than this: its weight stays finite."""


@dataclass(frozen=True, kw_only=True)
class Logged:
    """Lists as shown; arrays (demands, positions), lines that do not exist have propensity 0.

    Parameters
    ----------
    propensity
        Chance with which the product came to stand there; 0 where there is no line.
    outcome
        1 where the enterprise applied, else 0.
    free
        Whether an application could still be made at the line.
    free_chance
        Chance of that, in (0, 1].
    """

    propensity: Floats
    outcome: Floats
    free: NDArray[np.bool_]
    free_chance: Floats

    def __post_init__(self) -> None:
        shapes = {self.propensity.shape, self.outcome.shape, self.free.shape, self.free_chance.shape}
        if len(shapes) > 1:
            raise ValueError(f"propensity, outcome, free and free_chance must have one shape, not {sorted(shapes)}")
        if ((self.propensity < 0) | (self.propensity > 1)).any():
            raise ValueError("propensity: chances lie in [0, 1]")
        if ((self.free_chance <= 0) | (self.free_chance > 1)).any():
            raise ValueError("free_chance: chances of being free lie in (0, 1]")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Another way of making the lists, seen from the logged ones; arrays (demands, positions).

    Parameters
    ----------
    shows
        Chance that it shows the logged product at that position; 0 or 1 for a list without chance.
    length
        Lines it shows a demand.
    expected
        Outcome the model expects of the line it shows there; 0 where it shows none.
    expected_logged
        Outcome the same model expects of the logged line.
    """

    shows: Floats
    length: NDArray[np.intp]
    expected: Floats
    expected_logged: Floats


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean per demand with its 95 % interval.

    A few lines with large weights carry the error, so the interval is Student's, with as many degrees of freedom as
    errors of this unevenness are worth (Satterthwaite): it widens where the evidence is thin.

    Parameters
    ----------
    influence
        What each demand adds to the error of ``value``; the interval is their spread.
    """

    value: float
    influence: Floats

    @property
    def standard_error(self) -> float:
        """Of ``value``."""
        return float(self.influence.std(ddof=1) / np.sqrt(len(self.influence)))

    @property
    def degrees_of_freedom(self) -> float:
        """Evenly spread errors the present ones are worth, less one; at least 1."""
        squares = (self.influence - self.influence.mean()) ** 2
        fourth = float((squares**2).sum())
        return max(float(squares.sum()) ** 2 / fourth - 1.0, 1.0) if fourth > 0 else 1.0

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval."""
        return float(stats.t.ppf(0.975, self.degrees_of_freedom)) * self.standard_error

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + self.half_width

    def minus(self, other: "Estimate") -> "Estimate":
        """Difference of two estimates on the same demands, paired."""
        return Estimate(value=self.value - other.value, influence=self.influence - other.influence)

    def to_json(self) -> dict[str, float]:
        """Value and interval."""
        return {"value": self.value, "low": self.low, "high": self.high}


def snips(logged: Logged, policy: Policy) -> tuple[Estimate, ...]:
    """Self-normalised estimates: one a position, of outcomes per demand.

    A position at which no logged line is the policy's own has no evidence: its estimate is NaN.

    >>> two = Logged(propensity=np.array([[0.5], [0.25]]), outcome=np.array([[1.0], [0.0]]),
    ...              free=np.ones((2, 1), bool), free_chance=np.ones((2, 1)))
    >>> always = Policy(shows=np.ones((2, 1)), length=np.ones(2, int), expected=np.zeros((2, 1)),
    ...                 expected_logged=np.zeros((2, 1)))
    >>> round(snips(two, always)[0].value, 4)  # weights 2 and 4: 2 · 1 + 4 · 0 over 6
    0.3333
    """
    weight = _weights(logged, policy)
    found = []
    for place in range(weight.shape[1]):
        shown = float((policy.length > place).mean())
        w, total = weight[:, place], float(weight[:, place].mean())
        ratio = float((w * logged.outcome[:, place]).mean()) / total if total > 0 else np.nan
        influence = shown * w * (logged.outcome[:, place] - ratio) / total if total > 0 else np.full(len(w), np.nan)
        found.append(Estimate(value=shown * ratio, influence=influence))
    return tuple(found)


def doubly_robust(logged: Logged, policy: Policy) -> tuple[Estimate, ...]:
    """Doubly robust estimates: one a position, of outcomes per demand."""
    corrected = policy.expected + _weights(logged, policy) * (logged.outcome - policy.expected_logged)
    return tuple(_mean(corrected[:, place]) for place in range(corrected.shape[1]))


def as_logged(logged: Logged) -> tuple[Estimate, ...]:
    """What the logged lists themselves brought: one a position, of outcomes per demand."""
    brought = np.where(logged.free, logged.outcome / logged.free_chance, 0.0)
    return tuple(_mean(brought[:, place]) for place in range(brought.shape[1]))


def together(positions: tuple[Estimate, ...]) -> Estimate:
    """The whole list: the sum over its positions."""
    influence = np.sum([each.influence for each in positions], axis=0)
    return Estimate(value=float(sum(each.value for each in positions)), influence=influence)


def chance_of_being_free(chance: Floats, most: int) -> Floats:
    """Chance, before each line, that fewer than ``most`` of the lines above were applied for.

    Parameters
    ----------
    chance
        (demands, positions): chance that each line is looked at and applied for.

    >>> chance_of_being_free(np.array([[0.5, 0.5, 0.5]]), most=1)
    array([[1.  , 0.5 , 0.25]])
    """
    made = np.zeros((len(chance), most))
    made[:, 0] = 1.0
    free = np.empty_like(chance)
    for place in range(chance.shape[1]):
        free[:, place] = np.clip(made.sum(axis=1), LEAST_FREE, 1.0)
        wanted = chance[:, place : place + 1]
        made[:, 1:] = made[:, 1:] * (1 - wanted) + made[:, :-1] * wanted
        made[:, :1] *= 1 - wanted
    return free


def _weights(logged: Logged, policy: Policy) -> Floats:
    counts = logged.free & (logged.propensity > 0)
    chance = np.where(counts, logged.propensity * logged.free_chance, 1.0)
    return np.asarray(np.where(counts, policy.shows / chance, 0.0))


def _mean(each: Floats) -> Estimate:
    value = float(each.mean())
    return Estimate(value=value, influence=each - value)
