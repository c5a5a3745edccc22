"""`GET /openapi.json`: the whole surface as an OpenAPI 3.1 document, drawn from the tables that it routes and reads by.

The rule: nothing of it is written by hand, so that it cannot say what is not so; a fuzzer proves that answers keep to
it. https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import orjson
from starlette.responses import Response

from sallyport.graph import openapi_schemas as schemas
from sallyport.graph import taxii
from sallyport.graph.call import Call
from sallyport.graph.description import JSON, OPTIONS, Description
from sallyport.graph.endpoint import Access, Endpoint
from sallyport.graph.openapi_schemas import Schema
from sallyport.graph.paths import VERSIONS
from sallyport.odata.entity_notification import NOTIFICATIONS

DIALECT = "https://spec.openapis.org/oas/3.1/dialect/base"
_NAMES = re.compile(r"{(\w+)}")
#: Refusals that any operation may answer, by status.
_REFUSALS: Mapping[int, str] = {
    400: "The request cannot be read, or breaks a rule.",
    404: "There is nothing of that name, or it is not the caller's to see.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    429: "The application has made too many requests; `Retry-After` says when to come back.",
    431: "The headers are too large.",
    500: "Something went wrong that nobody foresaw.",
    503: "The store cannot be reached; `Retry-After` says when to come back.",
    507: "The store has no room.",
}
_UNKNOWN_CALLER: Mapping[int, str] = {
    401: "There is no token, or it does not hold.",
    403: "The token has none of the permissions.",
}
_SAID: Mapping[int, str] = {
    200: "What was asked for.",
    201: "What was created.",
    202: "There is nothing new.",
    204: "It is done.",
    206: "Some of it: the answer says what is missing.",
    409: "There is one already, or the change is not possible now.",
    406: "The client accepts no media type that there is.",
    412: "The resource has changed since it was read.",
    415: "The body has another media type than the one that is read.",
}
#: What a name in a path stands for, where that is known.
_PATH_VALUES: Mapping[str, Schema] = {
    "version": {"enum": list(VERSIONS)},
    "collection": {"enum": [taxii.ALIAS, taxii.COLLECTION]},
}


async def show(call: Call) -> Response:
    """Answer this description."""
    return Response(drawn(call.surface.described), media_type=JSON)


@functools.cache
def drawn(endpoints: tuple[Endpoint, ...]) -> bytes:
    """Answer the document of a table of routes as JSON."""
    return orjson.dumps(document(endpoints))


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Answer the document of a table of routes; raises KeyError for a handler that `graph.descriptions` lacks."""
    # The table names this module's own handler, and is read when somebody asks.
    from sallyport.graph.descriptions import DESCRIPTIONS

    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        path = paths.setdefault(each.path, {})
        if parameters := _path_parameters(each.path):
            path["parameters"] = parameters
        path[each.method.lower()] = _operation(each, DESCRIPTIONS[each.handler])
    structures = {entity for each in endpoints for entity in DESCRIPTIONS[each.handler].structures}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "sallyport: the Graph Security surface",
            "version": metadata.version("sallyport"),
            "summary": "The Microsoft Graph Security API, served from an own store.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "webhooks": {"changeNotification": {"post": _notification()}},
        "components": {
            "schemas": {"error": schemas.ERROR, **schemas.components({*structures, NOTIFICATIONS})},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of `/{tenant}/oauth2/v2.0/token`.",
                }
            },
        },
    }


def _notification() -> dict[str, Any]:
    """Answer what the endpoint of a subscription receives, and is expected to answer."""
    token = {"name": "validationToken", "in": "query", "schema": {"type": "string"}}
    asked = "Comes alone when a subscription is made: a 200 repeats it as plain text."
    return {
        "operationId": "changeNotification",
        "summary": "Tell an endpoint of changes, or ask whether it wants to be told.",
        "parameters": [{**token, "description": asked}],
        "requestBody": {"content": {JSON: {"schema": schemas.reference(NOTIFICATIONS)}}},
        "responses": {"2XX": {"description": "The notifications arrived; anything else brings them again."}},
        "security": [],
    }


def _operation(endpoint: Endpoint, description: Description) -> dict[str, Any]:
    said = inspect.cleandoc(endpoint.handler.__doc__ or "")
    summary, _, more = said.partition("\n\n")
    drawn_operation: dict[str, Any] = {
        "operationId": _operation_id(endpoint),
        "tags": [_tag(endpoint)],
        "summary": " ".join(summary.split()),
        "responses": _responses(endpoint, description),
        "security": _security(endpoint),
        "x-permissions": list(endpoint.permissions),
    }
    if more:
        drawn_operation["description"] = more
    if parameters := [*_options(description), *_headers(description)]:
        drawn_operation["parameters"] = parameters
    if description.body:
        content = {media: {"schema": schema} for media, schema in description.body.items()}
        drawn_operation["requestBody"] = {"required": True, "content": content}
    return drawn_operation


def _operation_id(endpoint: Endpoint) -> str:
    words = (word for word in re.split(r"[^0-9A-Za-z]+", endpoint.path) if word and word != "version")
    return "".join((endpoint.method.lower(), *(word[0].upper() + word[1:] for word in words)))


def _tag(endpoint: Endpoint) -> str:
    return next((each for each in endpoint.segments if not each.startswith("{") and each != "security"), "service")


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.access is Access.PUBLIC:
        return []
    return [{"bearer": [permission]} for permission in endpoint.permissions] or [{"bearer": []}]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_VALUES.get(name, {"type": "string", "minLength": 1}),
        }
        for name in _NAMES.findall(path)
    ]


def _options(description: Description) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": OPTIONS[name][0], "description": OPTIONS[name][1]}
        for name in description.options
    ]


def _headers(description: Description) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": said}
        for name, said in description.headers.items()
    ]


def _responses(endpoint: Endpoint, description: Description) -> dict[str, Any]:
    refusals = {**(_UNKNOWN_CALLER if endpoint.access is not Access.PUBLIC else {}), **_REFUSALS}
    own = {status: description.refusal for status in refusals if status not in description.answers}
    answers = {**description.answers, **own}
    said = {**_SAID, **refusals}
    return {str(status): _response(said[status], answers[status]) for status in sorted(answers)}


def _response(said: str, contents: Mapping[str, Schema]) -> dict[str, Any]:
    request_id = {"required": True, "schema": {"type": "string"}, "description": "What the log calls this request."}
    response: dict[str, Any] = {"description": said, "headers": {"request-id": request_id}}
    if contents:
        response["content"] = {media: {"schema": schema} for media, schema in contents.items()}
    return response
