"""What a resource's property is in a column of its own, so that `to_sql` compares a column as it would the document."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from sallyport.odata import ast, matches, typed
from sallyport.odata.fields import Entity
from sallyport.odata.paths import Names


def value(resource: Mapping[str, Any], path: str, entity: Entity) -> str | int | float | bool | None:
    """Answer a property as its column holds it: an enumeration as its number, a datetime as sortable text.

    The path is in any case, such as `vendorInformation/provider`; a value of the wrong type is null.
    """
    found: str | int | float | bool | None = matches.value_of(_property(entity, path), resource)
    return found


@functools.lru_cache(maxsize=1024)
def _property(entity: Entity, path: str) -> typed.Property:
    segments = tuple(ast.Segment(1, name) for name in path.split("/"))
    return Names(path, entity, "column").target(ast.Path(1, segments)).property
