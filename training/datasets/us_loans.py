"""What the two US lending files have in common: reading them from a path, and the columns footprints are taken over.

Only named columns are ever read, so sex, race, veteran status and ownership type cannot enter even where a release has
them. Codes that mean "not given" become null, which leaves the terms that need them silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.footprint import Plan, Term

_ONE_SECTOR = {"32": "31", "33": "31", "45": "44", "49": "48"}
"""NAICS sectors that span several two-digit prefixes (manufacturing, retail, transport)."""


class DataAbsentError(FileNotFoundError):
    """There is no file where the data should be; the message says where the public releases are."""


class DataShapeError(ValueError):
    """The file lacks columns; the message names them."""


@dataclass(frozen=True, kw_only=True)
class Lending:
    """One file of loans made, and how it is to be footprinted.

    Parameters
    ----------
    name
        Short name of the file.
    loans
        One row per loan: ``loan_id``, ``day``, ``institution`` (null where sealed) and the plan's columns.
    plan
        Terms of the model.
    popularity
        Terms of the popularity baselines, undecayed.
    half_lives
        Days to choose the model's decay among.
    recent_days
        Half-life of the recency baseline.
    """

    name: str
    loans: pd.DataFrame
    plan: Plan
    popularity: Plan
    half_lives: tuple[float, ...]
    recent_days: float


def read_loans(path: Path, file_name: str, columns: Mapping[str, str], lender: str, public: str) -> pd.DataFrame:
    """The named columns of a parquet file, renamed; a file without its lender column is wholly sealed.

    Parameters
    ----------
    path
        The file, or the folder that has it under its usual name.
    columns
        Column of the file → name here.
    lender
        Column of the file that holds the institution.
    public
        Where the public files come from, for the message.

    Raises
    ------
    DataAbsentError
        If there is no such file.
    DataShapeError
        If columns are absent.
    """
    file = path / file_name if path.is_dir() else path
    if not file.is_file():
        raise DataAbsentError(f"There is no file {file}. {public}")
    present = pq.read_schema(file).names
    absent = [name for name in columns if name not in present]
    if absent:
        raise DataShapeError(f"{file} lacks the columns {', '.join(absent)}; it has {', '.join(present)}. {public}")
    wanted = [*columns, *([lender] if lender in present else [])]
    loans = pd.read_parquet(file, columns=wanted).rename(columns={**columns, lender: "institution"})
    if "institution" not in loans:
        loans["institution"] = None
    loans["institution"] = loans["institution"].astype(object).where(loans["institution"].notna(), None)
    loans["day"] = pd.to_datetime(loans["day"]).dt.normalize()
    return loans.sort_values(["day", "loan_id"], kind="stable", ignore_index=True)


def add_common_columns(loans: pd.DataFrame) -> pd.DataFrame:
    """``zip3``, ``zip5``, ``naics2``, ``naics4``, ``naics6`` and the amount bands, from ``zip``, ``naics``, ``amount``.

    ``band`` is half an octave wide and ``octave`` one. A zip of zero and a NAICS without six digits are unknown.
    """
    zip5 = _digits(loans["zip"]).str.zfill(5)
    zip5 = zip5.where(zip5.str.len().eq(5) & zip5.ne("00000"))
    naics = _digits(loans["naics"])
    naics = naics.where(naics.str.len() == 6)
    amount = loans["amount"].astype(float)
    power = np.log2(amount.where(amount > 0))
    return loans.assign(
        zip5=zip5,
        zip3=zip5.str[:3],
        city=loans["city"].astype("string").str.upper().str.strip().astype(object),
        naics6=naics,
        naics4=naics.str[:4],
        naics2=naics.str[:2].replace(_ONE_SECTOR),
        band=(2 * power).round(),
        octave=power.round(),
        amount=amount.where(amount > 0),
    )


def popularity_terms(*contexts: str) -> tuple[Term, ...]:
    """Smoothed popularity down to the zip and the city, and naive Bayes over the contexts within the state."""
    return (
        Term(name="nation", kind="share", columns=(), strength=50.0),
        Term(name="state", kind="share", columns=("state",), parent="nation"),
        Term(name="zip3", kind="share", columns=("zip3",), parent="state"),
        Term(name="zip5", kind="share", columns=("zip5",), parent="zip3"),
        Term(name="city", kind="share", columns=("state", "city"), parent="state", weight=0.0),
        *(Term(name=c, kind="ratio", columns=("state", c), given=("state",)) for c in contexts),
    )


def evened_terms(name: str, column: str) -> tuple[Term, ...]:
    """Shares after evening out bunches over a column: against the plain share they tell how bunched a lender is."""
    return (
        Term(name=f"{name}_nation", kind="share", columns=(), evened=(column,), strength=50.0, weight=0.0),
        Term(
            name=f"{name}_state",
            kind="share",
            columns=("state",),
            evened=(column,),
            parent=f"{name}_nation",
            weight=0.0,
        ),
    )


def crossed(name: str, parent: str, *columns: str) -> Term:
    """A share within a place crossed with what the enterprise is, to be weighted by learning."""
    return Term(name=name, kind="share", columns=columns, parent=parent, weight=0.0)


def _digits(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        text = column.astype("Int64").astype("string")
    else:
        text = column.astype("string").str.extract(r"^\s*(\d+)", expand=False)
    text = text.where(text.str.strip("0").ne(""))
    digits: pd.Series = text.astype(object).where(text.notna(), None)
    return digits
