"""How runs end before their time: cancelled while they work or wait, terminated, or with outputs that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sallyport.clock import ManualClock
from sallyport.engine import resume
from sallyport.engine.engine import Event
from sallyport.engine.limits import Limits
from sallyport.engine.outcome import EndsRun
from sallyport.errors import StorageUnavailable
from sallyport.http_messages import InboundResponse, OutboundRequest
from sallyport.statuses import Status
from sallyport.store import contents, runs
from scenarios.stage import Stage

CANCELLED = EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Somebody cancelled it.")
TRIGGERS = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path, clock=ManualClock()).open()
    yield opened
    await opened.close()


def _workflow(**actions: dict[str, Any]) -> dict[str, Any]:
    return {"triggers": TRIGGERS, "actions": {name: {"runAfter": {}, **each} for name, each in actions.items()}}


def _after(name: str) -> dict[str, list[str]]:
    return {name: ["Succeeded"]}


HTTP = {"type": "Http", "inputs": {"method": "GET", "uri": "https://sink.test/x", "retryPolicy": {"type": "none"}}}
COMPOSE = {"type": "Compose", "inputs": 1}
LONG_WAIT = {"type": "Wait", "inputs": {"interval": {"count": 9, "unit": "Day"}}}


async def _until_put_away(stage: Stage, run_id: str) -> None:
    async with asyncio.timeout(5):
        while run_id in stage.engine.dispatch.active:
            await asyncio.sleep(0.01)


async def test_a_run_that_works_is_cancelled_where_it_is(stage: Stage) -> None:
    called = asyncio.Event()

    async def never(request: OutboundRequest) -> InboundResponse:
        called.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    stage.outside.send = never  # type: ignore[method-assign]
    workflow = await stage.deploy(_workflow(Call=HTTP, After={**COMPOSE, "runAfter": _after("Call")}))
    run_id = await stage.start(workflow)
    await called.wait()
    assert await stage.engine.end(run_id, CANCELLED) is True
    found = await stage.outcome(run_id)
    assert found.status == "Cancelled"
    assert found.statuses() == {"Call": "Cancelled", "After": "Skipped"}
    assert found["After"].error is not None
    assert found["After"].error["code"] == "Terminated"
    assert await stage.engine.end(run_id, CANCELLED) is False
    await stage.engine.ended(run_id)


async def test_a_run_that_is_put_away_is_cancelled_too(stage: Stage) -> None:
    run_id = await stage.start(await stage.deploy(_workflow(Pause=LONG_WAIT)))
    await _until_put_away(stage, run_id)
    assert await stage.engine.end(run_id, CANCELLED) is True
    found = await stage.outcome(run_id)
    assert (found.status, found["Pause"].status) == ("Cancelled", Status.CANCELLED)
    assert (found.run.owner, found.run.wake_at) == (None, None)


async def test_a_run_that_cannot_be_read_is_cancelled_too(stage: Stage) -> None:
    large = {"type": "Compose", "inputs": "@string(range(0, 3000))"}
    run_id = await stage.start(await stage.deploy(_workflow(Large=large, Pause=LONG_WAIT)))
    await _until_put_away(stage, run_id)
    await stage.database.write(lambda connection: connection.execute(sa.delete(contents.contents)))
    assert await stage.engine.end(run_id, CANCELLED) is True
    row = await stage.database.read(lambda connection: runs.get(connection, run_id))
    assert (row.status, row.code, row.owner, row.wake_at) == ("Cancelled", "WorkflowRunCancelled", None, None)


def _away(*_: Any) -> None:
    raise StorageUnavailable("The database is away.")


async def test_a_run_that_cannot_be_read_for_a_moment_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pause = {"type": "Wait", "inputs": {"interval": {"count": 20, "unit": "Second"}}}
    run_id = await stage.start(await stage.deploy(_workflow(Pause=pause)))
    await _until_put_away(stage, run_id)
    with monkeypatch.context() as patched:
        patched.setattr(resume, "read", _away)
        with pytest.raises(StorageUnavailable):
            await stage.engine.end(run_id, CANCELLED)
    assert (await stage.finish(run_id)).status == "Succeeded"


async def _one_of_two_waits(stage: Stage) -> str:
    """Start two runs of which one may go on at a time; answer the one that waits for the other."""
    limited = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1}}}
    workflow = await stage.deploy({**_workflow(Pause=LONG_WAIT), "triggers": {"manual": limited}})
    await _until_put_away(stage, await stage.start(workflow))
    return await stage.start(workflow)


async def test_a_run_that_waits_for_others_still_waits_when_it_could_not_be_cancelled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await _one_of_two_waits(stage)
    with monkeypatch.context() as patched:
        patched.setattr(resume, "read", _away)
        with pytest.raises(StorageUnavailable):
            await stage.engine.end(run_id, CANCELLED)
    async with asyncio.timeout(5):
        while (run := (await stage.outcome(run_id)).run).owner:
            await asyncio.sleep(0.005)
    assert (run.status, run.wake_at) == ("Waiting", None)
    assert await stage.engine.end(run_id, CANCELLED) is True


async def test_a_run_that_waits_for_others_still_waits_after_a_crash_while_it_is_cancelled(stage: Stage) -> None:
    run_id = await _one_of_two_waits(stage)
    await stage.database.write(lambda connection: runs.claim_one(connection, run_id, stage.owner))
    await stage.close()
    await stage.open()
    run = (await stage.outcome(run_id)).run
    assert (run.status, run.owner, run.wake_at) == ("Waiting", None, None)


async def test_a_run_that_is_cancelled_at_any_moment_ends_once(stage: Stage) -> None:
    workflow = await stage.deploy(_workflow(Call=HTTP, Pause={**LONG_WAIT, "runAfter": _after("Call")}))
    for turns in range(0, 40, 2):
        run_id = await stage.start(workflow)
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await stage.engine.end(run_id, CANCELLED) is True
            await stage.engine.ended(run_id)
        found = await stage.outcome(run_id)
        assert found.status == "Cancelled"
        assert "Running" not in found.statuses().values()


async def test_all_runs_of_a_workflow_are_ended_wherever_they_stand_and_no_others(stage: Stage) -> None:
    limited = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 40, "maximumWaitingRuns": 100}}}
    workflow = await stage.deploy({**_workflow(Pause=LONG_WAIT), "triggers": {"manual": limited}})
    other = await stage.deploy(_workflow(Pause=LONG_WAIT), name="other")
    run_ids = [await stage.start(workflow) for _ in range(120)]
    kept = await stage.start(other)
    await stage.engine.end_all(workflow.id, CANCELLED)
    assert {(await stage.outcome(run_id)).status for run_id in run_ids} == {"Cancelled"}
    assert (await stage.outcome(kept)).status == "Running"


async def test_terminate_inside_a_scope_ends_everything_around_it(stage: Stage) -> None:
    stop = {"type": "Terminate", "inputs": {"runStatus": "Failed", "runError": {"code": "Mine", "message": "enough"}}}
    inner = {"Stop": {**stop, "runAfter": {}}, "Left": {**COMPOSE, "runAfter": _after("Stop")}}
    scope = {"type": "Scope", "actions": inner}
    found = await stage.run(_workflow(Try=scope, After={**COMPOSE, "runAfter": _after("Try")}, Pause=LONG_WAIT))
    assert (found.status, found.run.code) == ("Failed", "Mine")
    assert found.run.error == {"code": "Mine", "message": "enough"}
    expected = {"Stop": "Succeeded", "Left": "Skipped", "Try": "Cancelled", "After": "Skipped", "Pause": "Cancelled"}
    assert found.statuses() == expected


async def test_what_terminate_was_told_of_a_secret_is_not_shown_by_the_run(stage: Stage) -> None:
    secured = {"secureData": {"properties": ["inputs", "outputs"]}}
    error = {"code": "@outputs('Secret')", "message": "It is @{outputs('Secret')}."}
    stop = {"type": "Terminate", "inputs": {"runStatus": "Failed", "runError": error}, "runAfter": _after("Secret")}
    secret = {"type": "Compose", "inputs": "opensesame", "runtimeConfiguration": secured}
    found = await stage.run(_workflow(Secret=secret, Stop=stop))
    assert (found.status, found.run.code) == ("Failed", "Terminated")
    assert "opensesame" not in str(found.run)


async def test_outputs_that_cannot_be_evaluated_fail_the_run(stage: Stage) -> None:
    workflow = {**_workflow(Do=COMPOSE), "outputs": {"bad": {"type": "Int", "value": "@int('seven')"}}}
    found = await stage.run(workflow)
    assert (found.status, found.run.code) == ("Failed", "InvalidTemplate")
    assert found["Do"].status is Status.SUCCEEDED


async def test_a_run_that_takes_longer_than_it_may_times_out(stage: Stage) -> None:
    await stage.close()
    stage.limits = Limits(run_duration=timedelta(minutes=10))
    await stage.open()
    found = await stage.run(_workflow(Pause=LONG_WAIT))
    assert (found.status, found.run.code) == ("TimedOut", "WorkflowRunTimedOut")
    assert found["Pause"].status is Status.CANCELLED


async def test_a_caller_is_answered_although_the_run_was_put_away_before(stage: Stage) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 201, "body": "late"}, "runAfter": _after("Pause")}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 30, "unit": "Second"}}}
    workflow = await stage.deploy(_workflow(Pause=pause, Answer=answer))
    started = await stage.engine.start(workflow, "manual", Event({"body": None}), answered=True)
    assert started.answer is not None
    await _until_put_away(stage, started.run_id)
    found = await stage.finish(started.run_id)
    assert found["Answer"].status is Status.SUCCEEDED
    answered = await started.answer
    assert answered is not None
    assert (answered.status, answered.body) == (201, "late")


@pytest.mark.parametrize("seconds", [1, 300], ids=["in memory", "put away"])
async def test_a_response_after_its_caller_gave_up_is_too_late_wherever_the_run_was(stage: Stage, seconds: int) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": _after("Pause")}
    pause = {"type": "Wait", "inputs": {"interval": {"count": seconds, "unit": "Second"}}}
    workflow = await stage.deploy(_workflow(Pause=pause, Answer=answer))
    started = await stage.engine.start(workflow, "manual", Event({"body": None}), answered=True)
    assert started.answer is not None
    await started.stored
    if seconds > 2:
        await _until_put_away(stage, started.run_id)
    started.answer.set_exception(StorageUnavailable("The caller waited for long enough."))
    found = await stage.finish(started.run_id)
    assert (found.status, found["Answer"].code) == ("Failed", "ActionResponseTimedOut")
    with pytest.raises(StorageUnavailable):
        await started.answer


@pytest.mark.parametrize("asks", ["when it is over", "meanwhile", "after giving up"])
async def test_a_call_that_is_made_again_has_the_answer_of_the_first(stage: Stage, asks: str) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 201, "body": "here"}, "runAfter": _after("Pause")}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 30, "unit": "Second"}}}
    workflow = await stage.deploy(_workflow(Pause=pause, Answer=answer))
    event = Event({"body": None}, event_id="the same")
    first = await stage.engine.start(workflow, "manual", event, answered=True)
    assert first.answer is not None
    if asks == "after giving up":
        first.answer.set_exception(StorageUnavailable("The caller waited for long enough."))
        first.answer.exception()
    if asks != "meanwhile":
        await stage.finish(first.run_id)
    again = await stage.engine.start(workflow, "manual", event, answered=True)
    assert again.answer is not None
    await stage.finish(first.run_id)
    answered = await again.answer
    assert answered is not None
    assert (again.run_id, answered.status, answered.body) == (first.run_id, 201, "here")


async def test_a_call_that_is_made_again_after_a_crash_has_the_answer_that_nobody_was_there_for(tmp_path: Path) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": "201", "body": "here"}, "runAfter": _after("Pause")}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 30, "unit": "Second"}}}
    event = Event({"body": None}, event_id="the same")
    stage = await Stage(tmp_path, clock=ManualClock()).open()
    workflow = await stage.deploy(_workflow(Pause=pause, Answer=answer))
    first = await stage.engine.start(workflow, "manual", event, answered=True)
    await stage.close()
    assert first.answer is not None
    assert isinstance(first.answer.exception(), StorageUnavailable)
    await stage.open()
    found = await stage.finish(first.run_id)
    assert found["Answer"].code == "ActionResponseSkipped"
    again = await stage.engine.start(workflow, "manual", event, answered=True)
    answered = await again.answer if again.answer is not None else None
    await stage.close()
    assert answered is not None
    assert (answered.status, answered.body) == (201, "here")


async def test_a_caller_hears_when_the_server_stops(stage: Stage) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 200}, "runAfter": _after("Pause")}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}}
    workflow = await stage.deploy(_workflow(Pause=pause, Answer=answer))
    started = await stage.engine.start(workflow, "manual", Event({"body": None}), answered=True)
    assert started.answer is not None
    await started.stored
    await stage.engine.close()
    with pytest.raises(StorageUnavailable):
        await started.answer
    await stage.engine.open()


async def test_text_that_is_no_unicode_is_kept_and_breaks_nothing(stage: Stage) -> None:
    body = {"half": "\ud83d", "nul": "a\0b"}
    broken = {**COMPOSE, "inputs": "@int(triggerBody()?['half'])"}
    found = await stage.run(_workflow(Keep={**COMPOSE, "inputs": "@triggerBody()"}, Broken=broken), body)
    assert (found["Keep"].status, found["Broken"].status) == (Status.SUCCEEDED, Status.FAILED)
    assert found["Keep"].outputs == body
