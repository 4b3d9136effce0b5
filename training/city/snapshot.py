"""What the platform itself knows of every enterprise on the first day of a month, with size class and rating."""

from datetime import date

import numpy as np
import numpy.typing as npt

from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from training.city.enterprises import SIZES, Enterprises
from training.city.state import Floats

Columns = dict[str, npt.NDArray[np.generic]]


def snapshot(tables: SourceTables, day: date, enterprises: Enterprises) -> Columns:
    """Profile columns of all enterprises, in their order."""
    frame = build_profiles(tables, day, enterprises=list(enterprises.uscc)).reindex(enterprises.uscc)
    columns: Columns = dict(profile_columns(frame))
    columns["size_class"] = _size(columns, enterprises)
    columns["platform_rating"] = _rating(columns)
    return columns


def _size(columns: Columns, enterprises: Enterprises) -> npt.NDArray[np.object_]:
    known = ~np.isnan(columns["revenue_annual_cny"].astype(float)) | ~np.isnan(columns["sales_12m_cny"].astype(float))
    return np.where(known, np.array(SIZES, dtype=object)[enterprises.size], None)


def _rating(columns: Columns) -> npt.NDArray[np.object_]:
    def known(name: str) -> Floats:
        return np.nan_to_num(columns[name].astype(float))

    points = (
        0.3 * np.log1p(np.maximum(known("sales_12m_cny"), 0) / 1e5)
        - 0.02 * known("overdue_days_max_12m")
        - 2.0 * known("void_share_12m")
        - 0.5 * known("leverage")
        - 0.15 * known("credit_inquiries_3m")
    )
    edges = np.quantile(points, [0.10, 0.32, 0.70, 0.92])
    letters = np.array(list("EDCBA"), dtype=object)[np.digitize(points, edges)]
    return np.where(np.isnan(columns["sales_12m_cny"].astype(float)), None, letters)
