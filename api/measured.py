"""What is measured only when Prometheus asks: the store's queues and desks, the champion, the prices, the drift.

Drift is that of the last ``matcher-train monitor --json`` whose output was put into ``MATCHER_HOME/monitor.json``;
without such a file there is none, which is not a drift of zero.
"""

import json
import math
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.service import Service
from matcher.store.standing import standing

_LOG = structlog.get_logger(__name__)
MONITOR = "monitor.json"


class Measured(Collector):
    """Collected at every scrape of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> list[Metric]:
        """Nothing is measured before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything that can be known now; what cannot is left out."""
        missing = self._service.missing()
        yield GaugeMetricFamily("matcher_ready", "1 where recommendations can be answered.", 0 if missing else 1)
        if missing:
            return
        yield from self._store()
        yield from self._champion()
        yield from self._prices()
        yield from drift(self._service.settings.matcher_home / MONITOR)

    def _store(self) -> Iterator[Metric]:
        store = self._service.instance.store
        yield GaugeMetricFamily("matcher_store_waiting", "Changes waiting for the writer.", store.writer.depth)
        yield GaugeMetricFamily("matcher_store_commits", "Commits since the start.", store.writer.commits)
        found = store.read(standing)
        yield GaugeMetricFamily("matcher_push_queue", "Published demands waiting to be pushed.", found.waiting)
        yield _by("matcher_leads", "Leads on desks by state.", "state", found.leads)
        yield _by("matcher_leads_late", "Leads an institution is late with, by state.", "state", found.late)
        yield _by("matcher_push_deliveries", "Messages to webhooks by state.", "state", found.deliveries)

    def _champion(self) -> Iterator[Metric]:
        watch, versions = self._service.champion, self._service.instance.matcher.versions
        yield _by("matcher_champion_info", "The model in service.", "model", {versions.model: 1})
        fault = watch is not None and watch.fault is not None
        yield GaugeMetricFamily("matcher_champion_refused", "1 where the champion named may not serve.", int(fault))

    def _prices(self) -> Iterator[Metric]:
        instance = self._service.instance
        made: date | None = getattr(getattr(instance.matcher, "prices", None), "as_of", None)
        if made is not None:
            age = (instance.clock.today() - made).days
            yield GaugeMetricFamily("matcher_price_age_days", "Days since the prices in service were made.", age)


def drift(file: Path) -> Iterator[Metric]:
    """The findings of the last monitor: their values, and how many are alarms."""
    told = _read(file)
    if told is None:
        return
    values = GaugeMetricFamily("matcher_drift", "Findings of the last monitor.", labels=["group", "name", "state"])
    for each in told["findings"]:
        if isinstance(each["value"], int | float) and math.isfinite(each["value"]):
            values.add_metric([str(each["group"]), str(each["name"]), str(each["state"])], float(each["value"]))
    yield values
    yield GaugeMetricFamily("matcher_drift_alarms", "Alarms of the last monitor.", len(told["alarms"]))


def _read(file: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return told if all(isinstance(told[name], list) for name in ("findings", "alarms")) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("monitor not read", file=file.name, reason=type(error).__name__)
        return None


def _by(name: str, text: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
