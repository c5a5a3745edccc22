"""An OpenTelemetry collector on loopback: takes traces over OTLP by http, or does whatever a bad one does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What has come."""

    url: str = ""
    #: How it answers; None is never.
    status: int | None = 200
    paths: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def requests(self) -> list[ExportTraceServiceRequest]:
        """Answer every request that was taken, decoded."""
        return [ExportTraceServiceRequest.FromString(each) for each in self.bodies]

    def spans(self) -> list[Span]:
        """Answer every span, those that ended first at the front."""
        return [
            span
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def one(self, name: str) -> Span:
        """Answer the only span of a name."""
        [found] = [each for each in self.spans() if each.name == name]
        return found


@contextmanager
def collector(status: int | None = 200) -> Iterator[Collector]:
    """Run a collector on a free port of 127.0.0.1."""
    taken = Collector(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.paths.append(self.path)
            if taken.status is None:
                taken.ended.wait()
                return
            if taken.status == 200:
                taken.bodies.append(body)
            self.send_response(taken.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        taken.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield taken
        finally:
            taken.ended.set()
            server.shutdown()
            thread.join()


def told(span: Span) -> dict[str, str | int]:
    """Answer the attributes of a span."""
    return {
        each.key: each.value.int_value if each.value.WhichOneof("value") == "int_value" else each.value.string_value
        for each in span.attributes
    }
