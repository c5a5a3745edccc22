"""Reads a Swagger 2.0 or OpenAPI 3 document into the model; what cannot be read is refused with its place.

The rule: references lead to places within the document and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from sallyport.connectors.swagger import JSON_TYPE, NAMES, InvalidSwagger, Operation, Parameter, Swagger

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
#: A reference that leads to a reference; more than this is a circle.
_REFERENCES = 10
_CONNECTION = re.compile(r"/\{connectionId\}(?=/|\Z)", re.IGNORECASE)


def read(document: object) -> Swagger:
    """Read a document, Swagger 2.0 or OpenAPI 3.

    Raises InvalidSwagger.
    """
    if not isinstance(document, dict):
        raise InvalidSwagger("", "a Swagger document must be a JSON object.")
    if str(document.get("swagger")) != "2.0" and not str(document.get("openapi", "")).startswith("3."):
        raise InvalidSwagger("", 'the document must say "swagger": "2.0" or "openapi": "3.x".')
    about = _object(document.get("info") or {}, "/info")
    components = _object(document.get("components") or {}, "/components")
    return Swagger(
        title=str(about.get("title", "")),
        description=str(about.get("description", "")),
        version=str(about.get("version", "")),
        url=_url(document),
        operations=tuple(_operations(document)),
        security=_object(document.get("securityDefinitions") or components.get("securitySchemes") or {}, "/security"),
        raw=document,
    )


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    paths = document.get("paths")
    seen: set[str] = set()
    for path, stated in _object(paths, "/paths").items():
        pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}"
        item = _resolved(document, _object(stated, pointer), pointer)
        for method in METHODS:
            if method in item:
                operation = _operation(document, path, method, item, f"{pointer}/{method}")
                if operation.id.casefold() in seen:
                    raise InvalidSwagger(f"{pointer}/{method}", f"the operationId '{operation.id}' is there twice.")
                seen.add(operation.id.casefold())
                yield operation


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any], pointer: str) -> Operation:
    stated = _object(item[method], pointer)
    path = _CONNECTION.sub("", path) or "/"
    listed = [*_list(item.get("parameters"), pointer), *_list(stated.get("parameters"), pointer)]
    parameters = {}
    for each in listed:
        parameter = _parameter(_resolved(document, _object(each, f"{pointer}/parameters"), pointer), document, pointer)
        parameters[parameter.place, parameter.name] = parameter
    parameters.pop(("path", "connectionId"), None)
    content = _resolved(document, _object(stated.get("requestBody") or {}, f"{pointer}/requestBody"), pointer)
    consumes = tuple(content.get("content") or stated.get("consumes") or document.get("consumes") or ())
    if content:
        body = _body(document, content, pointer)
        parameters[body.place, body.name] = body
    return Operation(
        id=str(stated.get("operationId") or f"{method}{path}"),
        method=method.upper(),
        path=path,
        summary=str(stated.get("summary", "")),
        description=str(stated.get("description", "")),
        parameters=tuple(parameters.values()),
        consumes=consumes,
        trigger=str(stated.get("x-ms-trigger", "")),
        trigger_hint=str(stated.get("x-ms-trigger-hint", "")),
        visibility=str(stated.get("x-ms-visibility", "")),
        is_webhook="x-ms-notification-content" in item or "x-ms-notification" in stated,
        is_deprecated=bool(stated.get("deprecated")),
        raw=stated,
        pattern=tuple(_pattern(segment) for segment in path.strip("/").split("/")),
    )


def _parameter(stated: Mapping[str, Any], document: Mapping[str, Any], pointer: str) -> Parameter:
    place = stated.get("in")
    name = stated.get("name")
    if not isinstance(name, str) or place not in ("path", "query", "header", "body", "formData", "cookie"):
        raise InvalidSwagger(f"{pointer}/parameters", "a parameter must have a 'name' and a known 'in'.")
    nested = stated.get("schema")
    schema = _resolved(document, _object(nested, pointer), pointer) if nested is not None else stated
    return Parameter(
        name=name,
        # A cookie is a header field like any other.
        place="header" if place == "cookie" else place,
        required=bool(stated.get("required")) or place == "path",
        schema=schema,
        summary=str(stated.get("x-ms-summary", "")),
        description=str(stated.get("description", "")),
        visibility=str(stated.get("x-ms-visibility", "")),
        is_doubly_encoded=stated.get("x-ms-url-encoding") == "double",
    )


def _body(document: Mapping[str, Any], content: Mapping[str, Any], pointer: str) -> Parameter:
    media = _object(content.get("content") or {}, f"{pointer}/requestBody/content")
    chosen: Any = media.get(JSON_TYPE) or next(iter(media.values()), {})
    schema = _resolved(document, _object(_object(chosen, pointer).get("schema") or {}, pointer), pointer)
    return Parameter(
        name="body",
        place="body",
        required=bool(content.get("required")),
        schema=schema,
        summary=str(content.get("x-ms-summary", "")),
        description=str(content.get("description", "")),
        visibility=str(content.get("x-ms-visibility", "")),
        is_doubly_encoded=False,
    )


def _pattern(segment: str) -> re.Pattern[str]:
    """Answer what matches one segment of a path, its names as groups in their order."""
    pieces = NAMES.split(segment)
    # Odd pieces are names; a segment is never empty.
    written = "".join("(.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    return re.compile(written, re.IGNORECASE | re.DOTALL)


def _url(document: Mapping[str, Any]) -> str:
    if "openapi" in document:
        servers = _list(document.get("servers"), "/servers")
        server = _object(servers[0], "/servers/0") if servers else {}
        variables = _object(server.get("variables") or {}, "/servers/0/variables")
        url = str(server.get("url", ""))
        for name, variable in variables.items():
            url = url.replace("{" + name + "}", str(_object(variable, "/servers/0/variables").get("default", "")))
        return url.rstrip("/") if "://" in url else ""
    host = str(document.get("host", ""))
    schemes = _list(document.get("schemes"), "/schemes") or ["https"]
    scheme = "https" if "https" in schemes else str(schemes[0])
    base = str(document.get("basePath", "")).strip("/")
    return f"{scheme}://{host}{'/' + base if base else ''}" if host else ""


def _resolved(document: Mapping[str, Any], value: Mapping[str, Any], pointer: str) -> Mapping[str, Any]:
    """Answer what a reference leads to, within the document."""
    for _ in range(_REFERENCES):
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        if not reference.startswith("#/") or not isinstance(found, dict):
            raise InvalidSwagger(pointer, f"the reference '{reference}' leads nowhere.")
        value = found
    raise InvalidSwagger(pointer, "references lead in a circle.")


def _object(value: object, pointer: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidSwagger(pointer, "an object must stand here.")
    return value


def _list(value: object, pointer: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise InvalidSwagger(pointer, "an array must stand here.")
    return value or []
