"""Triggers, their firings and what is started by hand, as clients of the management API see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import playhouse
from playhouse import Playhouse

WORKFLOWS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows"
FEED = "https://feed.test"
REQUEST = {"type": "Request", "kind": "Http", "inputs": {}}
ACTIONS = {"Answer": {"type": "Compose", "inputs": "@triggerBody()"}}
POLL = {"type": "Http", "inputs": {"method": "GET", "uri": f"{FEED}/new"}}
HOURLY = {"frequency": "Hour", "interval": 1}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playhouse]:
    """A house that works, beside a place that has nothing new."""
    outside = playhouse.Outside(replies={"GET /new": (202, {})})
    async with playhouse.opened(tmp_path, outside, web=[FEED]) as opened:
        yield opened


async def saved(play: Playhouse, name: str, triggers: dict[str, Any], **definition: Any) -> None:
    body = {"properties": {"definition": {"triggers": triggers, "actions": ACTIONS, **definition}}}
    response = await play.client.put(f"{WORKFLOWS}/{name}", json=body)
    assert response.status_code == 200, response.text


# --- what is started again -------------------------------------------------------------------------------------------


async def test_a_run_is_started_again_with_what_it_was_given_however_large(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST})
    given = {"text": "x" * 100_000}
    first = await play.post(f"{WORKFLOWS}/asked/triggers/manual/run", given)
    run = first.headers["x-ms-workflow-run-id"]
    again = await play.post(f"{WORKFLOWS}/asked/triggers/manual/histories/{run}/resubmit")
    assert (again.status_code, again.headers["x-ms-workflow-run-id"] != run) == (202, True)
    for ended in await play.runs("asked", 2):
        assert (await play.client.get(ended.actions["Answer"]["outputsLink"]["uri"])).json() == given


async def test_nobody_starts_a_run_again_of_a_workflow_that_is_disabled(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST})
    run = (await play.post(f"{WORKFLOWS}/asked/triggers/manual/run")).headers["x-ms-workflow-run-id"]
    await play.post(f"{WORKFLOWS}/asked/disable")
    refused = await play.client.post(f"{WORKFLOWS}/asked/triggers/manual/histories/{run}/resubmit")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "WorkflowTriggerIsNotEnabled")
    await play.runs("asked", 1)


async def test_a_trigger_starts_nothing_again_that_another_one_has_started(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST, "other": REQUEST})
    run = (await play.post(f"{WORKFLOWS}/asked/triggers/manual/run")).headers["x-ms-workflow-run-id"]
    refused = await play.client.post(f"{WORKFLOWS}/asked/triggers/other/histories/{run}/resubmit")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "WorkflowTriggerHistoryNotFound")
    await play.runs("asked", 1)


async def test_a_firing_that_started_no_run_says_so_to_who_starts_it_again(play: Playhouse) -> None:
    await saved(play, "idle", {"poll": {**POLL, "recurrence": HOURLY}})
    await play.post(f"{WORKFLOWS}/idle/triggers/poll/run")
    histories = f"{WORKFLOWS}/idle/triggers/poll/histories"
    name = (await play.get(histories))["value"][0]["name"]
    refused = await play.client.post(f"{histories}/{name}/resubmit")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "WorkflowRunNotFound")
    assert refused.json()["error"]["message"].startswith("The trigger 'poll' started no run")
