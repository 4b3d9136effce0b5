"""Every way of making lists for one market, from what a planner may see of it alone."""

import numpy as np

from matcher.market import Plan, plan, serve
from matcher.market.candidates import Candidates
from matcher.market.challengers import proportional_fitting
from matcher.market.lists import Lists, applications, by_score
from matcher.market.queues import settle
from training.market_worlds import Floats, Integers, World

Listed = tuple[Integers, Floats]
"""Lists (demands, positions), -1 where none, and the values institutions order their queues by."""

BASELINES = ("p", "q", "p*q", "ipfp")
"""Ways of making lists the prices have to beat."""


def listed_by_all(world: World) -> dict[str, Listed]:
    """Lists and queue values of p, q, p·q, IPFP and the planner, from the estimates alone."""
    candidates = candidates_of(world)
    positions = world.examination.size
    success = candidates.apply * candidates.approve
    lists = {
        "p": by_score(candidates, candidates.apply, positions),
        "q": by_score(candidates, candidates.approve, positions),
        "p*q": by_score(candidates, success, positions),
        "ipfp": proportional_fitting(candidates, positions),
    }
    planned = planned_for(world)
    return {name: _with_value(world, each) for name, each in lists.items()} | {
        "prices": (planned.lists, planned.queue_value)
    }


def planned_for(world: World) -> Plan:
    """The plan of a market as its planner sees it."""
    return plan(
        world.apply,
        world.approve,
        world.institution_of,
        world.capacity,
        examination=world.examination,
        max_applications=world.max_applications,
        top_n=world.examination.size,
        shortest=world.shortest,
    )


def served_frozen(prices: Floats, today: World) -> Listed:
    """Today's demands, one by one, at the prices of an earlier plan."""
    positions = today.examination.size
    lists = np.full((len(today.apply), positions), -1, dtype=np.int64)
    value = np.zeros(lists.shape)
    for demand in range(len(lists)):
        served = serve(
            today.apply[demand],
            today.approve[demand],
            today.institution_of,
            prices,
            examination=today.examination,
            max_applications=today.max_applications,
            top_n=positions,
        )
        lists[demand, : served.order.size] = served.order
        value[demand, : served.order.size] = today.approve[demand, served.order] * served.need
    return lists, value


def candidates_of(world: World) -> Candidates:
    """Every pair of a market in the caller's order."""
    demands, products = world.apply.shape
    product = np.broadcast_to(np.arange(products, dtype=np.int32), (demands, products))
    return Candidates(
        product=product,
        institution=world.institution_of.astype(np.int32)[product],
        apply=world.apply,
        approve=world.approve,
        capacity=world.capacity,
        demand_order=np.arange(demands),
        institution_order=np.arange(world.capacity.size),
    )


def _with_value(world: World, lists: Lists) -> Listed:
    made = applications(lists, world.examination, world.max_applications)
    return lists.column, settle(made, lists.approve, lists.institution, world.capacity).value
