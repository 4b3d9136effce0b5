"""How institutions decide: rule tables of their own, appetites that drift, what they sense of quality, and ties.

An institution reads the papers by steps of a table, not by a smooth curve; weights of the steps, appetites for an
industry, a place and a size, and caps nobody publishes are its own. The chance of approval is P(approve | reviewed).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.city.catalogue import Marketplace
from training.city.demands import COLLATERAL, Demands
from training.city.enterprises import DIVISIONS, Enterprises, Floats, Ints
from training.city.families import FAMILIES
from training.city.institutions import Institutions
from training.city.parameters import DEMAND_MONTH_0, RECORD_MONTHS, World, stream
from training.city.ties import Ties

SECTIONS = "ABCDEFGHIKLMOR"
FACTORS = (
    "size_of_loan",
    "leverage",
    "credit_history",
    "inquiries",
    "tax_grade",
    "age",
    "growth",
    "legal_cases",
    "steadiness",
    "debt",
    "paperwork",
)
"""What a table reads; also the reason codes of a refusal, beside ``collateral``, ``appetite`` and ``judgement``."""
SELECTION = 0.07
"""How much lower approval comes out among the files sent and reviewed than over all admitted pairs, measured."""
REASONS = (*FACTORS, "collateral", "appetite", "judgement")


@dataclass(frozen=True, kw_only=True)
class Lending:
    """Hidden habits of the institutions.

    ``weights`` is (institutions, factors); ``industry`` is (months, institutions, sections), ``place`` (institutions,
    divisions), ``size`` (institutions, 3); ``ceiling_cny`` is an amount above which an institution dislikes to lend;
    ``intercept`` is per family and set once so that approvals meet the aimed shares.
    """

    weights: Floats
    industry: Floats
    place: Floats
    size: Floats
    ceiling_cny: Floats
    senses: Floats
    intercept: Floats


def set_habits(world: World, institutions: Institutions, seed: int) -> Lending:
    """Draw the institutions' habits; those of one kind resemble each other."""
    rng = stream(seed, 14)
    banks, kinds = len(institutions), institutions.kind
    shape = (banks, len(SECTIONS))
    weights = np.exp(rng.normal(0, 0.25, (7, len(FACTORS)))[kinds] + rng.normal(0, 0.17, (banks, len(FACTORS))))
    start = 0.8 * rng.normal(0, 1, (7, len(SECTIONS)))[kinds] + 0.6 * rng.normal(0, 1, shape)
    steps = rng.normal(0, 1, (RECORD_MONTHS, *shape)) * world.drift
    steps[:DEMAND_MONTH_0] = 0
    if world.break_month:
        redrawn = rng.random(shape) < 0.5
        steps[DEMAND_MONTH_0 + world.break_month - 1] += redrawn * world.appetite * rng.normal(0, 1.2, shape)
    place = 0.5 * rng.normal(0, 1, (banks, len(DIVISIONS)))
    place += np.where(np.arange(len(DIVISIONS))[None, :] == institutions.home[:, None], 0.6, 0.0)
    small_lender = np.array([-0.3, 0.0, 0.1, 0.45, 0.1, 0.0, 0.0])[kinds]
    size = np.stack([small_lender, 0.15 + 0 * small_lender, -small_lender], axis=1) + rng.normal(0, 0.2, (banks, 3))
    return Lending(
        weights=world.table * weights,
        industry=world.appetite * start[None] + np.cumsum(steps, axis=0),
        place=world.appetite * place,
        size=size,
        ceiling_cny=np.exp(rng.normal(np.log(4e6), 0.6, banks)),
        senses=world.quality * np.exp(rng.normal(0, 0.2, banks)),
        intercept=np.zeros(len(FAMILIES)),
    )


def table_points(state: dict[str, Floats], who: Ints, amount_cny: Floats) -> Floats:
    """(demands, factors): points of the steps every table shares before an institution weighs them."""
    s = {name: values[who] for name, values in state.items()}
    share = amount_cny / s["turnover"]
    return np.stack(
        [
            _step(share, (0.08, 0.18, 0.35, 0.6), (0.7, 0.35, 0.0, -0.55, -1.1)),
            _step(s["leverage"], (0.45, 0.6, 0.75), (0.55, 0.2, -0.25, -1.0)),
            _step(s["overdue_days"], (0.5, 30, 60), (0.25, -0.6, -1.2, -2.0)),
            _step(s["inquiries"], (1.5, 3.5, 6.5), (0.25, 0.05, -0.3, -0.9)),
            _step(s["grade"], (0.5, 1.5, 2.5, 3.5), (0.6, 0.25, -0.05, -0.7, -1.2)),
            _step(s["age_months"], (18, 36, 84), (-0.6, -0.2, 0.1, 0.35)),
            _step(s["growth"], (-0.25, -0.08, 0.1), (-0.6, -0.15, 0.1, 0.35)),
            _step(s["cases"], (0.4, 1.4, 2.9), (0.15, -0.15, -0.7, -1.3)),
            _step(s["volatility"], (0.2, 0.35, 0.55), (0.3, 0.1, -0.15, -0.45)),
            _step(s["debt_share"], (0.01, 0.25, 0.6), (0.05, 0.2, -0.15, -0.7)),
            -0.11 * s["missing"] + 0.15,
        ],
        axis=1,
    )


