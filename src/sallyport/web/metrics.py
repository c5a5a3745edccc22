"""The numbers of one process in the text format of Prometheus, at `/metrics`.

The rule: every metric stands in `METRICS`, with labels whose values come from closed sets, so that no feeder can make
the answer grow; what is counted is shown, and never what it was about.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from sallyport.web.tracing import Tracing, Untraced

Kind = Literal["counter", "gauge", "histogram"]

PREFIX = "sallyport_"
_LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it says, and by which labels it is told apart."""

    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "http_requests_total": Metric(
            "counter", "Requests answered, by surface, method and class of the status.", ("surface", "method", "status")
        ),
        "http_request_seconds": Metric(
            "histogram", "How long requests took to be answered, by surface.", ("surface",), _LATENCIES
        ),
        "http_requests_in_progress": Metric("gauge", "Requests that are being answered."),
        "runs_started_total": Metric("counter", "Runs that this process began to work on."),
        "runs_ended_total": Metric("counter", "Runs that ended, by status.", ("status",)),
        "run_seconds": Metric("histogram", "How long runs took, from their start to their end.", (), _LONG),
        "runs_working": Metric("gauge", "Runs that some process works on, as stored."),
        "runs_waiting": Metric("gauge", "Runs that wait for a moment, an answer or a process, as stored."),
        "actions_total": Metric("counter", "Actions that ended, by status.", ("status",)),
        "outbound_requests_total": Metric(
            "counter",
            "Requests that left this server, by class of the status, or why there was no response.",
            ("outcome",),
        ),
        "outbound_request_seconds": Metric("histogram", "How long requests that left took.", (), _LATENCIES),
        "trigger_looks_total": Metric("counter", "Times that a trigger looked or fired, by outcome.", ("status",)),
        "alerts_ingested_total": Metric("counter", "Alerts taken in, by what became of them.", ("outcome",)),
        "indicators_stored_total": Metric("counter", "Indicators stored, by the way they came.", ("way",)),
        "notifications_total": Metric(
            "counter",
            "Change notifications: delivered, refused (each attempt), given_up after four hours, or dropped at once.",
            ("outcome",),
        ),
        "outbox_events": Metric("gauge", "Events that are kept in the outbox."),
        "outbox_oldest_seconds": Metric("gauge", "The age of the oldest event in the outbox."),
        "dead_letters": Metric("gauge", "Notifications that were given up and can be sent again."),
        "retention_forgotten_total": Metric("counter", "Rows that retention deleted, by kind.", ("kind",)),
        "retention_reserve_held": Metric("gauge", "1 while the reserve of disk space is held, 0 once it is given up."),
        "database_bytes": Metric("gauge", "The size of the database on its disk, with what is not yet merged into it."),
        "database_free_bytes": Metric("gauge", "Room inside the database's own file that is free to be used again."),
        "database_up": Metric("gauge", "1 when the database answered this scrape, else 0."),
        "writer_waiting": Metric("gauge", "Pieces of work that wait for the writer of the database."),
        "writer_commits_total": Metric("counter", "Transactions that the writer committed."),
        "writer_failures_total": Metric("counter", "Transactions that the writer could not commit."),
    }
)

#: Counters that another part keeps anyway, and that are only read here.
KEPT_ELSEWHERE = frozenset({"writer_commits_total", "writer_failures_total"})


class Metrics:
    """A `Recorder` over a registry of its own: nothing is shared with another server in the same process."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.registry = prometheus.CollectorRegistry()
        tracing = tracing or Untraced()
        self.span = tracing.span
        self.trace_headers = tracing.trace_headers
        self._counters: dict[str, prometheus.Counter] = {}
        self._gauges: dict[str, prometheus.Gauge] = {}
        self._histograms: dict[str, prometheus.Histogram] = {}
        self._counted: dict[tuple[str, tuple[str, ...]], prometheus.Counter] = {}
        self._observed: dict[tuple[str, tuple[str, ...]], prometheus.Histogram] = {}
        for name, metric in METRICS.items():
            self._register(name, metric)
        prometheus.ProcessCollector(registry=self.registry)
        prometheus.PlatformCollector(registry=self.registry)
        prometheus.GCCollector(registry=self.registry)

    def count(self, metric: str, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        found = self._counted.get((metric, labels))
        if found is None:
            counter = self._counters[metric]
            found = self._counted[metric, labels] = counter.labels(*labels) if labels else counter
        found.inc(amount)

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Add one observation to a distribution."""
        found = self._observed.get((metric, labels))
        if found is None:
            histogram = self._histograms[metric]
            found = self._observed[metric, labels] = histogram.labels(*labels) if labels else histogram
        found.observe(value)

    def set(self, metric: str, value: float) -> None:
        """Say what a gauge shows from now on."""
        self._gauges[metric].set(value)

    def shown(self) -> bytes:
        """Answer everything as text."""
        return prometheus.generate_latest(self.registry)

    def read_from(self, metric: str, value: Callable[[], float]) -> None:
        """Let a gauge, or a counter that somebody else keeps, be asked for when it is shown."""
        if METRICS[metric].kind == "gauge":
            self._gauges[metric].set_function(value)
        else:
            self.registry.register(_Kept(metric, value))

    def _register(self, name: str, metric: Metric) -> None:
        full = PREFIX + name
        if metric.kind == "counter":
            if name not in KEPT_ELSEWHERE:
                self._counters[name] = prometheus.Counter(full, metric.meaning, metric.labels, registry=self.registry)
        elif metric.kind == "gauge":
            self._gauges[name] = prometheus.Gauge(full, metric.meaning, metric.labels, registry=self.registry)
        else:
            self._histograms[name] = prometheus.Histogram(
                full, metric.meaning, metric.labels, buckets=metric.buckets, registry=self.registry
            )


class _Kept(Collector):
    """A counter that is read where it is kept."""

    def __init__(self, name: str, value: Callable[[], float]) -> None:
        self._name = name
        self._value = value

    def collect(self) -> list[Family]:
        """Answer the counter as it stands."""
        found = CounterMetricFamily(
            PREFIX + self._name.removesuffix("_total"), METRICS[self._name].meaning, value=self._value()
        )
        return [found]
