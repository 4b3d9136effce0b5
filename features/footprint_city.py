"""The city's footprint: the plan of its terms, and the posterior as tables that travel with the ranker."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.footprint import Footprint, Plan, Term

CITY = Plan(
    half_life=180.0,
    terms=(
        Term(name="share", kind="share", columns=(), strength=50.0),
        Term(name="district", kind="share", columns=("district",), parent="share"),
        Term(name="section", kind="ratio", columns=("section",)),
        Term(name="division", kind="ratio", columns=("section", "division"), parent="section"),
        Term(name="size", kind="ratio", columns=("size",)),
        Term(name="amount", kind="ratio", columns=("amount",)),
    ),
)
"""One market; columns are levels as pair rows number them: county, GB/T 4754 section and division, size, amount."""

LEVEL_TERMS = ("district", "section", "division", "size", "amount")
_DIGITS = 3
Tables = Mapping[str, Mapping[str, float]]


def city_events(
    institution: npt.NDArray[np.object_], day: npt.NDArray[np.datetime64], levels: Mapping[str, npt.NDArray[np.intp]]
) -> pd.DataFrame:
    """Financings as the plan reads them.

    Parameters
    ----------
    day
        When each became known.
    levels
        Of the demand behind each, by ``LEVEL_TERMS``; -1 is unknown.
    """
    columns = {name: pd.array(np.where(levels[name] < 0, 0, levels[name]), dtype="Int64") for name in LEVEL_TERMS}
    frame = pd.DataFrame({"institution": institution, "day": day, **columns})
    for name in LEVEL_TERMS:
        frame.loc[levels[name] < 0, name] = pd.NA
    return frame


def city_tables(
    events: pd.DataFrame, as_of: date, institutions: list[str], plan: Plan = CITY
) -> tuple[dict[str, float], dict[str, Tables]]:
    """The posterior of :data:`CITY`, or of another strength of it, as known at the start of a day.

    Returns
    -------
    tuple
        Log share of each institution against an even one; and by term, institution and level the log ratio, to three
        decimals; what is left out is 0.
    """
    footprint = Footprint.fit(events, as_of, plan, institutions=institutions)
    names = [str(name) for name in footprint.institutions]
    order = [term.name for term in CITY.terms]
    empty = pd.DataFrame({name: pd.array([pd.NA], dtype="Int64") for name in LEVEL_TERMS})
    share = footprint.log_shares(empty)[0, :, order.index("share")]
    tables: dict[str, Tables] = {}
    for name in LEVEL_TERMS:
        cells = _cells(events, as_of, name)
        values = footprint.log_shares(cells)[:, :, order.index(name)] if len(cells) else np.zeros((0, len(names)))
        tables[name] = _table(names, [int(level) for level in cells[name]], np.round(values.astype(float), _DIGITS))
    return dict(zip(names, np.round(share.astype(float), _DIGITS).tolist(), strict=True)), tables


def _cells(events: pd.DataFrame, as_of: date, name: str) -> pd.DataFrame:
    """One row per known cell of a term, the other columns unknown."""
    columns = list(next(term for term in CITY.terms if term.name == name).columns)
    past = events[(events["day"] < pd.Timestamp(as_of)).to_numpy()]
    cells = past[columns].dropna().drop_duplicates().sort_values(columns, ignore_index=True)
    absent = {other: pd.array([pd.NA] * len(cells), dtype="Int64") for other in LEVEL_TERMS if other not in columns}
    return cells.assign(**absent)


def _table(names: list[str], levels: list[int], values: npt.NDArray[np.float64]) -> Tables:
    return {
        name: {str(level): value for level, value in zip(levels, values[:, row].tolist(), strict=True) if value}
        for row, name in enumerate(names)
    }
