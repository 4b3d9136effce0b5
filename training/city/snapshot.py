"""What the platform itself knows of every enterprise on the first day of a month, with size class and rating."""

from datetime import date

import numpy as np
import numpy.typing as npt

from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from matcher.policy.size import size_classes
from training.city.enterprises import Enterprises, Floats

Columns = dict[str, npt.NDArray[np.generic]]


def snapshot(tables: SourceTables, day: date, enterprises: Enterprises) -> Columns:
    """Profile columns of all enterprises, in their order."""
    frame = build_profiles(tables, day).reindex(enterprises.uscc)
    columns: Columns = dict(profile_columns(frame))
    columns["size_class"] = _size(columns)
    columns["platform_rating"] = _rating(columns)
    return columns


def _size(columns: Columns) -> npt.NDArray[np.object_]:
    def first(*names: str) -> Floats:
        value = columns[names[0]].astype(float)
        for name in names[1:]:
            value = np.where(np.isnan(value), columns[name].astype(float), value)
        return value

    return size_classes(
        columns["industry_code"].astype(object),
        first("headcount", "employees_reported"),
        first("revenue_annual_cny", "taxed_sales_12m_cny", "sales_12m_cny"),
        columns["assets_total_cny"].astype(float),
    )


def _rating(columns: Columns) -> npt.NDArray[np.object_]:
    def known(name: str) -> Floats:
        return np.asarray(np.nan_to_num(columns[name].astype(float)))

    points = (
        0.3 * np.log1p(np.maximum(known("sales_12m_cny"), 0) / 1e5)
        - 0.02 * known("overdue_days_max_12m")
        - 2.0 * known("void_share_12m")
        - 0.5 * known("leverage")
        - 0.15 * known("credit_inquiries_3m")
    )
    edges = np.quantile(points, [0.10, 0.32, 0.70, 0.92])
    letters = np.array([*"EDCBA", None], dtype=object)
    unknown = np.isnan(columns["sales_12m_cny"].astype(float))
    return np.asarray(letters[np.where(unknown, 5, np.digitize(points, edges))])
