"""Asks a filter of one resource in memory, as a JSON object.

Agrees with `to_sql` on every resource that the store can hold; beyond that it also reads datetimes with an offset. The
rule to know: a question that lambdas inside one another multiply without end is given up, by an error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sallyport.odata import functions, instants, typed
from sallyport.odata.errors import TooManySteps
from sallyport.odata.fields import Entity
from sallyport.odata.kinds import Kind

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_INT64 = 2**63
_LARGEST = 10**308
#: How many parts of conditions one question may ask of elements of collections: about a second of work.
MAX_STEPS = 1_000_000


class _Origins(dict[int, Any]):
    """What paths may start from, the resource and the lambdas' variables, and how many steps are left for elements."""

    __slots__ = ("left",)

    def __init__(self, origins: Mapping[int, Any], left: list[int]) -> None:
        super().__init__(origins)
        self.left = left

    def within(self, node: typed.Quantified, element: Any) -> _Origins:
        """Answer what paths start from when a lambda looks at an element; raises TooManySteps."""
        self.left[0] -= node.parts
        if self.left[0] < 0:
            raise TooManySteps(MAX_STEPS)
        inner = _Origins(self, self.left)
        inner[node.variable] = element
        return inner


def matches(condition: typed.Filter | None, resource: Mapping[str, Any], entity: Entity) -> bool:
    """Answer whether a resource is selected by a filter that was read for its entity; no filter selects all.

    Raises TooManySteps.
    """
    if condition is None:
        return True
    if condition.entity_name != entity.name:
        raise ValueError(f"this filter was read for {condition.entity_name}, not for {entity.name}")
    return _value(condition.condition, _Origins({typed.RESOURCE: resource}, [MAX_STEPS])) is True


def value_of(node: typed.Property, resource: Mapping[str, Any]) -> Any:
    """Answer a property of a resource as it is compared, None for null."""
    return read(_reached(node, {typed.RESOURCE: resource}), node)


def _value(node: typed.Value, origins: _Origins) -> Any:
    """Answer a node's value, None for null."""
    match node:
        case typed.Constant():
            return node.value
        case typed.Property():
            return read(_reached(node, origins), node)
        case typed.EnumName(operand):
            rank = read(_reached(operand, origins), operand)
            return None if rank is None or operand.enum is None else operand.enum.name_of(rank)
        case typed.Size(collection):
            return len(_elements(collection, origins) or ())
        case typed.Apply(function, arguments):
            values = [_value(each, origins) for each in arguments]
            return None if None in values else function.python(*values)
        case _:
            return _truth(node, origins)


def _truth(node: typed.Value, origins: _Origins) -> bool | None:
    match node:
        case typed.Compare():
            return _compared(node.operator, _value(node.left, origins), _value(node.right, origins))
        case typed.OneOf(operand, values):
            value = _value(operand, origins)
            return value is not None and any(value == each.value for each in values)
        case typed.HasFlags(operand, flags):
            rank = _value(operand, origins)
            return rank is not None and int(rank) & flags == flags
        case typed.IsNull(operand):
            return _value(operand, origins) is None
        case typed.Negation(operand):
            truth: bool | None = _value(operand, origins)
            return None if truth is None else not truth
        case typed.Junction("and", operands):
            return _joined(operands, origins, decisive=False)
        case typed.Junction(_, operands):
            return _joined(operands, origins, decisive=True)
        case typed.Quantified():
            return _quantified(node, origins)
        case _:
            raise TypeError(f"not a condition: {node!r}")


def _compared(word: str, left: Any, right: Any) -> bool:
    if word in ("eq", "ne"):
        return (left == right) is (word == "eq")
    return None not in (left, right) and _COMPARISONS[word](left, right)


def _joined(operands: tuple[typed.Value, ...], origins: _Origins, *, decisive: bool) -> bool | None:
    """Join in three-valued logic: one decisive operand settles it, else null beats the opposite."""
    unknown = False
    for each in operands:
        truth: bool | None = _value(each, origins)
        if truth is decisive:
            return decisive
        unknown = unknown or truth is None
    return None if unknown else not decisive


def _quantified(node: typed.Quantified, origins: _Origins) -> bool:
    elements = _elements(node.collection, origins)
    if elements is None:
        return False
    body = node.body
    if body is None:
        return bool(elements)
    truths = (_value(body, origins.within(node, each)) is True for each in elements)
    return all(truths) if node.every else any(truths)


def _elements(collection: typed.Property, origins: Mapping[int, Any]) -> list[Any] | None:
    found = _reached(collection, origins)
    return found if isinstance(found, list) else None


def _reached(node: typed.Property, origins: Mapping[int, Any]) -> Any:
    at = origins[node.origin]
    for step in node.steps:
        if not isinstance(at, Mapping):
            return None
        if isinstance(step, typed.Member):
            at = at.get(step.name)
        elif functions.ascii_lower(str(at.get("@odata.type"))) not in step.type_names:
            return None
    return at


def read(found: Any, node: typed.Property) -> Any:
    """Answer a stored value as the kind of a property, or None when it is none."""
    match node.kind:
        case Kind.STRING:
            return found if isinstance(found, str) else None
        case Kind.NUMBER:
            return _number(found)
        case Kind.BOOLEAN:
            return found if isinstance(found, bool) else None
        case Kind.DATETIME:
            return instants.sortable(found) if isinstance(found, str) else None
        case Kind.ENUM:
            return node.enum.rank(found) if node.enum is not None and isinstance(found, str) else None
        case _:
            return found


def _number(found: Any) -> int | float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if isinstance(found, float) or -_INT64 <= found < _INT64:
        return found
    return float(found) if abs(found) < _LARGEST else None
