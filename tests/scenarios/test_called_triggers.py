"""Triggers that others call: requests, webhooks and their subscriptions, and runs that are started by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.errors import TooManyRequests
from sallyport.http_messages import Headers
from sallyport.triggers import request
from sallyport.triggers.request import TriggerNotFound, WorkflowDisabled
from sallyport.triggers.split import InvalidSplitOn
from scenarios.trigger_stage import CONNECTIONS, TriggerStage, definition, polling

SUBSCRIBE, UNSUBSCRIBE = "POST https://peer.test/subscribe", "POST https://peer.test/unsubscribe"
WEBHOOK = {
    "type": "HttpWebhook",
    "inputs": {
        "subscribe": {
            "method": "POST",
            "uri": "https://peer.test/subscribe",
            "body": {"callback": "@{listCallbackUrl()}"},
            "retryPolicy": {"type": "none"},
        },
        "unsubscribe": {
            "method": "POST",
            "uri": "https://peer.test/unsubscribe",
            "body": {"id": "@triggerBody()?['id']"},
        },
    },
}
CONNECTED = {
    "type": "ApiConnectionWebhook",
    "inputs": {
        "host": {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}},
        "body": {"callback_url": "@{listCallbackUrl()}"},
        "path": "/subscribe",
    },
}
SLOW = {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}, "runAfter": {}}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[TriggerStage]:
    opened = await TriggerStage(tmp_path).open()
    opened.outside.replies[SUBSCRIBE] = [(201, {}, {"id": number}) for number in (1, 2, 3, 4)]
    yield opened
    await opened.close()


def asked(stage: TriggerStage) -> list[str]:
    return [f"{each.url.rpartition('/')[2]} {each.body.decode()}" for each in stage.outside.requests]


def subscriptions(stage: TriggerStage) -> list[str]:
    return [each.split(" ")[0] for each in asked(stage)]


async def test_saving_subscribes_with_the_triggers_address(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    (told,) = asked(stage)
    assert told.startswith("subscribe")
    assert f"https://stage.test/{workflow.id}/it/" in told


async def test_disabling_unsubscribes_and_enabling_subscribes_again(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    await stage.set_state(workflow, "Disabled")
    assert asked(stage)[1:] == ['unsubscribe {"id":1}']
    await stage.set_state(workflow, "Enabled")
    assert subscriptions(stage) == ["subscribe", "unsubscribe", "subscribe"]


async def test_a_change_unsubscribes_what_was_and_subscribes_what_is(stage: TriggerStage) -> None:
    await stage.save(definition(WEBHOOK))
    await stage.save(definition(WEBHOOK, outputs={}))
    assert subscriptions(stage) == ["subscribe", "unsubscribe", "subscribe"]
    await stage.save(definition(WEBHOOK, outputs={}))
    assert len(asked(stage)) == 3


async def test_another_access_key_subscribes_the_new_address(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    await stage.engine.library.regenerate_access_key(workflow)
    await stage.loop.synchronise(workflow)
    assert subscriptions(stage) == ["subscribe", "unsubscribe", "subscribe"]
    assert asked(stage)[0] != asked(stage)[2]


async def test_each_subscription_has_a_key_of_its_own_and_so_has_its_end(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    for _ in range(2):
        await stage.set_state(workflow, "Disabled")
        await stage.set_state(workflow, "Enabled")
    workflow = await stage.engine.library.current(workflow.id)
    await stage.engine.library.regenerate_access_key(workflow)
    await stage.loop.synchronise(workflow)
    keys = [Headers(each.headers)["Idempotency-Key"] for each in stage.outside.requests]
    assert len(keys) == 7
    # A peer that knows the key of an earlier request answers that one again, and does nothing.
    assert len(set(keys)) == 7


async def test_a_subscription_that_is_tried_again_keeps_its_key(stage: TriggerStage) -> None:
    stage.outside.replies[SUBSCRIBE] = [(503, {}, None), (201, {}, {"id": 1})]
    policy = {"type": "fixed", "count": 2, "interval": "PT10S"}
    subscribe = {"method": "POST", "uri": "https://peer.test/subscribe", "retryPolicy": policy}
    await stage.save(definition({"type": "HttpWebhook", "inputs": {"subscribe": subscribe}}))
    await stage.advance(seconds=10)
    first, second = (Headers(each.headers)["Idempotency-Key"] for each in stage.outside.requests)
    assert first == second


async def test_deleting_unsubscribes_although_the_workflow_is_gone(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    await stage.engine.library.delete(workflow)
    await stage.loop.synchronise(workflow)
    assert asked(stage)[1:] == ['unsubscribe {"id":1}']
    assert await stage.states(workflow) == {}


async def test_removing_the_trigger_unsubscribes(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    await stage.save(definition({"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": 1}}))
    assert asked(stage)[1:] == ['unsubscribe {"id":1}']
    assert list(await stage.states(workflow)) == ["it"]


async def test_a_restart_neither_subscribes_nor_unsubscribes(stage: TriggerStage) -> None:
    await stage.save(definition(WEBHOOK))
    await stage.crash()
    await stage.advance(minutes=5)
    assert subscriptions(stage) == ["subscribe"]


async def test_a_crash_after_the_deletion_still_unsubscribes(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    await stage.engine.library.delete(workflow)
    await stage.crash()
    await stage.quiet()
    assert subscriptions(stage) == ["subscribe", "unsubscribe"]


async def test_a_subscription_that_is_refused_is_told_and_tried_again_later(stage: TriggerStage) -> None:
    stage.outside.replies[SUBSCRIBE] = [(403, {}, None), (201, {}, {"id": 9})]
    workflow = await stage.save(definition(WEBHOOK))
    assert await stage.told(workflow) == [("Failed", "Forbidden")]
    await stage.advance(hours=1)
    assert subscriptions(stage) == ["subscribe", "subscribe"]
    assert "subscription" in (await stage.state(workflow)).memory


async def test_a_connectors_subscription_is_made_and_given_up_through_its_connection(stage: TriggerStage) -> None:
    stage.outside.replies["microsoftgraphsecurity POST /subscribe"] = (201, {"Location": "/subscriptions/7"}, None)
    document = definition(CONNECTED, parameters={"$connections": {"type": "Object", "defaultValue": {}}})
    workflow = await stage.save(document, parameters=CONNECTIONS)
    (call,) = stage.outside.calls
    assert call.callback_url == call.body["callback_url"]
    await stage.engine.library.delete(workflow)
    await stage.loop.synchronise(workflow)
    assert [(each.method, each.path) for each in stage.outside.calls[1:]] == [("DELETE", "/subscriptions/7")]
    assert stage.outside.calls[1].connection_id == "/connections/graph"


async def test_a_connection_that_is_missing_is_told_and_the_trigger_can_be_called_all_the_same(
    stage: TriggerStage,
) -> None:
    inputs = {**CONNECTED["inputs"], "host": {"connection": {"name": "nowhere"}}}  # type: ignore[dict-item]
    workflow = await stage.save(definition({**CONNECTED, "inputs": inputs}))
    await stage.advance(hours=3)
    assert await stage.told(workflow) == [("Failed", "ConnectionNotFound")]
    accepted, _ = await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": 1})
    assert accepted.run_id is not None


async def test_a_call_fires_a_webhook_trigger_like_a_request(stage: TriggerStage) -> None:
    workflow = await stage.save(definition(WEBHOOK))
    accepted, answer = await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": {"n": 1}})
    await stage.quiet()
    assert answer is None
    assert [run.id for run in await stage.runs(workflow)] == [accepted.run_id]
    assert await stage.bodies(workflow) == [{"n": 1}]
    (entry,) = await stage.history(workflow)
    assert (entry.fired, entry.run_id, entry.status) == (True, accepted.run_id, "Succeeded")


@pytest.mark.parametrize(
    ("body", "starts"), [({"value": [1, 2]}, 2), ({"value": []}, 0), ({}, 0)], ids=["items", "none", "null"]
)
async def test_split_on_makes_runs_of_a_call(stage: TriggerStage, body: Any, starts: int) -> None:
    workflow = await stage.save(definition({"type": "Request", "splitOn": "@triggerBody()?['value']"}))
    accepted, _ = await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": body})
    assert len(await stage.runs(workflow)) == starts
    assert (accepted.run_id is None) is (starts == 0)


async def test_split_on_that_gives_no_array_refuses_the_call(stage: TriggerStage) -> None:
    workflow = await stage.save(definition({"type": "Request", "splitOn": "@triggerBody()"}))
    with pytest.raises(InvalidSplitOn, match="must give an array"):
        await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": {"n": 1}})
    assert await stage.runs(workflow) == []


async def test_split_on_with_concurrency_takes_a_hundred_items_at_the_most(stage: TriggerStage) -> None:
    limited = {"runtimeConfiguration": {"concurrency": {"runs": 50, "maximumWaitingRuns": 100}}}
    trigger = {"type": "Request", "splitOn": "@triggerBody()", **limited}
    workflow = await stage.save(definition(trigger))
    with pytest.raises(InvalidSplitOn, match="100 are allowed"):
        await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": list(range(101))})
    await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": list(range(100))})
    assert len(await stage.runs(workflow)) == 100


async def test_split_on_of_a_single_instance_takes_a_hundred_items_at_the_most(stage: TriggerStage) -> None:
    trigger = {"type": "Request", "splitOn": "@triggerBody()", "operationOptions": "SingleInstance"}
    workflow = await stage.save(definition(trigger))
    with pytest.raises(InvalidSplitOn, match="100 are allowed"):
        await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": list(range(101))})
    assert await stage.runs(workflow) == []


async def test_above_its_concurrency_a_call_waits_and_above_the_waiting_list_it_is_refused(
    stage: TriggerStage,
) -> None:
    limited = {"runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}}
    workflow = await stage.save({"triggers": {"it": {"type": "Request", **limited}}, "actions": SLOW})
    for _ in range(2):
        await request.fire(stage.engine, workflow, "it", {"headers": {}})
    with pytest.raises(TooManyRequests):
        await request.fire(stage.engine, workflow, "it", {"headers": {}})
    assert sorted(run.status for run in await stage.runs(workflow)) == ["Running", "Waiting"]


async def test_a_disabled_workflow_cannot_be_called_nor_run_by_hand(stage: TriggerStage) -> None:
    workflow = await stage.save(definition({"type": "Request"}))
    await stage.engine.library.set_state(workflow, "Disabled")
    disabled = await stage.engine.library.current(workflow.id)
    with pytest.raises(WorkflowDisabled):
        await request.fire(stage.engine, disabled, "it", {"headers": {}})
    with pytest.raises(WorkflowDisabled):
        await stage.loop.fire_now(disabled, "it")
    assert await stage.runs(workflow) == []


async def test_any_trigger_fires_by_hand_with_a_body(stage: TriggerStage) -> None:
    stage.outside.replies["GET https://peer.test/events"] = (202, {}, None)
    workflow = await stage.save(polling(splitOn="@triggerBody()?['value']"))
    names = await stage.loop.fire_now(workflow, "it", {"value": ["a", "b"]})
    await stage.quiet()
    assert len(names) == 2
    assert sorted(await stage.bodies(workflow)) == ["a", "b"]


async def test_a_trigger_of_another_type_can_be_deployed_and_fired_by_hand(stage: TriggerStage) -> None:
    workflow = await stage.save(definition({"type": "ServiceProvider", "inputs": {}}))
    assert await stage.loop.fire_now(workflow, "it", {"n": 1})
    assert await stage.states(workflow) == {}


async def test_a_trigger_that_is_not_there_cannot_be_fired(stage: TriggerStage) -> None:
    workflow = await stage.save(definition({"type": "Request"}))
    with pytest.raises(TriggerNotFound):
        await stage.loop.fire_now(workflow, "other")


async def test_a_call_that_a_condition_refuses_is_accepted_and_told(stage: TriggerStage) -> None:
    refusing = {"type": "Request", "conditions": [{"expression": "@equals(triggerBody(), 2)"}]}
    workflow = await stage.save(definition(refusing))
    accepted, _ = await request.fire(stage.engine, workflow, "it", {"headers": {}, "body": 1})
    assert accepted.run_id is None
    assert await stage.told(workflow) == [("Skipped", "TriggerConditionNotMet")]
    (entry,) = await stage.history(workflow)
    assert '"body":1' in entry.document
