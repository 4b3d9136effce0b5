"""How an enterprise that has looked at an offer decides to apply: cost, fit, speed, security, place, habit.

The chance is P(apply | seen); whether an offer is seen is the examination curve's affair.
"""

import numpy as np
import numpy.typing as npt

from training.city.catalogue import Marketplace
from training.city.demands import COLLATERAL, PURPOSES, Demands
from training.city.enterprises import Enterprises, Floats, Ints
from training.city.institutions import Institutions
from training.city.parameters import World
from training.city.ties import Ties, is_main

MEAN_APPLY = 0.22
"""Aimed mean of P(apply | seen) over admitted pairs."""


def apply_logits(
    world: World,
    enterprises: Enterprises,
    institutions: Institutions,
    ties: Ties,
    marketplace: Marketplace,
    demands: Demands,
    rows: Ints,
    intercept: float = 0.0,
) -> npt.NDArray[np.float64]:
    """(demands, products): logits of applying once seen."""
    who = demands.enterprise[rows]
    bank = marketplace.institution
    logit = (
        intercept
        + marketplace.strength[None, :]
        + world.rate * demands.thrift[rows][:, None] * _bargain(marketplace)[None, :]
        + _speed(world, marketplace, demands, rows)
        + _fit(marketplace, demands, rows)
        + _hassle(marketplace, demands, rows)
    )
    by_bank = (
        world.nearness * institutions.branch[:, enterprises.division[who]].T
        + world.loyalty * is_main(ties, who, len(institutions))
        + world.relationship_apply * ties.relationship[who]
    )
    return np.asarray(logit + by_bank[:, bank])


def _bargain(marketplace: Marketplace) -> Floats:
    """How many points a product is cheaper than the mean of its kind."""
    kinds = np.array([str(p["kind"]) for p in marketplace.products])
    mean = np.zeros(len(marketplace))
    for kind in set(kinds):
        mean[kinds == kind] = marketplace.cost[kinds == kind].mean()
    return np.asarray(np.clip((mean - marketplace.cost) * 100, -4, 3))


def _speed(world: World, marketplace: Marketplace, demands: Demands, rows: Ints) -> Floats:
    urgency = np.where(np.isnan(demands.needed_in_days[rows]), 0.6, 1.3) * demands.haste[rows]
    return np.asarray(-world.speed * urgency[:, None] * (np.log1p(marketplace.days) - 1.8)[None, :])


def _fit(marketplace: Marketplace, demands: Demands, rows: Ints) -> Floats:
    amount = demands.amount_cny[rows][:, None]
    middle = np.sqrt(marketplace.amount_low * marketplace.amount_high)[None, :]
    off = np.abs(np.log(amount / middle))
    purpose = np.stack([marketplace.listed(p, "purposes") for p in PURPOSES])[demands.purpose[rows]]
    spare = np.log(marketplace.term_high[None, :] / np.maximum(demands.term_months[rows][:, None], 1))
    return np.asarray(-0.7 * off + 0.6 * purpose - 0.15 * np.maximum(spare - 0.7, 0))


def _hassle(marketplace: Marketplace, demands: Demands, rows: Ints) -> Floats:
    """Security costs effort, less where the enterprise came to offer just that."""
    accepts = np.stack([marketplace.listed(kind, "collateral_kinds") for kind in COLLATERAL])
    secured = np.atleast_1d(accepts.any(axis=0))[None, :]
    has = demands.offered[rows].astype(float) @ accepts.astype(float) > 0
    offers_any = np.atleast_1d(demands.offered[rows].any(axis=1))[:, None]
    return np.asarray(np.where(secured, np.where(has, 0.5, -1.2), np.where(offers_any, -0.15, 0.15)))


def settle_intercept(logit: Floats, admitted: npt.NDArray[np.bool_]) -> float:
    """The intercept that makes the mean chance over admitted pairs ``MEAN_APPLY``."""
    low, high = -8.0, 8.0
    values = logit[admitted]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if float(np.mean(1 / (1 + np.exp(-(values + middle))))) < MEAN_APPLY else (low, middle)
        )
    return (low + high) / 2
