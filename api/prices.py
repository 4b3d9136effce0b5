"""Prices in service: the first plan, the watch that brings newer ones into service, and the refresh when queues move.

A request holds one ``Matcher`` from start to end, so none ever sees two price tables. Whoever planned, here or in the
nightly run, wrote prices and lead lists in one transaction; the watch only follows the store.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Connection

from api.instance import Instance, open_instance
from api.profiles import Row
from api.settings import Settings
from matcher.market import PriceTable, ReviewCapacity
from matcher.market.capacity import STATED
from matcher.replanning import Replanned, capacities, current_table, replan
from matcher.store import enterprises, prices

_LOG = structlog.get_logger(__name__)
EVERY_SECONDS = 2.0
LOOK_AT_QUEUES_SECONDS = 30.0
MOVED_SHARE = 0.1
"""A queue has moved when its free reviews changed by this share, and by two reviews at least."""

ANOTHER_MODEL = "another_model"
"""The champion is not the model whose chances the prices follow from: planned anew at once, once for each champion."""

_LEAST_REVIEWS = 2.0
_LOWEST_PRIORITY = 19
_COMMAND = ("-m", "api.prices")
_KIND = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception))\b", re.MULTILINE)


def plan_now(instance: Instance) -> Replanned:
    """Plan for today with everybody's profile as this instance knows it, and put the plan into service here."""
    made = replan(
        instance.store,
        instance.matcher,
        lambda codes, day: _profiles(instance, codes, day),
        instance.dealings,
        _day(instance),
    )
    take(instance, made.plan.prices)
    return made


def take(instance: Instance, table: PriceTable) -> None:
    """Put a price table into service: the matcher is replaced whole."""
    with instance.put_lock:
        instance.matcher = instance.matcher.with_prices(table)
    _LOG.info("prices in service", prices=table.version, planner=table.planner, as_of=table.as_of.isoformat())


def standing(instance: Instance, watch: "PriceWatch | None") -> dict[str, Any]:
    """What readiness tells of the prices: version, day, age in days, whether they are charged today.

    ``due`` names why a new plan is wanted, and is null where the table is of this day, model and catalogue.
    """
    table, today = instance.matcher.prices, instance.clock.today()
    told: dict[str, Any] = {
        "version": instance.matcher.versions.prices,
        "as_of": None if table is None else table.as_of.isoformat(),
        "age_days": None if table is None else (today - table.as_of).days,
        "stale": table is None or table.is_stale(today),
        "planner": None if table is None else table.planner,
        "model": None if table is None else table.model,
        "due": why_due(instance),
        "fault": None if watch is None else watch.fault,
    }
    if table is not None:
        told |= {
            "demands": table.demands,
            "priced_institutions": len(table.prices),
            "examination": {
                "chance": list(table.examination.chance),
                "low": list(table.examination.low),
                "high": list(table.examination.high),
                "source": table.examination.source,
            },
        }
    return told


def why_due(instance: Instance) -> str | None:
    """Why a new plan is wanted, as far as the table in service tells: a code, ``None`` where nothing is seen."""
    matcher, table = instance.matcher, instance.matcher.prices
    if table is None:
        return "no_prices"
    if table.model != matcher.ranker.version:
        return ANOTHER_MODEL
    if table.as_of != _day(instance):
        return "another_day"
    return None if table.catalog == matcher.catalog.version else "another_catalogue"


def queues_moved(table: PriceTable, now: dict[str, ReviewCapacity]) -> bool:
    """Whether free reviews of any institution are not about what the table was made with."""
    for name, capacity in now.items():
        queue = table.queues.get(name)
        if queue is None:
            return True
        before = queue.capacity.left
        if abs(capacity.left - before) >= max(_LEAST_REVIEWS, MOVED_SHARE * before):
            return True
    return False


