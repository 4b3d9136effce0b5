"""The market report over simulated cities: worlds × seeds, means with intervals, the worst world, and the aims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.city.parameters import WORLDS
from training.market_cache import code_digest, kept_json
from training.market_city import CityMarket, Size, market_of_city
from training.market_controls import controlled, over_seeds
from training.market_measures import interval
from training.market_trial import DRAWS, month_of, trial
from training.progress import steps

TOTALS = ("gain_over_best", "gain_over_pq", "frozen_loss", "share_of_bound", "share_of_plain_bound")
"""Numbers of one trial beside the measures of its methods."""

_PLANNER = ("candidates", "challengers", "inputs", "lists", "planner", "queues", "rounds", "serving")
_JUDGES = (
    *(f"matcher/market/{name}.py" for name in _PLANNER),
    *(f"training/market_{name}.py" for name in ("controls", "measures", "methods", "play", "trial", "worlds")),
)

CROWDED = "crowded"
"""The world whose officers can review under half of the files."""


def report(
    cache: Path,
    *,
    worlds: Sequence[str] = tuple(WORLDS),
    seeds: Sequence[int] = tuple(range(10)),
    size: Size | None = None,
    control_seeds: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Every way of making lists in every world and seed, each with a ranker trained on the log of that very city.

    A run that was broken off goes on where it stopped: what takes time is kept in ``cache``.

    Parameters
    ----------
    control_seeds
        Seeds whose markets are also put through every control.

    Returns
    -------
    dict
        ``worlds`` {name: {"methods": {method: measures}, totals}}, ``overall`` the same over all worlds, ``worst``
        {total: world}, ``aims``, and ``controls`` if asked for; every number {mean, low, high} over seeds. Ready for
        JSON.
    """
    size = size or Size()
    code = code_digest(_JUDGES, repr(size), str(DRAWS))
    trials: dict[str, list[dict[str, Any]]] = {world: [] for world in worlds}
    control: list[dict[str, dict[str, float]]] = []
    with steps(progress, "simulated markets", len(worlds) * len(seeds)) as step:
        for place, seed in enumerate(seeds):
            for world in worlds:
                one = _One(world=world, seed=seed, cache=cache, size=size, code=code)
                trials[world].append(one.trial())
                if place < control_seeds:
                    control.append(one.controls())
                step()
    found: dict[str, Any] = {
        "simulated": True,
        "city": vars(size),
        "seeds": list(seeds),
        "periods_per_market": DRAWS,
        "worlds": {world: averaged(runs) for world, runs in trials.items()},
        "overall": averaged([_mean_of(runs) for runs in zip(*trials.values(), strict=True)]),
    }
    found["worst"] = _worst(found["worlds"])
    found["aims"] = aims(found)
    if control:
        found["controls"] = {"all": over_seeds(_by_seed(control, len(worlds)))}
        found["controls"] |= {world: over_seeds(control[place :: len(worlds)]) for place, world in enumerate(worlds)}
    return found


def averaged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means with intervals of trials that differ in their seed alone."""
    methods = {
        method: {name: interval([run["methods"][method][name] for run in runs]) for name in measures}
        for method, measures in runs[0]["methods"].items()
    }
    totals = {total: interval([run[total] for run in runs]) for total in ("demands", *TOTALS)}
    return {"methods": methods, **totals}


def aims(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the market is to reach, what it reached, and whether that is enough; means decide unless stated."""
    overall, worlds, worst = found["overall"], found["worlds"], found["worst"]
    prices = overall["methods"]["prices"]
    rows = [
        ("gain over the best of p, q, p·q and IPFP", 0.07, overall["gain_over_best"]["mean"], True),
        ("its interval above zero", 0.0, overall["gain_over_best"]["low"], True),
        ("the same in the worst world", -0.01, worlds[worst["gain_over_best"]]["gain_over_best"]["mean"], True),
        ("share of the linear bound", 0.75, overall["share_of_bound"]["mean"], True),
        ("share of the plain linear bound", 0.75, overall["share_of_plain_bound"]["mean"], True),
        ("share of files unreviewed", 0.30, prices["unreviewed"]["mean"], False),
        ("loss of frozen prices", 0.03, overall["frozen_loss"]["mean"], False),
        ("small institutions' reviews over their capacity share", 0.80, prices["small_share"]["mean"], True),
    ]
    if CROWDED in worlds:
        rows.append(("gain over p·q in the crowded world", 0.20, worlds[CROWDED]["gain_over_pq"]["mean"], True))
    return [
        {"aim": name, "at": "least" if upwards else "most", "value": limit, "found": reached}
        | {"met": bool(reached >= limit if upwards else reached <= limit)}
        for name, limit, reached, upwards in rows
    ]


@dataclass(frozen=True, kw_only=True)
class _One:
    """One world and seed, with its results kept beside its market."""

    world: str
    seed: int
    cache: Path
    size: Size
    code: str

    def trial(self) -> dict[str, Any]:
        return kept_json(self._path("trial"), lambda: trial(self._market()))

    def controls(self) -> dict[str, dict[str, float]]:
        return kept_json(self._path("controls"), lambda: controlled(month_of(self._market(), 1), DRAWS))

    def _market(self) -> CityMarket:
        return market_of_city(self.world, self.seed, self.cache, self.size)

    def _path(self, what: str) -> Path:
        return self.cache / "trials" / self.code / f"{self.world}-{self.seed}-{what}.json"


def _mean_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One seed over all worlds: seeds are what intervals are taken over, as worlds of one seed share their luck."""
    methods = {
        method: {name: float(np.mean([run["methods"][method][name] for run in runs])) for name in measures}
        for method, measures in runs[0]["methods"].items()
    }
    return {"methods": methods} | {
        total: float(np.mean([run[total] for run in runs])) for total in ("demands", *TOTALS)
    }


def _worst(worlds: Mapping[str, Any]) -> dict[str, str]:
    def worst(total: str) -> str:
        sign = -1.0 if total == "frozen_loss" else 1.0
        return min(worlds, key=lambda world: sign * worlds[world][total]["mean"])

    return {total: worst(total) for total in TOTALS} | {
        "unreviewed": max(worlds, key=lambda world: worlds[world]["methods"]["prices"]["unreviewed"]["mean"]),
        "small_share": min(worlds, key=lambda world: worlds[world]["methods"]["prices"]["small_share"]["mean"]),
    }


def _by_seed(tables: Sequence[dict[str, dict[str, float]]], worlds: int) -> list[dict[str, dict[str, float]]]:
    """Mean over the worlds of each seed."""
    return [
        {
            name: {
                measured: float(np.mean([table[name][measured] for table in tables[start : start + worlds]]))
                for measured in tables[start][name]
            }
            for name in tables[start]
        }
        for start in range(0, len(tables), worlds)
    ]
