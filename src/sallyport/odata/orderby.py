"""Reads `$orderby` and `$select`: lists of paths, looked up in an entity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sallyport.odata import ast, typed
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Entity
from sallyport.odata.kinds import Kind
from sallyport.odata.paths import Names

#: Properties that one list may name.
MAX_TERMS = 100
#: Properties that one order may have: each makes the condition for the next page longer.
MAX_ORDER_TERMS = 8

_ITEM = re.compile(r"\s*([$@]?[^\W\d][\w.]*(?:/[$@]?[^\W\d][\w.]*)*|\*)(?:\s+(asc|desc))?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One property of an order."""

    property: typed.Property
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.property.path} {'desc' if self.descending else 'asc'}"


#: A selected property: its names in the schema's casing, from the resource inward.
Selected = tuple[str, ...]


def read_orderby(text: str, entity: Entity) -> tuple[OrderTerm, ...]:
    """Answer the order that `$orderby` asks for.

    Raises InvalidQuery. See OData 4.01, Protocol, section 11.2.6.2.
    """
    names = Names(text, entity, "orderby")
    terms: list[OrderTerm] = []
    for path, direction in _items(text, "orderby"):
        found = names.target(path).property
        if found.kind in (Kind.COMPLEX, Kind.COLLECTION) or found.path is None:
            raise InvalidQuery(text, path.column, f"{found.kind} has no order", "orderby")
        # An open property is put in order as a text, which most are.
        known = replace(found, kind=Kind.STRING) if found.kind is Kind.ANY else found
        terms.append(OrderTerm(known, direction.lower() == "desc"))
        if len(terms) > MAX_ORDER_TERMS:
            raise InvalidQuery(text, path.column, f"more than {MAX_ORDER_TERMS} properties", "orderby")
    return tuple(terms)


def read_select(text: str, entity: Entity) -> tuple[Selected, ...] | None:
    """Answer the properties that `$select` asks for, or None for all.

    Raises InvalidQuery. See OData 4.01, Protocol, section 11.2.5.1.
    """
    names = Names(text, entity, "select")
    chosen: list[Selected] = []
    every = False
    for path, direction in _items(text, "select"):
        if direction:
            raise InvalidQuery(text, path.column, f"'{direction}' belongs in $orderby", "select")
        if path.segments[0].name == "*":
            every = True
        elif len(path.segments) == 1 and (leads := entity.leads(path.segments[0].name)):
            # Shown where it is expanded too.
            chosen.append((leads,))
        else:
            found = names.target(path).property
            chosen.append(tuple(step.name for step in found.steps if isinstance(step, typed.Member)))
    return None if every or not chosen else tuple(dict.fromkeys(chosen))


def _items(text: str, clause: str) -> Iterator[tuple[ast.Path, str]]:
    at = 0
    parts = text.split(",") if text.strip() else []
    if len(parts) > MAX_TERMS:
        raise InvalidQuery(text, 1, f"more than {MAX_TERMS} properties", clause)
    for part in parts:
        match = _ITEM.fullmatch(part)
        if match is None:
            allowed = ", followed by asc, desc or nothing" if clause == "orderby" and part.strip() else ""
            raise InvalidQuery(text, at + 1, f"'{part.strip()}' is not a property{allowed}", clause)
        start = at + match.start(1)
        names = match.group(1).split("/")
        columns = [start + 1 + sum(len(name) + 1 for name in names[:index]) for index in range(len(names))]
        segments = tuple(ast.Segment(column, name) for column, name in zip(columns, names, strict=True))
        yield ast.Path(start + 1, segments), match.group(2) or ""
        at += len(part) + 1
