"""A Swagger 2.0 or OpenAPI 3 document as an immutable model: its operations, and which one a path means.

The rule: an operation is found by method and path alone, as workflow definitions state it: whatever the letter case of
the fixed segments, and without the `/{connectionId}` that published documents begin their paths with. The `x-ms-*`
extensions are those of https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from sallyport import errors

Place = Literal["path", "query", "header", "body", "formData"]

JSON_TYPE = "application/json"
#: A name in a path.
NAMES = re.compile(r"\{([^{}]+)\}")


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


def _names(operation: Operation, segments: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    doubled = {each.name for each in operation.parameters if each.place == "path" and each.is_doubly_encoded}
    for pattern, template, segment in zip(
        operation.pattern, operation.path.strip("/").split("/"), segments, strict=True
    ):
        matched = pattern.fullmatch(segment if pattern.groups else unquote(segment))
        if matched is None:
            return None
        for name, value in zip(NAMES.findall(template), matched.groups(), strict=True):
            decoded = unquote(value)
            names[name] = unquote(decoded) if name in doubled else decoded
    return names
