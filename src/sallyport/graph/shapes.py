"""Draws stored resources as the service answers them: every property of the schema, nulls and `[]` written out.

The rule: known properties come first, in the schema's order and casing; unknown ones follow as they were given. Members
of an enumeration that came after `unknownFutureValue` are shown as that, unless a client asks for them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sallyport.odata.fields import UNKNOWN_FUTURE, Enumeration, Structure


def shown(document: Mapping[str, Any], structure: Structure, *, late: bool = True) -> dict[str, Any]:
    """Answer an object with every property of its structure.

    Without `late`, members that came after `unknownFutureValue` are shown as that.
    """
    drawn: dict[str, Any] = {}
    structure = structure.of_value(document)
    if "@odata.type" in document:
        drawn["@odata.type"] = document["@odata.type"]
    for field in structure:
        value = document.get(field.name)
        if field.extension and not value:
            continue
        if value is None:
            drawn[field.name] = field.empty()
        elif field.enum is not None and field.enum.late and not late:
            drawn[field.name] = _early(value, field.enum)
        elif field.structure is None:
            drawn[field.name] = value
        elif field.collection:
            drawn[field.name] = [shown(each, field.structure, late=late) for each in value]
        else:
            drawn[field.name] = shown(value, field.structure, late=late)
    for name, value in document.items():
        if name not in drawn:
            drawn[name] = value
    return drawn


def _early(value: Any, enum: Enumeration) -> Any:
    if isinstance(value, list):
        return [_early(each, enum) for each in value]
    return UNKNOWN_FUTURE if value in enum.late else value


def etag(resource_id: str, version: int) -> str:
    """Answer the weak entity tag of one version of a resource."""
    text = base64.urlsafe_b64encode(f"{resource_id}:{version}".encode()).decode().rstrip("=")
    return f'W/"{text}"'
