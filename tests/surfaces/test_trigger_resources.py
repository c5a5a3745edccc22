"""Triggers, their firings and what is started by hand, as clients of the management API see them."""

from __future__ import annotations

import json
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
    body = {"properties": {"definition": {"actions": ACTIONS, "triggers": triggers, **definition}}}
    response = await play.client.put(f"{WORKFLOWS}/{name}", json=body)
    assert response.status_code == 200, response.text


async def nothing_in_chunks() -> AsyncIterator[bytes]:
    """Answer a body of which nobody knows beforehand that it is empty, as proxies pass one on."""
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk


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


# --- what is shown ---------------------------------------------------------------------------------------------------


async def test_a_trigger_that_finds_nothing_when_it_is_run_is_no_failure_to_an_sdk(play: Playhouse) -> None:
    await saved(play, "idle", {"poll": {**POLL, "recurrence": HOURLY}})
    answered = await play.post(f"{WORKFLOWS}/idle/triggers/poll/run")
    assert (answered.status_code, answered.content) == (200, b"")
    assert "x-ms-workflow-run-id" not in answered.headers


async def test_a_recurrence_is_shown_as_it_counts(play: Playhouse) -> None:
    recurrence = {"frequency": "Hour", "interval": "@parameters('hours')"}
    hours = {"hours": {"type": "Int", "defaultValue": 3}}
    await saved(play, "timed", {"tick": {"type": "Recurrence", "recurrence": recurrence}}, parameters=hours)
    await play.later(minutes=1)
    shown = await play.get(f"{WORKFLOWS}/timed/triggers/tick")
    assert shown["properties"]["recurrence"] == {"frequency": "Hour", "interval": 3}
    assert (await play.get(f"{WORKFLOWS}/timed/triggers"))["value"] == [shown]


async def test_a_trigger_says_when_it_looked_and_when_it_looks_next(play: Playhouse) -> None:
    await saved(play, "idle", {"poll": {**POLL, "recurrence": HOURLY}, "manual": REQUEST})

    async def times() -> list[tuple[str | None, str | None]]:
        shown = [each["properties"] for each in (await play.get(f"{WORKFLOWS}/idle/triggers"))["value"]]
        return [(each.get("lastExecutionTime"), each.get("nextExecutionTime")) for each in shown]

    await play.later(minutes=10)
    await play.post(f"{WORKFLOWS}/idle/triggers/manual/run")
    asked_at, called_at, next_at = (f"2026-03-02T0{each}:00.0000000Z" for each in ("8:00", "8:10", "9:00"))
    assert await times() == [(asked_at, next_at), (called_at, None)]
    await play.post(f"{WORKFLOWS}/idle/disable")
    assert await times() == [(asked_at, None), (called_at, None)]


async def test_what_a_firing_saw_can_be_read_whether_it_started_a_run_or_not(play: Playhouse) -> None:
    await saved(play, "idle", {"poll": {**POLL, "recurrence": HOURLY}, "manual": REQUEST})
    await play.later(minutes=1)
    await play.post(f"{WORKFLOWS}/idle/triggers/manual/run", {"a": 1})

    async def content(trigger: str, part: str) -> Any:
        (shown,) = (await play.get(f"{WORKFLOWS}/idle/triggers/{trigger}/histories"))["value"]
        assert await play.get(f"{WORKFLOWS}/idle/triggers/{trigger}/histories/{shown['name']}") == shown
        link = shown["properties"][f"{part}Link"]
        read = await play.client.get(link["uri"], headers={"Authorization": ""})
        assert len(read.content) == link["contentSize"]
        return read.json()

    assert (await content("manual", "outputs"))["body"] == {"a": 1}
    assert (await content("poll", "outputs"))["statusCode"] == 202
    assert (await content("poll", "inputs"))["uri"] == f"{FEED}/new"
    (fired,) = (await play.get(f"{WORKFLOWS}/idle/triggers/manual/histories"))["value"]
    run = await play.get(f"{WORKFLOWS}/idle/runs/{fired['name']}")
    for name in ("trackingId", "correlation", "inputsLink", "outputsLink"):
        assert fired["properties"].get(name) == run["properties"]["trigger"].get(name)


