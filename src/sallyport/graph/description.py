"""What an operation reads and answers, in a form from which its OpenAPI description is drawn.

The rule: each handler has one description, in the table of `graph.descriptions`; a test finds a route without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sallyport.graph import openapi_schemas as schemas
from sallyport.graph.openapi_schemas import Schema
from sallyport.odata.fields import Structure

JSON = "application/json"
TEXT = "text/plain"
NDJSON = "application/x-ndjson"
XML = "application/xml"

#: How Graph refuses.
REFUSED: Mapping[str, Schema] = {JSON: {"$ref": "#/components/schemas/error"}}

#: Query options by name: what they hold, and what they do.
OPTIONS: Mapping[str, tuple[Schema, str]] = {
    "$filter": (
        {"type": "string", "examples": ["id eq '1' or startswith(id,'a')"]},
        "Which resources: an OData expression.",
    ),
    "$orderby": ({"type": "string", "examples": ["id desc"]}, "In which order, such as `createdDateTime desc`."),
    "$select": ({"type": "string", "examples": ["id"]}, "Which properties, separated by commas."),
    "$expand": (
        {"type": "string", "examples": ["alerts($select=id;$top=1)"]},
        "Which related resources to answer along, each with options of its own in parentheses.",
    ),
    "$top": ({"type": "integer", "minimum": 0, "maximum": 1000}, "How many resources a page holds."),
    "$skip": ({"type": "integer", "minimum": 0, "maximum": 500}, "How many resources to leave out."),
    "$skiptoken": ({"type": "string"}, "Where the page begins: comes with `@odata.nextLink`."),
    "$count": ({"type": "boolean"}, "Whether to answer how many resources there are in all."),
    "triggerState": ({"type": "string"}, "Where the last poll ended: comes with `Location`."),
    "api-version": ({"type": "string", "examples": ["2024-02-01-preview"]}, "Any: it is not looked at."),
    "added_after": ({"type": "string", "format": "date-time"}, "Only what was added after this time."),
    "limit": ({"type": "integer", "minimum": 1}, "How many a page holds at the most."),
    "next": ({"type": "string"}, "Where the page begins: comes with the page before it."),
    "match[id]": ({"type": "string"}, "Only objects of these ids, separated by commas."),
    "match[type]": ({"type": "string", "examples": ["indicator"]}, "Only objects of these types."),
    "match[version]": ({"type": "string", "examples": ["last"]}, "Only these versions."),
    "match[spec_version]": ({"type": "string", "examples": ["2.1"]}, "Only objects of these versions of STIX."),
}
#: What a list is asked with, an entity, a number.
LIST = ("$filter", "$orderby", "$select", "$top", "$skip", "$skiptoken", "$count")
ONE = ("$select",)
NUMBER = ("$filter",)


@dataclass(frozen=True, slots=True)
class Description:
    """One operation's bodies, by status and media type, and its query options."""

    #: Status to media type to schema; an empty mapping is an answer without a body.
    answers: Mapping[int, Mapping[str, Schema]]
    #: Media type to schema of what is sent.
    body: Mapping[str, Schema] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    #: Headers of the request that change what it does, with what they do.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The entities whose schemas it needs.
    structures: tuple[Structure, ...] = ()
    #: Media type to schema of what a refusal holds.
    refusal: Mapping[str, Schema] = field(default_factory=lambda: REFUSED)

    def also(self, answers: Mapping[int, Mapping[str, Schema]]) -> Description:
        """Answer this description with further answers."""
        return replace(self, answers={**self.answers, **answers})


_PREFER = {"Prefer": "`return=representation` asks for the resource as the answer."}
#: An item of a bulk action that failed: as it was sent, with what is wrong beside it.
_FAILED: Schema = {
    "type": "object",
    "required": ["Error"],
    "properties": {
        "Error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
_MATCH = {"If-Match": "The entity tag of the version that may be changed."}


def listed(entity: Structure, options: tuple[str, ...] = LIST) -> Description:
    """Describe a page of resources."""
    return Description({200: {JSON: schemas.collection(entity)}}, options=options, structures=(entity,))


def read(entity: Structure) -> Description:
    """Describe one resource."""
    return Description({200: {JSON: schemas.entity(entity)}}, options=ONE, structures=(entity,))


def counted() -> Description:
    """Describe a number of resources."""
    return Description({200: {TEXT: {"type": "string", "pattern": "^[0-9]+$"}}}, options=NUMBER)


def created(entity: Structure, body: Schema) -> Description:
    """Describe the creation of a resource."""
    return Description({201: {JSON: schemas.entity(entity)}, 409: REFUSED}, {JSON: body}, structures=(entity,))


def updated(entity: Structure, body: Schema, *, always: bool = False, tagged: bool = True) -> Description:
    """Describe a change; `always` answers the resource, else only on demand. What is not `tagged` has one version."""
    shown = {200: {JSON: schemas.entity(entity)}}
    answers: Mapping[int, Mapping[str, Schema]] = shown if always else {204: {}, **shown}
    refused = {409: REFUSED, 412: REFUSED} if tagged else {}
    headers = {**({} if always else _PREFER), **(_MATCH if tagged else {})}
    return Description({**answers, **refused}, {JSON: body}, headers=headers, structures=(entity,))


def deleted(*, tagged: bool = False) -> Description:
    """Describe a deletion; what is `tagged` is deleted in one version alone on demand."""
    return Description({204: {}, 412: REFUSED}, headers=_MATCH) if tagged else Description({204: {}})


def polled(entity: Structure) -> Description:
    """Describe a poll of a trigger: what is new, or that there is nothing."""
    found = {JSON: schemas.envelope(schemas.reference(entity))}
    return Description({200: found, 202: {}}, options=("$filter", "triggerState"), structures=(entity,))


def bulk(entity: Structure | None, sent: Schema, answered: Schema, most: int) -> Description:
    """Describe an action on several resources at once: 206 when some of them failed."""
    items: Schema = {"type": "array", "maxItems": most, "items": sent}
    body = {"type": "object", "required": ["value"], "properties": {"value": items}}
    answers = {
        200: {JSON: schemas.envelope(answered)},
        206: {JSON: schemas.envelope({"anyOf": [_FAILED, answered]})},
    }
    return Description(answers, {JSON: body}, structures=() if entity is None else (entity,))
