"""Spans on their way to an OpenTelemetry collector, over OTLP and HTTP.

The rule: a span has the name of a kind of work and ids of this house; of an exception only its type is told, because
messages hold what came from outside. Sending happens in a thread of its own: a collector that is away delays nobody.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_NAME = "sallyport"


class Traces:
    """Where the spans of this process go; the rest of a trace is with whoever called, or is called."""

    def __init__(self, endpoint: str) -> None:
        """Send to the address of a collector, with the path, such as `http://127.0.0.1:4318/v1/traces`."""
        resource = Resource.create({SERVICE_NAME: _NAME})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer(_NAME)
        self._propagator = TraceContextTextMapPropagator()

    def span(self, name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[object]:
        """Open a span; what is opened inside belongs to it."""
        return self._opened(name, attributes or {})

    def trace_headers(self) -> Mapping[str, str]:
        """Answer the header `traceparent` of the open span; none when there is no span."""
        headers: dict[str, str] = {}
        self._propagator.inject(headers)
        return headers

    def close(self) -> None:
        """Send what is left; blocks until the collector has taken it, or does not answer."""
        self._provider.shutdown()

    @contextmanager
    def _opened(self, name: str, attributes: Mapping[str, str]) -> Iterator[object]:
        with self._tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
