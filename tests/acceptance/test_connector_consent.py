"""The Microsoft Graph Security connector works once an administrator has consented, by the page or the command line."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

import playhouse
import processes
from playhouse import PUBLIC_URL, Playhouse
from sallyport.auth import connector, users
from sallyport.cli import main
from sallyport.store import audit, clients

WORKFLOWS = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/sallyport/providers/Microsoft.Logic/workflows"
)
PASSWORD = "correct horse battery"
HOST = {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}}
API = "/subscriptions/x/providers/Microsoft.Web/locations/local/managedApis/microsoftgraphsecurity"
CONNECTIONS = {"$connections": {"value": {"graph": {"connectionId": "graph", "id": API}}}}
ASKED = {
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {
        "Get_alerts": {
            "type": "ApiConnection",
            "inputs": {"host": HOST, "method": "get", "path": "/v1.0/security/alerts"},
            "runAfter": {},
        }
    },
}
POLLED = {
    "triggers": {
        "On_alerts": {
            "type": "ApiConnection",
            "recurrence": {"frequency": "Minute", "interval": 1},
            "inputs": {"host": HOST, "method": "get", "path": "/trigger/v1.0/security/alerts"},
        }
    },
    "actions": {},
}
ALERT = {"title": "Seen", "vendorInformation": {"provider": "Tester", "vendor": "Contoso"}}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playhouse]:
    """A house in which nobody has consented."""
    async with playhouse.opened(tmp_path, consented=False) as opened:
        yield opened


def address(play: Playhouse) -> str:
    return f"{PUBLIC_URL}/{play.house.authority.tenant_id}/adminconsent?client_id={connector.CLIENT_ID}"


def command(play: Playhouse, *words: str) -> Result:
    done = CliRunner().invoke(main, list(words), env={"SALLYPORT_DATA": str(play.house.settings.data)})
    assert done.exit_code == 0, done.output
    return done


async def save(play: Playhouse, folder: Path, name: str, definition: dict[str, Any]) -> None:
    declared = {"parameters": {"$connections": {"type": "Object", "defaultValue": {}}}}
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"definition": {**definition, **declared}, "parameters": CONNECTIONS}))
    await play.deploy(file)


async def asked(play: Playhouse, count: int) -> dict[str, Any]:
    """Start the workflow that asks, and answer its newest run's action."""
    # Runs of one moment have no order.
    await play.clock.advance(1)
    await play.post(f"{WORKFLOWS}/asked/triggers/manual/run")
    action = (await play.runs("asked", count))[-1].actions["Get_alerts"]
    return dict(action)


async def histories(play: Playhouse) -> list[dict[str, Any]]:
    """Answer how the polls went, the earliest first."""
    found = await play.get(f"{WORKFLOWS}/polled/triggers/On_alerts/histories")
    return [each["properties"] for each in reversed(found["value"])]


async def consent_on_the_page(play: Playhouse) -> None:
    """Sign in as the administrator and accept, as a browser does."""
    wanted = users.Wanted("root@contoso.com", PASSWORD, ("Global Administrator",))
    await play.house.database.write(partial(users.add, clock=play.clock, wanted=wanted))
    transport = httpx.ASGITransport(play.house.app)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers={"Origin": PUBLIC_URL}) as browser:
        page = await browser.get(address(play))
        form = {"ticket": ticket(page), "name": "root@contoso.com", "password": PASSWORD}
        page = await browser.post("/identity/signin", data=form)
        for name in (connector.DISPLAY_NAME, *connector.PERMISSIONS):
            assert name in page.text
        done = await browser.post("/identity/decide", data={"ticket": ticket(page), "decision": "accept"})
        assert done.status_code == 200, done.text


def ticket(page: httpx.Response) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


async def test_an_action_fails_with_the_address_until_somebody_consents_on_the_page(
    play: Playhouse, tmp_path: Path
) -> None:
    await save(play, tmp_path, "asked", ASKED)
    refused = await asked(play, 1)
    assert (refused["status"], refused["code"]) == ("Failed", "ConsentRequired")
    assert address(play) in refused["error"]["message"]
    assert f"sallyport consent grant {connector.CLIENT_ID}" in refused["error"]["message"]
    await consent_on_the_page(play)
    assert (await asked(play, 2))["status"] == "Succeeded"


