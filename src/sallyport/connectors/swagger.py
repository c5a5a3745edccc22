"""A Swagger 2.0 or OpenAPI 3 document as an immutable model: its operations, and which one a path means.

The rule: an operation is found by method and path alone, as workflow definitions state it: whatever the letter case of
the fixed segments, and without the `/{connectionId}` that published documents begin their paths with. The `x-ms-*`
extensions are those of https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from sallyport import errors

Place = Literal["path", "query", "header", "body", "formData"]

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
JSON_TYPE = "application/json"
#: A reference that leads to a reference; more than this is a circle.
_REFERENCES = 10
_NAMES = re.compile(r"\{([^{}]+)\}")
_CONNECTION = re.compile(r"/\{connectionId\}(?=/|\Z)", re.IGNORECASE)


class InvalidSwagger(errors.BadRequest):
    """Raised when a document is not one that operations can be read from; `pointer` says where."""

    code = "InvalidSwagger"

    def __init__(self, pointer: str, problem: str) -> None:
        super().__init__(f"{pointer or '/'}: {problem}")
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; the body of an OpenAPI 3 request is a parameter in the place `body`."""

    name: str
    place: Place
    required: bool
    #: Type, format, default and so on; of a body its whole schema.
    schema: Mapping[str, Any]
    summary: str
    description: str
    #: `important`, `advanced`, `internal`, or empty for the ordinary.
    visibility: str
    #: Whether definitions encode the value twice.
    is_doubly_encoded: bool

    @property
    def default(self) -> Any:
        """The value when none is given; None when there is no default."""
        return self.schema.get("default")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation."""

    id: str
    #: In upper case.
    method: str
    #: Such as `/v1.0/security/alerts/{alert-id}`.
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    #: What bodies are sent as, the preferred one first.
    consumes: tuple[str, ...]
    #: `single` or `batch` for a trigger, empty for an action.
    trigger: str
    trigger_hint: str
    visibility: str
    #: Whether it subscribes: the answer comes later, to a callback address.
    is_webhook: bool
    is_deprecated: bool
    #: The operation as the document has it.
    raw: Mapping[str, Any]
    pattern: tuple[re.Pattern[str], ...]

    @property
    def body(self) -> Parameter | None:
        """The parameter that is the body."""
        return next((each for each in self.parameters if each.place == "body"), None)


@dataclass(frozen=True, slots=True)
class Found:
    """The operation that a method and a path mean, and the values that the path gives, decoded."""

    operation: Operation
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Swagger:
    """One document."""

    title: str
    description: str
    version: str
    #: What the paths follow; empty when the document names no host.
    url: str
    operations: tuple[Operation, ...]
    #: `securityDefinitions`, or `components/securitySchemes`.
    security: Mapping[str, Mapping[str, Any]]
    #: The document itself.
    raw: Mapping[str, Any]

    def match(self, method: str, path: str) -> Found | None:
        """Answer the operation of a method and an encoded path; one with more fixed segments goes first."""
        segments = path.strip("/").split("/")
        best: tuple[int, Found] | None = None
        for operation in self.operations:
            if operation.method != method.upper() or len(operation.pattern) != len(segments):
                continue
            names = _names(operation, segments)
            if names is not None and (best is None or len(names) < best[0]):
                best = len(names), Found(operation, names)
        return best[1] if best is not None else None

    def operation(self, operation_id: str) -> Operation | None:
        """Answer an operation by its id, whatever its letter case."""
        folded = operation_id.casefold()
        return next((each for each in self.operations if each.id.casefold() == folded), None)


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
    pieces = _NAMES.split(segment)
    # Odd pieces are names; a segment is never empty.
    written = "".join("(.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    return re.compile(written, re.IGNORECASE | re.DOTALL)


def _names(operation: Operation, segments: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    doubled = {each.name for each in operation.parameters if each.place == "path" and each.is_doubly_encoded}
    for pattern, template, segment in zip(
        operation.pattern, operation.path.strip("/").split("/"), segments, strict=True
    ):
        matched = pattern.fullmatch(segment if pattern.groups else unquote(segment))
        if matched is None:
            return None
        for name, value in zip(_NAMES.findall(template), matched.groups(), strict=True):
            decoded = unquote(value)
            names[name] = unquote(decoded) if name in doubled else decoded
    return names


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
