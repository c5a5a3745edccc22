"""Traces as a collector gets them: what belongs to what, what they never hold, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

import peers
import playhouse
from collector import Collector, collector, told
from playhouse import Playhouse

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CALLER}-01"
#: Longer than any wait that the house allows itself; a test that gets here has failed.
PATIENCE_SECONDS = 60


def definition(url: str, **headers: str) -> dict[str, Any]:
    """Answer a playbook that passes on what it is given."""
    call = {"method": "POST", "uri": url, "headers": headers, "body": "@triggerBody()", "retryPolicy": {"type": "none"}}
    return {
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
        "actions": {"Call": {"type": "Http", "inputs": call, "runAfter": {}}},
    }


async def deployed(play: Playhouse, folder: Path, workflow: dict[str, Any]) -> str:
    """Deploy a playbook and answer the address that starts it."""
    file = folder / "traced.json"
    file.write_text(json.dumps({"definition": workflow}))
    await play.deploy(file)
    path = playhouse._Bridge.workflow(playhouse._NOBODY, "traced")
    address: str = (await play.post(f"{path}/triggers/manual/listCallbackUrl")).json()["value"]
    return address


@asynccontextmanager
async def receiver(status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """Run a server that is called; gives its address and the heads of what came."""
    heads: list[str] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(request.partition(b"\r\n\r\n")[0].decode().lower())
        writer.write(peers.answer(status))
        await writer.drain()

    async with peers.peer(script) as port:
        yield f"http://127.0.0.1:{port}", heads


async def traced(folder: Path, sink: Collector, headers: dict[str, str], status: int = 200, **own: str) -> list[str]:
    """Let a playbook be started by a request with some headers; answers the heads of the requests that it sent."""
    async with (
        receiver(status) as (url, heads),
        playhouse.opened(folder, egress_allow="127.0.0.1", otlp_endpoint=sink.url) as play,
    ):
        address = await deployed(play, folder, definition(f"{url}/canary-path?canary-query", **own))
        await play.client.post(address, headers=headers, json={"secret": "canary-body"})
        await play.runs("traced", 1)
    return heads


def parents(sink: Collector) -> tuple[Span, Span, Span, Span]:
    """Answer the request that was answered, the run, the action and the request that was sent, each below the other."""
    spans = {each.span_id: each for each in sink.spans()}
    sent = sink.one("outbound")
    action, run = spans[sent.parent_span_id], sink.one("run")
    assert (action.name, action.parent_span_id) == ("action", run.span_id)
    return spans[run.parent_span_id], run, action, sent


async def test_a_request_its_run_the_action_and_what_it_sends_are_one_trace_from_the_caller_to_the_called(
    tmp_path: Path,
) -> None:
    with collector() as sink:
        heads = await traced(tmp_path, sink, {"traceparent": PARENT, "tracestate": "contoso=1"})
    answered, run, action, sent = parents(sink)
    assert {each.trace_id.hex() for each in (answered, run, action, sent)} == {TRACE}
    assert answered.parent_span_id.hex() == CALLER
    [head] = heads
    assert f"traceparent: 00-{TRACE}-{sent.span_id.hex()}-01" in head
    assert "tracestate: contoso=1" in head
    assert [each.kind for each in (answered, run, action, sent)] == [2, 1, 1, 3]
    assert answered.name == "POST callbacks"
    assert told(answered)["http.response.status_code"] == 202
    assert told(answered)["sallyport.request_id"]
    assert (told(run)["sallyport.workflow"], told(run)["sallyport.status"]) == ("traced", "Succeeded")
    assert (told(action)["sallyport.action"], told(action)["sallyport.outcome"]) == ("Call", "Succeeded")
    assert (told(sent)["server.address"], told(sent)["http.response.status_code"]) == ("127.0.0.1", 200)
    assert all(each.status.code == Status.STATUS_CODE_UNSET for each in (answered, run, action, sent))


async def test_a_trace_says_who_sends_it_where_and_holds_no_address_header_or_body(tmp_path: Path) -> None:
    with collector() as sink:
        await traced(tmp_path, sink, {"x-canary": "canary-header"}, status=500)
    assert set(sink.paths) == {"/v1/traces"}
    [resource, *_] = sink.requests()[0].resource_spans
    assert {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"] == "sallyport"
    assert not [each for each in sink.bodies if b"canary" in each]


async def test_what_failed_is_marked_by_a_word_and_without_the_message(tmp_path: Path) -> None:
    with collector() as sink:
        await traced(tmp_path, sink, {}, status=500)
    answered, run, action, sent = parents(sink)
    assert [each.status.code for each in (run, action, sent)] == [Status.STATUS_CODE_ERROR] * 3
    assert [told(each)["error.type"] for each in (run, action, sent)] == ["Failed", "Failed", "5xx"]
    assert answered.status.code == Status.STATUS_CODE_UNSET
    assert not any(each.events or each.status.message for each in sink.spans())


@pytest.mark.parametrize(
    "given",
    [
        "",
        "canary",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{CALLER}-01",
        f"{PARENT},{PARENT}",
        f"00-{TRACE}-{CALLER}-01\x1b[31m",
    ],
)
async def test_a_parent_that_is_none_begins_a_new_trace(tmp_path: Path, given: str) -> None:
    with collector() as sink:
        async with playhouse.opened(tmp_path, otlp_endpoint=sink.url) as play:
            answered = await play.client.get("/v1.0/security/alerts", headers={"traceparent": given})
            assert answered.status_code == 200
    span = sink.one("GET graph")
    assert span.parent_span_id == b""
    assert span.trace_id.hex() != TRACE


async def test_a_caller_that_does_not_sample_is_not_sampled_here_and_passed_on_as_such(tmp_path: Path) -> None:
    with collector() as sink:
        [head] = await traced(tmp_path, sink, {"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert TRACE not in {each.trace_id.hex() for each in sink.spans()}
    [passed] = [line for line in head.split("\r\n") if line.startswith("traceparent: ")]
    assert passed.startswith(f"traceparent: 00-{TRACE}-")
    assert passed.endswith("-00")


async def test_a_parent_that_a_playbook_writes_itself_is_sent_as_written(tmp_path: Path) -> None:
    own = f"00-{'a' * 32}-{'b' * 16}-01"
    with collector() as sink:
        [head] = await traced(tmp_path, sink, {}, traceparent=own)
    assert [line for line in head.split("\r\n") if line.startswith("trace")] == [f"traceparent: {own}"]


async def sending_ended() -> None:
    """Wait for the threads that outlive their server: what they say late is not the next test's."""
    for thread in threading.enumerate():
        if thread.name == "sallyport-traces":
            await asyncio.to_thread(thread.join, PATIENCE_SECONDS)
            assert not thread.is_alive()