class PriceWatch:
    """Follows the price table of the store, and has a new plan made when queues move or the day or model changes.

    Parameters
    ----------
    every
        Seconds between two looks at the store.
    plan
        Makes a new plan and returns when it is in the store; by default a process of its own at the lowest priority,
        so that answering goes on undisturbed.
    """

    def __init__(
        self, instance: Instance, every: float = EVERY_SECONDS, plan: Callable[[Settings], None] | None = None
    ) -> None:
        self.fault: str | None = None
        self._instance, self._every = instance, every
        self._plan = plan or self._in_a_process
        self._least = instance.settings.refresh_minutes * 60.0
        self._planned = time.monotonic()
        self._tried_with: str | None = None
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads = [
            threading.Thread(target=self._watch, name="prices", daemon=True),
            threading.Thread(target=self._refresh, name="refresh", daemon=True),
        ]

    def start(self) -> "PriceWatch":
        """Begin to look, and to refresh where the settings want it."""
        self._threads[0].start()
        if self._least > 0.0:
            self._threads[1].start()
        return self

    def stop(self) -> None:
        """Look no more; a plan being made is given up."""
        self._ended.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def look(self) -> bool:
        """Look once: put the store's price table into service if it is another; whether it was."""
        try:
            changed = self._follow()
        except Exception as error:  # whatever is wrong with a table, the one in service goes on
            if self.fault != str(error):
                _LOG.error("prices refused", reason=str(error), serving=self._instance.matcher.versions.prices)
            self.fault = str(error)
            return False
        if changed:
            self.fault = None
        return changed

    def refresh(self) -> bool:
        """Have a new plan made if queues moved since the last; whether one was."""
        try:
            if not self._is_due():
                return False
            self._planned = time.monotonic()
            self._plan(self._instance.settings)
        except Exception as error:  # prices in service go on; the next look tries again
            if not self._ended.is_set():
                _LOG.error("no new plan", reason=str(error))
                self.fault = str(error)
            return False
        self.fault = None
        return True

    def _follow(self) -> bool:
        instance = self._instance
        named = instance.store.read(prices.current)
        if named is None or named == instance.matcher.versions.prices:
            return False
        table = instance.store.read(current_table)
        if table is None:
            return False
        take(instance, table)
        return True

    def _is_due(self) -> bool:
        matcher, day = self._instance.matcher, _day(self._instance)
        table = matcher.prices
        if table is None or why_due(self._instance) is not None:
            return True
        is_stated = all(queue.capacity.how == STATED for queue in table.queues.values())
        book = None if is_stated else self._instance.dealings

        def now(connection: Connection) -> dict[str, ReviewCapacity]:
            return capacities(connection, matcher.catalog, book, day)

        return queues_moved(table, self._instance.store.read(now))

    def hurries(self) -> bool:
        """Whether a champion came into service that nothing was planned with and no plan was tried with yet."""
        champion = self._instance.matcher.ranker.version
        if champion == self._tried_with or why_due(self._instance) != ANOTHER_MODEL:
            return False
        self._tried_with = champion
        return True

    def _in_a_process(self, settings: Settings) -> None:
        environment = {**os.environ, **settings.environment, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _, told = self._process.communicate()
        if self._process.returncode != 0:
            raise RuntimeError(f"planning ended with {self._process.returncode} ({_kind_of(told)})")

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            self.look()

    def _refresh(self) -> None:
        while not self._ended.wait(min(LOOK_AT_QUEUES_SECONDS, self._least)):
            if self.hurries() or time.monotonic() - self._planned >= self._least:
                self.refresh()


def main() -> None:
    """Plan once for the instance that the environment describes."""
    instance = open_instance(Settings(), lambda _line: None)
    try:
        plan_now(instance)
    finally:
        instance.close()


def _kind_of(told: bytes) -> str:
    """What a process that failed died of, by kind alone: its message may hold somebody's data, and readiness is public.

    >>> _kind_of(b"Traceback ...\\nsqlalchemy.exc.DataError: (x) 91370602MA3TERT037\\n[parameters: ('u',)]")
    'sqlalchemy.exc.DataError'
    """
    kinds = _KIND.findall(told.decode(errors="replace"))
    return kinds[-1] if kinds else "of an unknown cause"


def _day(instance: Instance) -> date:
    return instance.clock.today()


def _profiles(instance: Instance, codes: Sequence[str], day: date) -> list[Row]:
    """Profiles by code; of those who brought records in, with these."""
    with instance.store.reading() as connection:
        changed = frozenset(enterprises.with_records(connection))
        found = instance.profiles.rows([uscc for uscc in codes if uscc not in changed], day)
        for uscc in codes:
            if uscc not in found:
                batch = enterprises.latest_batch(connection, uscc) if uscc in changed else 0
                records = enterprises.records(connection, uscc) if uscc in changed else {}
                found[uscc] = instance.profiles.row(uscc, day, batch, records)
    return [found[uscc] for uscc in codes]


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_LOWEST_PRIORITY)
    main()