async def test_a_consent_by_command_works_without_a_restart_and_ends_when_it_is_taken_back(
    play: Playhouse, tmp_path: Path
) -> None:
    await save(play, tmp_path, "asked", ASKED)
    assert (await asked(play, 1))["code"] == "ConsentRequired"
    command(play, "consent", "grant", connector.CLIENT_ID)
    assert (await asked(play, 2))["status"] == "Succeeded"
    command(play, "consent", "revoke", connector.CLIENT_ID)
    await play.clock.advance(connector.REMEMBERED_FOR)
    assert (await asked(play, 3))["code"] == "ConsentRequired"


async def test_polls_without_consent_are_told_and_leave_the_triggers_place_alone(
    play: Playhouse, tmp_path: Path
) -> None:
    command(play, "consent", "grant", connector.CLIENT_ID)
    await save(play, tmp_path, "polled", POLLED)
    await play.later(minutes=1)
    command(play, "consent", "revoke", connector.CLIENT_ID)
    await play.later(minutes=1)
    # Comes while nobody may look: found once somebody may again.
    await play.ingest(ALERT)
    await play.later(minutes=1)
    last = (await histories(play))[-1]
    assert (last["status"], last["code"]) == ("Failed", "ConsentRequired")
    assert address(play) in last["error"]["message"]
    command(play, "consent", "grant", connector.CLIENT_ID)
    await play.later(minutes=1)
    assert [run.status for run in await play.runs("polled", 1)] == ["Succeeded"]


async def test_the_missing_consent_is_logged_once(
    play: Playhouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await save(play, tmp_path, "asked", ASKED)
    for count in (1, 2, 3):
        await asked(play, count)
    told = capsys.readouterr()
    assert (told.out + told.err).count("connector.consent_required") == 1


async def test_a_disabled_application_gets_no_token_and_a_consent_says_who_gave_it(
    play: Playhouse, tmp_path: Path
) -> None:
    await save(play, tmp_path, "asked", ASKED)
    command(play, "consent", "grant", connector.CLIENT_ID)
    events = await play.house.database.read(lambda connection: audit.latest(connection, 5))
    assert ("consent.granted", "local") in [(each.activity, each.actor) for each in events]
    await play.house.database.write(lambda it: clients.change(it, connector.CLIENT_ID, {"enabled": False}))
    refused = await asked(play, 1)
    assert refused["status"] == "Failed"
    assert "disabled" in refused["error"]["message"]


def test_the_demonstration_consents_and_says_so(tmp_path: Path) -> None:
    with processes.server(tmp_path, "--demo") as running:
        (granted,) = [each for each in running.json("consent", "show") if each["clientId"] == connector.CLIENT_ID]
        _, told, _ = running.end()
    assert granted["grantedBy"] == "local"
    assert f"{connector.DISPLAY_NAME} has consent" in told


def test_a_trigger_that_is_fired_without_consent_says_what_it_met(tmp_path: Path) -> None:
    file = tmp_path / "polled.json"
    declared = {"parameters": {"$connections": {"type": "Object", "defaultValue": {}}}}
    file.write_text(json.dumps({"definition": {**POLLED, **declared}, "parameters": CONNECTIONS}))
    with processes.server(tmp_path / "data") as running:
        running.lines("deploy", str(file))
        for words in (("run", "polled"), ("workflows", "trigger", "polled")):
            fired = running.sallyport(*words)
            assert (fired.returncode, fired.stdout) == (1, "")
            assert "started no run, because it failed: No administrator has consented" in fired.stderr
            assert f"sallyport consent grant {connector.CLIENT_ID}" in fired.stderr
        running.json("consent", "grant", connector.CLIENT_ID)
        assert "there was nothing new" in running.sallyport("run", "polled").stderr
