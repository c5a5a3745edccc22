"""What a resource's property is in a column of its own, so that `to_sql` compares a column as it would the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sallyport.odata import ast, matches
from sallyport.odata.fields import Entity
from sallyport.odata.paths import Names

#: Answers what a column holds for a resource.
Reader = Callable[[Mapping[str, Any]], str | int | float | bool | None]


def reader(path: str, entity: Entity) -> Reader:
    """Answer how to read a column's value: an enumeration as its number, a datetime as sortable text.

    The path is in any case, such as `vendorInformation/provider`. A value of the wrong type is null.
    """
    segments = tuple(ast.Segment(1, name) for name in path.split("/"))
    found = Names(path, entity, "column").target(ast.Path(1, segments)).property
    return lambda resource: matches.value_of(found, resource)
