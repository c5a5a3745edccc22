"""A playbook whose connection belongs to a connector that the operator added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import playhouse
from playhouse import Outside
from sallyport import app, settings
from sallyport.cli import validate
from sallyport.connectors.custom import InvalidConnector

SERVICE = "https://tickets.example"
SECRET = "s3cret"
DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "Tickets"},
    "servers": [{"url": f"{SERVICE}/api"}],
    "paths": {"/tickets": {"post": {"operationId": "Create", "requestBody": {"content": {"application/json": {}}}}}},
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
}
CONNECTION: dict[str, Any] = {"parameterValues": {"api_key": "@appsetting('TICKETS_KEY')"}}
HOST = {"connection": {"name": "@parameters('$connections')['tickets']['connectionId']"}}
PLAYBOOK: dict[str, Any] = {
    "definition": {
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
        "actions": {
            "Create": {
                "type": "ApiConnection",
                "inputs": {"host": HOST, "method": "post", "path": "/tickets", "body": {"title": "@triggerBody()"}},
            },
            "Number": {
                "type": "Compose",
                "inputs": "@body('Create')?['number']",
                "runAfter": {"Create": ["Succeeded"]},
            },
        },
    },
}


@pytest.fixture
def connectors(tmp_path: Path) -> Path:
    """The folder of an operator's connectors, which holds one."""
    folder = tmp_path / "connectors" / "tickets"
    folder.mkdir(parents=True)
    (folder / "swagger.json").write_text(json.dumps(DOCUMENT))
    (folder / "connection.json").write_text(json.dumps(CONNECTION))
    return folder.parent


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    """A file with a playbook that opens a ticket."""
    file = tmp_path / "open-ticket" / "workflow.json"
    file.parent.mkdir()
    file.write_text(json.dumps(PLAYBOOK))
    return file


async def test_a_playbook_calls_a_connector_that_was_added(tmp_path: Path, connectors: Path, playbook: Path) -> None:
    outside = Outside(replies={"POST /api/tickets": (201, {"number": 17})})
    keys = {"TICKETS_KEY": SECRET}
    async with playhouse.opened(
        tmp_path, outside, web=[SERVICE], custom_connectors=connectors, app_settings=keys
    ) as play:
        await play.deploy(playbook)
        workflow = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/open-ticket"
        url = (await play.post(f"{workflow}/triggers/manual/listCallbackUrl")).json()["value"]
        await play.post(url, "Strange sign-in")
        (run,) = await play.runs("open-ticket", 1)
        number = (await play.client.get(run.actions["Number"]["outputsLink"]["uri"])).json()
    ((method, address, headers, body),) = outside.requests
    assert (run.status, number) == ("Succeeded", 17)
    assert (method, address, body) == ("POST", f"{SERVICE}/api/tickets", {"title": "Strange sign-in"})
    assert headers["x-key"] == SECRET


def test_a_connector_that_was_added_is_no_stranger(
    connectors: Path, playbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = validate.validate(playbook, {})
    monkeypatch.setenv("SALLYPORT_CUSTOM_CONNECTORS", str(connectors))
    after = validate.validate(playbook, {})
    assert [each.code for each in before.findings] == ["UnknownConnector"]
    assert (after.ok, after.findings) == (True, ())


async def test_nothing_is_deployed_where_the_folder_of_connectors_is_not_there(
    tmp_path: Path, playbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playhouse.opened(tmp_path, Outside()) as play:
        monkeypatch.setenv("SALLYPORT_CUSTOM_CONNECTORS", str(tmp_path / "nowhere"))
        with pytest.raises(InvalidConnector):
            await play.deploy(playbook)
        path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows"
        assert (await play.get(path))["value"] == []


def test_a_server_does_not_start_with_a_connector_that_cannot_be_used(tmp_path: Path, connectors: Path) -> None:
    (connectors / "tickets" / "swagger.json").unlink()
    chosen = settings.load({}, given={"data": tmp_path / "data", "custom_connectors": connectors})
    with pytest.raises(InvalidConnector, match=r"swagger\.json': the file cannot be read"):
        app.build(chosen)
