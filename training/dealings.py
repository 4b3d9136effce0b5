"""Earlier dealings behind every demand of a log: what the platform knew on the day before the demand was stated."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.dealings import SETTLED_DAYS, Dealings, Line

_DAY = np.timedelta64(1, "D")


def dealings_before(
    uscc: NDArray[np.object_],
    published_on: NDArray[np.datetime64],
    exposures: pd.DataFrame,
    applications: pd.DataFrame,
) -> Dealings:
    """Dealings behind each demand.

    Parameters
    ----------
    exposures, applications
        As ``training.dataset.History`` keeps them.
    """
    who = pd.factorize(uscc)[0]
    lines = _lines(exposures, applications)
    line_owner = who[lines["demand"].to_numpy()]
    order = np.argsort(line_owner, kind="stable")
    ends = np.searchsorted(line_owner[order], np.arange(who.max(initial=-1) + 2))
    count = (ends[1:] - ends[:-1])[who]
    demand = np.repeat(np.arange(len(who)), count)
    within = np.arange(len(demand)) - np.repeat(np.cumsum(count) - count, count)
    at = order[np.repeat(ends[:-1][who], count) + within]
    return _as_known(lines, at, demand, published_on)


def lines_of(dealings: Dealings, demand: int, product_ids: NDArray[np.object_]) -> tuple[Line, ...]:
    """The lines behind one demand, as a request brings them."""
    return tuple(
        Line(
            product_id=str(product_ids[dealings.product[row]]),
            shown=bool(dealings.shown[row]),
            applied=bool(dealings.applied[row]),
            approved=None if np.isnan(dealings.approved[row]) else bool(dealings.approved[row]),
        )
        for row in np.flatnonzero(dealings.demand == demand).tolist()
    )


def _lines(exposures: pd.DataFrame, applications: pd.DataFrame) -> pd.DataFrame:
    decided = applications.loc[applications["approved"].notna(), ["demand", "product", "reviewed_on", "approved"]]
    decided = decided.drop_duplicates(["demand", "product"])
    shown = exposures[["demand", "product", "shown_on", "applied", "applied_on"]]
    return shown.merge(decided, on=["demand", "product"], how="left", validate="many_to_one")


def _as_known(
    lines: pd.DataFrame, at: NDArray[np.intp], demand: NDArray[np.intp], published_on: NDArray[np.datetime64]
) -> Dealings:
    today = published_on.astype("datetime64[D]")[demand]
    shown, applied_on, reviewed_on = (
        lines[name].to_numpy().astype("datetime64[D]") for name in ("shown_on", "applied_on", "reviewed_on")
    )
    applied = lines["applied"].to_numpy(dtype=bool)[at] & (applied_on[at] < today)
    settled = shown[at] + SETTLED_DAYS * _DAY < today
    keep = np.flatnonzero(applied | settled)
    at, demand, today, applied = at[keep], demand[keep], today[keep], applied[keep]
    decided = applied & (reviewed_on[at] < today)
    outcome = lines["approved"].astype(float).to_numpy()[at]
    return Dealings(
        known=np.ones(len(published_on), dtype=bool),
        demand=demand.astype(np.intp),
        product=lines["product"].to_numpy(dtype=np.intp)[at],
        shown=np.ones(len(at), dtype=bool),
        applied=applied,
        approved=np.where(decided, outcome, np.nan),
    ).ordered()
