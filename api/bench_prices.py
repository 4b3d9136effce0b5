"""What prices cost: a plan of the whole market in time and memory, and what serving at prices adds to one answer."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api import prices
from api.instance import Instance
from matcher.matching import Question

_WARM = 10


def measure_plan(instance: Instance) -> dict[str, Any]:
    """Plan once as a first start does, and put the plan into service."""
    since = time.perf_counter()
    made = prices.plan_now(instance)
    table = made.plan.prices
    return {
        "seconds": round(time.perf_counter() - since, 2),
        "by_step_seconds": made.seconds,
        "open_demands": table.demands,
        "pairs_scored": made.plan.pairs,
        "planner": table.planner,
        "priced_institutions": len(table.prices),
        "leads": sum(len(rows) for rows in made.plan.lists.values()),
        "table_bytes": len(table.to_json()),
    }


def measure_serving(instance: Instance, questions: Sequence[Question], rounds: int) -> dict[str, Any]:
    """Each question answered by relevance and at prices in turn, who goes first alternating: differences are paired."""
    matcher = instance.matcher
    pairs = [(replace(each, by_relevance=True), each) for each in questions]
    for question in [each for pair in pairs[:_WARM] for each in pair]:
        matcher.recommend(question)
    wall: dict[int, list[float]] = {0: [], 1: []}
    cpu: dict[int, list[float]] = {0: [], 1: []}
    market: list[float] = []
    for turn in range(rounds * len(pairs)):
        pair = pairs[turn % len(pairs)]
        for which in ((0, 1), (1, 0))[turn % 2]:
            since, used = time.perf_counter(), time.thread_time()
            found = matcher.recommend(pair[which])
            wall[which].append(time.perf_counter() - since)
            cpu[which].append(time.thread_time() - used)
            if which:
                market.append(found.stages["market"])
    return {
        "pairs": len(market),
        "by_relevance_p50_ms": _ms(statistics.median(wall[0])),
        "added_p50_ms": _median_difference(wall),
        "added_of_processor_p50_ms": _median_difference(cpu),
        "market_stage_p50_ms": _ms(statistics.median(market)),
        "aim_ms": 0.5,
    }


def _median_difference(times: dict[int, list[float]]) -> float:
    return _ms(statistics.median(at_prices - plain for plain, at_prices in zip(times[0], times[1], strict=True)))


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
