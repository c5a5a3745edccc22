"""Where the alert triggers begin: with what is stored from their save or start time on, whenever a poll succeeds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import playhouse
from playhouse import Playhouse
from sallyport.auth import connector, consents

HOST = {"connection": {"name": "@parameters('$connections')['graph']['connectionId']"}}
API = "/subscriptions/x/providers/Microsoft.Web/locations/local/managedApis/microsoftgraphsecurity"
ALL, HIGH = "/trigger/v1.0/security/alerts", "/trigger/beta/security/alerts"
MATCHES = "/trigger/v1.0/security/indicatorMatches"
INDICATOR = {
    "action": "alert",
    "description": "A host of malware.",
    "expirationDateTime": "2026-12-01T00:00:00Z",
    "targetProduct": "Azure Sentinel",
    "threatType": "Malware",
    "tlpLevel": "green",
    "domainName": "bad.example",
}


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Playhouse]:
    """A house in which no poll succeeds before `allow`."""
    async with playhouse.opened(tmp_path, consented=False) as opened:
        yield opened


def alert(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "vendorInformation": {"provider": "Tester", "vendor": "Contoso"}, **more}


async def save(play: Playhouse, folder: Path, path: str = ALL, **recurrence: str) -> None:
    trigger = {
        "type": "ApiConnection",
        "recurrence": {"frequency": "Minute", "interval": 1, **recurrence},
        "inputs": {"host": HOST, "method": "get", "path": path},
    }
    definition = {
        "triggers": {"On_new": trigger},
        "actions": {"Found": {"type": "Compose", "inputs": "@triggerBody()?['value']"}},
        "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
    }
    given = {"$connections": {"value": {"graph": {"connectionId": "graph", "id": API}}}}
    file = folder / "polled.json"
    file.write_text(json.dumps({"definition": definition, "parameters": given}))
    await play.deploy(file)


async def allow(play: Playhouse) -> None:
    await play.house.database.write(lambda it: consents.grant(it, play.clock, connector.CLIENT_ID))


async def found(play: Playhouse) -> list[dict[str, Any]]:
    """Answer what the only run was started with."""
    (run,) = await play.runs("polled", 1)
    answered = await play.client.get(run.actions["Found"]["outputsLink"]["uri"], auth=None)
    brought: list[dict[str, Any]] = answered.json()
    return brought


async def titles(play: Playhouse) -> list[str]:
    return [each["title"] for each in await found(play)]


async def test_what_comes_before_the_first_poll_that_succeeds_is_found(play: Playhouse, tmp_path: Path) -> None:
    await play.ingest(alert("before the save"))
    await save(play, tmp_path)
    await play.ingest(alert("after the save"))
    await play.later(minutes=1)
    await play.ingest(alert("after a poll that failed"))
    await allow(play)
    await play.later(minutes=1)
    assert await titles(play) == ["after the save", "after a poll that failed"]


async def test_a_restart_and_another_rhythm_keep_where_it_begins(play: Playhouse, tmp_path: Path) -> None:
    await save(play, tmp_path)
    await play.ingest(alert("after the save"))
    await save(play, tmp_path, frequency="Hour")
    await play.house.triggers.close()
    await play.house.triggers.open()
    await allow(play)
    await play.later(hours=1)
    assert await titles(play) == ["after the save"]


async def test_whoever_asks_for_something_else_begins_with_that_save(play: Playhouse, tmp_path: Path) -> None:
    await save(play, tmp_path)
    await play.ingest(alert("before it was changed", severity="high"))
    await save(play, tmp_path, HIGH)
    await play.ingest(alert("after it was changed", severity="high"), alert("not high", severity="low"))
    await allow(play)
    await play.later(minutes=1)
    assert await titles(play) == ["after it was changed"]


async def test_a_start_time_is_where_it_begins(play: Playhouse, tmp_path: Path) -> None:
    await save(play, tmp_path, startTime="2026-03-02T09:00:00Z")
    await play.ingest(alert("before the start"))
    await play.later(hours=1)
    await play.ingest(alert("after the start"))
    await allow(play)
    await play.later(minutes=1)
    assert await titles(play) == ["after the start"]


async def test_hits_of_indicators_begin_alike(play: Playhouse, tmp_path: Path) -> None:
    await play.post("/beta/security/tiIndicators", INDICATOR)
    host = {"networkConnections": [{"destinationDomain": "bad.example"}]}
    await play.ingest(alert("before the save", **host))
    await save(play, tmp_path, MATCHES)
    await play.ingest(alert("after the save", **host))
    await allow(play)
    await play.later(minutes=1)
    assert [each["alert"]["title"] for each in await found(play)] == ["after the save"]
