"""The city's footprint plan, and the columns it reads from what the platform records."""

import numpy as np
import pandas as pd

from features.footprint import Plan, Term

CITY = Plan(
    half_life=180.0,
    terms=(
        Term(name="institution", kind="share", columns=(), strength=50.0),
        Term(name="city", kind="share", columns=("city",), parent="institution"),
        Term(name="district", kind="share", columns=("district",), parent="city"),
        Term(name="district_section", kind="share", columns=("district", "section"), parent="district"),
        Term(name="section", kind="ratio", columns=("section",)),
        Term(name="division", kind="ratio", columns=("division",), parent="section"),
        Term(name="industry", kind="ratio", columns=("industry",), parent="division"),
        Term(name="size", kind="ratio", columns=("size_class",)),
        Term(name="band", kind="ratio", columns=("band",)),
        Term(name="usual_amount", kind="distance", columns=("amount",)),
        Term(name="trend", kind="share", columns=(), parent="institution", half_life=0.25, weight=0.0),
        Term(name="steady", kind="share", columns=(), evened=("day",), weight=0.0),
    ),
)
"""One market; places by division code, industries by GB/T 4754 prefix; columns by :func:`city_columns`."""


def city_columns(demands: pd.DataFrame) -> pd.DataFrame:
    """The columns :data:`CITY` reads, from those the platform has.

    Parameters
    ----------
    demands
        ``division_code`` (GB/T 2260, six digits), ``industry_code`` (GB/T 4754 with its letter), ``size_class``,
        ``amount_cny``; null is unknown.

    Returns
    -------
    pd.DataFrame
        Same index; ``band`` is the power of two nearest to the amount in yuan.
    """
    place, industry = demands["division_code"], demands["industry_code"]
    amount = demands["amount_cny"].astype(float)
    return pd.DataFrame(
        {
            "city": place.str[:4],
            "district": place.str[:6],
            "section": industry.str[:1],
            "division": industry.str[:3].where(industry.str.len() >= 3),
            "industry": industry.where(industry.str.len() >= 4),
            "size_class": demands["size_class"],
            "band": np.log2(amount.where(amount > 0)).round(),
            "amount": amount.where(amount > 0),
        },
        index=demands.index,
    )
