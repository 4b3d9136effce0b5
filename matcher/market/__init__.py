"""The market: officers' capacity → prices of a review → lists for enterprises, leads for institutions.

``plan`` makes everybody's lists at once and the prices with them; ``serve`` answers one demand in between.
Nothing here changes a probability, eligibility or a term: only what stands where.
"""

from matcher.market.capacity import ReviewCapacity, ReviewMonth, review_capacities
from matcher.market.files import Files
from matcher.market.inputs import (
    CapacityError,
    ExaminationError,
    MarketInputError,
    ProbabilityError,
    ShapeError,
)
from matcher.market.leads import LeadRow
from matcher.market.planner import Plan, plan, plan_blocks
from matcher.market.prices import Examination, PriceTable, PriceTableError, ReviewQueue
from matcher.market.serving import ServedList, serve

__all__ = [
    "CapacityError",
    "Examination",
    "ExaminationError",
    "Files",
    "LeadRow",
    "MarketInputError",
    "Plan",
    "PriceTable",
    "PriceTableError",
    "ProbabilityError",
    "ReviewCapacity",
    "ReviewMonth",
    "ReviewQueue",
    "ServedList",
    "ShapeError",
    "plan",
    "plan_blocks",
    "review_capacities",
    "serve",
]