def _step(values: Floats, edges: tuple[float, ...], points: tuple[float, ...]) -> Floats:
    return np.array(points)[np.digitize(values, edges)]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Logits of approval (demands, products), and the shares a refusal is explained from."""

    logit: npt.NDArray[np.float64]
    points: Floats
    cover: npt.NDArray[np.float64]
    appetite: npt.NDArray[np.float64]

    @property
    def chance(self) -> npt.NDArray[np.float64]:
        """P(approve | reviewed), (demands, products)."""
        return np.asarray(1 / (1 + np.exp(-self.logit)))

    def reason(self, lending: Lending, d: int, product: int, bank: int) -> str:
        """The share that hurt most."""
        shares = [*(self.points[d] * lending.weights[bank]), self.cover[d, product], self.appetite[d, bank], -0.25]
        return REASONS[int(np.argmin(shares))]


def judge_files(
    world: World,
    lending: Lending,
    enterprises: Enterprises,
    ties: Ties,
    marketplace: Marketplace,
    demands: Demands,
    rows: Ints,
    state: dict[str, Floats],
    month: int,
) -> Judgement:
    """Logits of approval of some demands of one month for every product."""
    who = demands.enterprise[rows]
    amount = demands.amount_cny[rows]
    points = table_points(state, who, amount)
    section = np.array([SECTIONS.index(s) for s in enterprises.section])[who]
    appetite = (
        lending.industry[month][:, section].T
        + lending.place[:, enterprises.division[who]].T
        + lending.size[:, enterprises.size[who]].T
        - 0.7 * np.maximum(np.log(amount[:, None] / lending.ceiling_cny[None, :]), 0)
    )
    by_bank = (
        points @ lending.weights.T
        + appetite
        + state["quality"][who][:, None] * lending.senses[None, :]
        + world.relationship_approve * ties.relationship[who]
    )
    cover = cover_points(marketplace, demands, rows)
    prior = state["prior_loan"][who][:, None] * np.where(marketplace.listed("first_loan", "tags"), 0.0, 0.25)[None, :]
    high = -0.5 * np.maximum(np.log(amount[:, None] / (0.6 * marketplace.amount_high[None, :])), 0)
    drift = world.shift + world.monthly_shift * (month - DEMAND_MONTH_0)
    intercept = lending.intercept[marketplace.family][None, :]
    return Judgement(
        logit=by_bank[:, marketplace.institution] + cover + prior + high + intercept + drift,
        points=points,
        cover=cover,
        appetite=appetite,
    )


def cover_points(marketplace: Marketplace, demands: Demands, rows: Ints) -> Floats:
    """(demands, products): points for the collateral a product accepts; 0 where it needs none."""
    accepts = np.stack([marketplace.listed(kind, "collateral_kinds") for kind in COLLATERAL]).astype(float)
    amount = demands.amount_cny[rows][:, None]
    value = np.where(np.isnan(demands.appraised_cny[rows]), 0.7 * amount, demands.appraised_cny[rows])
    cover = value @ accepts / amount
    points = _step(cover, (0.5, 1.2, 1.6, 2.2), (-1.2, -0.4, 0.1, 0.4, 0.7))
    return np.asarray(np.where(np.atleast_1d(accepts.any(axis=0))[None, :], points, 0.0))


def meet_targets(lending: Lending, marketplace: Marketplace, logit: Floats, weight: Floats) -> Lending:
    """The same habits with each family's intercept set so that the weighted mean approval meets its aimed share."""
    intercept = lending.intercept.copy()
    for k, family in enumerate(FAMILIES):
        columns = marketplace.family == k
        x, w = logit[:, columns].ravel(), weight[:, columns].ravel()
        if w.sum() > 0:
            intercept[k] += _solve(x[w > 0], w[w > 0], sum(family.approval) / 2 + SELECTION)
    return replace(lending, intercept=intercept)


def _solve(logit: Floats, weight: Floats, target: float) -> float:
    low, high = -12.0, 12.0
    for _ in range(40):
        middle = (low + high) / 2
        share = float(np.average(1 / (1 + np.exp(-(logit + middle))), weights=weight))
        low, high = (middle, high) if share < target else (low, middle)
    return (low + high) / 2
