"""Who works on a run: claims are exclusive, a restart takes everything back, and nobody waits for a place for ever."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.engine.engine import Event
from sallyport.engine.outcome import EndsRun
from sallyport.engine.ports import Ports
from sallyport.errors import TooManyRequests
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.statuses import Status
from sallyport.store import runs
from sallyport.triggers.children import Children
from scenarios.stage import Stage
from scenarios.trigger_stage import TriggerStage

TRIGGERS: dict[str, Any] = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
HTTP = {"type": "Http", "inputs": {"method": "POST", "uri": "https://sink.test/x"}, "runAfter": {}}
PAUSE = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}, "runAfter": {"Call": ["Succeeded"]}}
WORK = {"triggers": TRIGGERS, "actions": {"Call": HTTP, "Pause": PAUSE}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path).open()
    yield opened
    await opened.close()


async def _ended(stage: Stage, run_ids: list[str]) -> list[str]:
    async with asyncio.timeout(20):
        while True:
            found = await stage.database.read(lambda connection: [runs.get(connection, each) for each in run_ids])
            if all(run.status not in ("Running", "Waiting") for run in found):
                return [run.status for run in found]
            await asyncio.sleep(0.05)


async def test_two_engines_on_one_database_never_work_on_the_same_run(stage: Stage, tmp_path: Path) -> None:
    workflow = await stage.deploy(WORK)
    other = Stage(tmp_path)
    other.owner = "other"
    await other.open()
    try:
        run_ids = [await stage.start(workflow, event_id=f"e{n}") for n in range(60)]
        other.engine.wake()
        assert set(await _ended(stage, run_ids)) == {"Succeeded"}
        keys = Counter(
            Headers(request.headers)["Idempotency-Key"] for each in (stage, other) for request in each.outside.requests
        )
        assert len(keys) == 60
        assert set(keys.values()) == {1}
    finally:
        await other.close()


async def test_whoever_was_superseded_writes_nothing_more(stage: Stage, tmp_path: Path) -> None:
    workflow = await stage.deploy(WORK)
    run_id = await stage.start(workflow)
    async with asyncio.timeout(5):
        while not stage.outside.requests:
            await asyncio.sleep(0.005)
    other = Stage(tmp_path)
    other.owner = "other"
    await other.open()
    try:
        assert await _ended(other, [run_id]) == ["Succeeded"]
        await asyncio.sleep(1.2)
        found = await other.outcome(run_id)
        assert found.run.epoch > 1
        ended = Counter(each.name for each in found.records if each.status.value != "Running")
        assert ended == {"Call": 1, "Pause": 1}
    finally:
        await other.close()


async def test_parents_that_fill_every_place_do_not_keep_their_children_from_working(stage: Stage) -> None:
    stage.engine.dispatch.capacity = 2
    children = Children(lambda: stage.engine)
    ports = stage.engine.around.ports
    object.__setattr__(stage.engine.around, "ports", Ports(ports.http, ports.connectors, children, ports.batches))
    answer = {"type": "Response", "inputs": {"statusCode": 200, "body": "done"}, "runAfter": {}}
    await stage.deploy({"triggers": TRIGGERS, "actions": {"Answer": answer}}, name="child")
    call = {
        "type": "Workflow",
        "inputs": {"host": {"workflow": {"id": "child"}, "triggerName": "manual"}},
        "runAfter": {},
    }
    parent = await stage.deploy({"triggers": TRIGGERS, "actions": {"Call": call}}, name="parent")
    run_ids = [await stage.start(parent, event_id=f"e{n}") for n in range(6)]
    assert set(await _ended(stage, run_ids)) == {"Succeeded"}


async def test_an_event_starts_one_run_however_often_it_is_delivered(stage: Stage) -> None:
    workflow = await stage.deploy(WORK)
    started = await asyncio.gather(*(stage.start(workflow, event_id="alert-1") for _ in range(20)))
    assert len(set(started)) == 1
    assert await stage.start(workflow, event_id="alert-2") not in started
    assert await stage.start(workflow, event_id="x" * 300) == await stage.start(workflow, event_id="x" * 300)


async def test_runs_above_the_concurrency_wait_and_one_too_many_is_refused(stage: Stage) -> None:
    limits = {"runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 2}}}
    workflow = await stage.deploy({**WORK, "triggers": {"manual": {**TRIGGERS["manual"], **limits}}})
    run_ids = [await stage.start(workflow, event_id=f"e{n}") for n in range(3)]
    found = await stage.database.read(lambda connection: [runs.get(connection, each).status for each in run_ids])
    assert found == ["Running", "Waiting", "Waiting"]
    with pytest.raises(TooManyRequests):
        await stage.start(workflow, event_id="e3")
    assert await stage.start(workflow, event_id="e1") == run_ids[1]
    assert await _ended(stage, run_ids) == ["Succeeded"] * 3


async def test_runs_that_waited_go_on_when_their_trigger_is_not_limited_any_more(tmp_path: Path) -> None:
    stage = await TriggerStage(tmp_path).open()
    try:
        pause = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}, "runAfter": {}}
        limited = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1}}}
        document = {"triggers": {"it": limited}, "actions": {"Pause": pause}}
        workflow = await stage.save(document)
        run_ids = [await stage.start(workflow) for _ in range(3)]
        await stage.quiet()
        statuses = [(await stage.outcome(run_id)).status for run_id in run_ids]
        assert sorted(statuses) == ["Running", "Waiting", "Waiting"]
        await stage.save({**document, "triggers": {"it": {"type": "Request"}}})
        await stage.quiet()
        assert {(await stage.outcome(run_id)).status for run_id in run_ids} == {"Running"}
        assert {(await stage.finish(run_id)).status for run_id in run_ids} == {"Succeeded"}
    finally:
        await stage.close()


LONG = {"Pause": {"type": "Wait", "inputs": {"interval": {"count": 20, "unit": "Second"}}, "runAfter": {}}}
ONE_AT_A_TIME = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1}}}


async def test_runs_of_one_trigger_do_not_count_against_the_concurrency_of_another(tmp_path: Path) -> None:
    stage = await TriggerStage(tmp_path).open()
    try:
        document = {"triggers": {"it": ONE_AT_A_TIME, "other": {"type": "Request"}}, "actions": LONG}
        workflow = await stage.save(document)
        started = [
            await stage.engine.start(workflow, name, Event({"body": None})) for name in ("other", "it", "it", "other")
        ]
        await stage.quiet()
        statuses = [(await stage.outcome(each.run_id)).status for each in started]
        assert statuses == ["Running", "Running", "Waiting", "Running"]
        async with asyncio.timeout(10):
            assert {(await stage.finish(each.run_id)).status for each in started} == {"Succeeded"}
    finally:
        await stage.close()


async def test_a_run_that_waits_for_those_of_before_the_concurrency_was_limited_goes_on_when_they_end(
    tmp_path: Path,
) -> None:
    stage = await TriggerStage(tmp_path).open()
    try:
        workflow = await stage.save({"triggers": {"it": {"type": "Request"}}, "actions": LONG})
        before = [await stage.start(workflow) for _ in range(2)]
        workflow = await stage.save({"triggers": {"it": ONE_AT_A_TIME}, "actions": LONG})
        waiting = await stage.start(workflow)
        assert (await stage.outcome(waiting)).status == "Waiting"
        async with asyncio.timeout(10):
            for run_id in (*before, waiting):
                assert (await stage.finish(run_id)).status == "Succeeded"
    finally:
        await stage.close()


async def test_runs_of_before_the_concurrency_was_lowered_let_nobody_go_on_above_it(tmp_path: Path) -> None:
    stage = await TriggerStage(tmp_path).open()
    try:
        several = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 3}}}
        workflow = await stage.save({"triggers": {"it": several}, "actions": LONG})
        before = [await stage.start(workflow) for _ in range(3)]
        workflow = await stage.save({"triggers": {"it": ONE_AT_A_TIME}, "actions": LONG})
        waiting = await stage.start(workflow)
        for run_id in before:
            assert (await stage.outcome(waiting)).status == "Waiting"
            await stage.engine.end(run_id, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
        async with asyncio.timeout(10):
            assert (await stage.finish(waiting)).status == "Succeeded"
    finally:
        await stage.close()


async def test_runs_of_before_the_concurrency_was_raised_let_as_many_go_on_as_may_by_now(tmp_path: Path) -> None:
    stage = await TriggerStage(tmp_path).open()
    try:
        workflow = await stage.save({"triggers": {"it": ONE_AT_A_TIME}, "actions": LONG})
        before = await stage.start(workflow)
        two = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 2}}}
        workflow = await stage.save({"triggers": {"it": two}, "actions": LONG})
        later = [await stage.start(workflow) for _ in range(3)]
        await stage.engine.end(later[0], EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
        await stage.engine.end(before, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
        assert [(await stage.outcome(run_id)).status for run_id in later[1:]] == ["Running", "Running"]
    finally:
        await stage.close()


async def test_names_of_runs_sort_the_newest_first(stage: Stage) -> None:
    workflow = await stage.deploy(WORK)
    names = []
    for _ in range(5):
        started = await stage.engine.start(workflow, "manual", Event({"body": None}))
        await started.stored
        names.append(started.run_id)
        await asyncio.sleep(0.001)
    assert names == sorted(names, reverse=True)
    assert all(re.fullmatch(r"\d{29}CU\d{2}", name) for name in names)


async def test_a_report_is_heard_while_another_branch_computes_for_long_and_then_calls_somebody_slow(
    stage: Stage,
) -> None:
    called, answers = asyncio.Event(), asyncio.Event()

    async def send(request: OutboundRequest) -> InboundResponse:
        if request.url.endswith("/slow"):
            called.set()
            await answers.wait()
        return InboundResponse(200, Headers({}), b"", request.url)

    stage.outside.send = send  # type: ignore[method-assign]
    steps: dict[str, Any] = {f"Step{n}": {"type": "Compose", "inputs": "@item()"} for n in range(20)}
    inputs = {"subscribe": {"method": "POST", "uri": "https://sink.test/ask", "body": "@listCallbackUrl()"}}
    actions: dict[str, Any] = {
        "Ask": {"type": "HttpWebhook", "inputs": inputs, "runAfter": {}},
        "Approved": {"type": "Compose", "inputs": 1, "runAfter": {"Ask": ["Succeeded"]}},
        "Call": HTTP,
        "Each": {"type": "Foreach", "foreach": "@range(0, 200)", "actions": steps, "runAfter": {"Call": ["Succeeded"]}},
        "Slow": {
            "type": "Http",
            "inputs": {"method": "GET", "uri": "https://sink.test/slow"},
            "runAfter": {"Each": ["Succeeded"]},
        },
    }
    run_id = await stage.start(await stage.deploy({"triggers": TRIGGERS, "actions": actions}))
    async with asyncio.timeout(20):
        await called.wait()
        assert await stage.engine.report(run_id, "Ask", "", {"headers": {}, "body": 1})
        run = stage.engine.dispatch.active[run_id]
        while ("Approved", "") not in run.records:
            await asyncio.sleep(0.01)
        answers.set()
        assert await _ended(stage, [run_id]) == ["Succeeded"]