@pytest.mark.parametrize("status", [None, 400, 503])
async def test_a_collector_that_fails_costs_traces_and_nothing_else(tmp_path: Path, status: int | None) -> None:
    with capture_logs() as logged, collector(status) as sink:
        async with asyncio.timeout(PATIENCE_SECONDS):
            heads = await traced(tmp_path, sink, {})
        await sending_ended()
    assert len(heads) == 1
    assert sink.paths
    said = [each["event"] for each in logged if each["event"].startswith("traces.")]
    assert set(said) <= {"traces.not_taken", "traces.not_flushed"}
    assert said
    assert len(said) == len(set(said))


async def test_a_collector_that_is_not_there_costs_traces_and_nothing_else(tmp_path: Path) -> None:
    with collector() as sink:
        pass
    async with asyncio.timeout(PATIENCE_SECONDS):
        heads = await traced(tmp_path, sink, {})
    await sending_ended()
    assert len(heads) == 1
    assert sink.bodies == []


async def test_a_collector_that_comes_back_is_told_what_is_new(tmp_path: Path) -> None:
    from opentelemetry.sdk.trace.export import SpanExportResult

    from sallyport.web import otlp

    with collector(400) as sink, capture_logs() as logged:
        traces = otlp.Traces(f"{sink.url}/v1/traces/")
        processor = traces._provider._active_span_processor
        for status in (400, 400, 200, 200):
            sink.status = status
            with traces.span(f"at {status}"):
                pass
            processor.force_flush()
        await traces.close()
    assert [each.name for each in sink.spans()] == ["at 200", "at 200"]
    assert set(sink.paths) == {"/v1/traces"}
    told_of = [(each["event"], each.get("lost")) for each in logged]
    assert told_of == [("traces.not_taken", None), ("traces.taken_again", 2)]
    assert traces._exporter.export([]) is SpanExportResult.FAILURE, "closed is closed"


PROBE = """
import asyncio, sys
from pathlib import Path
{before}
from sallyport import app, errors, settings
async def probe():
    given = {{"data": Path(sys.argv[1]), "reserve_bytes": 0, "smtp_host": "x", **{given}}}
    house = app.build(settings.load({{}}, given=given))
    await house.open()
    await house.close()
try:
    asyncio.run(probe())
except errors.ExtraMissing as refused:
    print(refused.message)
print(sorted(each for each in sys.modules if each.startswith("opentelemetry")) if not {given} else "")
"""


def probed(folder: Path, before: str, given: dict[str, str]) -> list[str]:
    """Answer what a process of its own says that opens a house."""
    program = PROBE.format(before=before, given=given)
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_without_the_setting_nothing_of_opentelemetry_is_imported(tmp_path: Path) -> None:
    assert "[]" in probed(tmp_path, "", {})


def test_without_the_package_the_setting_is_refused_with_what_to_install(tmp_path: Path) -> None:
    said = probed(tmp_path, "sys.modules['opentelemetry'] = None", {"otlp_endpoint": "http://127.0.0.1:4318"})
    assert "otlp_endpoint: the package 'opentelemetry' is not installed; install sallyport[opentelemetry]." in said
