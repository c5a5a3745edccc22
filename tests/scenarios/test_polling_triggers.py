"""Polling triggers against the contract: each row of its table, cursors, conditions, and exactly-once under crashes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.engine.engine import Engine
from sallyport.http_messages import ConnectionFailed, InboundResponse, OutboundRequest
from sallyport.store import trigger_states
from scenarios.trigger_stage import CONNECTIONS, GRAPH_PATH, Feed, TriggerStage, definition, polling
from workplace import CASES

ANSWERS: list[dict[str, Any]] = json.loads((CASES / "triggers" / "polling.json").read_text("utf-8"))
PEER = "GET https://peer.test/events"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[TriggerStage]:
    opened = await TriggerStage(tmp_path).open()
    yield opened
    await opened.close()


def graph(**more: Any) -> dict[str, Any]:
    inputs = {
        "host": {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}},
        "method": "get",
        "path": GRAPH_PATH,
    }
    trigger = {"type": "ApiConnection", "recurrence": {"frequency": "Minute", "interval": 3}, "inputs": inputs}
    declared = {"$connections": {"type": "Object", "defaultValue": {}}}
    return definition({**trigger, **more}, parameters=declared)


def fed(stage: TriggerStage) -> Feed:
    feed = Feed()
    stage.ports = type(stage.ports)(feed, feed, stage.ports.children, stage.ports.batches, {})
    stage.outside = feed
    return feed


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["id"])
async def test_an_answer_means_what_the_table_of_the_contract_says(stage: TriggerStage, case: dict[str, Any]) -> None:
    stage.outside.replies[PEER] = (case["status"], case.get("headers", {}), {"n": 1})
    workflow = await stage.save(polling(recurrence=case.get("recurrence", {"frequency": "Minute", "interval": 1})))
    state = await stage.state(workflow)
    began = stage.time.now().isoformat()
    assert began.startswith("2026-01-05T09:00:00")
    assert len(await stage.runs(workflow)) == (1 if case["fires"] else 0)
    assert await stage.told(workflow) == [(case["history"], case["code"])]
    assert (state.next_at or "")[:19] == case["next"]
    assert state.memory.get("cursor") == case.get("cursor")


async def test_a_location_is_the_address_of_the_next_poll_and_without_one_it_is_the_triggers_own(
    stage: TriggerStage,
) -> None:
    stage.outside.replies["GET https://peer.test/events"] = (200, {"Location": "/next?after=7"}, [1])
    stage.outside.replies["GET https://peer.test/next"] = (202, {}, None)
    workflow = await stage.save(polling())
    await stage.advance(minutes=2)
    assert stage.polls() == [
        "https://peer.test/events",
        "https://peer.test/next?after=7",
        "https://peer.test/events",
    ]
    assert [each.fired for each in await stage.history(workflow)] == [True, False, True]


async def test_an_error_keeps_the_address_of_the_next_poll(stage: TriggerStage) -> None:
    stage.outside.replies["GET https://peer.test/events"] = (202, {"Location": "https://peer.test/next?after=7"}, None)
    stage.outside.replies["GET https://peer.test/next"] = [(503, {}, None), (404, {}, None), (200, {}, "new")]
    workflow = await stage.save(polling())
    await stage.advance(minutes=3)
    assert stage.polls()[1:] == ["https://peer.test/next?after=7"] * 3
    assert await stage.told(workflow) == [
        ("Skipped", "Accepted"),
        ("Failed", "ServiceUnavailable"),
        ("Failed", "NotFound"),
        ("Succeeded", "OK"),
    ]


async def test_a_poll_that_fails_is_repeated_as_the_retry_policy_says_and_told_once(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (500, {}, {"error": {"message": "Out of order."}})
    retrying = {"type": "fixed", "count": 2, "interval": "PT10S"}
    inputs = {"method": "GET", "uri": "https://peer.test/events", "retryPolicy": retrying}
    workflow = await stage.save(polling(inputs=inputs, recurrence={"frequency": "Hour", "interval": 1}))
    assert await stage.history(workflow) == []
    await stage.advance(minutes=5)
    (entry,) = await stage.history(workflow)
    assert (entry.status, entry.code, entry.fired) == ("Failed", "InternalServerError", False)
    assert entry.error is not None
    assert "Out of order." in entry.error["message"]
    assert entry.started_at[:19] == "2026-01-05T09:00:00"
    assert entry.ended_at[:19] == "2026-01-05T09:00:20"
    assert len(stage.polls()) == 3
    assert ((await stage.state(workflow)).next_at or "")[:19] == "2026-01-05T10:00:00"


async def test_a_repeat_carries_the_same_key_and_the_next_poll_another(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = [(503, {}, None), (202, {}, None), (202, {}, None)]
    retrying = {"type": "fixed", "count": 1, "interval": "PT5S"}
    await stage.save(polling(inputs={"uri": "https://peer.test/events", "retryPolicy": retrying}))
    await stage.advance(minutes=2)
    keys = [dict(request.headers)["Idempotency-Key"] for request in stage.outside.requests]
    assert keys[0] == keys[1] != keys[2]


async def test_a_connection_that_fails_is_an_error_like_any_other(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(request: OutboundRequest) -> InboundResponse:
        raise ConnectionFailed("refused", "peer.test")

    monkeypatch.setattr(stage.outside, "send", refused)
    workflow = await stage.save(polling())
    assert await stage.told(workflow) == [("Failed", "ConnectionFailed")]


async def test_inputs_that_cannot_be_evaluated_fail_the_poll_and_the_next_one_comes(stage: TriggerStage) -> None:
    workflow = await stage.save(polling(inputs={"uri": "@concat('https://peer.test/', int('seven'))"}))
    await stage.advance(minutes=1)
    assert await stage.told(workflow) == [("Failed", "InvalidTemplate")] * 2
    assert stage.polls() == []


async def test_trigger_in_the_inputs_is_what_the_poll_before_found(stage: TriggerStage) -> None:
    uri = "https://peer.test/events?last=@{coalesce(trigger()?['outputs']?['body']?['n'], 'none')}"
    stage.outside.replies[PEER] = [(200, {}, {"n": 4}), (202, {}, {"n": 5}), (200, {}, {"n": 6})]
    await stage.save(polling(inputs={"uri": uri}))
    await stage.advance(minutes=2)
    assert [url.rpartition("=")[2] for url in stage.polls()] == ["none", "4", "5"]


async def test_authentication_is_sent_and_not_shown(stage: TriggerStage) -> None:
    proof = {"type": "Basic", "username": "sally", "password": "open-sesame"}
    workflow = await stage.save(polling(inputs={"uri": "https://peer.test/events", "authentication": proof}))
    assert dict(stage.outside.requests[0].headers)["Authorization"].startswith("Basic ")
    (run,) = await stage.runs(workflow)
    assert "open-sesame" not in run.trigger
    assert "peer.test" in run.trigger


@pytest.mark.parametrize(
    ("expression", "status", "starts"),
    [
        ("@equals(triggers().code, 'InternalServerError')", 500, 1),
        ("@equals(trigger()['outputs']['statusCode'], 404)", 404, 1),
        ("@equals(trigger().code, 'Accepted')", 202, 1),
        ("@equals(triggers().code, 'InternalServerError')", 200, 0),
        ("@greater(triggerBody()?['n'], 0)", 200, 1),
        ("@greater(triggerBody()?['n'], 5)", 200, 0),
        ("@greater(triggerBody()?['n'], 0)", 202, 0),
        ("@equals(triggerBody()?['code'], 'x')", 202, 0),
        ("@triggerBody()?['n']", 200, 0),
    ],
)
async def test_a_condition_on_the_status_replaces_the_rule_that_only_200_fires(
    stage: TriggerStage, expression: str, status: int, starts: int
) -> None:
    stage.outside.replies[PEER] = (status, {}, {"n": 1})
    workflow = await stage.save(polling(conditions=[{"expression": expression}]))
    assert len(await stage.runs(workflow)) == starts


async def test_a_condition_that_is_not_met_is_told_and_the_cursor_moves_on(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (200, {"Location": "/next"}, {"n": 1})
    workflow = await stage.save(polling(conditions=[{"expression": "@equals(triggerBody()?['n'], 2)"}]))
    (entry,) = await stage.history(workflow)
    assert (entry.status, entry.code) == ("Skipped", "TriggerConditionNotMet")
    assert (await stage.state(workflow)).memory["cursor"] == "/next"


SPLIT = {"splitOn": "@triggerBody()?['value']"}


async def test_split_on_starts_one_run_for_each_item(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (200, {}, {"value": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "more": 1})
    workflow = await stage.save(polling(**SPLIT))
    assert await stage.bodies(workflow) == [{"id": "a"}, {"id": "b"}, {"id": "c"}]


async def test_runs_of_one_firing_may_each_have_a_tracking_id_of_their_own(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (200, {}, [{"id": "a"}, {"id": "b"}, {"id": 3}])
    correlation = {"correlation": {"clientTrackingId": "@triggerBody()['id']"}}
    more = {"correlation": {"clientTrackingId": "all of them"}, "splitOnConfiguration": correlation}
    workflow = await stage.save(polling(splitOn="@triggerBody()", **more))
    assert sorted(run.client_tracking_id for run in await stage.runs(workflow)) == ["a", "all of them", "b"]


async def test_conditions_are_asked_of_each_item(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (200, {}, {"value": [{"n": 1}, {"n": 7}, {"n": 9}]})
    workflow = await stage.save(polling(**SPLIT, conditions=[{"expression": "@greater(triggerBody()?['n'], 5)"}]))
    assert await stage.bodies(workflow) == [{"n": 7}, {"n": 9}]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"value": []}, "Skipped", "OK"),
        ({"other": 1}, "Skipped", "OK"),
        ({"value": "text"}, "Failed", "InvalidTemplateTriggerSplitOn"),
        ({"value": list(range(6))}, "Failed", "InvalidTemplateTriggerSplitOn"),
    ],
)
async def test_split_on_that_gives_no_items_skips_and_one_that_gives_no_array_or_too_many_fails(
    tmp_path: Path, body: Any, status: str, code: str
) -> None:
    from sallyport.engine.limits import Limits

    stage = await TriggerStage(tmp_path, limits=Limits(split_on_items=5)).open()
    stage.outside.replies[PEER] = (200, {"Location": "/next"}, body)
    workflow = await stage.save(polling(**SPLIT))
    assert await stage.told(workflow) == [(status, code)]
    # What could not be split is asked for again.
    assert (await stage.state(workflow)).memory.get("cursor") == (None if status == "Failed" else "/next")
    assert await stage.runs(workflow) == []
    await stage.close()


async def test_the_first_poll_of_the_products_own_trigger_only_learns_where_to_begin(stage: TriggerStage) -> None:
    feed = fed(stage)
    feed.alerts += ["old"]
    await stage.crash()
    workflow = await stage.save(graph(), parameters=CONNECTIONS)
    assert await stage.told(workflow) == [("Skipped", "Accepted")]
    feed.alerts += ["a", "b"]
    await stage.advance(minutes=6)
    assert await stage.bodies(workflow) == [{"value": [{"id": "a"}, {"id": "b"}]}]
    assert [call.path for call in feed.calls] == [
        GRAPH_PATH,
        f"{GRAPH_PATH}?triggerState=1",
        f"{GRAPH_PATH}?triggerState=3",
    ]
    assert {call.api for call in feed.calls} == {"microsoftgraphsecurity"}


async def test_alerts_that_arrive_while_a_poll_is_answered_are_in_the_next_one(stage: TriggerStage) -> None:
    feed = fed(stage)
    await stage.crash()
    workflow = await stage.save(graph(**SPLIT), parameters=CONNECTIONS)
    feed.before_answer = lambda: feed.alerts.append(f"late{len(feed.alerts)}")
    feed.alerts.append("first")
    await stage.advance(minutes=12)
    found = [body["id"] for body in await stage.bodies(workflow)]
    assert sorted(found) == sorted(feed.alerts[: len(found)])
    assert len(found) == len(set(found)) == 4


async def test_a_crash_between_the_poll_and_the_commit_loses_nothing_and_repeats_nothing(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = fed(stage)
    await stage.crash()
    workflow = await stage.save(graph(**SPLIT), parameters=CONNECTIONS)
    feed.alerts += ["a", "b"]
    reached = asyncio.Event()

    def broken(*args: Any, **more: Any) -> None:
        loop.call_soon_threadsafe(reached.set)
        raise RuntimeError("the machine stops here")

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patched:
        patched.setattr(trigger_states, "settle", _after(trigger_states.settle, broken))
        await stage.time.advance(180)
        async with asyncio.timeout(10):
            await reached.wait()
        await stage.crash()
    assert (await stage.state(workflow)).memory["cursor"].endswith("=0")
    assert await stage.runs(workflow) == []
    await stage.advance(minutes=9)
    assert await stage.bodies(workflow) == [{"id": "a"}, {"id": "b"}]


async def test_a_process_that_stops_while_it_polls_polls_again(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def endless(request: OutboundRequest) -> InboundResponse:
        asked.set()
        never: asyncio.Future[InboundResponse] = asyncio.get_running_loop().create_future()
        return await never

    stage.outside.replies[PEER] = (200, {"Location": "/next"}, {"value": ["a"]})
    workflow = await stage.deploy(polling(**SPLIT))
    with monkeypatch.context() as patched:
        patched.setattr(stage.outside, "send", endless)
        await stage.loop.synchronise(workflow)
        await asked.wait()
        await stage.close()
    await stage.open()
    await stage.quiet()
    assert await stage.bodies(workflow) == ["a"]


async def test_a_run_that_was_stored_is_undone_with_its_watermark(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.outside.replies[PEER] = (200, {"Location": "/next"}, {"value": [1, 2, 3]})
    stored = Engine.store_start
    count = 0

    def third_fails(*args: Any, **more: Any) -> str:
        nonlocal count
        count += 1
        if count == 3:
            raise RuntimeError("the disk is gone")
        return stored(*args, **more)

    monkeypatch.setattr(Engine, "store_start", third_fails)
    workflow = await stage.deploy(polling(**SPLIT))
    await stage.loop.synchronise(workflow)
    async with asyncio.timeout(10):
        while count < 3:
            await asyncio.sleep(0.005)
    assert await stage.runs(workflow) == []
    monkeypatch.undo()
    await stage.crash()
    await stage.quiet()
    assert await stage.bodies(workflow) == [1, 2, 3]


async def test_a_poll_that_is_delivered_twice_starts_one_run(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (202, {}, None)
    workflow = await stage.save(polling(**SPLIT))
    before = await stage.state(workflow)
    stage.outside.replies[PEER] = (200, {"Location": "/next"}, {"value": ["a", "b"]})
    await stage.loop.fire_now(workflow, "it")
    await stage.database.write(lambda connection: _rewind(connection, before))
    stage.outside.replies[PEER] = (200, {"Location": "/next"}, {"value": ["a", "b", "c"]})
    await stage.loop.fire_now(workflow, "it")
    await stage.quiet()
    assert sorted(await stage.bodies(workflow)) == ["a", "b", "c"]


async def test_peers_that_do_not_answer_keep_no_other_trigger_from_firing(stage: TriggerStage) -> None:
    asked = 0

    async def never(request: OutboundRequest) -> InboundResponse:
        nonlocal asked
        asked += 1
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    stage.outside.send = never  # type: ignore[method-assign]
    for number in range(40):
        await stage.loop.synchronise(await stage.deploy(polling(), name=f"dead-{number}"))
    async with asyncio.timeout(20):
        while asked < 40:
            await asyncio.sleep(0.01)
        recurring = definition({"type": "Recurrence", "recurrence": {"frequency": "Minute", "interval": 1}})
        workflow = await stage.deploy(recurring, name="alive")
        await stage.loop.synchronise(workflow)
        while not (begun := await stage.runs(workflow)):
            await asyncio.sleep(0.01)
    assert (len(begun), asked) == (1, 40)


async def test_a_save_while_a_poll_is_under_way_makes_it_as_if_it_had_not_been(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    send = stage.outside.send

    async def slow(request: OutboundRequest) -> InboundResponse:
        asked.set()
        await answer.wait()
        return await send(request)

    monkeypatch.setattr(stage.outside, "send", slow)
    stage.outside.replies[PEER] = (200, {}, "found")
    workflow = await stage.deploy(polling())
    await stage.loop.synchronise(workflow)
    await asked.wait()
    await stage.engine.library.set_state(workflow, "Disabled")
    await stage.loop.synchronise(workflow)
    answer.set()
    await stage.quiet()
    assert await stage.runs(workflow) == []
    assert (await stage.state(workflow)).next_at is None
    await stage.set_state(workflow, "Enabled")
    await stage.advance(minutes=1)
    assert await stage.bodies(workflow) == ["found"]


async def test_a_disabled_workflow_does_not_poll_and_goes_on_where_it_was(stage: TriggerStage) -> None:
    stage.outside.replies["GET https://peer.test/events"] = (202, {"Location": "/next?after=3"}, None)
    stage.outside.replies["GET https://peer.test/next"] = (200, {}, "later")
    workflow = await stage.save(polling())
    await stage.set_state(workflow, "Disabled")
    await stage.advance(minutes=30)
    assert len(stage.polls()) == 1
    await stage.set_state(workflow, "Enabled")
    await stage.advance(minutes=1)
    assert stage.polls()[1] == "https://peer.test/next?after=3"
    assert await stage.bodies(workflow) == ["later"]


async def test_a_save_keeps_the_cursor_unless_the_trigger_itself_was_changed(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (202, {"Location": "/next?after=3"}, None)
    stage.outside.replies["GET https://peer.test/next"] = (202, {"Location": "/next?after=3"}, None)
    stage.outside.replies["GET https://peer.test/others"] = (202, {}, None)
    await stage.save(polling())
    await stage.save({**polling(), "outputs": {}})
    assert stage.polls()[-1] == "https://peer.test/next?after=3"
    await stage.save(polling(inputs={"uri": "https://peer.test/others"}))
    assert stage.polls()[-1] == "https://peer.test/others"


@pytest.mark.parametrize(
    "change",
    [
        {"recurrence": {"frequency": "Minute", "interval": 5}},
        {"conditions": [{"expression": "@equals(1, 1)"}]},
        {"runtimeConfiguration": {"concurrency": {"runs": 5}}},
        {"inputs": {"method": "GET", "uri": "https://peer.test/events", "retryPolicy": {"type": "fixed", "count": 2}}},
    ],
    ids=["recurrence", "conditions", "concurrency", "retry policy"],
)
async def test_a_trigger_that_asks_the_same_in_another_way_has_still_seen_what_it_has_seen(
    stage: TriggerStage, change: dict[str, Any]
) -> None:
    stage.outside.replies[PEER] = (202, {"Location": "/next?after=3"}, None)
    stage.outside.replies["GET https://peer.test/next"] = (202, {"Location": "/next?after=3"}, None)
    await stage.save(polling())
    await stage.save(polling(**change))
    assert stage.polls() == ["https://peer.test/events", "https://peer.test/next?after=3"]


async def test_what_a_trigger_asks_for_may_change_while_it_is_disabled(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (202, {"Location": "/next?after=3"}, None)
    stage.outside.replies["GET https://peer.test/others"] = (202, {}, None)
    workflow = await stage.save(polling())
    await stage.set_state(workflow, "Disabled")
    others = polling(inputs={"uri": "https://peer.test/others"})
    await stage.engine.library.set_state(await stage.deploy(others), "Disabled")
    await stage.loop.synchronise(workflow)
    await stage.set_state(workflow, "Enabled")
    await stage.advance(minutes=2)
    assert set(stage.polls()[1:]) == {"https://peer.test/others"}


async def test_reset_forgets_the_cursor_and_polls_at_once(stage: TriggerStage) -> None:
    stage.outside.replies[PEER] = (202, {"Location": "/next?after=3"}, None)
    workflow = await stage.save(polling())
    await stage.time.advance(5)
    await stage.loop.reset(workflow, "IT")
    await stage.quiet()
    assert stage.polls() == ["https://peer.test/events"] * 2


async def test_while_no_more_runs_may_wait_nothing_is_polled(stage: TriggerStage) -> None:
    limited = {"runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 2}}}
    stage.outside.replies[PEER] = (200, {}, {"n": 1})
    waiting = {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 10, "unit": "Minute"}}, "runAfter": {}}}
    workflow = await stage.save({**polling(**limited), "actions": waiting})
    await stage.time.advance(0)
    for _ in range(4):
        await stage.time.advance(60)
        await asyncio.sleep(0.3)
    assert len(stage.polls()) == 3
    statuses = sorted(run.status for run in await stage.runs(workflow))
    assert statuses == ["Running", "Waiting", "Waiting"]
    assert (await stage.told(workflow))[-1] == ("Skipped", "TriggerConcurrencyLimitReached")


async def test_a_trigger_without_a_recurrence_is_told_and_never_polls(stage: TriggerStage) -> None:
    workflow = await stage.save(polling(recurrence=None))
    assert await stage.told(workflow) == [("Failed", "InvalidWorkflowTriggerRecurrence")]
    assert stage.polls() == []


def _after(first: Any, then: Any) -> Any:
    def both(*args: Any, **more: Any) -> None:
        first(*args, **more)
        then()

    return both


def _rewind(connection: Any, before: trigger_states.TriggerState) -> None:
    table = trigger_states.trigger_states
    connection.execute(table.update().values(sequence=before.sequence, memory=before.memory))
