"""Draws stored resources as the service answers them: every property of the schema, nulls and `[]` written out.

The rule: known properties come first, in the schema's order and casing; unknown ones follow as they were given.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sallyport.odata.fields import Structure


def shown(document: Mapping[str, Any], structure: Structure) -> dict[str, Any]:
    """Answer an object with every property of its structure."""
    drawn: dict[str, Any] = {}
    for field in structure:
        value = document.get(field.name)
        if field.extension and not value:
            continue
        if value is None:
            drawn[field.name] = field.empty()
        elif field.structure is None:
            drawn[field.name] = value
        elif field.collection:
            drawn[field.name] = [shown(each, field.structure) for each in value]
        else:
            drawn[field.name] = shown(value, field.structure)
    for name, value in document.items():
        if name not in drawn:
            drawn[name] = value
    return drawn


def etag(resource_id: str, version: int) -> str:
    """Answer the weak entity tag of one version of a resource."""
    text = base64.urlsafe_b64encode(f"{resource_id}:{version}".encode()).decode().rstrip("=")
    return f'W/"{text}"'
