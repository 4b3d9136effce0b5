"""What an enterprise and an institution had to do with each other on this platform before: as ratios, never as counts.

A line is one product of an earlier list of the enterprise, and what is known of it by the day: shown and left alone,
applied for, approved or refused. Without any line the columns stand at 0, the average; where nobody knows whether there
were any they are null.

- ``earlier_choice``: log of its smoothed share of the enterprise's applications over its share of all;
- ``earlier_appeal``: applications there against what such lines usually bring, one shrunken step in log odds;
- ``earlier_approvals_here``, ``earlier_approvals``: approvals against what such files usually meet, there and anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.product_side import Floats, ProductSide

DEALINGS_COLUMNS = ("earlier_choice", "earlier_appeal", "earlier_approvals_here", "earlier_approvals")
SETTLED_DAYS = 10
"""A line shown so many days ago and not applied for counts as left alone; before, it says nothing."""
CHOICE_STRENGTH = 4.0
"""Applications the average share is worth."""
APPEAL_SPREAD, APPROVE_SPREAD = 0.8, 0.7
"""Expected spread of an enterprise's own log odds: what the steps are shrunk by."""
_LEAST_SHARE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Line:
    """One earlier line as known on a day.

    Parameters
    ----------
    shown
        False where an application is known that came from no list.
    approved
        ``None`` where no decision is known.
    """

    product_id: str
    shown: bool
    applied: bool
    approved: bool | None


@dataclass(frozen=True, kw_only=True)
class Dealings:
    """Earlier lines of the enterprises behind some demands; every line by the rows of its demand and its product.

    Parameters
    ----------
    known
        Per demand: whether the platform knows what there was before.
    approved
        1 and 0; NaN where no decision is known.
    """

    known: npt.NDArray[np.bool_]
    demand: npt.NDArray[np.intp]
    product: npt.NDArray[np.intp]
    shown: npt.NDArray[np.bool_]
    applied: npt.NDArray[np.bool_]
    approved: Floats

    def ordered(self) -> "Dealings":
        """The same lines in an order that depends on them alone, so that sums have the same bits however they came."""
        order = np.lexsort((np.nan_to_num(self.approved, nan=2.0), self.applied, self.shown, self.product, self.demand))
        return Dealings(
            known=self.known,
            demand=self.demand[order],
            product=self.product[order],
            shown=self.shown[order],
            applied=self.applied[order],
            approved=self.approved[order],
        )

    def behind(self, rows: npt.NDArray[np.intp]) -> "Dealings":
        """Those behind some of the demands, by their new rows; each row once."""
        place = np.full(len(self.known), -1, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        kept = place[self.demand] >= 0
        return Dealings(
            known=self.known[rows],
            demand=place[self.demand[kept]],
            product=self.product[kept],
            shown=self.shown[kept],
            applied=self.applied[kept],
            approved=self.approved[kept],
        )


def dealings_of(lines: Sequence[Line] | None, row_of: Mapping[str, int]) -> Dealings:
    """Dealings behind one demand; ``None`` is unknown, a product no longer in the catalogue is left out.

    Parameters
    ----------
    row_of
        Row of each product in the catalogue.
    """
    found = [line for line in lines or () if line.product_id in row_of]
    return Dealings(
        known=np.array([lines is not None]),
        demand=np.zeros(len(found), dtype=np.intp),
        product=np.array([row_of[line.product_id] for line in found], dtype=np.intp),
        shown=np.array([line.shown for line in found], dtype=bool),
        applied=np.array([line.applied for line in found], dtype=bool),
        approved=np.array([np.nan if line.approved is None else float(line.approved) for line in found]),
    ).ordered()


def dealings_columns(
    dealings: Dealings | None,
    products: ProductSide,
    demand_row: npt.NDArray[np.intp],
    product_row: npt.NDArray[np.intp],
) -> dict[str, Floats]:
    """The columns of ``DEALINGS_COLUMNS`` per pair, null where either side does not know."""
    institution = products.institution
    if dealings is None or institution is None or np.isnan(products.raw["product_apply_average"]).any():
        return {name: np.full(len(demand_row), np.nan) for name in DEALINGS_COLUMNS}
    asked = np.zeros(len(dealings.known), dtype=bool)
    asked[demand_row] = True
    place = np.cumsum(asked) - 1
    rows = np.flatnonzero(asked[dealings.demand])
    owner, product = place[dealings.demand[rows]], dealings.product[rows]
    width = int(institution.max()) + 1
    sums = _Sums(
        at=owner * width + institution[product],
        pair=place[demand_row] * width + institution[product_row],
        size=int(asked.sum()) * width,
    )
    everywhere = _Sums(at=owner, pair=place[demand_row], size=int(asked.sum()))
    applied = dealings.applied[rows].astype(np.float64)
    share = np.maximum(products.raw["institution_choice_share"][product_row], _LEAST_SHARE)
    chosen, choices = sums.of(applied), everywhere.of(applied)
    usual = products.raw["product_apply_average"][product]
    met = products.raw["product_approve_average"][product]
    shown = dealings.shown[rows].astype(np.float64)
    decided = (~np.isnan(dealings.approved[rows])).astype(np.float64)
    surprise = np.where(decided > 0, dealings.approved[rows] - met, 0.0)
    information = decided * met * (1.0 - met)
    found = {
        "earlier_choice": np.log((chosen + CHOICE_STRENGTH * share) / ((choices + CHOICE_STRENGTH) * share)),
        "earlier_appeal": _step(sums, shown * (applied - usual), shown * usual * (1.0 - usual), APPEAL_SPREAD),
        "earlier_approvals_here": _step(sums, surprise, information, APPROVE_SPREAD),
        "earlier_approvals": _step(everywhere, surprise, information, APPROVE_SPREAD),
    }
    known = dealings.known[demand_row]
    return {name: np.where(known, values, np.nan) for name, values in found.items()}


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Sums over lines by group, read per pair."""

    at: npt.NDArray[np.intp]
    pair: npt.NDArray[np.intp]
    size: int

    def of(self, values: Floats) -> Floats:
        return np.bincount(self.at, values, self.size).astype(np.float64)[self.pair]


def _step(sums: _Sums, surprise: Floats, information: Floats, spread: float) -> Floats:
    """One Newton step of the group's own log odds from none, shrunk as if they were normal with ``spread``."""
    step: Floats = sums.of(surprise) / (sums.of(information) + 1.0 / spread**2)
    return step
