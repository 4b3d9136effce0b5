"""The products listed, at the demand's own terms: what the law grants, what each costs after that, and its line."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.catalog import Catalog
from matcher.domain import Benefit, Cost, Product
from matcher.eligibility import VERDICTS, Verdicts
from matcher.explain import Account, versus_next
from matcher.policy import Rulebook
from matcher.policy.benefits import Borrower, borrower_of, offer_benefits
from matcher.pricing import price_offer
from matcher.recommendation import Item, Question


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One listed product: what the law grants this enterprise there, and what it costs after that.

    Parameters
    ----------
    row
        Of the product in the catalogue.
    """

    row: int
    product: Product
    benefits: tuple[Benefit, ...]
    cost: Cost


def offers_of(
    catalog: Catalog,
    rulebook: Rulebook,
    question: Question,
    profile: Mapping[str, float | str | None],
    rows: NDArray[np.intp],
) -> tuple[Offer, ...]:
    """Benefits and exact cost of the products in these rows, in their order.

    Parameters
    ----------
    profile
        With ``size_class`` beside its columns: benefits depend on it.
    """
    borrower = borrower_of(profile)
    return tuple(_offer(catalog, rulebook, question, borrower, row) for row in rows.tolist())


def items_of(verdicts: Verdicts, offers: tuple[Offer, ...], explained: tuple[Account, ...]) -> tuple[Item, ...]:
    """The lines of a list by declared terms; who scores the products replaces score and chances."""
    above = versus_next(explained)
    return tuple(
        Item(
            rank=place + 1,
            product=offer.product,
            product_index=offer.row,
            score=account.score,
            p_apply=None,
            p_approve=None,
            queue_price=0.0,
            still_needed=None,
            explored=False,
            propensity=1.0,
            verdict=VERDICTS[int(verdicts.verdict[offer.row])],
            checks=verdicts.checks(offer.row),
            cost=offer.cost,
            benefits=offer.benefits,
            reason_base=account.base,
            reasons=account.reasons,
            versus_next=above[place],
        )
        for place, (offer, account) in enumerate(zip(offers, explained, strict=True))
    )


def _offer(catalog: Catalog, rulebook: Rulebook, question: Question, borrower: Borrower, row: int) -> Offer:
    product = catalog.products[row]
    institution = catalog.institutions[product.institution_id]
    benefits = offer_benefits(borrower, question.demand, product, institution, question.as_of, rulebook)
    cost = price_offer(product, question.demand, question.as_of, benefits=benefits)
    return Offer(row=row, product=product, benefits=benefits, cost=cost)
