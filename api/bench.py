"""Measures what is promised and gives one document: the recommend call by stage, the law, profiles, scoring, memory.

Every number is measured in this run; what could not be measured says why.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from api import asking
from api.bench_http import measure_http
from api.bench_mlflow import measure_mlflow
from api.bench_prices import measure_plan, measure_serving
from api.bench_writes import measure_writes
from api.instance import Instance, open_instance
from api.keys import ensure_keys
from api.settings import Settings
from features.pairs import pair_rows, prepare_demands
from features.profile import build_profiles
from features.sources import SourceTables
from features.synthetic import synthetic_invoices
from matcher.catalog import Catalog
from matcher.eligibility import demand_columns
from matcher.matching import Question
from matcher.policy import assess
from matcher.store import demands

Say = Callable[[str], None]
_FACTS = {
    "size_class": "small",
    "platform_rating": "B",
    "security_kind": "guarantee",
    "amount_cny": "3000000",
    "guarantor_is_government": True,
    "guaranteed_amount_cny": "3000000",
    "existing_guaranteed_cny": "0",
    "quoted_fee_rate": "0.01",
    "first_time_borrower": True,
    "hnte": False,
}


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is repeated."""

    demands: int
    rounds: int
    requests: int
    invoices: int
    enterprises: int
    pairs: int


FULL = Effort(demands=200, rounds=3, requests=600, invoices=10_000_000, enterprises=25_000, pairs=500_000)
QUICK = Effort(demands=20, rounds=1, requests=60, invoices=200_000, enterprises=500, pairs=20_000)


@dataclass(kw_only=True)
class _Bench:
    settings: Settings
    effort: Effort
    say: Say
    found: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str, work: Callable[[], Any]) -> None:
        """Measure one part; a part that cannot be measured says why and stops no other."""
        since = time.perf_counter()
        try:
            self.found[name] = work()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self.found[name] = {"not_measured": str(error)[:500]}
        self.remember(name)
        self.say(f"{name}: {time.perf_counter() - since:.1f} s")

    def remember(self, name: str) -> None:
        """Note what this process holds in memory after a part."""
        self.found.setdefault("memory_after_mb", {})[name] = _resident_mb()


def measure(settings: Settings, *, quick: bool, with_mlflow: bool, say: Say) -> dict[str, Any]:
    """Everything, against a store of its own in a temporary directory.

    Parameters
    ----------
    quick
        The small city where none is given, and few repetitions: minutes become seconds.
    """
    with tempfile.TemporaryDirectory(prefix="matcher-bench-") as directory:
        scratch = Path(directory)
        city = _small_city(scratch, say) if quick and settings.matcher_city is None else settings.city
        own = settings.model_copy(
            update={
                "matcher_home": scratch,
                "matcher_city": city,
                "database_url": f"sqlite:///{scratch / 'bench.db'}",
                "max_in_flight": 64,
            }
        )
        bench = _Bench(settings=own, effort=QUICK if quick else FULL, say=say)
        bench.found["machine"] = {
            "cpus": _cpus(),
            "python": platform.python_version(),
            "quick": quick,
            "load_before": round(os.getloadavg()[0], 2),
        }
        bench.remember("imports")
        _measure_all(bench, scratch, with_mlflow)
        bench.found["peak_memory_mb"] = {
            "this_process": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "largest_child": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        }
        return bench.found


