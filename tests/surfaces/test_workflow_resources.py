"""Workflows, their runs and their addresses, as clients of the management API save, list and call them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import databases
import playhouse
from playhouse import Playhouse
from sallyport import app, settings
from sallyport.engine.library import Deployment
from sallyport.store.sealing import SecretUnreadable
from sallyport.store.workflows import Overtaken

WORKFLOWS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows"
SINK = "https://sink.test"
TRIGGERS = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
DEFINITION: dict[str, Any] = {"triggers": TRIGGERS, "actions": {"Answer": {"type": "Compose", "inputs": 1}}}
#: A definition that holds a secret as a value, and another as a default value.
SECRETIVE: dict[str, Any] = {
    "parameters": {"given": {"type": "SecureString"}, "usual": {"type": "SecureString", "defaultValue": "two"}},
    "triggers": TRIGGERS,
    "actions": {
        "Check": {
            "type": "If",
            "expression": {"equals": ["@concat(parameters('given'), parameters('usual'))", "onetwo"]},
            "actions": {},
            "else": {"actions": {"Wrong": {"type": "Terminate", "inputs": {"runStatus": "Failed"}}}},
        }
    },
}
HOOK = {
    "type": "HttpWebhook",
    "inputs": {
        "subscribe": {"method": "POST", "uri": f"{SINK}/sub", "body": {"to": "@{listCallbackUrl()}"}},
        "unsubscribe": {},
    },
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playhouse]:
    """A house that works, beside a place to subscribe at."""
    outside = playhouse.Outside(replies={"POST /sub": (200, {})})
    async with playhouse.opened(tmp_path, outside, web=[SINK]) as opened:
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def any_database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; none for a file of the house's own."""
    if request.param == "sqlite":
        return ""
    return databases.created(request.getfixturevalue("postgresql_url"))


async def saved(play: Playhouse, name: str, definition: dict[str, Any] = DEFINITION, **more: Any) -> dict[str, Any]:
    properties = {"definition": definition, **more.pop("properties", {})}
    response = await play.client.put(f"{WORKFLOWS}/{name}", json={"properties": properties, **more})
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


async def address(play: Playhouse, name: str, trigger: str = "manual") -> str:
    path = f"{WORKFLOWS}/{name}/triggers/{quote(trigger, safe='')}/listCallbackUrl"
    return str((await play.post(path)).json()["value"])


async def subscribed(play: Playhouse, count: int = 1) -> str:
    """Answer the address that the latest of so many subscriptions was told, once its run waits."""
    await play.until(lambda: len(play.outside.requests) >= count and not play.house.engine.dispatch.active)
    return str(play.outside.requests[-1][3]["to"])


# --- what is saved ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_tags_are_shown_as_they_were_last_saved(play: Playhouse, method: str) -> None:
    before = await saved(play, "tagged", tags={"a": "1"})
    changed = {**before, "tags": {"b": "2"}}
    answered = await play.client.request(method, f"{WORKFLOWS}/tagged", json=changed)
    shown = await play.get(f"{WORKFLOWS}/tagged")
    assert (answered.json()["tags"], shown["tags"]) == ({"b": "2"}, {"b": "2"})
    assert shown["properties"]["version"] == "1"


async def test_an_integer_of_any_size_keeps_its_digits_however_it_comes_in(play: Playhouse) -> None:
    large = 123456789012345678901234567890
    compose = {"type": "Compose", "inputs": {"fixed": large, "given": "@triggerBody()['n']"}}
    shown = await saved(play, "exact", {"triggers": TRIGGERS, "actions": {"Answer": compose}})
    assert shown["properties"]["definition"]["actions"]["Answer"]["inputs"]["fixed"] == large
    await play.post(f"{WORKFLOWS}/exact/triggers/manual/run", {"n": large})
    await play.post(await address(play, "exact"), {"n": large})
    for run in await play.runs("exact", 2):
        outputs = (await play.client.get(run.actions["Answer"]["outputsLink"]["uri"])).json()
        assert outputs == {"fixed": large, "given": large}


