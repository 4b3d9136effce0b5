"""Puts the off-policy estimates to the test in a simulated world: against the truth, again and again, and at chance.

A replication draws held-out demands with replacement, shows each a list by popularity in place with the city's own
randomisation, and lets it apply with the true chances. The estimates see the log alone; how often their 95 % intervals
hold the true value of the challenger's lists is their coverage. The negative controls end where they must: outcomes
dealt out anew favour nobody, and lists drawn evenly are worth what they are worth.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.ranker import Ranker
from training import off_policy
from training.baselines import popularity_in_place
from training.city.listing import draw_lists
from training.dataset import HELD_OUT_MONTHS, MAX_APPLICATIONS, History, exposures_between
from training.evaluate import HeldOut, true_examination
from training.off_policy import Estimate, Logged, Policy
from training.progress import steps

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

POSITIONS = 10
REPLICATIONS = 50


@dataclass(frozen=True, kw_only=True)
class Market:
    """The held-out pairs as tables (demands, products); NaN where a product is not admitted.

    Parameters
    ----------
    demand
        Rows of the demands in the history.
    apply, approve
        What the challenger says.
    true_apply
        What is so.
    popularity
        What the logging lists are ordered by in replications.
    seen, true_seen
        Chance that each position is looked at: as the challenger has estimated it, and as it is.
    """

    demand: Rows
    apply: Floats
    approve: Floats
    true_apply: Floats
    popularity: Floats
    seen: Floats
    true_seen: Floats

    @property
    def admitted(self) -> NDArray[np.bool_]:
        """Pairs the published rules admit."""
        return ~np.isnan(self.apply)


def market_of(history: History, world: Path, ranker: Ranker, pairs: HeldOut) -> Market:
    """The held-out months of a world as one table."""
    demand, row = np.unique(pairs.demand, return_inverse=True)

    def table(values: Floats) -> Floats:
        filled = np.full((len(demand), len(history.catalog)), np.nan)
        filled[row, pairs.product] = values
        return filled

    curve = np.asarray(ranker.manifest["examination"], dtype=np.float64)
    return Market(
        demand=demand,
        apply=table(pairs.said_p),
        approve=table(pairs.said_q),
        true_apply=table(pairs.true_p),
        popularity=table(popularity_in_place(history, pairs.demand, pairs.product)),
        seen=curve[:POSITIONS],
        true_seen=true_examination(world)[:POSITIONS],
    )


def best_first(score: Floats) -> Rows:
    """Lists (demands, positions) of the highest scores, -1 past the last admitted product."""
    filled = np.where(np.isnan(score), -np.inf, score)
    order = np.argsort(-filled, axis=1, kind="stable")[:, :POSITIONS]
    return np.where(np.arange(order.shape[1])[None, :] < _length(score)[:, None], order, -1)


def true_value(market: Market, lists: Rows) -> Floats:
    """Applications a demand makes at each position of these lists, on average, were there no limit to them."""
    return np.asarray((_at(market.true_apply, lists) * market.true_seen[None, : lists.shape[1]]).mean(axis=0))


def policy_of(market: Market, lists: Rows, logged_product: Rows) -> Policy:
    """Lists without chance, seen from logged ones."""
    seen = market.seen[None, : lists.shape[1]]
    return Policy(
        shows=((lists == logged_product) & (lists >= 0)).astype(np.float64),
        length=(lists >= 0).sum(axis=1),
        expected=_at(market.apply, lists) * seen,
        expected_logged=_at(market.apply, logged_product) * seen,
    )


def even_policy(market: Market, logged_product: Rows) -> Policy:
    """Lists drawn evenly from what is admitted, seen from logged ones."""
    seen = market.seen[None, : logged_product.shape[1]]
    admitted = market.admitted.sum(axis=1)
    exists = np.arange(logged_product.shape[1])[None, :] < np.minimum(admitted, POSITIONS)[:, None]
    mean = np.nanmean(market.apply, axis=1)[:, None]
    return Policy(
        shows=np.where(logged_product >= 0, 1.0 / admitted[:, None], 0.0),
        length=exists.sum(axis=1),
        expected=np.where(exists, mean * seen, 0.0),
        expected_logged=_at(market.apply, logged_product) * seen,
    )


def even_value(market: Market) -> Floats:
    """True value of lists drawn evenly, at each position."""
    exists = np.arange(POSITIONS)[None, :] < market.admitted.sum(axis=1)[:, None]
    return np.asarray(
        (exists * np.nanmean(market.true_apply, axis=1)[:, None] * market.true_seen[None, :]).mean(axis=0)
    )


def logged_lists(history: History, market: Market) -> tuple[Rows, Logged]:
    """The lists that were shown to the held-out demands, as logged."""
    shown = exposures_between(history, history.months - HELD_OUT_MONTHS, history.months)
    shown = shown[shown["position"].le(POSITIONS) & np.isin(shown["demand"].to_numpy(), market.demand)]
    at = np.searchsorted(market.demand, shown["demand"].to_numpy()), shown["position"].to_numpy() - 1
    product = np.full((len(market.demand), POSITIONS), -1, dtype=np.intp)
    propensity, outcome = np.zeros(product.shape), np.zeros(product.shape)
    free = np.zeros(product.shape, dtype=bool)
    product[at], propensity[at] = shown["product"].to_numpy(), shown["propensity"].to_numpy()
    outcome[at], free[at] = shown["applied"].to_numpy(), shown["at_risk"].to_numpy()
    return product, _logged(market, product, propensity, outcome, free)


def estimates(market: Market, history: History, rng: np.random.Generator) -> dict[str, Any]:
    """The challenger's lists on the real log of the held-out months, beside the truth and the negative controls."""
    product, logged = logged_lists(history, market)
    lists = best_first(market.apply * market.approve)
    policy, brought = policy_of(market, lists, product), off_policy.together(off_policy.as_logged(logged))
    by_position = {"snips": off_policy.snips(logged, policy), "dr": off_policy.doubly_robust(logged, policy)}
    truth = true_value(market, lists)
    dealt = rng.permuted(logged.outcome, axis=0)
    chance = Logged(
        propensity=logged.propensity, outcome=dealt, free=logged.free, free_chance=np.ones_like(logged.free_chance)
    )
    even = even_policy(market, product)
    return {
        "demands": len(market.demand),
        "matched_lines": int((policy.shows * (logged.propensity > 0)).sum()),
        "true": float(truth.sum()),
        "logged": brought.to_json(),
        "challenger": {name: off_policy.together(each).to_json() for name, each in by_position.items()},
        "gain_over_logged": {
            name: off_policy.together(each).minus(brought).to_json() for name, each in by_position.items()
        },
        "positions": [
            {"position": place + 1, "true": float(truth[place])}
            | {name: each[place].to_json() for name, each in by_position.items()}
            for place in range(POSITIONS)
        ],
        "controls": {
            "dealt_anew": off_policy.together(off_policy.snips(chance, policy))
            .minus(off_policy.together(off_policy.as_logged(chance)))
            .to_json(),
            "even_lists": {
                "true": float(even_value(market).sum()),
                "snips": off_policy.together(off_policy.snips(logged, even)).to_json(),
                "dr": off_policy.together(off_policy.doubly_robust(logged, even)).to_json(),
            },
        },
    }


