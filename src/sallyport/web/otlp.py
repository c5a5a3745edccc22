"""Exports traces over OTLP, in protobuf by http, to an OpenTelemetry collector; imported only when one is named.

The rule: a collector that is slow, gone or broken costs parts of traces and nothing else: they are sent from a thread
of their own, and what finds no room in its queue is dropped. Messages of exceptions and addresses of requests are not
exported: they may hold secrets.

https://opentelemetry.io/docs/specs/otlp/ https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sallyport.recorder import Kind, Span

#: Where a collector takes traces, below its address.
PATH = "/v1/traces"
_KINDS: Mapping[Kind, SpanKind] = {
    "answered": SpanKind.SERVER,
    "sent": SpanKind.CLIENT,
    "work": SpanKind.INTERNAL,
}
#: What a caller says of the trace that its request belongs to.
_CALLER = frozenset({"traceparent", "tracestate"})
#: How long one attempt to send may take, its repeats among it.
_SEND_SECONDS = 5.0
#: How long the end of the process may wait for what is left.
_FLUSH_SECONDS = 3.0

_log = structlog.stdlib.get_logger(__name__)


class Traces:
    """Makes parts of traces and sends them; nothing of it is shared with another server in the same process."""

    def __init__(self, endpoint: str) -> None:
        # What the library says of each failure is told here once, when it begins and when it ends.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = _Telling(OTLPSpanExporter(_address(endpoint), timeout=_SEND_SECONDS))
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("sallyport")
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def span(self, name: str, attributes: Mapping[str, str] | None = None, kind: Kind = "work") -> Iterator[Span]:
        """Open a part of a trace."""
        told = attributes or {}
        with self._tracer.start_as_current_span(
            name,
            self._context(told),
            _KINDS[kind],
            {key: value for key, value in told.items() if key not in _CALLER},
            record_exception=False,
            set_status_on_exception=False,
        ) as opened:
            seen = _Seen(opened)
            try:
                yield seen
            except BaseException as error:
                seen.fail(type(error).__name__)
                raise

    def trace_headers(self) -> Mapping[str, str]:
        """Answer the headers of the part that is open."""
        headers: dict[str, str] = {}
        self._propagator.inject(headers)
        return headers

    async def close(self) -> None:
        """Send what is left, for a few seconds at the most."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            # Nobody waits any more once the loop is closed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(sent.set)

        # The interpreter waits for no thread of this kind, whatever the collector does.
        threading.Thread(target=send, name="sallyport-traces", daemon=True).start()
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await sent.wait()
        except TimeoutError:
            _log.warning("traces.not_flushed")

    def _context(self, told: Mapping[str, str]) -> Context | None:
        """Answer what a part belongs to: the caller's trace when it names a valid one, else what is open here."""
        if "traceparent" not in told:
            return None
        found = self._propagator.extract(told, context=Context())
        return found if trace.get_current_span(found).get_span_context().is_valid else None


class _Seen:
    """A part of a trace while it is open."""

    __slots__ = ("_opened",)

    def __init__(self, opened: trace.Span) -> None:
        self._opened = opened

    def note(self, name: str, value: str | int) -> None:
        """Say one more thing of it."""
        self._opened.set_attribute(name, value)

    def fail(self, why: str) -> None:
        """Say that it failed."""
        self._opened.set_attribute("error.type", why)
        self._opened.set_status(Status(StatusCode.ERROR))


class _Telling(SpanExporter):
    """An exporter that says in the log when the collector stops taking traces, and when it takes them again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                _log.warning("traces.taken_again", lost=self._lost)
            self._lost = 0
            return result
        if not self._lost:
            _log.warning("traces.not_taken")
        self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Stop."""
        self._exporter.shutdown()


def _address(endpoint: str) -> str:
    bare = endpoint.rstrip("/")
    return bare if bare.endswith(PATH) else bare + PATH


def _resource() -> Resource:
    name = os.environ.get("OTEL_SERVICE_NAME") or "sallyport"
    return Resource.create({"service.name": name, "service.version": metadata.version("sallyport")})