async def test_a_change_of_tags_takes_no_secret_away(play: Playhouse) -> None:
    await saved(play, "secretive", SECRETIVE, properties={"parameters": {"given": {"value": "one"}}}, kind="Stateful")
    changed = (await play.client.patch(f"{WORKFLOWS}/secretive", json={"tags": {"a": "1"}})).json()
    assert (changed["kind"], changed["properties"]["version"]) == ("Stateful", "1")
    await play.post(f"{WORKFLOWS}/secretive/triggers/manual/run")
    assert [each.status for each in await play.runs("secretive", 1)] == ["Succeeded"]


async def test_who_saves_what_was_shown_takes_no_secret_away_and_sees_none(play: Playhouse) -> None:
    await saved(play, "secretive", SECRETIVE, properties={"parameters": {"given": {"value": "one"}}})
    shown = await play.get(f"{WORKFLOWS}/secretive")
    response = await play.client.put(f"{WORKFLOWS}/secretive", json=shown, headers={"If-Match": "*"})
    await play.post(f"{WORKFLOWS}/secretive/triggers/manual/run")
    assert [each.status for each in await play.runs("secretive", 1)] == ["Succeeded"]
    for told in (shown, response.json(), await play.get(f"{WORKFLOWS}/secretive")):
        assert told["properties"]["parameters"] == {}
        assert '"two"' not in json.dumps(told)


async def test_a_secret_that_is_saved_anew_counts_and_a_parameter_that_is_no_secret_any_more_gets_none(
    play: Playhouse,
) -> None:
    await saved(play, "secretive", SECRETIVE, properties={"parameters": {"given": {"value": "nothing"}}})
    await saved(play, "secretive", SECRETIVE, properties={"parameters": {"GIVEN": {"value": "one"}}})
    await play.post(f"{WORKFLOWS}/secretive/triggers/manual/run")
    assert [each.status for each in await play.runs("secretive", 1)] == ["Succeeded"]
    plain = {**SECRETIVE, "parameters": {"given": {"type": "String"}, "usual": {"type": "String"}}}
    assert (await saved(play, "secretive", plain))["properties"]["parameters"] == {}


