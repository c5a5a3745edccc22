"""Traces, as a collector receives them over OTLP and HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import playhouse
from sallyport import app, settings
from sallyport.web.tracing import Traces

SECRET = "came-from-outside"
DEFINITION = {
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {
        "Ask": {"type": "Http", "inputs": {"method": "GET", "uri": "https://asked.example/ask"}, "runAfter": {}},
        "Compute": {"type": "Compose", "inputs": 1, "runAfter": {"Ask": ["Succeeded"]}},
        "Ask_nobody": {
            "type": "Http",
            "inputs": {"method": "GET", "uri": f"not/{SECRET}"},
            "runAfter": {"Compute": ["Succeeded"]},
        },
    },
}


def named(span: Span) -> dict[str, str]:
    """Answer the attributes of a span."""
    return {each.key: each.value.string_value for each in span.attributes}


class Collector:
    """A server that takes what is exported, and answers as little as it may."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the requests of one connection."""
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            lines = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
            body = await reader.readexactly(int(lines["content-length"]))
            self.bodies.append(body)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        writer.close()

    @property
    def spans(self) -> list[Span]:
        """Answer every span so far."""
        sent = [ExportTraceServiceRequest.FromString(each) for each in self.bodies]
        return [
            span
            for request in sent
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


async def test_a_run_is_one_trace_down_to_what_leaves_the_house(tmp_path: Path) -> None:
    collector, outside = Collector(), playhouse.Outside(replies={"GET /ask": (200, {})})
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/traces"
    kept = tmp_path / "traced.json"
    kept.write_text(json.dumps({"definition": DEFINITION}))
    given = {"otlp_endpoint": endpoint}
    async with server, playhouse.opened(tmp_path, outside, web=["https://asked.example"], given=given) as play:
        await play.deploy(kept)
        workflow = (await play.house.engine.library.listed())[0]
        await play.house.triggers.fire_now(workflow, "manual")
        [ended] = await play.runs("traced", 1)
        await play.client.get(f"/v1.0/security/alerts/{SECRET}?secret={SECRET}")
        await play.house.close()
        spans = collector.spans
    assert ended.status == "Failed"
    [run] = [each for each in spans if each.name == "run"]
    [outbound] = [each for each in spans if each.name == "outbound"]
    actions = {named(each)["sallyport.action"]: each for each in spans if each.name == "action"}
    assert set(actions) == {"Ask", "Ask_nobody"}
    assert outbound.parent_span_id == actions["Ask"].span_id
    assert {each.parent_span_id for each in actions.values()} == {run.span_id}
    assert {each.trace_id for each in (outbound, *actions.values())} == {run.trace_id}
    assert named(run)["sallyport.workflow"] == "traced"
    [(_, _, headers, _)] = outside.requests
    assert headers["traceparent"].startswith(f"00-{run.trace_id.hex()}-{outbound.span_id.hex()}-")
    assert any(each.name == "GET graph" for each in spans)
    assert SECRET.encode() not in b"".join(collector.bodies)


async def test_of_an_exception_a_span_tells_the_type_alone() -> None:
    collector = Collector()
    async with await asyncio.start_server(collector.serve, "127.0.0.1", 0) as server:
        traces = Traces(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/traces")
        with pytest.raises(ValueError, match=SECRET), traces.span("run"):
            raise ValueError(SECRET)
        assert traces.trace_headers() == {}
        await asyncio.to_thread(traces.close)
    [span] = collector.spans
    assert (span.status.code, span.status.message, len(span.events)) == (Status.STATUS_CODE_ERROR, "ValueError", 0)


def test_without_the_library_the_setting_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sallyport.web.tracing", None)
    given = {"data": str(tmp_path), "otlp_endpoint": "http://127.0.0.1:4318/v1/traces"}
    chosen = settings.load({}, given=given)
    with pytest.raises(settings.InvalidSetting, match=r"otlp_endpoint.*sallyport\[opentelemetry\]"):
        app.build(chosen)