def coverage(
    market: Market, *, replications: int = REPLICATIONS, seed: int = 0, progress: bool = False
) -> dict[str, Any]:
    """How often the 95 % intervals of a whole list and of each position hold the truth, and how far off they lie."""
    lists = best_first(market.apply * market.approve)
    truth = true_value(market, lists)
    found: dict[str, list[tuple[Estimate, ...]]] = {"snips": [], "dr": [], "snips_even": [], "dr_even": []}
    with steps(progress, "replications", replications) as step:
        for replication in range(replications):
            rng = np.random.default_rng([seed, replication])
            rows = rng.integers(0, len(market.demand), len(market.demand))
            drawn = _drawn(market, rows)
            product, logged = simulated_log(drawn, rng)
            policy, even = policy_of(drawn, lists[rows], product), even_policy(drawn, product)
            found["snips"].append(off_policy.snips(logged, policy))
            found["dr"].append(off_policy.doubly_robust(logged, policy))
            found["snips_even"].append(off_policy.snips(logged, even))
            found["dr_even"].append(off_policy.doubly_robust(logged, even))
            step()
    evenly = even_value(market)
    return {name: _covered(each, evenly if name.endswith("even") else truth) for name, each in found.items()}


def simulated_log(market: Market, rng: np.random.Generator) -> tuple[Rows, Logged]:
    """Popular lists with the city's own randomisation, and what comes of them by the true chances."""
    shown = draw_lists(rng, np.nan_to_num(market.popularity), market.admitted)
    product = np.asarray(shown.product, dtype=np.intp)
    wanted = rng.random(product.shape) < _at(market.true_apply, product) * market.true_seen[None, : product.shape[1]]
    free = (np.cumsum(wanted, axis=1) - wanted < MAX_APPLICATIONS) & (product >= 0)
    propensity = np.where(product >= 0, shown.propensity, 0.0)
    return product, _logged(market, product, propensity, (wanted & free).astype(np.float64), free)


def _logged(market: Market, product: Rows, propensity: Floats, outcome: Floats, free: NDArray[np.bool_]) -> Logged:
    chance = _at(market.apply, product) * market.seen[None, : product.shape[1]]
    return Logged(
        propensity=propensity,
        outcome=outcome,
        free=free,
        free_chance=off_policy.chance_of_being_free(chance, MAX_APPLICATIONS),
    )


def _drawn(market: Market, rows: Rows) -> Market:
    return Market(
        demand=market.demand[rows],
        apply=market.apply[rows],
        approve=market.approve[rows],
        true_apply=market.true_apply[rows],
        popularity=market.popularity[rows],
        seen=market.seen,
        true_seen=market.true_seen,
    )


def _covered(found: list[tuple[Estimate, ...]], truth: Floats) -> dict[str, Any]:
    whole = [off_policy.together(each) for each in found]
    held = [[each.low <= true <= each.high for each, true in zip(one, truth, strict=True)] for one in found]
    values = np.array([each.value for each in whole])
    return {
        "true": float(truth.sum()),
        "mean": float(values.mean()),
        "bias": float(values.mean() - truth.sum()),
        "spread": float(values.std(ddof=1)),
        "mean_standard_error": float(np.mean([each.standard_error for each in whole])),
        "coverage": float(np.mean([each.low <= truth.sum() <= each.high for each in whole])),
        "coverage_by_position": [float(share) for share in np.mean(held, axis=0)],
        "replications": len(found),
    }


def _at(table: Floats, lists: Rows) -> Floats:
    """Values of a table at the products of lists, 0 where there is no product."""
    values = np.take_along_axis(table, np.maximum(lists, 0), axis=1)
    return np.where((lists >= 0) & ~np.isnan(values), values, 0.0)


def _length(score: Floats) -> Rows:
    length: Rows = np.minimum((~np.isnan(score)).sum(axis=1), POSITIONS)
    return length