async def test_a_name_that_is_longer_than_the_store_takes_is_refused(play: Playhouse) -> None:
    body = {"properties": {"definition": DEFINITION}}
    refused = await play.client.put(f"{WORKFLOWS}/{'ß' * 41}", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidResourceName")
    assert (await play.client.put(f"{WORKFLOWS}/{'ß' * 40}", json=body)).status_code == 200


async def test_what_only_one_database_would_keep_is_refused_on_both(tmp_path: Path, any_database: str) -> None:
    async with playhouse.opened(tmp_path, database_url=any_database or None) as play:
        await saved(play, "plain")
        long = await play.client.put(
            f"{WORKFLOWS}/plain", json={"kind": "Stateful" * 3, "properties": {"definition": DEFINITION}}
        )
        assert (long.status_code, long.json()["error"]["code"]) == (400, "InvalidTemplate")
        for number in (2**31 - 1, 2**31, 10**17):
            assert (await play.client.get(f"{WORKFLOWS}/plain/versions/{number}")).status_code == 404


async def test_a_change_of_tags_takes_back_nothing_that_was_saved_meanwhile(tmp_path: Path, any_database: str) -> None:
    async with playhouse.opened(tmp_path, database_url=any_database or None) as play:
        for number in range(5):
            await saved(play, "busy")
            actions = {f"Answer_{number}": {"type": "Compose", "inputs": number}}
            definition = {"properties": {"definition": {**DEFINITION, "actions": actions}}}
            changes = [play.client.patch(f"{WORKFLOWS}/busy", json={"tags": {"n": str(each)}}) for each in range(3)]
            answers = await asyncio.gather(play.client.put(f"{WORKFLOWS}/busy", json=definition), *changes)
            assert {each.status_code for each in answers} == {200}
            assert list((await play.get(f"{WORKFLOWS}/busy"))["properties"]["definition"]["actions"]) == list(actions)


async def test_what_was_made_from_an_older_edition_is_not_stored(play: Playhouse) -> None:
    await saved(play, "edited")
    library = play.house.engine.library
    seen = await library.named("edited")
    await saved(play, "edited", tags={"a": "1"})
    with pytest.raises(Overtaken):
        await library.save(Deployment("edited", DEFINITION, {}, {}), seen)
    assert (await play.get(f"{WORKFLOWS}/edited"))["tags"] == {"a": "1"}


# --- what is listed --------------------------------------------------------------------------------------------------


async def test_a_page_of_nothing_leads_nowhere(play: Playhouse) -> None:
    await saved(play, "quiet")
    for path in (WORKFLOWS, f"{WORKFLOWS}/quiet/runs", f"{WORKFLOWS}/quiet/triggers/manual/histories"):
        assert await play.get(path, **{"$top": "0"}) == {"value": []}


async def test_runs_are_selected_by_status_and_by_when_they_started(play: Playhouse) -> None:
    await saved(play, "timed")
    for _ in range(3):
        await play.post(f"{WORKFLOWS}/timed/triggers/manual/run")
        await play.later(minutes=1)
    await play.runs("timed", 3)

    async def count(condition: str, path: str = "runs") -> int:
        return len((await play.get(f"{WORKFLOWS}/timed/{path}", **{"$filter": condition}))["value"])

    assert await count("status eq 'Succeeded' and startTime ge 2026-03-02T08:01:00Z") == 2
    assert await count("startTime gt 2026-03-02T08:00:00Z and startTime le 2026-03-02T08:01:00.0000000Z") == 1
    assert await count("startTime lt 2026-03-02T08:00:00Z") == 0
    assert await count("STATUS eq 'failed' AND startTime ge 2026-03-02") == 0
    run = (await play.get(f"{WORKFLOWS}/timed/runs"))["value"][0]["name"]
    assert await count("startTime ge 2026-03-02T08:02:00Z", f"runs/{run}/actions") == 1
    assert await count("startTime gt 2026-03-02T08:02:00Z", f"runs/{run}/actions") == 0
    assert await count("status eq 'Skipped'", "triggers/manual/histories") == 0
    assert await count("status eq 'Succeeded'", "triggers/manual/histories") == 3


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("/timed/runs", "status eq 'Wrong'"),
        ("/timed/runs", "status eq 'Failed' or status eq 'Succeeded'"),
        ("/timed/runs", "status eq 'Failed' and status eq 'Succeeded'"),
        ("/timed/runs", "startTime ge yesterday"),
        ("/timed/runs", "startTime ge 2026-13-01T00:00:00Z"),
        ("/timed/triggers/manual/histories", "startTime ge 2026-03-02T08:00:00Z"),
        ("", "name eq 'timed'"),
    ],
)
async def test_a_filter_that_is_not_understood_selects_nothing_by_mistake(
    play: Playhouse, path: str, condition: str
) -> None:
    await saved(play, "timed")
    refused = await play.client.get(WORKFLOWS + path, params={"$filter": condition})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadRequest")


async def test_workflows_are_selected_by_their_triggers_and_state(play: Playhouse) -> None:
    await saved(play, "called")
    clock = {"tick": {"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": 1}}}
    await saved(play, "timed", {**DEFINITION, "triggers": clock}, properties={"state": "Disabled"})

    async def names(condition: str) -> list[str]:
        return [each["name"] for each in (await play.get(WORKFLOWS, **{"$filter": condition}))["value"]]

    nowhere = "properties/integrationServiceEnvironmentResourceId eq null"
    assert await names(f"contains(Trigger, 'Request') and ({nowhere})") == ["called"]
    assert await names(nowhere) == ["called", "timed"]
    assert await names("State eq 'disabled'") == ["timed"]


async def test_versions_are_listed_from_the_latest_on_page_by_page(play: Playhouse) -> None:
    for number in (1, 2, 3):
        await saved(play, "grown", {**DEFINITION, "actions": {"Answer": {"type": "Compose", "inputs": number}}})
    first = await play.get(f"{WORKFLOWS}/grown/versions", **{"$top": "2"})
    assert [each["name"] for each in first["value"]] == ["3", "2"]
    rest = (await play.client.get(first["nextLink"])).json()
    (oldest,) = rest["value"]
    assert oldest == await play.get(f"{WORKFLOWS}/grown/versions/1")
    assert oldest["type"] == "Microsoft.Logic/workflows/versions"
    assert oldest["properties"]["definition"]["actions"]["Answer"]["inputs"] == 1
    assert "nextLink" not in rest


