"""Point-in-time training rows of a world: what was known on the day, what was shown, what came of it.

One query is one demand. Its profile is that of the first day of its month, its effects those of what was known then;
later facts enter neither. Time alone splits: the model learns from the first months, is calibrated on the next ones,
and the last two months are held out. Labels known after the last day of learning do not exist for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.dealings import Dealings
from features.effects import Effects
from features.pairs import pair_rows, prepare_demands, prepare_products
from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from matcher.catalog import Catalog
from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment
from matcher.eligibility import demand_columns
from training.dealings import dealings_before
from training.progress import steps

HELD_OUT_MONTHS, CALIBRATION_MONTHS = 2, 2
"""Whole months at the end of the demands: the last are held out, those before calibrate."""
MAX_APPLICATIONS = 3
"""Applications a demand makes at most: what stands below the last of them could not be applied for any more."""


@dataclass(frozen=True, kw_only=True)
class History:
    """The log of a world beside what was known of each demand's enterprise.

    Parameters
    ----------
    demands
        Columns as ``matcher.eligibility.demand_columns``; all arrays here that speak of demands have their order.
    profiles
        Profile columns on the first day of the month of each demand.
    month
        Months since the first month of demands.
    exposures
        One row per item shown: ``demand``, ``product`` (rows), ``position``, ``propensity``, ``explored``,
        ``clicked``, ``applied``, ``at_risk`` (not below the last application), ``shown_on``, ``applied_on``.
    applications
        One row per application: ``demand``, ``product`` (rows), ``propensity``, ``applied_on``, ``reviewed_on``,
        ``approved``.
    dealings
        What the platform knew of earlier dealings of each demand's enterprise on the day of the demand.
    """

    catalog: Catalog
    demands: Mapping[str, NDArray[Any]] = field(repr=False)
    demand_ids: NDArray[Any] = field(repr=False)
    published_on: NDArray[np.datetime64] = field(repr=False)
    month: NDArray[np.intp] = field(repr=False)
    first_month: date
    profiles: Mapping[str, NDArray[Any]] = field(repr=False)
    exposures: pd.DataFrame = field(repr=False)
    applications: pd.DataFrame = field(repr=False)
    dealings: Dealings = field(repr=False)
    digest: str

    @property
    def months(self) -> int:
        """Number of months with demands."""
        return int(self.month.max()) + 1

    def first_day(self, month: int) -> date:
        """First day of a month counted from the first month of demands."""
        months = self.first_month.month - 1 + month
        return date(self.first_month.year + months // 12, months % 12 + 1, 1)

    @property
    def held_out_from(self) -> date:
        """First day of the held-out months."""
        return self.first_day(self.months - HELD_OUT_MONTHS)

    @property
    def known_until(self) -> date:
        """Last day whose records may be learned from."""
        return self.held_out_from - timedelta(days=1)

    @property
    def calibrated_from(self) -> int:
        """First month of calibration."""
        return self.months - HELD_OUT_MONTHS - CALIBRATION_MONTHS


def read_history(world: Path, *, progress: bool = False, earlier: History | None = None) -> History:
    """The history of a world directory, profiles built month by month.

    Parameters
    ----------
    earlier
        The same world read when it had fewer months: the profiles of its demands are not built again.

    Raises
    ------
    FileNotFoundError
        If the directory holds no world; it says how to build one.
    """
    if not (world / "manifest.json").is_file():
        raise FileNotFoundError(f"{world} holds no world: build one with matcher-train city --out {world}")
    frame = pd.read_parquet(world / "demands.parquet")
    published = frame["published_on"].to_numpy().astype("datetime64[D]")
    months = published.astype("datetime64[M]").astype(int)
    first = published.min().astype("datetime64[M]").astype("datetime64[D]").item()
    catalog = Catalog.from_json(world / "catalog.json")
    month = months - months.min()
    exposures = _exposures(world, frame, catalog)
    applications = _applications(world, frame, catalog, exposures)
    uscc = frame["uscc"].to_numpy(dtype=object)
    return History(
        catalog=catalog,
        demands=demand_columns([_demand(row) for row in _records(frame)]),
        demand_ids=frame["demand_id"].to_numpy(dtype=object),
        published_on=published,
        month=month,
        first_month=first,
        profiles=_monthly_profiles(world, uscc, published, month, progress, earlier),
        exposures=exposures,
        applications=applications,
        dealings=dealings_before(uscc, published, exposures, applications),
        digest=sha256((world / "manifest.json").read_bytes()).hexdigest(),
    )


def read_demands(world: Path) -> tuple[Demand, ...]:
    """The demands of a world directory as people state them, in the order of its ``History``."""
    return tuple(_demand(row) for row in _records(pd.read_parquet(world / "demands.parquet")))


def pair_matrix_of(
    history: History, effects: Mapping[int, Effects] | Effects, demand: NDArray[Any], product: NDArray[Any]
) -> NDArray[np.float32]:
    """Pair rows of logged pairs, with the effects known before each demand's month, or one set for all.

    The same functions make the rows of a request; see ``features.pairs``.
    """
    columns = history.catalog.columns
    sides = prepare_demands(history.profiles, history.demands, history.published_on, history.dealings)
    ids = list(columns["product_id"]), list(columns["institution_id"])
    if isinstance(effects, Effects):
        return pair_rows(sides, prepare_products({**columns, **effects.columns(*ids)}), demand, product)
    matrix: NDArray[np.float32] | None = None
    month = history.month[demand]
    for each in np.unique(month):
        rows = np.nonzero(month == each)[0]
        offered = prepare_products({**columns, **effects[int(each)].columns(*ids)})
        part = pair_rows(sides, offered, demand[rows], product[rows])
        if matrix is None:
            matrix = np.empty((len(demand), part.shape[1]), dtype=np.float32)
        matrix[rows] = part
    if matrix is None:
        raise ValueError("no pairs were given: the log of this world is empty in the months asked for")
    return matrix


def exposures_between(history: History, first: int, end: int) -> pd.DataFrame:
    """Items shown for demands of the months from ``first`` up to, not including, ``end``."""
    month = history.month[history.exposures["demand"].to_numpy()]
    shown: pd.DataFrame = history.exposures.loc[(month >= first) & (month < end)]
    return shown


def reviewed_between(history: History, first: int, end: int, known_until: date | None) -> pd.DataFrame:
    """Applications of those months that were reviewed, as known on a day (``None``: as known in the end).

    One never reviewed is censored, not refused, and not here.
    """
    month = history.month[history.applications["demand"].to_numpy()]
    rows: pd.DataFrame = history.applications.loc[
        (month >= first) & (month < end) & history.applications["approved"].notna()
    ]
    if known_until is not None:
        rows = rows.loc[rows["reviewed_on"] <= np.datetime64(known_until)]
    return rows


def _monthly_profiles(
    world: Path,
    uscc: NDArray[Any],
    published: NDArray[np.datetime64],
    month: NDArray[np.intp],
    progress: bool,
    earlier: History | None,
) -> dict[str, NDArray[Any]]:
    known = 0 if earlier is None else len(earlier.demand_ids)
    if earlier is not None and known == len(uscc):
        return dict(earlier.profiles)
    tables = SourceTables.from_directory(world / "sources")
    parts: list[pd.DataFrame] = []
    order: list[NDArray[np.intp]] = []
    with steps(progress, "profiles", int(month.max()) + 1) as step:
        for each in np.unique(month[known:]):
            rows = np.nonzero(month == each)[0]
            day = published[rows[0]].astype("datetime64[M]").astype("datetime64[D]").item()
            built = build_profiles(tables, day, enterprises=list(dict.fromkeys(uscc[rows])))
            parts.append(built.loc[uscc[rows]])
            order.append(rows)
            step()
    back = np.argsort(np.concatenate(order), kind="stable")
    joined = profile_columns(pd.concat(parts, ignore_index=True))
    if earlier is None:
        return {name: values[back] for name, values in joined.items()}
    return {name: np.concatenate([earlier.profiles[name], values[back]]) for name, values in joined.items()}


def _exposures(world: Path, demands: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    shown = pd.read_parquet(world / "exposures.parquet")
    shown = _with_rows(shown, demands, catalog).sort_values(["demand", "position"], ignore_index=True)
    before = shown.groupby("demand")["applied"].cumsum() - shown["applied"]
    shown["at_risk"] = before < MAX_APPLICATIONS
    return shown


def _applications(world: Path, demands: pd.DataFrame, catalog: Catalog, exposures: pd.DataFrame) -> pd.DataFrame:
    made = _with_rows(pd.read_parquet(world / "applications.parquet"), demands, catalog)
    shown = exposures.set_index(["demand", "product"])["propensity"]
    made["propensity"] = shown.reindex(pd.MultiIndex.from_frame(made[["demand", "product"]])).to_numpy()
    return made


def _with_rows(frame: pd.DataFrame, demands: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    row_of = pd.Series(np.arange(len(demands)), index=demands["demand_id"].to_numpy())
    frame["demand"] = row_of.loc[frame["demand_id"].to_numpy()].to_numpy()
    frame["product"] = frame["product_id"].map(catalog.row_of).to_numpy()
    for name in frame.columns:
        if name.endswith("_on"):
            frame[name] = pd.to_datetime(frame[name])
    return frame


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _demand(row: Mapping[str, Any]) -> Demand:
    rate, needed = row["max_annual_rate"], row["needed_by"]
    return Demand(
        uscc=row["uscc"],
        amount_cny=Decimal(str(row["amount_cny"])),
        term_months=int(row["term_months"]),
        purpose=Purpose(row["purpose"]),
        kinds=tuple(Kind(kind) for kind in row["kinds"]),
        max_annual_rate=None if pd.isna(rate) else Decimal(str(rate)),
        collateral=tuple(
            Collateral(kind=CollateralKind(item["kind"]), appraised_value_cny=_money(item["appraised_value_cny"]))
            for item in row["collateral"]
        ),
        repayment=Repayment(row["repayment"]),
        needed_by=None if pd.isna(needed) else pd.Timestamp(needed).date(),
        demand_id=row["demand_id"],
    )


def _money(value: float | None) -> Decimal | None:
    return None if value is None or np.isnan(value) else Decimal(str(value))
