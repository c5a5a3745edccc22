"""Runs, their actions and the repetitions of loops, as clients of the management API see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.logic import models

import playhouse
from playhouse import Playhouse

WORKFLOW = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/looping"
DEEP = {"Deep": {"type": "Compose", "inputs": "@concat(items('Outer'), item())"}}
INNER = {"Inner": {"type": "Foreach", "foreach": ["a", "b"], "actions": DEEP}}
AGAIN: dict[str, Any] = {
    "type": "Until",
    "expression": "@equals(iterationIndexes('Again'), 2)",
    "limit": {"count": 9},
    "actions": {},
}
ACTIONS: dict[str, Any] = {
    "Outer": {"type": "Foreach", "foreach": ["1", "2", "3"], "actions": INNER},
    "None": {"type": "Foreach", "foreach": [], "actions": {}},
    "Again": AGAIN,
    "Plain": {"type": "Compose", "inputs": 1},
    "Never": {"type": "Compose", "inputs": 1, "runAfter": {"Plain": ["Failed"]}},
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playhouse]:
    async with playhouse.opened(tmp_path) as opened:
        yield opened


@pytest.fixture
async def run(play: Playhouse) -> str:
    """The path of a run that has ended."""
    triggers = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
    definition = {"triggers": triggers, "actions": ACTIONS}
    saved = await play.client.put(WORKFLOW, json={"properties": {"definition": definition}})
    assert saved.status_code == 200, saved.text
    await play.post(f"{WORKFLOW}/triggers/manual/run")
    (ended,) = await play.runs("looping", 1)
    assert ended.status == "Succeeded"
    return f"{WORKFLOW}/runs/{(await play.get(f'{WORKFLOW}/runs'))['value'][0]['name']}"


async def test_a_loop_says_how_often_it_went_round_wherever_it_is_shown(play: Playhouse, run: str) -> None:
    expanded = (await play.get(run, **{"$expand": "properties/actions"}))["properties"]["actions"]
    for actions in (
        expanded,
        {each["name"]: each["properties"] for each in (await play.get(f"{run}/actions"))["value"]},
        {name: (await play.get(f"{run}/actions/{name}"))["properties"] for name in ("Outer", "None", "Again")},
    ):
        counts = {name: (each.get("repetitionCount"), each.get("iterationCount")) for name, each in actions.items()}
        assert (counts.pop("Outer"), counts.pop("None"), counts.pop("Again")) == ((3, None), (0, None), (None, 3))
        assert set(counts.values()) <= {(None, None)}
    nested = await play.get(f"{run}/actions/Inner/repetitions/000002")
    assert nested["properties"]["repetitionCount"] == 2
    assert (await play.get(f"{run}/actions/Inner/repetitions"))["value"][2] == nested


async def test_an_iteration_of_a_loop_says_which_one_it_is(play: Playhouse, run: str) -> None:
    async def indexes(name: str) -> list[list[tuple[str, int]]]:
        found = (await play.get(f"{run}/actions/{name}/scopeRepetitions"))["value"]
        for each in found:
            assert await play.get(f"{run}/actions/{name}/scopeRepetitions/{each['name']}") == each
            assert "repetitionCount" not in each["properties"]
        shown = [each["properties"]["repetitionIndexes"] for each in found]
        return [[(index["scopeName"], index["itemIndex"]) for index in each] for each in shown]

    assert await indexes("Outer") == [[("Outer", number)] for number in range(3)]
    assert sorted(await indexes("Inner"))[:3] == [
        [("Outer", 0), ("Inner", 0)],
        [("Outer", 0), ("Inner", 1)],
        [("Outer", 1), ("Inner", 0)],
    ]
    assert await indexes("Again") == [[("Again", number)] for number in range(3)]
    deep = await play.get(f"{run}/actions/Deep/repetitions/000001-000001")
    assert [each["itemIndex"] for each in deep["properties"]["repetitionIndexes"]] == [1, 1]
    assert (await play.client.get(deep["properties"]["outputsLink"]["uri"])).json() == "2b"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Deep", "The action 'Deep' is in a loop: it is found by its 'repetitions'."),
        ("deep", "The action 'deep' is in a loop: it is found by its 'repetitions'."),
        ("Deep/repetitions/000009", "The run has no action 'Deep' in repetition '000009'."),
        ("Nothing", "The workflow has no action 'Nothing'."),
        ("Nothing/repetitions", "The workflow has no action 'Nothing'."),
        ("Nothing/scopeRepetitions", "The workflow has no action 'Nothing'."),
    ],
)
async def test_what_is_not_there_is_said_not_to_be_there_and_why(
    play: Playhouse, run: str, path: str, message: str
) -> None:
    missing = await play.client.get(f"{run}/actions/{path}")
    assert missing.status_code == 404
    assert missing.json()["error"] == {"code": "WorkflowRunActionNotFound", "message": message}


async def test_an_action_outside_of_loops_has_no_repetitions(play: Playhouse, run: str) -> None:
    for part in ("repetitions", "scopeRepetitions"):
        assert await play.get(f"{run}/actions/Plain/{part}") == {"value": []}


@pytest.mark.parametrize("listed", ["runs", "triggers/manual/histories"])
async def test_who_reads_page_by_page_meets_each_run_once_although_others_start(
    play: Playhouse, run: str, listed: str
) -> None:
    async def started() -> str:
        await play.later(minutes=1)
        return (await play.post(f"{WORKFLOW}/triggers/manual/run")).headers["x-ms-workflow-run-id"]

    expected = [*[await started() for _ in range(3)][::-1], run.rpartition("/")[2]]
    page = await play.get(f"{WORKFLOW}/{listed}", **{"$top": "2"})
    met = page["value"]
    while "nextLink" in page:
        await started()
        page = (await play.client.get(page["nextLink"])).json()
        met = [*met, *page["value"]]
    assert [each["name"] for each in met] == expected
    by_offset = await play.get(f"{WORKFLOW}/{listed}", **{"$top": "2", "$skiptoken": "2"})
    assert len(by_offset["value"]) == 2
    refused = await play.client.get(f"{WORKFLOW}/{listed}", params={"$skiptoken": "somewhere"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize("tracking", ["case-7", "it's 'this' and startTime ge that", "a/100 %"])
async def test_who_calls_a_workflow_finds_the_run_by_the_name_that_the_call_had(
    play: Playhouse, run: str, tracking: str
) -> None:
    address = (await play.post(f"{WORKFLOW}/triggers/manual/listCallbackUrl")).json()["value"]
    accepted = await play.client.post(address, json={}, headers={"x-ms-client-tracking-id": tracking})
    quoted = tracking.replace("'", "''")
    condition = f"clientTrackingId eq '{quoted}' and status eq 'Succeeded'"
    await play.runs("looping", 2)
    (found,) = (await play.get(f"{WORKFLOW}/runs", **{"$filter": condition}))["value"]
    assert found["name"] == accepted.headers["x-ms-workflow-run-id"]
    elsewhere = await play.client.get(f"{run}/actions", params={"$filter": condition})
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (400, "BadRequest")


async def test_why_an_attempt_was_repeated_is_read_by_the_sdk(tmp_path: Path) -> None:
    policy = {"type": "fixed", "count": 1, "interval": "PT5S"}
    call = {"type": "Http", "inputs": {"method": "GET", "uri": "https://busy.test/now", "retryPolicy": policy}}
    definition = {"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {"Call": call}}
    outside = playhouse.Outside(replies={"GET /now": (503, {})})
    async with playhouse.opened(tmp_path, outside, web=["https://busy.test"]) as play:
        await play.client.put(WORKFLOW, json={"properties": {"definition": definition}})
        started = await play.post(f"{WORKFLOW}/triggers/manual/run")
        await play.until(lambda: outside.requests)
        await play.later(seconds=6)
        await play.runs("looping", 1)
        run = started.headers["x-ms-workflow-run-id"]
        shown = await play.get(f"{WORKFLOW}/runs/{run}/actions/Call")
    (attempt,) = models.WorkflowRunAction.deserialize(shown).retry_history
    assert (attempt.code, attempt.error.error.code) == ("ServiceUnavailable", "ServiceUnavailable")
    assert "503" in attempt.error.error.message
    assert attempt.start_time <= attempt.end_time


async def test_a_loop_that_goes_on_counts_what_has_begun(play: Playhouse) -> None:
    pause = {"Pause": {"type": "Wait", "inputs": {"interval": {"count": 5, "unit": "Minute"}}}}
    each = {"type": "Foreach", "foreach": [1, 2, 3], "actions": pause}
    two = {"runtimeConfiguration": {"concurrency": {"repetitions": 2}}}
    definition = {"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {"Each": {**each, **two}}}
    await play.client.put(WORKFLOW, json={"properties": {"definition": definition}})
    run = (await play.post(f"{WORKFLOW}/triggers/manual/run")).headers["x-ms-workflow-run-id"]
    for expected in (("Running", 2), ("Running", 3), ("Succeeded", 3)):
        async with asyncio.timeout(20):
            while await counted(play, run) != expected:
                await asyncio.sleep(0.01)
        await play.later(minutes=6)


async def counted(play: Playhouse, run: str) -> tuple[str, int] | None:
    """Answer how the loop of a run stands, once it has begun."""
    actions = (await play.get(f"{WORKFLOW}/runs/{run}", **{"$expand": "properties/actions"}))["properties"]["actions"]
    shown = actions.get("Each")
    return (shown["status"], shown["repetitionCount"]) if shown is not None else None
