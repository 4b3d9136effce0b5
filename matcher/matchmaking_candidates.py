"""Who could meet whom: for every enterprise behind open demands, the best eligible product of each institution."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from matcher.domain import Demand, Kind
from matcher.eligibility import PASS, UNKNOWN
from matcher.matching import Matcher
from matcher.standing import Row

_SCORED_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Possible meetings; rows are enterprises, columns institutions.

    Parameters
    ----------
    chance
        ``p_apply × p_approve`` of the best admitted product there, 0 where none is admitted.
    demand, product
        Place of the demand among those given and row of the product in the catalogue; −1 where none is admitted.
    unsettled
        Shape (enterprises,): whether a product would be admitted if data not known were good.
    """

    enterprises: tuple[str, ...]
    institutions: tuple[str, ...]
    chance: NDArray[np.float64]
    demand: NDArray[np.int64]
    product: NDArray[np.int64]
    unsettled: NDArray[np.bool_]


def find_candidates(
    matcher: Matcher,
    profiles: Sequence[Row],
    demands: Sequence[Demand],
    as_of: date,
    *,
    institutions: Collection[str] | None = None,
    kinds: Collection[Kind] | None = None,
    include_unknown: bool = False,
) -> Candidates:
    """Score what is admitted.

    Parameters
    ----------
    profiles
        One per demand, as the platform may read it.
    institutions, kinds
        Only these; all if ``None``.
    include_unknown
        Whether a product counts as admitted while a datum is unknown.
    """
    names = tuple(name for name in matcher.catalog.institutions if institutions is None or name in institutions)
    codes = tuple(dict.fromkeys(demand.uscc for demand in demands))
    shape = (len(codes), len(names))
    chance, found_demand, found_product = np.zeros(shape), np.full(shape, -1), np.full(shape, -1)
    unsettled = np.zeros(len(codes), dtype=bool)
    wanted, column = _columns(matcher, names, kinds)
    row_of = {code: row for row, code in enumerate(codes)}
    for first in range(0, len(demands), _SCORED_AT_ONCE):
        rows, asked = profiles[first : first + _SCORED_AT_ONCE], demands[first : first + _SCORED_AT_ONCE]
        verdicts = np.where(wanted, matcher.judge_many(rows, asked, as_of), 0)
        enterprise = np.array([row_of[demand.uscc] for demand in asked], dtype=np.int64)
        unsettled[enterprise[(verdicts == UNKNOWN).any(axis=1)]] = True
        demand_row, product_row = np.nonzero(verdicts >= (UNKNOWN if include_unknown else PASS))
        if not len(demand_row):
            continue
        scores = matcher.score_many(rows, asked, as_of, demand_row, product_row)
        value = np.asarray(scores.p_apply * scores.p_approve, dtype=np.float64)
        order = np.lexsort(
            (-product_row, -demand_row, value)
        )  # the last assignment stands: the greatest, then the first
        place = (enterprise[demand_row[order]], column[product_row[order]])
        best = np.zeros(shape)
        best[place] = value[order]
        demand_at, product_at = np.full(shape, -1), np.full(shape, -1)
        demand_at[place], product_at[place] = first + demand_row[order], product_row[order]
        better = best > chance
        chance = np.where(better, best, chance)
        found_demand, found_product = (
            np.where(better, demand_at, found_demand),
            np.where(better, product_at, found_product),
        )
    return Candidates(
        enterprises=codes,
        institutions=names,
        chance=np.minimum(chance, 1.0),
        demand=found_demand,
        product=found_product,
        unsettled=unsettled,
    )


def _columns(
    matcher: Matcher, names: Sequence[str], kinds: Collection[Kind] | None
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which products count, and the column of each one's institution."""
    place = {name: index for index, name in enumerate(names)}
    products = matcher.catalog.products
    wanted = [one.institution_id in place and (kinds is None or one.kind in kinds) for one in products]
    column = [place.get(one.institution_id, -1) for one in products]
    return np.array(wanted, dtype=bool), np.array(column, dtype=np.int64)
