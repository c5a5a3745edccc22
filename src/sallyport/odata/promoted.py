"""What a resource's property is in a column of its own, so that `to_sql` compares a column as it would the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sallyport.odata import ast, instants, matches, typed
from sallyport.odata.fields import Entity
from sallyport.odata.kinds import Kind
from sallyport.odata.paths import Names

#: Answers what a column holds for a resource.
Reader = Callable[[Mapping[str, Any]], str | int | float | bool | None]


def reader(path: str, entity: Entity) -> Reader:
    """Answer how to read a column's value: an enumeration as its number, a datetime as sortable text.

    The path is in any case, such as `vendorInformation/provider`. A value of the wrong type is null.
    """
    segments = tuple(ast.Segment(1, name) for name in path.split("/"))
    found = Names(path, entity, "column").target(ast.Path(1, segments)).property
    convert = _conversion(found)
    match found.steps:
        case (typed.Member(name),):
            return lambda resource: None if (value := resource.get(name)) is None else convert(value)
        case (typed.Member(outer), typed.Member(inner)):
            return lambda resource: convert(_member(resource.get(outer), inner))
        case _:
            return lambda resource: matches.value_of(found, resource)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _conversion(found: typed.Property) -> Callable[[Any], Any]:
    """Answer `matches.read` of a property, its kind looked at once."""
    match found.kind:
        case Kind.STRING:
            return lambda value: value if isinstance(value, str) else None
        case Kind.DATETIME:
            return lambda value: instants.sortable(value) if isinstance(value, str) else None
        case Kind.ENUM if (enum := found.enum) is not None:
            ranks = {name: enum.rank(name) for name in enum.members}
            return lambda value: (
                (ranks[value] if value in ranks else enum.rank(value)) if isinstance(value, str) else None
            )
        case _:
            return lambda value: matches.read(value, found)