async def test_what_a_firing_saw_stays_secret_where_its_author_says_so(play: Playhouse) -> None:
    secured = {"runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}}
    await saved(play, "idle", {"poll": {**POLL, "recurrence": HOURLY, **secured}})
    await play.later(minutes=1)
    (shown,) = (await play.get(f"{WORKFLOWS}/idle/triggers/poll/histories"))["value"]
    assert shown["properties"]["outputsLink"] == {"secureData": {"properties": ["outputs"]}}


# --- how a workflow is called ----------------------------------------------------------------------------------------


async def test_the_description_of_a_workflow_says_what_its_trigger_and_its_responses_say(play: Playhouse) -> None:
    inputs = {"method": "PUT", "relativePath": "/alerts/{alert id}", "schema": {"$schema": "s", "type": "object"}}
    said = {"type": "object", "properties": {"id": {"type": "string"}}}
    responses = {
        "Good": {"type": "Response", "inputs": {"statusCode": 201, "schema": said}},
        "Other": {"type": "Response", "inputs": {"statusCode": "@add(400, 4)"}, "runAfter": {"Good": ["Failed"]}},
    }
    await saved(play, "asked", {"on/off": {"type": "Request", "inputs": inputs}}, actions=responses)
    shown = (await play.post(f"{WORKFLOWS}/asked/listSwagger")).json()
    assert (shown["host"], shown["schemes"]) == ("sallyport.test", ["http"])
    (operation,) = shown["paths"]["/on%2Foff/paths/invoke/alerts/{alert id}"].values()
    assert operation["responses"] == {
        "201": {"description": "What 'Good' answers.", "schema": said},
        "default": {"description": "What 'Other' answers."},
    }
    places = [(each["in"], each["name"]) for each in operation["parameters"]]
    assert places[4:] == [("path", "alert id"), ("body", "body")]
    assert operation["parameters"][-1]["schema"] == {"type": "object"}
    address = (await play.post(f"{WORKFLOWS}/asked/listCallbackUrl")).json()
    assert address["relativePathParameters"] == ["alert id"]
    assert address["queries"]["sig"] not in str(shown)


async def test_a_trigger_without_a_schema_takes_anything(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST})
    assert await play.get(f"{WORKFLOWS}/asked/triggers/manual/schemas/json") == {"content": "{}"}
    described = (await play.post(f"{WORKFLOWS}/asked/listSwagger")).json()
    (operation,) = described["paths"]["/manual/paths/invoke"].values()
    assert operation["responses"] == {"202": {"description": "The run was accepted."}}


async def test_a_change_without_a_body_changes_nothing(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST})
    before = await play.get(f"{WORKFLOWS}/asked")
    for nothing in (b"", nothing_in_chunks()):
        changed = await play.client.patch(f"{WORKFLOWS}/asked", content=nothing)
        assert (changed.status_code, changed.json()) == (200, before)
    assert (await play.client.patch(f"{WORKFLOWS}/nothing")).status_code == 404


@pytest.mark.parametrize(
    "control",
    [
        {"allowedCallerIpAddresses": [{"addressRange": "10.0.0.0/8"}]},
        {"allowedCallerIpAddresses": []},
        {"sasAuthenticationPolicy": {"state": "disabled"}, "openAuthenticationPolicies": {"policies": {}}},
    ],
)
async def test_nobody_is_led_to_believe_that_callers_with_a_signed_address_are_kept_out(
    play: Playhouse, tmp_path: Path, control: dict[str, Any]
) -> None:
    properties = {
        "definition": {"triggers": {"manual": REQUEST}, "actions": ACTIONS},
        "accessControl": {"triggers": control},
    }
    refused = await play.client.put(f"{WORKFLOWS}/kept", json={"properties": properties})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidTemplate")
    assert refused.json()["error"]["message"].startswith("The 'accessControl' of triggers lets only certain callers in")
    (tmp_path / "kept.json").write_text(json.dumps({"name": "kept", "properties": properties}))
    (deployed,) = await play.deploy(tmp_path / "kept.json")
    assert any("accessControl" in note for note in deployed.notes)
    opened = {
        **properties,
        "accessControl": {"triggers": {"sasAuthenticationPolicy": {"state": "Enabled"}}, "actions": None},
    }
    assert (await play.client.put(f"{WORKFLOWS}/kept", json={"properties": opened})).status_code == 200


async def test_who_renews_the_key_that_nobody_uses_takes_no_address_away(play: Playhouse) -> None:
    await saved(play, "asked", {"manual": REQUEST})
    address = (await play.post(f"{WORKFLOWS}/asked/listCallbackUrl", {"keyType": "Primary"})).json()["value"]
    renewal = f"{WORKFLOWS}/asked/regenerateAccessKey"
    refused = await play.client.post(renewal, json={"keyType": "Secondary"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")
    assert (await play.client.post(address, json={})).status_code == 202
    for given in (b'{"keyType": "Primary"}', b"", nothing_in_chunks()):
        address = (await play.post(f"{WORKFLOWS}/asked/listCallbackUrl")).json()["value"]
        assert (await play.client.post(renewal, content=given)).status_code == 200
        assert (await play.client.post(address, json={})).status_code == 401
