"""JSON schemas of what the surface reads and writes, drawn from the field tables that read and write it. Pure.

The rule: a schema says what is answered; what is read more liberally than that (numbers as text, enumerations in any
case) is told in words, not in the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from sallyport.odata.fields import Enumeration, Field, Structure, Type

Schema = Mapping[str, Any]

_NULL = "null"
_LATER = "One of the types below; one that Microsoft has added since is answered as it was brought."
_SIMPLE: Mapping[Type, Schema] = MappingProxyType(
    {
        Type.STRING: {"type": "string"},
        Type.GUID: {"type": "string", "format": "uuid"},
        Type.BOOLEAN: {"type": "boolean"},
        Type.INT32: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
        Type.INT64: {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
        Type.DOUBLE: {"type": "number", "format": "double"},
        Type.DATETIME: {"type": "string", "format": "date-time"},
    }
)


def reference(structure: Structure) -> Schema:
    """Answer a reference to a structure's schema."""
    return {"$ref": f"#/components/schemas/{structure.name}"}


def collection(structure: Structure) -> Schema:
    """Answer the envelope of a page of resources."""
    return envelope(reference(structure), paged=True)


def envelope(item: Schema, *, paged: bool = False) -> Schema:
    """Answer the envelope of several values."""
    more = {"@odata.count": {"type": "integer"}, "@odata.nextLink": {"type": "string", "format": "uri"}}
    properties = {
        "@odata.context": {"type": "string", "format": "uri"},
        **(more if paged else {}),
        "value": {"type": "array", "items": item},
    }
    return {"type": "object", "required": ["value"], "properties": properties}


def entity(structure: Structure) -> Schema:
    """Answer one resource with its context."""
    context = {"type": "object", "properties": {"@odata.context": {"type": "string", "format": "uri"}}}
    return {"allOf": [reference(structure), context]}


def needing(structure: Structure, *required: str, **more: Any) -> Schema:
    """Answer a resource as it is sent, with the properties that it cannot do without.

    `more` are further members of the schema.
    """
    # What is required must also be there: null says nothing.
    given = {name: {"not": {"type": _NULL}} for name in required}
    return {"allOf": [reference(structure), {"required": list(required), "properties": given, **more}]}


def components(structures: Iterable[Structure]) -> dict[str, Schema]:
    """Answer the schemas of structures and of everything that they are made of, by name."""
    found: dict[str, Structure] = {}
    waiting = list(structures)
    while waiting:
        each = waiting.pop()
        if each.name in found:
            continue
        found[each.name] = each
        waiting += [field.structure for field in each if field.structure is not None]
        waiting += [*each.derivations(), *each.navigation.values()]
        waiting += [each.based_on] if each.based_on is not None else []
    return {name: _schema(found[name]) for name in sorted(found)}


def _schema(structure: Structure) -> Schema:
    properties = {field.name: _property(field) for field in structure.own()}
    for name, target in structure.navigation.items():
        properties |= _expandable(name, target)
    own: dict[str, Any] = {"type": "object", "properties": properties}
    derived = {f"#{each.name}": reference(each)["$ref"] for each in structure.derivations()}
    if derived:
        own["properties"] = {"@odata.type": {"type": "string", "description": _LATER}, **properties}
        own["discriminator"] = {"propertyName": "@odata.type", "mapping": derived}
    if structure.open:
        own["additionalProperties"] = True
    return own if structure.based_on is None else {"allOf": [reference(structure.based_on), own]}


def _expandable(name: str, target: Structure) -> dict[str, Schema]:
    """Answer what an answer holds of something that was expanded."""
    return {
        f"{name}@odata.count": {"type": "integer", "readOnly": True},
        f"{name}@odata.nextLink": {"type": "string", "format": "uri", "readOnly": True},
        name: {"type": "array", "items": reference(target), "readOnly": True},
    }


def _property(field: Field) -> Schema:
    single = _single(field)
    if field.collection:
        return {"type": "array", "items": single}
    if "$ref" in single:
        return {"anyOf": [single, {"type": _NULL}]}
    nullable = {**single, "type": [single["type"], _NULL]}
    return {**nullable, "enum": [*single["enum"], None]} if "enum" in single else nullable


def _single(field: Field) -> Schema:
    if field.structure is not None:
        return reference(field.structure)
    if field.enum is not None:
        return enumeration(field.enum)
    return _SIMPLE[field.type]


def enumeration(enum: Enumeration) -> Schema:
    """Answer the schema of an enumeration's members."""
    return {"type": "string", "title": enum.name, "enum": list(enum.members)}


#: What every refusal holds: https://learn.microsoft.com/graph/errors
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "innerError"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
                "innerError": {
                    "type": "object",
                    "required": ["date", "request-id"],
                    "properties": {
                        "date": {"type": "string"},
                        "request-id": {"type": "string"},
                        "client-request-id": {"type": "string"},
                    },
                },
            },
        }
    },
}
