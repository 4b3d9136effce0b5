"""Controls: markets where the gain of prices should shrink, or whose planner is told something wrong, or the truth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from training.market_measures import enterprises_funded, interval
from training.market_methods import BASELINES, listed_by_all
from training.market_worlds import World

ROOMIER = 5.0
"""Times the officers where there is to be less crowding."""

_ENDLESS = 1e6


@dataclass(frozen=True, kw_only=True)
class Control:
    """One change to a market.

    Parameters
    ----------
    changed
        The market as planned for, and as played out.
    adoption
        Share of enterprises that follow their lists; the others go by habit.
    """

    about: str
    changed: Callable[[World], World]
    adoption: float = 1.0


def _capacity_believed(share: float) -> Callable[[World], World]:
    return lambda world: replace(world, capacity=share * world.capacity)


def _roomier(world: World) -> World:
    return replace(world, capacity=ROOMIER * world.capacity, true_capacity=ROOMIER * world.true_capacity)


def _endless(world: World) -> World:
    return replace(
        world, capacity=np.full_like(world.capacity, _ENDLESS), true_capacity=np.full_like(world.capacity, _ENDLESS)
    )


def _flat(world: World) -> World:
    """Every position looked at alike, as often together as before; the planner still believes its curve."""
    return replace(world, true_examination=np.full_like(world.true_examination, world.true_examination.mean()))


def _flat_and_full(world: World) -> World:
    """As before, but every list is filled: lines that are worth little are looked at more often than believed."""
    return replace(_flat(world), shortest=world.examination.size)


def _scores_known(world: World) -> World:
    return replace(world, apply=world.true_apply, approve=world.true_approve)


def _all_known(world: World) -> World:
    known = _scores_known(world)
    return replace(known, capacity=world.true_capacity, examination=world.true_examination)


def _flat_and_known(world: World) -> World:
    flat = _flat(world)
    return replace(flat, examination=flat.true_examination)


CONTROLS = {
    "as_planned": Control(about="nothing changed", changed=lambda world: world),
    "five_times_the_officers": Control(about="little crowding is left", changed=_roomier),
    "no_crowding": Control(about="every file is reviewed", changed=_endless),
    "capacity_believed_30_percent_high": Control(about="planned for 1.3 times", changed=_capacity_believed(1.3)),
    "capacity_believed_30_percent_low": Control(about="planned for 0.7 times", changed=_capacity_believed(0.7)),
    "flat_examination_believed_decaying": Control(about="positions are looked at alike, unknown", changed=_flat),
    "flat_examination_believed_decaying_full_lists": Control(about="and lists are filled", changed=_flat_and_full),
    "flat_examination_known": Control(about="positions are looked at alike, known", changed=_flat_and_known),
    "one_application": Control(about="one application each", changed=lambda world: replace(world, max_applications=1)),
    "30_percent_adoption": Control(about="the others go by what is popular", changed=lambda world: world, adoption=0.3),
    "true_scores_known": Control(about="true chances instead of the ranker's", changed=_scores_known),
    "everything_known": Control(about="capacity and examination too", changed=_all_known),
}


def controlled(world: World, draws: int) -> dict[str, dict[str, float]]:
    """Per control, enterprises funded by every method in one market, and what prices gain over the best and p·q."""
    table: dict[str, dict[str, float]] = {}
    for name, control in CONTROLS.items():
        market = control.changed(world)
        funded = {
            method: enterprises_funded(market, listed, draws, control.adoption)
            for method, listed in listed_by_all(market).items()
        }
        table[name] = funded | {
            "gain_over_best": funded["prices"] / max(funded[method] for method in BASELINES) - 1.0,
            "gain_over_pq": funded["prices"] / funded["p*q"] - 1.0,
        }
    return table


def over_seeds(tables: Iterable[dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Means with intervals of what ``controlled`` found in several markets."""
    found = list(tables)
    return {
        name: {measured: interval([table[name][measured] for table in found]) for measured in found[0][name]}
        for name in CONTROLS
    }
