"""What the platform itself knows of every enterprise on the first day of a month, with size class and rating."""

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.profile import build_profiles, profile_columns
from features.sources import SourceTables
from matcher.policy.size import size_classes
from matcher.ranker import champion_directory
from matcher.rating import RatingModel
from training.city.enterprises import Enterprises, Floats

Columns = dict[str, npt.NDArray[np.generic]]


RATINGS = Path(__file__).parents[2] / "models" / "rating"
"""Where the rating in service is, the one the platform shows."""


def rating_in_service() -> RatingModel:
    """The rating that ``models/rating/champion.json`` names."""
    return RatingModel.load(champion_directory(RATINGS))


def snapshot(tables: SourceTables, day: date, enterprises: Enterprises, rating: RatingModel) -> Columns:
    """Profile columns of all enterprises, in their order."""
    frame = build_profiles(tables, day).reindex(enterprises.uscc)
    columns: Columns = dict(profile_columns(frame))
    columns["size_class"] = _size(columns)
    columns["platform_rating"] = rating.rate_many(columns)
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
