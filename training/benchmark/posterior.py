"""Learns the weights of a footprint's posterior: a conditional logit over the candidates of each loan's region."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from features.footprint import Block, Doubles, Footprint, Indices, Plan, log_softmax

_RIDGE = 1e-3
_STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Window:
    """Loans of some days, with the first day their features may not know."""

    features_before: date
    first: date
    last: date

    def of(self, loans: pd.DataFrame) -> pd.DataFrame:
        """The loans approved in the window, order kept."""
        day = loans["day"]
        return loans[(day >= pd.Timestamp(self.first)) & (day <= pd.Timestamp(self.last))]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A block of loans, the position of each true lender among the candidates, and what one loan weighs."""

    block: Block
    chosen: Indices
    weight: float


def choices(loans: pd.DataFrame, window: Window, plan: Plan, *, limit: int, seed: int = 0) -> list[Choices]:
    """Labelled loans of a window seen from the footprints before it; each window weighs one in all.

    Loans whose lender is not a candidate, or whose region was never seen, teach nothing and are left out.

    Parameters
    ----------
    limit
        Loans to draw at most.
    """
    footprint = Footprint.fit(loans, window.features_before, plan)
    labelled = window.of(loans)
    labelled = labelled[labelled["institution"].isin(footprint.institutions)]
    if len(labelled) > limit:
        labelled = labelled.sample(limit, random_state=seed)
    lender = footprint.institutions.get_indexer(pd.Index(labelled["institution"])).astype(np.int64)
    found: list[tuple[Block, Indices]] = []
    for block in footprint.blocks(labelled):
        place = positions(block, lender[block.rows])
        if block.known_region and (place >= 0).any():
            found.append((block.take(place >= 0), place[place >= 0]))
    total = sum(len(place) for _, place in found)
    return [Choices(block=block, chosen=place, weight=1.0 / total) for block, place in found]


def positions(block: Block, institution: Indices) -> Indices:
    """Where each institution stands among the block's candidates; -1 where it does not."""
    at = np.minimum(np.searchsorted(block.candidates, institution), len(block.candidates) - 1)
    return np.where(block.candidates[at] == institution, at, -1)


def learn_weights(samples: Sequence[Sequence[Choices]], start: Doubles) -> Doubles:
    """Weights under which the lenders chosen in all windows are likeliest, drawn slightly towards ``start``.

    Parameters
    ----------
    samples
        One list of choices per window; windows without any are ignored.
    """
    kept = [sample for sample in samples if sample]
    if not kept:
        return start
    flat = [(c, c.weight / len(kept)) for sample in kept for c in sample]

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        value, slope = 0.0, np.zeros(len(weights))
        for choice, share in flat:
            one_value, one_slope = _log_loss(choice, weights)
            value += share * one_value
            slope += share * one_slope
        off = weights - start
        return value + _RIDGE * float(off @ off), slope + 2 * _RIDGE * off

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    learned: npt.NDArray[np.float64] = np.asarray(found.x, dtype=float)
    return learned


def _log_loss(choice: Choices, weights: Doubles) -> tuple[float, Doubles]:
    block = choice.block
    rows = np.arange(len(choice.chosen))
    log_share = log_softmax(block.utility(weights))
    value = -float(log_share[rows, choice.chosen].sum())
    excess = np.exp(log_share)
    excess[rows, choice.chosen] -= 1.0
    slope = [float(np.vdot(table[at], excess)) for table, at in zip(block.tables, block.lookup, strict=True)]
    return value, np.array(slope)
