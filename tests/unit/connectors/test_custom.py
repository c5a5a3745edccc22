"""Connectors that an operator adds by a folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connector_outside import Wire, a_call, outside
from sallyport.client_credentials import AuthenticationFailed
from sallyport.clock import ManualClock
from sallyport.connectors import Connectors, custom
from sallyport.connectors.custom import InvalidConnector, Means
from sallyport.http_messages import ConnectionFailed, Headers, OutboundRequest

SECRET = "s3cret"
APP_SETTINGS = {"TICKETS_KEY": SECRET}
DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Tickets"},
    "host": "tickets.example",
    "basePath": "/api",
    "paths": {"/tickets": {"get": {"operationId": "List"}}},
}
KEYED = {**DOCUMENT, "securityDefinitions": {"k": {"type": "apiKey", "in": "header", "name": "X-Key"}}}
PRINCIPAL = {
    "token:TenantID": "contoso",
    "token:clientID": "robot",
    "token:clientSecret": "@appsetting('TICKETS_KEY')",
    "token:grantType": "client_credentials",
}
TOKEN = json.dumps({"access_token": "t-1", "expires_in": "3600"}).encode()


def added(place: Path, document: Any, connection: Any = None, name: str = "tickets") -> Path:
    folder = place / name
    folder.mkdir(parents=True)
    (folder / "swagger.json").write_text(document if isinstance(document, str) else json.dumps(document))
    if connection is not None:
        (folder / "connection.json").write_text(json.dumps(connection))
    return place


def reached(place: Path, wire: Wire, clock: ManualClock | None = None) -> Connectors:
    return Connectors(outside(wire), custom.read(place, Means(wire, clock or ManualClock(), APP_SETTINGS)))


async def sent(place: Path) -> OutboundRequest:
    wire = Wire()
    await reached(place, wire).call(a_call("tickets", "GET", "/tickets"))
    (request,) = wire.requests
    return request


async def test_a_folder_is_a_connector_of_its_name(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    request = await sent(added(tmp_path, DOCUMENT, name="shared_Tickets"))
    assert (request.method, request.url) == ("GET", "https://tickets.example/api/tickets")


async def test_a_connection_says_where_the_service_is(tmp_path: Path) -> None:
    request = await sent(added(tmp_path, DOCUMENT, {"url": "https://here.example/v2/"}))
    assert request.url == "https://here.example/v2/tickets"


async def test_a_key_comes_from_the_app_settings(tmp_path: Path) -> None:
    request = await sent(added(tmp_path, KEYED, {"parameterValues": {"api_key": "@appsetting('TICKETS_KEY')"}}))
    assert Headers(request.headers)["x-key"] == SECRET


async def test_a_service_principal_signs_in_once_until_its_token_is_about_to_end(tmp_path: Path) -> None:
    wire, clock = Wire(body=TOKEN), ManualClock()
    place = added(tmp_path, DOCUMENT, {"parameterValues": {**PRINCIPAL, "token:loginUri": "https://login.example/"}})
    connectors = reached(place, wire, clock)
    call = a_call("tickets", "GET", "/tickets")
    await asyncio.gather(*(connectors.call(call) for _ in range(3)))
    await clock.advance(3_000)
    await connectors.call(call)
    await clock.advance(600)
    await connectors.call(call)
    asked = [each for each in wire.requests if each.method == "POST"]
    assert [each.url for each in asked] == ["https://login.example/contoso/oauth2/token"] * 2
    assert parse_qs(asked[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["robot"],
        "client_secret": [SECRET],
        "resource": ["https://tickets.example"],
    }
    called = [Headers(each.headers)["authorization"] for each in wire.requests if each.method == "GET"]
    assert called == ["Bearer t-1"] * 5


async def test_a_token_is_asked_for_where_the_document_says(tmp_path: Path) -> None:
    flows = {"clientCredentials": {"tokenUrl": "https://id.example/token"}}
    document = {**DOCUMENT, "securityDefinitions": {"o": {"type": "oauth2", "flows": flows}}}
    values = {"token:clientId": "robot", "token:clientSecret": "x", "token:resourceUri": "api://tickets"}
    wire = Wire(body=TOKEN)
    await reached(added(tmp_path, document, {"parameterValues": values}), wire).call(
        a_call("tickets", "GET", "/tickets")
    )
    form = parse_qs(wire.requests[0].body.decode())
    assert (wire.requests[0].url, form["resource"]) == ("https://id.example/token", ["api://tickets"])


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, AuthenticationFailed), (401, AuthenticationFailed), (429, ConnectionFailed), (503, ConnectionFailed)],
)
async def test_without_a_token_nothing_is_called(tmp_path: Path, status: int, error: type[Exception]) -> None:
    wire = Wire(status, json.dumps({"error": "invalid_client"}).encode())
    connectors = reached(added(tmp_path, DOCUMENT, {"parameterValues": PRINCIPAL}), wire)
    with pytest.raises(error) as failure:
        await connectors.call(a_call("tickets", "GET", "/tickets"))
    assert SECRET not in str(failure.value)
    assert [each.method for each in wire.requests] == ["POST"]


@pytest.mark.parametrize(
    ("document", "connection", "message"),
    [
        ("{", None, "swagger.json': "),
        ({"swagger": "2.0", "paths": []}, None, "swagger.json': /paths"),
        ({**DOCUMENT, "host": ""}, None, "names no host"),
        (DOCUMENT, [], "an object with 'url' and 'parameterValues'"),
        (DOCUMENT, {"parameterValues": []}, "an object with 'url' and 'parameterValues'"),
        (DOCUMENT, {"uri": "https://x"}, "'uri' is neither"),
        (DOCUMENT, {"url": "ftp://x"}, "http or https is expected"),
        (DOCUMENT, {"url": 5}, "'url' must be a text"),
        (KEYED, {"parameterValues": {"api_key": "@appsetting('OTHER')"}}, "'api_key': .*'OTHER'"),
        (KEYED, {"parameterValues": {"apikye": SECRET}}, "apikye are not what the document asks for, which is: apiKey"),
        (DOCUMENT, {"parameterValues": {"token": SECRET}}, "which is: nothing"),
        (DOCUMENT, {"parameterValues": {"token:clientId": "r", "token:tenantId": "t"}}, "'token:clientSecret'"),
        (DOCUMENT, {"parameterValues": {**PRINCIPAL, "token:grantType": "code"}}, "a 'token:grantType' of"),
        (DOCUMENT, {"parameterValues": {"token:clientId": "r", "token:clientSecret": SECRET}}, "'token:tenantId'"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, document: Any, connection: Any, message: str
) -> None:
    with pytest.raises(InvalidConnector, match=message) as failure:
        reached(added(tmp_path, document, connection), Wire())
    assert str(tmp_path / "tickets") in failure.value.message
    assert SECRET not in failure.value.message


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidConnector, match="No such file or directory"):
        reached(tmp_path / "nowhere", Wire())