def _measure_all(bench: _Bench, scratch: Path, with_mlflow: bool) -> None:
    since = time.perf_counter()
    instance = open_instance(bench.settings, bench.say)
    try:
        ensure_keys(instance)
        bench.found["first_start_seconds"] = round(time.perf_counter() - since, 2)
        bench.found["products"] = len(instance.matcher.catalog)
        bench.remember("start")
        bench.part("plan", lambda: measure_plan(instance))
        questions = _questions(instance, bench.effort.demands)
        bench.part("catalogue_compile", lambda: _catalogue(instance))
        bench.part("recommend_in_process", lambda: _in_process(instance, questions, bench.effort.rounds))
        bench.part("serving_at_prices", lambda: measure_serving(instance, questions, bench.effort.rounds))
        bench.part("policy", lambda: _policy(instance, questions[0].as_of))
        bench.part("bulk_scoring", lambda: _bulk(instance, questions, bench.effort.pairs))
        asked = [str(question.demand.demand_id) for question in questions]
    finally:
        instance.close()
    bench.part("recommend_over_http", lambda: measure_http(bench.settings, asked, bench.effort.requests))
    bench.part("publish_over_http", lambda: measure_writes(bench.settings, 4 * bench.effort.requests))
    bench.part("profile_build", lambda: _profiles(scratch, bench.effort))
    if with_mlflow:
        rows = bench.found["products"]
        bench.part("mlflow_models_serve", lambda: measure_mlflow(bench.settings, rows, bench.effort.requests // 6))


def _small_city(scratch: Path, say: Say) -> Path:
    say("city: building a small one")
    out = scratch / "city"
    command = [sys.executable, "-m", "training.city", "--small", "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out


def _questions(instance: Instance, count: int) -> list[Question]:
    day = instance.clock.today()
    with instance.store.reading() as connection:
        return [
            Question(
                demand=kept.demand,
                as_of=day,
                profile=asking.profile_of(instance, connection, kept.demand.uscc, day),
                explore=instance.settings.explore,
                seed=str(kept.demand.demand_id),
                dealings=instance.dealings.lines(connection, kept.demand.uscc, day),
            )
            for kept in demands.latest(connection, count)
        ]


def _in_process(instance: Instance, questions: Sequence[Question], rounds: int) -> dict[str, Any]:
    for question in questions[:20]:
        asking.answer(instance.matcher, question, "R-warm", "zh-CN")
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    listed, admitted, size = [], [], []
    for question in [each for _ in range(rounds) for each in questions]:
        since = time.perf_counter()
        made = asking.answer(instance.matcher, question, "R-bench", "zh-CN")
        times.append(time.perf_counter() - since)
        spent = dict(made.found.stages)
        spent["rendering"] = times[-1] - sum(spent.values())
        for stage, seconds in spent.items():
            stages.setdefault(stage, []).append(seconds)
        listed.append(len(made.found.items))
        admitted.append(made.found.counts["eligible"] + made.found.counts["unknown"])
        size.append(len(made.body))
    return {
        **spread(times),
        "mean_ms": _ms(statistics.mean(times)),
        "stage_p50_ms": {stage: _ms(statistics.median(values)) for stage, values in stages.items()},
        "stage_mean_ms": {stage: _ms(sum(values) / len(times)) for stage, values in stages.items()},
        "benefits_and_cost_added_p50_ms": _ms(statistics.median(stages["benefits_and_cost"])),
        "items_mean": round(statistics.mean(listed), 2),
        "admitted_mean": round(statistics.mean(admitted), 1),
        "answer_bytes_p50": int(statistics.median(size)),
    }


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, and how many there were.

    >>> spread([0.001, 0.002, 0.003])["p50_ms"]
    2.0
    """
    ordered = sorted(times)
    return {
        "p50_ms": _ms(statistics.median(ordered)),
        "p99_ms": _ms(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]),
        "count": len(ordered),
    }


def _policy(instance: Instance, as_of: date) -> dict[str, Any]:
    rulebook = instance.matcher.rulebook
    times = []
    for _ in range(2_000):
        since = time.perf_counter()
        assess(_FACTS, as_of, rulebook)
        times.append(time.perf_counter() - since)
    return {"assess_p50_us": round(statistics.median(times) * 1e6, 1)}


def _catalogue(instance: Instance) -> dict[str, Any]:
    document = instance.matcher.catalog.to_json()
    since = time.perf_counter()
    catalog = Catalog.from_json(document)
    parsed = time.perf_counter()
    _ = catalog.rules
    compiled = time.perf_counter()
    instance.matcher.with_catalog(catalog)
    return {
        "parse_ms": _ms(parsed - since),
        "compile_ms": _ms(compiled - parsed),
        "matcher_ms": _ms(time.perf_counter() - compiled),
    }


def _bulk(instance: Instance, questions: Sequence[Question], pairs: int) -> dict[str, Any]:
    ranker, catalog = instance.matcher.ranker, instance.matcher.catalog
    demand, profile = questions[0].demand, questions[0].profile
    columns = instance.matcher.profile_columns(profile)
    since = time.perf_counter()
    side = prepare_demands(columns, demand_columns([demand]), questions[0].as_of)
    product_row = np.arange(pairs, dtype=np.intp) % len(catalog)
    products = ranker.prepare(catalog.columns)
    X = pair_rows(side, products, np.zeros(pairs, dtype=np.intp), product_row)
    rows = time.perf_counter()
    ranker.predict(X)
    done = time.perf_counter()
    million = 1_000_000 / pairs
    return {
        "pairs": pairs,
        "pair_rows_seconds_per_million": round((rows - since) * million, 2),
        "scoring_seconds_per_million": round((done - rows) * million, 2),
    }


def _profiles(scratch: Path, effort: Effort) -> dict[str, Any]:
    directory = scratch / "invoices"
    synthetic_invoices(directory, invoices=effort.invoices, enterprises=effort.enterprises)
    since = time.perf_counter()
    tables = SourceTables.from_directory(directory)
    try:
        built = build_profiles(tables, date(2026, 10, 31))
    finally:
        tables.close()
    seconds = time.perf_counter() - since
    return {"invoices": effort.invoices, "enterprises": len(built), "seconds": round(seconds, 2)}


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 2)


def _resident_mb() -> int:
    """Memory this process holds now; the peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return round(pages * resource.getpagesize() / 1024**2)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