async def test_each_firing_of_a_trigger_is_found_by_its_name(play: Playhouse) -> None:
    await saved(play, "fired")
    run = (await play.post(f"{WORKFLOWS}/fired/triggers/manual/run")).headers["x-ms-workflow-run-id"]
    histories = f"{WORKFLOWS}/fired/triggers/manual/histories"
    (listed,) = (await play.get(histories))["value"]
    assert await play.get(f"{histories}/{run.lower()}") == listed
    assert (await play.post(f"{histories}/{run.lower()}/resubmit")).status_code == 202
    missing = await play.client.get(f"{histories}/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "WorkflowTriggerHistoryNotFound")


async def test_runs_and_actions_are_found_in_any_letter_case(play: Playhouse) -> None:
    await saved(play, "cased")
    await play.post(f"{WORKFLOWS}/cased/triggers/manual/run")
    await play.runs("cased", 1)
    run = (await play.get(f"{WORKFLOWS}/cased/runs"))["value"][0]["name"]
    shown = await play.get(f"{WORKFLOWS}/CASED/runs/{run}/actions/Answer".lower())
    assert shown["name"] == "Answer"


async def test_repetitions_say_which_loops_they_were_in_after_the_loops_got_other_names(play: Playhouse) -> None:
    inner = {"Each": {"type": "Compose", "inputs": "@item()"}}
    looping = {"Loop": {"type": "Foreach", "foreach": [1, 2], "actions": inner}}
    await saved(play, "looping", {**DEFINITION, "actions": looping})
    await play.post(f"{WORKFLOWS}/looping/triggers/manual/run")
    await play.runs("looping", 1)
    await saved(play, "looping")
    run = (await play.get(f"{WORKFLOWS}/looping/runs"))["value"][0]["name"]
    shown = await play.get(f"{WORKFLOWS}/looping/runs/{run}/actions/Each/repetitions/000001")
    assert shown["properties"]["repetitionIndexes"] == [{"scopeName": "Loop", "itemIndex": 1}]


# --- what is called --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Überwachung", "日本語", "a.(b)-c"])
async def test_a_workflow_of_any_name_answers_whoever_starts_it(play: Playhouse, name: str) -> None:
    await saved(play, name)
    accepted = await play.client.post(await address(play, name), json={})
    assert accepted.status_code == 202
    assert accepted.headers["x-ms-workflow-name"] == quote(name, safe="()")
    assert accepted.headers["location"].isascii()
    run = await play.client.get(accepted.headers["location"])
    assert run.json()["name"] == accepted.headers["x-ms-workflow-run-id"]


@pytest.mark.parametrize("action", ["a/b", "a/callback/b", "x%2Fy", "Prüfen?#", "100 %", "日本"])
async def test_an_action_of_any_name_hears_what_is_reported_to_it(play: Playhouse, action: str) -> None:
    after = {"After": {"type": "Compose", "inputs": f"@body('{action}')", "runAfter": {action: ["Succeeded"]}}}
    definition = {"triggers": {"on/off": TRIGGERS["manual"]}, "actions": {action: HOOK, **after}}
    await saved(play, "named", definition)
    accepted = await play.client.post(await address(play, "named", "on/off"), json={})
    assert (await play.client.post(await subscribed(play), json={"said": "yes"})).status_code == 200
    (ended,) = await play.runs("named", 1)
    assert ended.statuses() == {action: "Succeeded", "After": "Succeeded"}
    run = accepted.headers["x-ms-workflow-run-id"]
    shown = await play.get(f"{WORKFLOWS}/named/runs/{run}/actions/{quote(action, safe='')}")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(play.house.app)) as nobody:
        content = await nobody.get(shown["properties"]["outputsLink"]["uri"])
    assert content.json()["body"] == {"said": "yes"}


