"""What the service counts about itself as it works, for Prometheus; nothing personal among it.

``matcher_requests_total`` {route, status}, ``matcher_request_seconds`` {route}, ``matcher_recommend_stage_seconds``
{stage}, ``matcher_recommend_in_flight``, ``matcher_refused_total``, ``matcher_push_delay_seconds`` {channel} and
``matcher_push_attempts_total`` {channel, outcome} stand here; what is counted only when asked for stands in
``measured``.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DELAYS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3_600.0)


class Metrics:
    """One set of metrics for one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("matcher_requests", "Requests answered.", ["route", "status"], registry=self.registry)
        self.latency = Histogram(
            "matcher_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self.stages = Histogram(
            "matcher_recommend_stage_seconds",
            "Time of a recommendation by stage.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge("matcher_recommend_in_flight", "Recommendations in work.", registry=self.registry)
        self.refused = Counter("matcher_refused", "Requests refused as too many.", registry=self.registry)
        self.push_delay = Histogram(
            "matcher_push_delay_seconds",
            "From the moment a thing happened to the first delivery of its message.",
            ["channel"],
            buckets=_DELAYS,
            registry=self.registry,
        )
        self.push_attempts = Counter(
            "matcher_push_attempts",
            "Attempts to deliver, by what became of them.",
            ["channel", "outcome"],
            registry=self.registry,
        )
