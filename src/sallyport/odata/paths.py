"""Finds the property that a path means: names in any case, aliases, type segments, open types, lambda variables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sallyport.odata import ast, typed
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Entity, Field, Structure, Type
from sallyport.odata.kinds import OF_TYPE, Kind

#: Types that one path may name: each adds a condition to its SQL.
MAX_CASTS = 3

#: What an unknown property of an open type may contain.
_ANYTHING = Structure("anything", open=True)


@dataclass(frozen=True, slots=True)
class Target:
    """A property that was found, and what a path may go on with from there."""

    property: typed.Property
    #: The structure of the value, or of the collection's elements.
    structure: Structure | None
    field: Field | None = None

    def element(self, variable: int) -> Target:
        """Answer an element of this collection as a lambda's variable."""
        kind, enum = (Kind.ANY, None) if self.field is None else (OF_TYPE[self.field.type], self.field.enum)
        return Target(typed.Property(variable, (), kind, enum), self.structure, None)


class Names:
    """What a path may start with: the entity, and the variables of the lambdas around it."""

    def __init__(self, text: str, entity: Entity, clause: str = "filter") -> None:
        self._text = text
        self._clause = clause
        self._entity = entity
        self._resource = Target(typed.Property(typed.RESOURCE, (), Kind.COMPLEX), entity)
        self._variables: dict[str, Target] = {}
        self._last_variable = typed.RESOURCE

    @contextlib.contextmanager
    def variable(self, name: str, collection: Target) -> Iterator[int]:
        """Make a lambda's variable known inside a with-block; it may hide an outer one."""
        self._last_variable += 1
        number = self._last_variable
        outer = dict(self._variables)
        self._variables[name.lower()] = collection.element(number)
        yield number
        self._variables = outer

    def collection(self, path: ast.Path) -> Target:
        """Answer the collection that a path means."""
        found = self.target(path)
        if found.property.kind not in (Kind.COLLECTION, Kind.ANY):
            raise self._wrong(path.segments[-1], f"'{path.segments[-1].name}' is not a collection")
        return found

    def target(self, path: ast.Path) -> Target:
        """Answer the property that a path means."""
        first, *rest = path.segments
        at = self._variables.get(first.name.lower())
        if at is None:
            at = self._resource if first.name.lower() == "$it" else self._step(self._resource, first)
        for segment in rest:
            at = self._step(at, segment)
        return at

    def _step(self, at: Target, segment: ast.Segment) -> Target:
        name = segment.name
        if name.startswith("@"):
            return _grown(at, typed.Member(name.lower()), Kind.STRING)
        if "." in name:
            return self._cast(at, segment)
        if at.property.kind is Kind.COLLECTION:
            raise self._wrong(segment, f"a collection has no property '{name}': use any(x: x/{name} …)")
        if at.structure is None:
            raise self._wrong(segment, f"{at.property.kind} has no property '{name}'")
        field = at.structure.field(name)
        if field is not None:
            return _into(at, field)
        return self._unknown(at, at.structure, segment)

    def _unknown(self, at: Target, structure: Structure, segment: ast.Segment) -> Target:
        alias = structure.aliases.get(segment.name.lower())
        if alias is not None:
            for name in alias.split("/"):
                at = self._step(at, ast.Segment(segment.column, name))
            return at
        if not structure.open or segment.name.startswith("$"):
            kind = structure.name.rpartition(".")[2]
            raise self._wrong(segment, f"'{segment.name}' is not a property of {kind}")
        return _grown(at, typed.Member(segment.name), Kind.ANY, _ANYTHING)

    def _cast(self, at: Target, segment: ast.Segment) -> Target:
        if sum(isinstance(step, typed.Cast) for step in at.property.steps) >= MAX_CASTS:
            raise self._wrong(segment, f"more than {MAX_CASTS} types in one path")
        derived = at.structure.derived(segment.name) if at.structure is not None else None
        if at.property.kind is Kind.COLLECTION:
            raise self._wrong(segment, f"name the type inside: any(x: x/{segment.name}/…)")
        if derived is None or at.property.kind is not Kind.COMPLEX:
            raise self._wrong(segment, f"'{segment.name}' is not a type that can stand here")
        return _grown(at, typed.Cast(derived.type_names()), Kind.COMPLEX, derived)

    def _wrong(self, segment: ast.Segment, reason: str) -> InvalidQuery:
        return InvalidQuery(self._text, segment.column, reason, self._clause)


def _grown(
    at: Target,
    step: typed.Member | typed.Cast,
    kind: Kind,
    structure: Structure | None = None,
) -> Target:
    return Target(typed.Property(at.property.origin, (*at.property.steps, step), kind), structure)


def _into(at: Target, field: Field) -> Target:
    kind = Kind.COLLECTION if field.collection else OF_TYPE[field.type]
    enum = field.enum if field.type is Type.ENUM and not field.collection else None
    steps = (*at.property.steps, typed.Member(field.name))
    found = typed.Property(at.property.origin, steps, kind, enum, field.equal_names)
    return Target(found, field.structure, field)
