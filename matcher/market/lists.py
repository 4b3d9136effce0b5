"""Lists, built greedily at given prices: each position goes to the product that adds most given those above it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.market.candidates import Candidates
from matcher.market.inputs import Floats, Integers

REVIEW_WIDTH = 0.02
"""How softly a file's chance of review falls around the price."""

MARGIN = 0.01
"""Beyond the shortest list, a product whose score is below minus this is left out: its files would go unread."""

_LEAST_NEED = 1e-6


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What each demand is shown.

    Parameters
    ----------
    column
        (demands, positions) column of the candidate shown, -1 where none.
    apply, approve
        Its chances, 0 where none.
    institution
        Its institution, 0 where none.
    """

    column: Integers
    apply: Floats
    approve: Floats
    institution: Integers


def build(
    candidates: Candidates,
    prices: Floats,
    examination: Floats,
    max_applications: int,
    *,
    shortest: int,
    later: Floats | None = None,
    bonus: NDArray[Any] | None = None,
) -> Lists:
    """Greedy lists by p·(q·H - λ), H being the chance that the enterprise still needs funding after the lines above.

    Parameters
    ----------
    shortest
        Positions filled whatever the score, as far as there are eligible products.
    later
        (demands, positions) what an application spent here takes from the positions below, off the gain.
    bonus
        (demands, width) exposure bonus added to each score.
    """
    demands, width = candidates.demands, candidates.width
    positions = examination.size
    rows = np.arange(demands)
    dtype = candidates.apply.dtype
    worth, cost = _terms(candidates, prices.astype(dtype), bonus)
    column = np.full((demands, positions), -1, dtype=np.int64)
    need = np.ones(demands)
    used = _unused(demands, max_applications)
    score = np.empty_like(worth)
    for position in range(min(positions, width)):
        np.multiply(worth, np.maximum(need, _LEAST_NEED).astype(dtype)[:, None], out=score)
        score -= cost
        if later is not None:
            score -= candidates.apply * later[:, position, None].astype(dtype)
        best = score.argmax(axis=1)
        least = -np.inf if position < shortest else -MARGIN
        shown = (score[rows, best] > least) & (worth[rows, best] > -np.inf)
        column[:, position] = np.where(shown, best, -1)
        p = candidates.apply[rows, best] * shown
        q = candidates.approve[rows, best].astype(np.float64)
        applied = examination[position] * p * used.sum(axis=1)
        reviewed = _review_chance(q * need - prices[candidates.institution[rows, best]])
        need = need * (1.0 - applied * q * reviewed)
        used = spend(used, examination[position] * p)
        worth[rows, best] = -np.inf
    return shown_at(candidates, column)


def shown_at(candidates: Candidates, column: Integers) -> Lists:
    """Look up the candidates in ``column``."""
    if candidates.width == 0:
        empty = np.zeros(column.shape)
        return Lists(column=column, apply=empty, approve=empty, institution=np.zeros_like(column))
    rows = np.arange(candidates.demands)[:, None]
    shown = column >= 0
    return Lists(
        column=column,
        apply=np.where(shown, candidates.apply[rows, column], 0.0).astype(np.float64),
        approve=np.where(shown, candidates.approve[rows, column], 0.0).astype(np.float64),
        institution=np.where(shown, candidates.institution[rows, column], 0).astype(np.int64),
    )


def by_score(candidates: Candidates, score: NDArray[Any], positions: int) -> Lists:
    """Lists that follow one score, best first, eligible products only."""
    ranked = np.where(candidates.apply > 0.0, -score, np.inf)
    column = np.full((candidates.demands, positions), -1, dtype=np.int64)
    first = np.argsort(ranked, axis=1, kind="stable")[:, :positions]
    column[:, : first.shape[1]] = np.where(np.take_along_axis(candidates.apply, first, axis=1) > 0.0, first, -1)
    return shown_at(candidates, column)


def applications(lists: Lists, examination: Floats, max_applications: int) -> Floats:
    """Chance that each line becomes an application: looked at, wanted, and applications left."""
    used = _unused(len(lists.apply), max_applications)
    made = np.zeros(lists.apply.shape)
    for position in range(examination.size):
        wanted = examination[position] * lists.apply[:, position]
        made[:, position] = wanted * used.sum(axis=1)
        used = spend(used, wanted)
    return made


def spend(used: Floats, chance: Floats) -> Floats:
    """Distribution of applications made (0 … limit - 1) after one more is made with ``chance``."""
    after = used * (1.0 - chance)[:, None]
    after[:, 1:] += used[:, :-1] * chance[:, None]
    return after


def _unused(demands: int, max_applications: int) -> Floats:
    used = np.zeros((demands, max_applications))
    used[:, 0] = 1.0
    return used


def _terms(
    candidates: Candidates, prices: NDArray[Any], bonus: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    worth = candidates.apply * candidates.approve
    worth[worth <= 0.0] = -np.inf
    cost = candidates.apply * prices[candidates.institution]
    return worth, cost if bonus is None else cost - bonus


def _review_chance(above: Floats) -> Floats:
    chance: Floats = 1.0 / (1.0 + np.exp(np.clip(-above / REVIEW_WIDTH, -50.0, 50.0)))
    return chance
