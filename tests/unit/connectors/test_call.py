"""A call becomes a request: path, queries, headers, body, credential."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from connector_outside import Wire, a_call, message_of, outside
from sallyport.connectors import Connectors, catalog, credentials
from sallyport.connectors.catalog import UnknownConnector, UnknownOperation
from sallyport.connectors.credentials import Anonymous, ApiKey, Basic, Bearer, Credential
from sallyport.connectors.swagger import InvalidSwagger
from sallyport.http_messages import Headers, OutboundRequest

TICKETS: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Tickets"},
    "host": "tickets.example",
    "basePath": "/api",
    "paths": {
        "/tickets/{id}": {
            "get": {
                "operationId": "Read",
                "summary": "Read ticket",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "string"},
                    {"name": "view", "in": "query", "type": "string", "default": "full", "x-ms-visibility": "internal"},
                    {"name": "fields", "in": "query", "type": "array", "collectionFormat": "multi"},
                    {"name": "X-Api-Version", "in": "header", "type": "string", "default": "2"},
                ],
            },
        },
        "/tickets": {
            "post": {
                "operationId": "Create",
                "summary": "Create ticket",
                "parameters": [
                    {"name": "queue", "in": "query", "required": True, "type": "string", "x-ms-summary": "Queue"},
                    {"name": "body", "in": "body", "required": True, "schema": {"type": "object"}},
                ],
            },
        },
        "/form": {"post": {"consumes": ["application/x-www-form-urlencoded"], "operationId": "Form"}},
        "/note": {
            "put": {"operationId": "Note", "parameters": [{"name": "b", "in": "body", "schema": {"type": "string"}}]}
        },
    },
}


async def _sent(*arguments: Any, credential: Credential | None = None, **more: Any) -> OutboundRequest:
    wire = Wire()
    connectors = Connectors(outside(wire), [catalog.custom("shared_Tickets", TICKETS, credential=credential)])
    await connectors.call(a_call("tickets", *arguments, **more))
    (request,) = wire.requests
    return request


async def test_path_values_are_encoded_once_again() -> None:
    request = await _sent("get", "/tickets/a%2Fb%20c%3F")
    assert request.url == "https://tickets.example/api/tickets/a%2Fb%20c%3F?view=full"
    assert request.method == "GET"


@pytest.mark.parametrize("value", ["..", ".", "%2E%2e", "%2E"])
async def test_no_value_of_a_path_leads_to_another_path(value: str) -> None:
    wire = Wire()
    connectors = Connectors(outside(wire), [catalog.custom("tickets", TICKETS)])
    response = await connectors.call(a_call("tickets", "get", f"/tickets/{value}"))
    assert (response.status, "'.' or '..'" in message_of(response)) == (400, True)
    assert wire.requests == []


async def test_queries_are_written_as_text_and_null_is_left_out() -> None:
    queries = {"View": True, "fields": ["a", 1, None], "list": ["x", "y"], "none": None, "$filter": "a eq 'b c'"}
    request = await _sent("get", "/tickets/1", queries=queries)
    assert request.url.partition("?")[2] == "View=true&fields=a&fields=1&list=x,y&$filter=a%20eq%20'b%20c'"


async def test_a_header_has_its_default_unless_it_is_stated() -> None:
    assert Headers((await _sent("get", "/tickets/1")).headers)["x-api-version"] == "2"
    stated = await _sent("get", "/tickets/1", headers={"x-api-version": "3"})
    assert Headers(stated.headers).all("x-api-version") == ["3"]


@pytest.mark.parametrize(
    ("queries", "body", "says"),
    [
        ({}, {}, "'Create ticket' needs the query parameter 'queue' (Queue), and there is none."),
        ({"queue": None}, {}, "'Create ticket' needs the query parameter 'queue' (Queue), and there is none."),
        ({"QUEUE": "a"}, None, "'Create ticket' needs a body, and there is none."),
    ],
)
async def test_a_missing_required_parameter_is_answered_with_400_and_nothing_is_sent(
    queries: dict[str, Any], body: Any, says: str
) -> None:
    wire = Wire()
    connectors = Connectors(outside(wire), [catalog.custom("tickets", TICKETS)])
    response = await connectors.call(a_call("tickets", "post", "/tickets", body, queries=queries))
    assert (response.status, message_of(response)) == (400, says)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("path", "method", "body", "content", "content_type"),
    [
        ("/tickets", "post", {"a": 1}, b'{"a":1}', "application/json"),
        ("/tickets", "post", '{"a": 1}', b'{"a": 1}', "application/json"),
        ("/tickets", "post", "plain", b'"plain"', "application/json"),
        ("/note", "put", '{"a": 1}', b'"{\\"a\\": 1}"', "application/json"),
        ("/tickets", "post", {"$content-type": "image/png", "$content": "iVBO"}, b"\x89PN", "image/png"),
        ("/form", "post", {"a": "b c", "d": 1}, b"a=b+c&d=1", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_is_sent_as_its_operation_takes_it(
    path: str, method: str, body: Any, content: bytes, content_type: str
) -> None:
    request = await _sent(method, path, body, queries={"queue": "q"})
    assert (request.body, Headers(request.headers)["content-type"]) == (content, content_type)


async def test_an_address_that_an_answer_pointed_to_is_called_again() -> None:
    request = await _sent("get", "https://TICKETS.example/api/tickets/7?page=2&view=short")
    assert request.url == "https://tickets.example/api/tickets/7?page=2&view=short"


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/api/tickets/7", "https://tickets.example.evil.example/api/tickets/7", "https://tickets.example/apis/t"],
)  # fmt: skip
async def test_an_address_elsewhere_gets_neither_request_nor_credential(address: str) -> None:
    wire = Wire()
    connectors = Connectors(outside(wire), [catalog.custom("tickets", TICKETS, credential=Basic("u", "p"))])
    response = await connectors.call(a_call("tickets", "get", address))
    assert response.status == 400
    assert "does not belong to the connector 'tickets'" in message_of(response)
    assert wire.requests == []


async def test_a_location_below_the_address_comes_back_as_a_path() -> None:
    wire = Wire(202, b"", {"Location": "https://tickets.example/api/jobs/1?x=2", "Retry-After": "3"})
    response = await Connectors(outside(wire), [catalog.custom("t", TICKETS)]).call(a_call("t", "get", "/tickets/1"))
    assert response.headers["location"] == "/jobs/1?x=2"
    assert response.headers["retry-after"] == "3"


async def test_an_unknown_connector_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UnknownConnector, match=r"no connector 'sap'.*microsoftgraphsecurity, office365, smtp"):
        await Connectors(outside()).call(a_call("sap", "get", "/x"))


async def test_an_unknown_operation_is_refused_and_the_known_ones_are_named() -> None:
    connectors = Connectors(outside(), [catalog.custom("tickets", TICKETS)])
    with pytest.raises(UnknownOperation, match=r"no operation DELETE /tickets/1.*GET /tickets/{id}"):
        await connectors.call(a_call("tickets", "delete", "/tickets/1"))


@pytest.mark.parametrize(
    "written", ["microsoftgraphsecurity", "MicrosoftGraphSecurity", "shared_microsoftgraphsecurity"]
)
def test_an_api_is_found_however_its_id_is_written(written: str) -> None:
    known = Connectors(outside())
    assert known.find(written) is known.find(
        f"/subscriptions/s/providers/Microsoft.Web/locations/l/managedApis/{written}/"
    )


def test_a_custom_connector_takes_the_place_of_one_that_comes_along() -> None:
    known = Connectors(outside(), [catalog.custom("shared_smtp", TICKETS)])
    assert [each.api for each in known.connectors] == list(catalog.built_in())
    assert known.find("smtp").swagger.title == "Tickets"


def test_a_document_without_a_host_needs_one_beside_it() -> None:
    document = {**TICKETS, "host": ""}
    with pytest.raises(InvalidSwagger, match="names no host"):
        catalog.custom("tickets", document)
    assert catalog.custom("tickets", document, url="https://t.example/").url == "https://t.example"


def test_an_exported_document_has_every_path_below_the_connection() -> None:
    exported = catalog.custom("tickets", TICKETS).exported()
    assert all(path.startswith("/{connectionId}/") for path in exported["paths"])
    assert exported["paths"]["/{connectionId}/tickets"]["parameters"][0]["x-ms-visibility"] == "internal"
    assert "/tickets" in TICKETS["paths"]


@pytest.mark.parametrize(
    ("credential", "header", "query"),
    [
        (Anonymous(), None, ""),
        (Basic("user", "pass"), "Basic dXNlcjpwYXNz", ""),
        (Bearer(lambda: "token"), "Bearer token", ""),
        (ApiKey("key", "a&b", "query"), None, "key=a%26b"),
    ],
)
async def test_a_request_carries_its_credential(credential: Credential, header: str | None, query: str) -> None:
    request = await _sent("get", "/tickets/1", queries={"view": None}, credential=credential)
    assert Headers(request.headers).get("authorization") == header
    assert request.url.endswith(query)
    assert "pass" not in repr(credential)


async def test_a_token_may_be_awaited_and_replaces_what_an_author_wrote() -> None:
    async def token() -> str:
        return "fresh"

    request = await _sent("get", "/tickets/1", credential=Bearer(token), headers={"authorization": "mine"})
    assert Headers(request.headers).all("Authorization") == ["Bearer fresh"]


@pytest.mark.parametrize(
    ("security", "given", "expected"),
    [
        ({"k": {"type": "apiKey", "name": "X-Key", "in": "header"}}, {"api_key": "s"}, ApiKey("X-Key", "s")),
        ({"k": {"type": "apiKey", "name": "code", "in": "query"}}, {"CODE": "s"}, ApiKey("code", "s", "query")),
        ({"b": {"type": "basic"}}, {"username": "u", "password": "p"}, Basic("u", "p")),
        ({"b": {"type": "http", "scheme": "Basic"}}, {"Username": "u"}, Basic("u", "")),
        ({"b": {"type": "basic"}}, {}, Anonymous()),
        ({}, {"username": "u"}, Anonymous()),
    ],
)
def test_a_connection_says_what_a_document_asks_for(
    security: dict[str, Any], given: dict[str, Any], expected: Credential
) -> None:
    assert credentials.stated(security, given) == expected


async def test_an_oauth_token_of_a_connection_is_a_bearer_token() -> None:
    found = credentials.stated({"o": {"type": "oauth2"}}, {"token": "abc"})
    request = await _sent("get", "/tickets/1", credential=found)
    assert Headers(request.headers)["authorization"] == "Bearer abc"


async def test_the_idempotency_key_of_the_action_travels_along() -> None:
    request = await _sent("post", "/tickets", {"a": 1}, queries={"queue": "q"}, headers={"Idempotency-Key": "k-1"})
    assert Headers(request.headers)["idempotency-key"] == "k-1"
    assert orjson.loads(request.body) == {"a": 1}


async def test_a_connector_that_its_folder_describes_alone_is_called_where_its_document_says() -> None:
    wire = Wire()
    connectors = Connectors(outside(wire), [replace(catalog.custom("tickets", TICKETS), folder="tickets")])
    await connectors.call(a_call("tickets", "POST", "/tickets?queue=soc", {"a": 1}))
    assert [each.url for each in wire.requests] == ["https://tickets.example/api/tickets?queue=soc"]


def test_every_connector_that_comes_along_knows_where_its_document_says_it_is() -> None:
    assert [each.api for each in catalog.built_in().values() if each.url != each.swagger.url] == []
