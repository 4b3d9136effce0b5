"""Who defaults within the year to come: enterprises with a loan on a day, as known that day, and what came after.

Default is the first credit record in substandard, doubtful or loss, or 90 days or more overdue. A record counts by the
day it became known, on both sides of the day asked about, so nothing of the future stands in a profile.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.profile import build_profiles
from features.sources import SourceTables
from training.scorecard import Sample

DEFAULT_CLASSES = ("substandard", "doubtful", "loss")
DEFAULT_DAYS = 90
AS_OF = date(2025, 11, 1)


class TooShortAYearError(ValueError):
    """The world's records end before a year after the day has passed."""


@dataclass(frozen=True, kw_only=True)
class NextYear:
    """Borrowers of a world on one day and their following year.

    Parameters
    ----------
    sample
        Every borrower not in default on the day; the profile is as known on it.
    fitting
        Shape (borrowers,): the half to learn from; the other half is held out. Set by the code of the enterprise alone.
    population
        Profiles of everybody on the world's last day, on which bins and letters are cut.
    """

    as_of: date
    until: date
    sample: Sample
    fitting: NDArray[np.bool_]
    population: pd.DataFrame

    @property
    def fit_half(self) -> Sample:
        """The borrowers to learn from."""
        return self.sample.rows(np.flatnonzero(self.fitting))

    @property
    def held_out(self) -> Sample:
        """The borrowers nothing was learnt from."""
        return self.sample.rows(np.flatnonzero(~self.fitting))


def next_year(world: Path, as_of: date = AS_OF) -> NextYear:
    """Reads a world's credit records and profiles.

    Raises
    ------
    TooShortAYearError
        If the records do not reach a year beyond the day.
    """
    last_day = date.fromisoformat(json.loads((world / "manifest.json").read_text("utf-8"))["last_day"])
    until = as_of + timedelta(days=364)
    if until > last_day:
        raise TooShortAYearError(f"{world}: records end on {last_day}, a year from {as_of} ends on {until}")
    outcome = outcomes(pd.read_parquet(world / "sources" / "credit.parquet"), as_of, until)
    tables = SourceTables.from_directory(world / "sources")
    try:
        profiles = build_profiles(tables, as_of, enterprises=list(outcome.index)).loc[outcome.index]
        population = build_profiles(tables, last_day)
    finally:
        tables.close()
    return NextYear(
        as_of=as_of,
        until=until,
        sample=Sample(profiles=profiles, defaulted=outcome.to_numpy(np.float64), weight=np.ones(len(outcome))),
        fitting=np.array([in_fitting_half(uscc) for uscc in outcome.index], dtype=bool),
        population=population,
    )


def outcomes(credit: pd.DataFrame, as_of: date, until: date) -> pd.Series:
    """1.0 or 0.0 by enterprise: default recorded after ``as_of`` and by ``until``.

    Parameters
    ----------
    credit
        Rows of the ``credit`` source.

    Returns
    -------
    pandas.Series
        Of the enterprises whose latest record known by ``as_of`` shows a balance and no default, in order of code.
    """
    known_on, day = pd.to_datetime(credit["known_on"]), pd.Timestamp(as_of)
    in_default = credit["loan_class"].isin(DEFAULT_CLASSES) | (credit["overdue_days"] >= DEFAULT_DAYS)
    rows = credit.assign(in_default=in_default)
    latest = rows[known_on <= day].sort_values(["uscc", "period"]).drop_duplicates("uscc", keep="last")
    borrowers = latest.loc[(latest["outstanding_cny"] > 0) & ~latest["in_default"], "uscc"]
    after = rows.loc[(known_on > day) & (known_on <= pd.Timestamp(until)) & in_default, "uscc"]
    return pd.Series(borrowers.isin(after).to_numpy(np.float64), index=pd.Index(borrowers, name="uscc"))


def in_fitting_half(uscc: str) -> bool:
    """Whether an enterprise is learnt from: a coin that its code decides, the same in every world and run."""
    return hashlib.sha256(uscc.encode()).digest()[0] % 2 == 0
