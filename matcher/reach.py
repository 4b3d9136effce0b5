"""Which institutions a demand can be offered to, each by the product of it that suits best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.catalog import Catalog
from matcher.domain import Verdict
from matcher.ranker import Scores

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """One institution a demand can be offered to, by its best product.

    Parameters
    ----------
    p_apply, p_approve, score
        The score is ``p_apply · (p_approve − queue price)``: what the product is worth at the head of a list; all
        three are ``None`` where the demand is not to be personalised.
    verdict
        ``pass``; ``unknown`` where no product of the whole catalogue passes every rule.
    """

    institution_id: str
    product_id: str
    p_apply: float | None
    p_approve: float | None
    score: float | None
    verdict: Verdict


def best_of_each(
    catalog: Catalog, rows: NDArray[np.intp], scores: Scores, price: Floats, verdict: Verdict
) -> tuple[Reach, ...]:
    """The best product of each institution among some rows of the catalogue, best institution first.

    Parameters
    ----------
    scores, price
        Probabilities, and the price of a review at its institution, of each row.
    """
    worth = scores.p_apply * (scores.p_approve - price)
    found: dict[str, Reach] = {}
    for place in np.lexsort((rows, -worth)).tolist():
        product = catalog.products[int(rows[place])]
        reach = Reach(
            institution_id=product.institution_id,
            product_id=product.product_id,
            p_apply=float(scores.p_apply[place]),
            p_approve=float(scores.p_approve[place]),
            score=float(worth[place]),
            verdict=verdict,
        )
        found.setdefault(product.institution_id, reach)
    return tuple(found.values())


def first_of_each(catalog: Catalog, rows: NDArray[np.intp], declared: Floats, verdict: Verdict) -> tuple[Reach, ...]:
    """The product with the best declared terms of each institution, best institution first; nothing is predicted.

    Parameters
    ----------
    declared
        What each row's declared terms are worth, the more the better.
    """
    found: dict[str, Reach] = {}
    for place in np.lexsort((rows, -declared)).tolist():
        product = catalog.products[int(rows[place])]
        reach = Reach(
            institution_id=product.institution_id,
            product_id=product.product_id,
            p_apply=None,
            p_approve=None,
            score=None,
            verdict=verdict,
        )
        found.setdefault(product.institution_id, reach)
    return tuple(found.values())