async def test_the_address_of_a_trigger_with_a_path_can_be_called_once_it_is_filled_in(play: Playhouse) -> None:
    inputs = {"method": "GET", "relativePath": "/alerts/{id}/owner"}
    shows = {"Show": {"type": "Compose", "inputs": "@triggerOutputs()['relativePathParameters']"}}
    await saved(play, "pathed", {"triggers": {"manual": {"type": "Request", "inputs": inputs}}, "actions": shows})
    shown = (await play.post(f"{WORKFLOWS}/pathed/triggers/manual/listCallbackUrl")).json()
    assert shown["basePath"].endswith("/paths/invoke")
    answered = await play.client.get(shown["value"].replace("{id}", "a%2Fb%20c"))
    assert answered.status_code == 202, answered.text
    (ended,) = await play.runs("pathed", 1)
    found = await play.client.get(ended.actions["Show"]["outputsLink"]["uri"])
    assert found.json() == {"id": "a/b c"}


async def test_a_run_of_an_earlier_version_hands_out_addresses_that_hold_after_the_key_was_changed(
    play: Playhouse,
) -> None:
    pause = {"type": "Wait", "inputs": {"interval": {"count": 5, "unit": "Minute"}}}
    actions = {"Pause": pause, "Hook": {**HOOK, "runAfter": {"Pause": ["Succeeded"]}}}
    await saved(play, "keyed", {**DEFINITION, "actions": actions})
    await play.post(f"{WORKFLOWS}/keyed/triggers/manual/run")
    await saved(play, "keyed")
    await play.post(f"{WORKFLOWS}/keyed/regenerateAccessKey", {"keyType": "Primary"})
    await play.later(minutes=6)
    assert (await play.client.post(await subscribed(play), json={})).status_code == 200
    (ended,) = await play.runs("keyed", 1)
    assert ended.status == "Succeeded"


async def test_a_key_that_was_changed_by_another_process_opens_nothing_here(play: Playhouse, tmp_path: Path) -> None:
    await saved(play, "shared")
    former = await address(play, "shared")
    assert (await play.client.post(former, json={})).status_code == 202
    given = {"data": tmp_path / "data", "public_url": playhouse.PUBLIC_URL, "reserve_bytes": 0}
    beside = app.build(settings.load({}, given=given), clock=play.clock, mail=play.mails)
    try:
        library = beside.engine.library
        await library.regenerate_access_key(await library.named("shared"))
    finally:
        beside.database.close()
    await play.later(seconds=2)
    assert (await play.client.post(former, json={})).status_code == 401
    assert (await play.client.post(await address(play, "shared"), json={})).status_code == 202


async def test_the_address_of_a_content_holds_for_hours(play: Playhouse) -> None:
    await saved(play, "linked")
    await play.post(f"{WORKFLOWS}/linked/triggers/manual/run")
    (ended,) = await play.runs("linked", 1)
    link = ended.actions["Answer"]["outputsLink"]["uri"]
    forged = link.replace("&se=", "&se=2999-01-01T00%3A00%3A00.0000000Z&was=")
    await play.later(hours=3, minutes=59)
    held = await play.client.get(link)
    await play.later(hours=1, minutes=1)
    refused = [(await play.client.get(each)).status_code for each in (link, forged, link.replace("&se=", "&was="))]
    assert ((held.status_code, held.json()), refused) == ((200, 1), [401, 401, 401])


async def test_a_master_key_can_be_replaced(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await saved(play, "secretive", SECRETIVE, properties={"parameters": {"given": {"value": "one"}}})
        called = await address(play, "secretive")
    file = tmp_path / "data" / "master.key"
    file.write_text(f"{'5a' * 32}\n{file.read_text()}")
    async with playhouse.opened(tmp_path) as play:
        assert (await play.client.post(called, json={})).status_code == 202
        assert [each.status for each in await play.runs("secretive", 1)] == ["Succeeded"]
    file.write_text(file.read_text().splitlines()[0])
    with pytest.raises(SecretUnreadable, match="Is this that key"):
        async with playhouse.opened(tmp_path):
            pass


async def test_who_only_looks_whether_an_address_is_there_starts_nothing(play: Playhouse) -> None:
    await saved(play, "looked")
    found = await play.client.head(await address(play, "looked"))
    assert (found.status_code, found.headers["allow"]) == (405, "DELETE, GET, PATCH, POST, PUT")
    assert await play.get(f"{WORKFLOWS}/looked/runs") == {"value": []}
