"""Documents become operations, and paths find them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sallyport.connectors import swagger_document
from sallyport.connectors.swagger import InvalidSwagger

DOCUMENT: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Tickets", "version": "1"},
    "host": "tickets.example",
    "basePath": "/api",
    "schemes": ["https"],
    "parameters": {"id": {"name": "id", "in": "path", "required": True, "type": "string", "x-ms-summary": "Id"}},
    "paths": {
        "/{connectionId}/tickets/{id}": {
            "parameters": [{"name": "connectionId", "in": "path", "required": True, "type": "string"}],
            "get": {"operationId": "Read", "parameters": [{"$ref": "#/parameters/id"}], "responses": {}},
        },
        "/{connectionId}/tickets/mine": {"get": {"operationId": "Mine", "responses": {}}},
        "/{connectionId}/files/{path}": {
            "get": {
                "operationId": "File",
                "parameters": [
                    {"name": "path", "in": "path", "required": True, "type": "string", "x-ms-url-encoding": "double"}
                ],
            }
        },
        "/tables/{table}/rows('{row}')": {"get": {"operationId": "Row"}},
    },
}


@pytest.mark.parametrize(
    ("path", "operation", "names"),
    [
        ("/tickets/42", "Read", {"id": "42"}),
        ("/Tickets/42/", "Read", {"id": "42"}),
        ("/tickets/a%2Fb%20c", "Read", {"id": "a/b c"}),
        ("/tickets/mine", "Mine", {}),
        ("/tickets/MINE", "Mine", {}),
        ("/files/a%252Fb", "File", {"path": "a/b"}),
        ("/tables/t/rows('7')", "Row", {"table": "t", "row": "7"}),
    ],
)
def test_a_path_finds_its_operation_and_gives_its_names(path: str, operation: str, names: dict[str, str]) -> None:
    found = swagger_document.read(DOCUMENT).match("get", path)
    assert found is not None
    assert (found.operation.id, dict(found.names)) == (operation, names)


@pytest.mark.parametrize(("method", "path"), [("get", "/tickets"), ("post", "/tickets/42"), ("get", "/tickets/4/2")])
def test_what_is_not_described_is_not_found(method: str, path: str) -> None:
    assert swagger_document.read(DOCUMENT).match(method, path) is None


def test_the_connection_is_no_parameter_of_an_operation() -> None:
    read = swagger_document.read(DOCUMENT).operation("read")
    assert read is not None
    assert [(each.name, each.required, each.summary) for each in read.parameters] == [("id", True, "Id")]
    assert read.path == "/tickets/{id}"


def test_the_address_is_made_of_scheme_host_and_base_path() -> None:
    assert swagger_document.read(DOCUMENT).url == "https://tickets.example/api"


def test_openapi_3_gives_the_same_model() -> None:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Tickets"},
        "servers": [{"url": "https://{region}.tickets.example/v2/", "variables": {"region": {"default": "eu"}}}],
        "components": {
            "schemas": {"Ticket": {"type": "object", "required": ["title"]}},
            "securitySchemes": {"key": {"type": "apiKey", "name": "X-Key", "in": "header"}},
        },
        "paths": {
            "/tickets": {
                "post": {
                    "operationId": "Create",
                    "parameters": [{"name": "notify", "in": "query", "schema": {"type": "boolean", "default": True}}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ticket"}}},
                    },
                }
            }
        },
    }
    read = swagger_document.read(document)
    assert read.url == "https://eu.tickets.example/v2"
    assert set(read.security) == {"key"}
    (create,) = read.operations
    assert create.consumes == ("application/json",)
    assert create.body is not None
    assert (create.body.required, create.body.schema["required"]) == (True, ["title"])
    assert create.parameters[0].default is True


def _broken(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DOCUMENT), **changes}


def _named(operation_id: str) -> dict[str, Any]:
    return {"get": {"operationId": operation_id}}


@pytest.mark.parametrize(
    ("document", "pointer", "says"),
    [
        ([], "", "must be a JSON object"),
        ({"paths": {}}, "", 'must say "swagger": "2.0"'),
        (_broken(paths=None), "/paths", "an object must stand here"),
        (_broken(paths={"/a": 1}), "/paths/~1a", "an object must stand here"),
        (_broken(paths={"/a": {"get": {"parameters": [{"in": "query"}]}}}), "/paths/~1a/get/parameters", "'name'"),
        (_broken(paths={"/a": {"$ref": "#/nowhere"}}), "/paths/~1a", "leads nowhere"),
        (_broken(paths={"/a": {"$ref": "https://evil.example/a"}}), "/paths/~1a", "leads nowhere"),
        (_broken(paths={"/a": {"$ref": "#/circle"}}, circle={"$ref": "#/circle"}), "/paths/~1a", "circle"),
        (_broken(paths={"/a": _named("X"), "/b": _named("x")}), "/paths/~1b/get", "twice"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_its_place(document: object, pointer: str, says: str) -> None:
    with pytest.raises(InvalidSwagger) as refused:
        swagger_document.read(document)
    assert refused.value.pointer == pointer
    assert says in refused.value.message
