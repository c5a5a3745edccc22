"""Connectors, webhooks, responses, child workflows and batches on a real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sallyport.clock import ManualClock
from sallyport.connector_call import ConnectorCall
from sallyport.engine.engine import Event
from sallyport.engine.outcome import EndsRun
from sallyport.engine.ports import BatchMessage
from sallyport.engine.records import Record
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.statuses import Status
from sallyport.store import runs
from sallyport.triggers.children import Children
from scenarios.stage import Outcome, Stage

CONNECTION = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/connections/soc"
API = "/subscriptions/s/providers/Microsoft.Web/locations/local/managedApis/MicrosoftGraphSecurity"
PARAMETERS = {"$connections": {"graph": {"connectionId": CONNECTION, "connectionName": "soc", "id": API}}}
HOST = {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}}
ALERTS = "/v1.0/security/alerts"
#: Two webhooks that wait at once, and how they are given up.
HOOKS = {
    "type": "Foreach",
    "foreach": ["a", "b"],
    "actions": {
        "Hook": {
            "type": "HttpWebhook",
            "inputs": {
                "subscribe": {"method": "POST", "uri": "https://hooks.test/sub/@{item()}"},
                "unsubscribe": {"method": "POST", "uri": "https://hooks.test/unsub/@{item()}"},
            },
        }
    },
}
UNSUBSCRIBED = ["https://hooks.test/unsub/a", "https://hooks.test/unsub/b"]


class Batches:
    """Keeps the messages that are sent to it."""

    def __init__(self) -> None:
        self.messages: list[BatchMessage] = []

    async def send(self, message: BatchMessage) -> None:
        self.messages.append(message)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = Stage(tmp_path, clock=ManualClock())
    opened.ports = replace(opened.ports, children=Children(lambda: opened.engine), batches=Batches())
    await opened.open()
    yield opened
    await opened.close()


def definition(**actions: Any) -> dict[str, Any]:
    parameters = {"$connections": {"type": "Object", "defaultValue": {}}}
    triggers = {"manual": {"type": "Request", "kind": "Http"}}
    return {"parameters": parameters, "triggers": triggers, "actions": actions}


async def play(stage: Stage, **actions: Any) -> Outcome:
    return await stage.run(definition(**actions), parameters=PARAMETERS)


async def hanging(_request: OutboundRequest) -> InboundResponse:
    """Answer nothing, ever."""
    await asyncio.Event().wait()
    raise AssertionError


async def suspended(stage: Stage, run_id: str) -> Outcome:
    """Answer a run once one of its actions waits for a callback."""
    async with asyncio.timeout(10):
        outcome = await stage.outcome(run_id)
        while not any(record.waits_for_callback for record in outcome.records):
            await asyncio.sleep(0.02)
            outcome = await stage.outcome(run_id)
    return outcome


async def test_a_connector_is_called_through_the_connection_that_is_named(stage: Stage) -> None:
    stage.outside.replies[f"microsoftgraphsecurity GET {ALERTS}"] = (206, {"Warning": "199"}, {"value": [1]})
    inputs = {"host": HOST, "method": "get", "path": ALERTS, "queries": {"$top": 5}, "headers": {"Prefer": "x"}}
    outcome = await play(stage, List={"type": "ApiConnection", "inputs": inputs})
    record, (call,) = outcome["List"], stage.outside.calls
    assert (record.status, record.code, record.outputs["body"]) == ("Succeeded", "PartialContent", {"value": [1]})
    assert record.outputs["headers"]["Warning"] == "199"
    assert (call.api, call.connection_id, call.queries) == ("microsoftgraphsecurity", CONNECTION, {"$top": 5})
    assert call.tracking_id == record.tracking_id == call.headers["Idempotency-Key"]
    assert call.headers["Prefer"] == "x"


@pytest.mark.parametrize("queries", ["$filter=severity eq 'high'", ["$top"], 5, ""])
async def test_queries_that_are_no_object_are_not_left_out(stage: Stage, queries: Any) -> None:
    called = {"host": HOST, "method": "get", "path": ALERTS, "queries": queries}
    outcome = await play(
        stage,
        List={"type": "ApiConnection", "inputs": called},
        Fetch={"type": "Http", "inputs": {"method": "GET", "uri": "https://graph.test/alerts", "queries": queries}},
    )
    for name in ("List", "Fetch"):
        assert (outcome[name].status, outcome[name].code) == ("Failed", "BadRequest")
        assert "'queries' must be an object" in (outcome[name].error or {})["message"]
    assert (stage.outside.calls, stage.outside.requests) == ([], [])


async def test_a_connection_that_is_not_there_fails_the_action(stage: Stage) -> None:
    inputs = {"host": {"connection": {"name": "nowhere"}}, "method": "get", "path": "/x"}
    outcome = await play(stage, List={"type": "ApiConnection", "inputs": inputs})
    assert outcome["List"].code == "ConnectionNotFound"
    assert "nowhere" in (outcome["List"].error or {})["message"]


async def test_pages_of_a_connector_are_gathered(stage: Stage) -> None:
    link = f"https://graph.test{ALERTS}?$skiptoken=2"
    stage.outside.replies[f"microsoftgraphsecurity GET {ALERTS}"] = (
        200,
        {},
        {"value": [1], "@odata.nextLink": link},
    )
    stage.outside.replies[f"microsoftgraphsecurity GET {link}"] = (200, {}, {"value": [2]})
    action = {
        "type": "ApiConnection",
        "inputs": {"host": HOST, "method": "get", "path": ALERTS},
        "runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 100}},
    }
    assert (await play(stage, List=action))["List"].outputs["body"] == {"value": [1, 2]}


async def test_an_http_webhook_subscribes_waits_unsubscribes_and_answers_the_report(stage: Stage) -> None:
    subscribe = {"method": "POST", "uri": "https://hooks.test/sub", "body": {"to": "@{listCallbackUrl()}"}}
    unsubscribe = {"method": "DELETE", "uri": "https://hooks.test/sub/@{workflow()['run']['name']}"}
    hook = {"type": "HttpWebhook", "inputs": {"subscribe": subscribe, "unsubscribe": unsubscribe}}
    after = {"type": "Compose", "runAfter": {"Hook": ["Succeeded"]}, "inputs": "@body('Hook')['choice']"}
    run_id = await stage.start(await stage.deploy(definition(Hook=hook, After=after)))
    waiting = await suspended(stage, run_id)
    assert f'"https://stage.test/{run_id}/Hook/"'.encode() in stage.outside.requests[0].body
    assert waiting["Hook"].status == "Running"
    report = {"headers": {"X": "1"}, "body": {"choice": "yes"}, "queries": None}
    assert await stage.engine.report(run_id, "Hook", "", report)
    outcome = await stage.finish(run_id)
    assert outcome["After"].outputs == "yes"
    assert outcome["Hook"].outputs == {"headers": {"X": "1"}, "body": {"choice": "yes"}}
    assert [(each.method, each.url) for each in stage.outside.requests[1:]] == [
        ("DELETE", f"https://hooks.test/sub/{run_id}")
    ]


@pytest.mark.parametrize("inputs", [{"subscribe": {"method": "POST", "uri": "https://hooks.test/sub"}}])
async def test_a_webhook_that_is_refused_fails(stage: Stage, inputs: dict[str, Any]) -> None:
    stage.outside.replies["POST https://hooks.test/sub"] = (403, {}, None)
    outcome = await play(stage, Hook={"type": "HttpWebhook", "inputs": inputs})
    assert (outcome["Hook"].status, outcome["Hook"].code) == ("Failed", "Forbidden")


@pytest.mark.parametrize(("policy", "sent"), [({"type": "none"}, 1), ({"type": "fixed", "count": 2}, 3)])
async def test_a_webhook_repeats_its_subscription_as_the_policy_beside_it_says(
    stage: Stage, policy: dict[str, Any], sent: int
) -> None:
    stage.outside.replies["POST https://hooks.test/sub"] = (503, {}, None)
    subscribe = {"method": "POST", "uri": "https://hooks.test/sub", "retryPolicy": policy}
    outcome = await play(stage, Hook={"type": "HttpWebhook", "inputs": {"subscribe": subscribe}})
    assert (outcome["Hook"].code, len(stage.outside.requests)) == ("ServiceUnavailable", sent)


async def test_a_webhook_that_nobody_reports_to_times_out_and_is_given_up(stage: Stage) -> None:
    inputs = {
        "subscribe": {"method": "POST", "uri": "https://hooks.test/sub"},
        "unsubscribe": {"method": "POST", "uri": "https://hooks.test/unsub"},
    }
    stage.outside.replies["POST https://hooks.test/unsub"] = (500, {}, None)
    outcome = await play(stage, Hook={"type": "HttpWebhook", "inputs": inputs, "limit": {"timeout": "PT20S"}})
    assert (outcome["Hook"].status, outcome["Hook"].code) == ("TimedOut", "ActionTimedOut")
    assert [each.url for each in stage.outside.requests] == ["https://hooks.test/sub", "https://hooks.test/unsub"]
    asked, gave_up = (Headers(each.headers)["Idempotency-Key"] for each in stage.outside.requests)
    assert asked != gave_up


async def test_a_report_to_a_webhook_that_waits_no_more_is_refused_although_its_run_goes_on(stage: Stage) -> None:
    hook = {
        "type": "HttpWebhook",
        "inputs": {"subscribe": {"method": "POST", "uri": "https://hooks.test/sub"}},
        "limit": {"timeout": "PT20S"},
    }
    pause = {"type": "Wait", "inputs": {"interval": {"count": 9, "unit": "Day"}}, "runAfter": {"Hook": ["TimedOut"]}}
    run_id = await stage.start(await stage.deploy(definition(Hook=hook, Pause=pause)))
    await suspended(stage, run_id)
    assert isinstance(stage.clock, ManualClock)
    async with asyncio.timeout(10):
        while not any(record.name == "Pause" for record in (await stage.outcome(run_id)).records):
            await asyncio.sleep(0.02)
            await stage.clock.advance(20)
    report: dict[str, Any] = {"headers": {}, "body": {"choice": "yes"}}
    refused_at_once = await stage.engine.report(run_id, "Hook", "", report)
    async with asyncio.timeout(10):
        while run_id in stage.engine.dispatch.active:
            await asyncio.sleep(0.02)
    assert (refused_at_once, await stage.engine.report(run_id, "Hook", "", report)) == (False, False)


@pytest.mark.parametrize("put_away", [False, True])
async def test_a_webhook_is_given_up_when_its_run_is_cancelled(stage: Stage, put_away: bool) -> None:
    run_id = await stage.start(await stage.deploy(definition(Each=HOOKS)))
    async with asyncio.timeout(10):
        while put_away is (run_id in stage.engine.dispatch.active) or len(stage.outside.requests) < 2:
            await asyncio.sleep(0.005)
        await suspended(stage, run_id)
        assert await stage.engine.end(run_id, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
        while len(stage.outside.requests) < 4:
            await asyncio.sleep(0.005)
    assert (await stage.outcome(run_id)).status == "Cancelled"
    assert sorted(each.url for each in stage.outside.requests[2:]) == UNSUBSCRIBED


async def test_a_crash_right_after_the_end_leaves_no_webhook_behind(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await stage.start(await stage.deploy(definition(Each=HOOKS)))
    async with asyncio.timeout(10):
        while run_id in stage.engine.dispatch.active:
            await asyncio.sleep(0.005)
        with monkeypatch.context() as crashing:
            crashing.setattr(stage.outside, "send", hanging)
            assert await stage.engine.end(run_id, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
            await stage.close()
        assert len(stage.outside.requests) == 2
        await stage.open()
        # What was read before somebody took the run has no owner either, but a moment at which to take it.
        while (run := (await stage.outcome(run_id)).run).owner or run.wake_at or len(stage.outside.requests) < 4:
            await asyncio.sleep(0.005)
    assert run.status == "Cancelled"
    assert sorted(each.url for each in stage.outside.requests[2:]) == UNSUBSCRIBED


class Slow:
    """An outside that answers what is asked first only when it is told to."""

    def __init__(self, stage: Stage) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self._send, self._call = stage.outside.send, stage.outside.call
        stage.outside.send = self.send  # type: ignore[method-assign]
        stage.outside.call = self.call  # type: ignore[method-assign]

    async def send(self, request: OutboundRequest) -> InboundResponse:
        answer = await self._send(request)
        await self._wait()
        return answer

    async def call(self, call: ConnectorCall) -> InboundResponse:
        answer = await self._call(call)
        await self._wait()
        return answer

    async def _wait(self) -> None:
        self.asked.set()
        await self.answers.wait()


async def _still_asking(stage: Stage, **actions: Any) -> tuple[Slow, str]:
    """Answer the outside that has not answered yet, and the run that was cancelled while it asked."""
    slow = Slow(stage)
    run_id = await stage.start(await stage.deploy(definition(**actions), parameters=PARAMETERS))
    async with asyncio.timeout(10):
        await slow.asked.wait()
        assert await stage.engine.end(run_id, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "Enough."))
    return slow, run_id


async def _cancelled_while_it_asks(stage: Stage, **actions: Any) -> str:
    slow, run_id = await _still_asking(stage, **actions)
    async with asyncio.timeout(10):
        assert (await stage.outcome(run_id)).status == "Cancelled"
        slow.answers.set()
        while (await stage.outcome(run_id)).run.owner:
            await asyncio.sleep(0.005)
    return run_id


async def test_a_webhook_that_is_asking_when_its_run_is_cancelled_is_given_up_once_it_is_answered(stage: Stage) -> None:
    await _cancelled_while_it_asks(stage, Each=HOOKS)
    assert sorted(each.url for each in stage.outside.requests[2:]) == UNSUBSCRIBED


async def test_a_connectors_webhook_that_is_asking_when_its_run_is_cancelled_is_given_up(stage: Stage) -> None:
    path = "/approvalmail/$subscriptions"
    stage.outside.replies[f"microsoftgraphsecurity POST {path}"] = (201, {"Location": f"{path}/7"}, None)
    hook = {"type": "ApiConnectionWebhook", "inputs": {"host": HOST, "path": path, "body": {}}}
    await _cancelled_while_it_asks(stage, Hook=hook)
    assert [(each.method, each.path) for each in stage.outside.calls[1:]] == [("DELETE", f"{path}/7")]


async def test_a_webhook_that_is_refused_when_its_run_is_cancelled_has_nothing_to_give_up(stage: Stage) -> None:
    stage.outside.replies["POST https://hooks.test/sub"] = (400, {}, None)
    subscribe, unsubscribe = ({"method": "POST", "uri": f"https://hooks.test/{name}"} for name in ("sub", "unsub"))
    hook = {"type": "HttpWebhook", "inputs": {"subscribe": subscribe, "unsubscribe": unsubscribe}}
    await _cancelled_while_it_asks(stage, Hook=hook)
    assert [each.url for each in stage.outside.requests] == ["https://hooks.test/sub"]


async def test_a_crash_leaves_no_webhook_behind_that_was_asking_when_its_run_was_cancelled(stage: Stage) -> None:
    slow, run_id = await _still_asking(stage, Each=HOOKS)
    async with asyncio.timeout(10):
        await stage.close()
        slow.answers.set()
        await stage.open()
        while (await stage.outcome(run_id)).run.owner or len(stage.outside.requests) < 4:
            await asyncio.sleep(0.005)
    assert sorted(each.url for each in stage.outside.requests[2:]) == UNSUBSCRIBED


async def test_a_call_that_outlives_its_run_does_not_outlive_the_server(stage: Stage) -> None:
    await _still_asking(stage, Each=HOOKS)
    async with asyncio.timeout(10):
        await stage.close()
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await stage.open()


async def test_a_webhook_that_is_answered_after_its_time_limit_is_given_up(tmp_path: Path) -> None:
    stage = await Stage(tmp_path).open()
    slow = Slow(stage)
    subscribe, unsubscribe = ({"method": "POST", "uri": f"https://hooks.test/{name}"} for name in ("sub", "unsub"))
    hook = {"type": "HttpWebhook", "inputs": {"subscribe": subscribe, "unsubscribe": unsubscribe}}
    try:
        run_id = await stage.start(await stage.deploy(definition(Hook={**hook, "limit": {"timeout": "PT0.1S"}})))
        async with asyncio.timeout(10):
            await slow.asked.wait()
            over = stage.clock.now() + timedelta(seconds=0.1)
            while stage.clock.now() < over:
                await asyncio.sleep(0.01)
            slow.answers.set()
            outcome = await stage.finish(run_id)
    finally:
        await stage.close()
    assert (outcome["Hook"].status, outcome["Hook"].code) == ("TimedOut", "ActionTimedOut")
    assert [each.url.rpartition("/")[2] for each in stage.outside.requests] == ["sub", "unsub"]


async def test_a_connectors_webhook_is_given_up_when_another_branch_terminates_the_run(stage: Stage) -> None:
    path = "/approvalmail/$subscriptions"
    stage.outside.replies[f"microsoftgraphsecurity POST {path}"] = (201, {"Location": f"{path}/7"}, None)
    hook = {"type": "ApiConnectionWebhook", "inputs": {"host": HOST, "path": path, "body": {}}}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Minute"}}}
    stop = {"type": "Terminate", "inputs": {"runStatus": "Succeeded"}, "runAfter": {"Pause": ["Succeeded"]}}
    outcome = await play(stage, Hook=hook, Pause=pause, Stop=stop)
    assert (outcome.status, outcome["Hook"].status) == ("Succeeded", "Cancelled")
    async with asyncio.timeout(10):
        while len(stage.outside.calls) < 2:
            await asyncio.sleep(0.005)
    assert [(each.method, each.path) for each in stage.outside.calls[1:]] == [("DELETE", f"{path}/7")]


async def test_a_connector_webhook_subscribes_and_deletes_its_subscription(stage: Stage) -> None:
    path = "/approvalmail/$subscriptions"
    stage.outside.replies[f"microsoftgraphsecurity POST {path}"] = (201, {"Location": f"{path}/7"}, None)
    inputs = {"host": HOST, "path": path, "body": {"NotificationUrl": "@{listCallbackUrl()}"}}
    hook = {"type": "ApiConnectionWebhook", "inputs": inputs}
    run_id = await stage.start(await stage.deploy(definition(Hook=hook), parameters=PARAMETERS))
    await suspended(stage, run_id)
    (call,) = stage.outside.calls
    assert call.callback_url == call.body["NotificationUrl"]
    await stage.engine.report(run_id, "Hook", "", {"headers": {}, "body": {"SelectedOption": "Approve"}})
    outcome = await stage.finish(run_id)
    assert outcome["Hook"].outputs["body"] == {"SelectedOption": "Approve"}
    assert [(each.method, each.path) for each in stage.outside.calls[1:]] == [("DELETE", f"{path}/7")]


async def test_a_response_that_nobody_waits_for_is_skipped(stage: Stage) -> None:
    outcome = await play(stage, Answer={"type": "Response", "inputs": {"statusCode": "200", "body": 1}})
    record = outcome["Answer"]
    assert (record.status, outcome.status) == ("Skipped", "Succeeded")
    assert record.error == {
        "code": "ActionResponseSkipped",
        "message": "The execution of template action 'Answer' is skipped: the client application is not waiting for a "
        "response from service.",
    }


@pytest.mark.parametrize("status", [100, 302, 600, "x", None, True])
async def test_a_response_has_a_status_that_answers(stage: Stage, status: Any) -> None:
    outcome = await play(stage, Answer={"type": "Response", "inputs": {"statusCode": status}})
    assert outcome["Answer"].code == "BadRequest"


@pytest.mark.parametrize("headers", [{"a b": "x"}, {"": "x"}, {"X": "a\r\nY: b"}, {"X": "\u20ac"}, {"X": "a\0"}])
async def test_a_response_has_headers_that_can_be_sent(stage: Stage, headers: dict[str, str]) -> None:
    outcome = await play(stage, Answer={"type": "Response", "inputs": {"statusCode": 200, "headers": headers}})
    assert (outcome["Answer"].status, outcome["Answer"].code) == ("Failed", "BadRequest")


async def test_a_second_response_fails(stage: Stage) -> None:
    again = {"type": "Response", "runAfter": {"One": ["Succeeded"]}, "inputs": {"statusCode": 200}}
    one = {"type": "Response", "inputs": {"statusCode": 418, "headers": {"X": 1}, "body": {"a": "@add(1,1)"}}}
    workflow = await stage.deploy(definition(One=one, Two=again))
    started = await stage.engine.start(workflow, "manual", Event({"headers": {}, "body": None}), answered=True)
    await started.stored
    outcome = await stage.finish(started.run_id)
    assert outcome["One"].outputs == {"statusCode": 418, "headers": {"X": "1"}, "body": {"a": 2}}
    assert outcome["Two"].code == "ActionResponseAlreadyDefined"


def child(status: int) -> dict[str, Any]:
    answer = {"type": "Response", "inputs": {"statusCode": status, "body": {"got": "@triggerBody()"}}}
    return definition(Answer=answer)


@pytest.mark.parametrize(("status", "ended", "code"), [(200, "Succeeded", "OK"), (503, "Failed", "ServiceUnavailable")])
async def test_a_workflow_calls_another_and_waits_for_its_answer(
    stage: Stage, status: int, ended: str, code: str
) -> None:
    called = await stage.deploy(child(status), name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}, "body": {"x": 1}}
    outcome = await play(stage, Call={"type": "Workflow", "inputs": inputs})
    record = outcome["Call"]
    assert (record.status, record.code, record.outputs["body"]) == (ended, code, {"got": {"x": 1}})
    assert record.retry_history is None


async def test_a_workflow_goes_on_when_the_other_has_answered_whatever_that_does_then(stage: Stage) -> None:
    answer = {"type": "Response", "inputs": {"statusCode": 200, "body": "soon"}}
    pause = {"type": "Wait", "inputs": {"interval": {"count": 9, "unit": "Day"}}, "runAfter": {"Answer": ["Succeeded"]}}
    called = await stage.deploy(definition(Answer=answer, Pause=pause), name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    run_id = await stage.start(await stage.deploy(definition(Call={"type": "Workflow", "inputs": inputs})))
    async with asyncio.timeout(10):
        await stage.engine.ended(run_id)
    assert (await stage.outcome(run_id))["Call"].outputs["body"] == "soon"


async def test_a_workflow_that_may_have_no_more_runs_wait_is_called_again_as_the_retry_policy_says(
    stage: Stage,
) -> None:
    pause = {"type": "Wait", "inputs": {"interval": {"count": 8, "unit": "Second"}}}
    answer = {"type": "Response", "inputs": {"statusCode": 200, "body": "done"}, "runAfter": {"Pause": ["Succeeded"]}}
    limited = {"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}}
    one_by_one = {**definition(Pause=pause, Answer=answer), "triggers": {"manual": limited}}
    called = await stage.deploy(one_by_one, name="child")
    for _ in range(2):
        await stage.start(called)
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    record = (await play(stage, Call={"type": "Workflow", "inputs": inputs}))["Call"]
    assert (record.status, record.outputs["body"]) == ("Succeeded", "done")
    assert {entry["code"] for entry in record.retry_history or []} == {"TooManyRequests"}


async def test_a_workflow_that_is_disabled_is_not_called(stage: Stage) -> None:
    called = await stage.deploy(child(200), name="child")
    await stage.engine.library.set_state(called, "Disabled")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    outcome = await play(stage, Call={"type": "Workflow", "inputs": inputs})
    assert (outcome["Call"].status, outcome["Call"].code) == ("Failed", "WorkflowTriggerIsNotEnabled")


async def test_a_workflow_that_was_disabled_after_it_was_called_is_still_waited_for(stage: Stage) -> None:
    first = {"type": "Http", "inputs": {"method": "GET", "uri": "https://sink.test/x"}}
    answer = {"type": "Response", "inputs": {"statusCode": 200, "body": "done"}, "runAfter": {"First": ["Succeeded"]}}
    called = await stage.deploy(definition(First=first, Answer=answer), name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    slow = Slow(stage)
    run_id = await stage.start(await stage.deploy(definition(Call={"type": "Workflow", "inputs": inputs})))
    async with asyncio.timeout(10):
        await slow.asked.wait()
    await stage.engine.library.set_state(called, "Disabled")
    await stage.close()
    slow.answers.set()
    await stage.open()
    assert (await stage.finish(run_id))["Call"].outputs["body"] == "done"


@pytest.mark.parametrize(("trigger", "code"), [("MANUAL", "OK"), ("", "OK"), ("clock", "WorkflowTriggerNotFound")])
async def test_a_workflow_is_called_by_a_trigger_that_can_be_called(stage: Stage, trigger: str, code: str) -> None:
    clock = {"type": "Recurrence", "recurrence": {"frequency": "Day", "interval": 1}}
    both = {**child(200), "triggers": {"clock": clock, "manual": {"type": "Request", "kind": "Http"}}}
    called = await stage.deploy(both, name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": trigger}}
    outcome = await play(stage, Call={"type": "Workflow", "inputs": inputs})
    assert outcome["Call"].code == code


async def _called(stage: Stage, body: Any, **trigger: Any) -> tuple[Record, list[runs.Run]]:
    """Call a workflow whose trigger is like this; answer the call, and the runs that it started."""
    manual = {"type": "Request", "kind": "Http", **trigger}
    called = await stage.deploy({**child(200), "triggers": {"manual": manual}}, name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}, "body": body}
    outcome = await play(stage, Call={"type": "Workflow", "inputs": inputs})
    return outcome["Call"], await stage.database.read(lambda connection: runs.listed(connection, called.id))


async def test_a_workflow_is_not_called_with_a_body_that_does_not_fit_its_schema(stage: Stage) -> None:
    schema = {"type": "object", "properties": {"severity": {"type": "integer"}}}
    call, started = await _called(
        stage, {"severity": "high"}, inputs={"schema": schema}, operationOptions="EnableSchemaValidation"
    )
    assert (call.status, call.code, started) == ("Failed", "TriggerInputSchemaMismatch", [])


@pytest.mark.parametrize(
    ("schema", "body", "said"),
    [
        ({"pattern": "^(a|a)+$"}, "a" * 40 + "!", "cannot be checked against the schema within"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, {}, "nothing is fetched from elsewhere"),
        ({"$ref": "#/definitions/nowhere"}, {}, "leads nowhere"),
        ({"$ref": "#"}, {}, "more than 150 deep"),
        ({"type": "objct"}, {}, "'objct' is not a type"),
        ({"const": 1}, 2, "does not match const"),
    ],
    ids=["endless", "elsewhere", "nowhere", "circle", "type", "draft 6"],
)
async def test_a_schema_of_a_trigger_can_neither_hold_up_the_server_nor_lead_out_of_it(
    stage: Stage, schema: dict[str, Any], body: Any, said: str
) -> None:
    call, started = await _called(stage, body, inputs={"schema": schema}, operationOptions="EnableSchemaValidation")
    assert (call.status, call.code, started) == ("Failed", "TriggerInputSchemaMismatch", [])
    assert said in str(call.error)


async def test_a_call_that_the_conditions_of_the_trigger_refuse_is_accepted_and_starts_nothing(stage: Stage) -> None:
    condition = {"expression": "@equals(triggerBody()?['severity'], 'high')"}
    call, started = await _called(stage, {"severity": "low"}, conditions=[condition])
    assert (call.status, call.outputs, started) == ("Succeeded", {"statusCode": 202, "headers": {}}, [])


async def test_a_call_that_is_split_starts_a_run_for_each_item_and_waits_for_none(stage: Stage) -> None:
    call, started = await _called(stage, {"rows": [1, 2, 3]}, splitOn="@triggerBody()?['rows']")
    assert (call.status, call.outputs["statusCode"], len(started)) == ("Succeeded", 202, 3)
    assert call.outputs["headers"]["x-ms-workflow-run-id"] in {each.id for each in started}
    assert {json.loads(each.trigger)["outputs"]["value"]["body"] for each in started} == {1, 2, 3}


async def test_a_call_that_cannot_be_split_fails_the_action(stage: Stage) -> None:
    call, started = await _called(stage, {"rows": 1}, splitOn="@triggerBody()?['rows']")
    assert (call.status, call.code, started) == ("Failed", "InvalidTemplateTriggerSplitOn", [])


async def test_a_workflow_that_cannot_answer_is_not_called(stage: Stage) -> None:
    called = await stage.deploy(definition(Nothing={"type": "Compose", "inputs": 1}), name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    outcome = await play(stage, Call={"type": "Workflow", "inputs": inputs})
    assert outcome["Call"].code == "NestedWorkflowDoesNotContainResponseAction"


async def test_a_workflow_that_ends_without_its_answer_fails_the_call(stage: Stage) -> None:
    answer = {"type": "Response", "runAfter": {"First": ["Failed"]}, "inputs": {"statusCode": 200}}
    called = await stage.deploy(definition(First={"type": "Compose", "inputs": 1}, Answer=answer), name="child")
    inputs = {"host": {"workflow": {"id": called.resource_id}, "triggerName": "manual"}}
    record = (await play(stage, Call={"type": "Workflow", "inputs": inputs}))["Call"]
    assert (record.code, (record.error or {})["code"]) == ("BadGateway", "NoResponse")


async def test_a_message_is_sent_to_its_batch(stage: Stage) -> None:
    host = {"triggerName": "Batch", "workflow": {"id": "/workflows/receiver"}}
    inputs = {"host": host, "batchName": "alerts", "content": {"id": "@add(1,1)"}}
    outcome = await play(stage, Send={"type": "SendToBatch", "inputs": inputs})
    batches = stage.ports.batches
    assert isinstance(batches, Batches)
    (message,) = batches.messages
    key = outcome["Send"].tracking_id
    assert message == BatchMessage("/workflows/receiver", "Batch", "alerts", {"id": 2}, key, "DEFAULT", key)
