"""Looks up every name of a filter in an entity and gives every value a kind.

A literal has no kind of its own: it takes the kind of what it meets, so that `'2026-01-01'` is a date beside a date and
a text beside a text. What cannot be compared is refused here, with its column, and never later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sallyport.odata import ast, literals, parser, typed
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Entity
from sallyport.odata.functions import FUNCTIONS, Function
from sallyport.odata.kinds import Kind
from sallyport.odata.paths import Names

_FALSE = typed.Constant(Kind.BOOLEAN, value=False)
_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_INCOMPARABLE = (Kind.COMPLEX, Kind.COLLECTION)


def read_filter(text: str, entity: Entity) -> typed.Filter:
    """Answer a filter, read for an entity.

    Raises InvalidQuery. See OData 4.01, Protocol, section 11.2.6.1 ($filter).
    """
    return typed.Filter(text, entity.name, _Binder(text, entity).condition(parser.parse(text)))


class _Binder:
    """One look-up of one tree; `names` is what a path may start with at this place."""

    def __init__(self, text: str, entity: Entity) -> None:
        self._text = text
        self._names = Names(text, entity)

    # --- conditions

    def condition(self, node: ast.Node) -> typed.Value:
        if isinstance(node, ast.Literal) and node.kind is not ast.LiteralKind.BOOLEAN:
            raise self._wrong(node, "a value alone is not a condition")
        value = _as_kind(self._value(node), Kind.BOOLEAN)
        if value.kind is not Kind.BOOLEAN:
            raise self._wrong(node, f"this is {value.kind}, not a condition")
        return value

    def _value(self, node: ast.Node) -> typed.Value:
        match node:
            case ast.Path():
                return self._names.target(node).property
            case ast.Literal():
                return literals.natural(self._text, node)
            case ast.Count():
                return typed.Size(self._names.collection(node.collection).property)
            case ast.Call():
                return self._call(node)
            case ast.Comparison():
                return self._comparison(node)
            case ast.Membership():
                return self._membership(node)
            case ast.Logic():
                return typed.Junction(node.operator, tuple(self.condition(each) for each in node.operands))
            case ast.Not():
                return typed.Negation(self.condition(node.operand))
            case ast.Lambda():
                return self._lambda(node)

    def _lambda(self, node: ast.Lambda) -> typed.Value:
        collection = self._names.collection(node.collection)
        every = node.quantifier == "all"
        if node.body is None:
            return typed.Quantified(every, collection.property, 0, None)
        with self._names.variable(node.variable, collection) as number:
            return typed.Quantified(every, collection.property, number, self.condition(node.body), node.parts)

    # --- comparisons

    def _comparison(self, node: ast.Comparison) -> typed.Value:
        if node.operator == "has":
            return self._has(node)
        if isinstance(node.right, ast.Literal) and not isinstance(node.left, ast.Literal):
            return self._against(self._value(node.left), node.operator, node.right)
        if isinstance(node.left, ast.Literal) and not isinstance(node.right, ast.Literal):
            return self._against(self._value(node.right), _MIRRORED[node.operator], node.left)
        if isinstance(node.left, ast.Literal) and isinstance(node.right, ast.Literal):
            nulls = [each.kind is ast.LiteralKind.NULL for each in (node.left, node.right)]
            if any(nulls):
                return typed.Constant(Kind.BOOLEAN, value=node.operator == ("eq" if all(nulls) else "ne"))
        return self._between(node, self._value(node.left), self._value(node.right))

    def _against(self, value: typed.Value, operator: str, literal: ast.Literal) -> typed.Value:
        """Compare a value with a literal, which takes the value's kind."""
        if literal.kind is ast.LiteralKind.NULL:
            return self._against_null(value, operator, literal)
        if value.kind is Kind.ANY:
            value = _as_kind(value, literals.natural(self._text, literal).kind)
        constant = literals.constant(self._text, literal, value)
        names = _equal_names(value, constant)
        if names and operator in ("eq", "ne"):
            found = typed.OneOf(value, names)
            return found if operator == "eq" else typed.Negation(found)
        return typed.Compare(operator, value, constant)

    def _against_null(self, value: typed.Value, operator: str, literal: ast.Literal) -> typed.Value:
        if value.kind is Kind.COLLECTION:
            raise self._wrong(literal, "a collection is never null: ask for any() or $count")
        if operator not in ("eq", "ne"):
            return _FALSE
        return typed.IsNull(value) if operator == "eq" else typed.Negation(typed.IsNull(value))

    def _between(self, node: ast.Comparison, left: typed.Value, right: typed.Value) -> typed.Value:
        """Compare two values, neither of them a literal beside a property."""
        # Deviation: a bare word on the right that is no property of the schema is refused; on an open type it would be
        # null, so that `assignedTo eq ann`, without quotes, would select every alert that nobody has.
        is_word = isinstance(right, typed.Property) and bool(right.steps) and bool(_unquoted(node.right))
        if is_word and right.kind is Kind.ANY and left.kind not in (Kind.ENUM, *_INCOMPARABLE):
            raise self._wrong(node.right, f"this is no property of the schema{_unquoted(node.right)}")
        left, right = _as_kind(left, right.kind), _as_kind(right, left.kind)
        if left.kind is Kind.ANY:
            left, right = _as_kind(left, Kind.STRING), _as_kind(right, Kind.STRING)
        if left.kind is not right.kind:
            hint = _unquoted(node.right) if right.kind is Kind.ANY else ""
            raise self._wrong(node, f"{left.kind} cannot be compared with {right.kind}{hint}")
        if left.kind in _INCOMPARABLE:
            raise self._wrong(node, f"{left.kind} can only be compared with null")
        if _enum_of(left) != _enum_of(right):
            raise self._wrong(node, "these enumerations have different members")
        return typed.Compare(node.operator, left, right)

    def _membership(self, node: ast.Membership) -> typed.Value:
        if isinstance(node.left, ast.Literal):
            raise self._wrong(node.left, "expected a property before 'in'")
        operand = self._value(node.left)
        groups: dict[Kind, tuple[typed.Value, list[typed.Constant]]] = {}
        found: list[typed.Value] = []
        for item in node.items:
            if not isinstance(item, ast.Literal):
                raise self._wrong(item, "expected a value written out")
            match self._against(operand, "eq", item):
                case typed.Compare(_, left, typed.Constant() as constant):
                    groups.setdefault(left.kind, (left, []))[1].append(constant)
                case typed.OneOf(left, constants):
                    groups.setdefault(left.kind, (left, []))[1].extend(constants)
                case other:
                    found.append(other)
        found += [typed.OneOf(left, tuple(constants)) for left, constants in groups.values()]
        return found[0] if len(found) == 1 else typed.Junction("or", tuple(found)) if found else _FALSE

    def _has(self, node: ast.Comparison) -> typed.Value:
        operand = self._value(node.left)
        if not isinstance(operand, typed.Property) or operand.kind is not Kind.ENUM:
            raise self._wrong(node.left, "'has' needs an enumeration before it")
        if not isinstance(node.right, ast.Literal):
            raise self._wrong(node.right, "expected a value written out")
        return typed.HasFlags(operand, int(literals.constant(self._text, node.right, operand).value))

    # --- functions

    def _call(self, node: ast.Call) -> typed.Value:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise self._wrong(node, f"there is no function '{node.name}' here; known are {', '.join(FUNCTIONS)}")
        most = len(function.takes)
        if not most - function.optional <= len(node.arguments) <= most:
            raise self._wrong(node, f"{node.name} takes {most} values, not {len(node.arguments)}")
        return typed.Apply(function, self._arguments(function, node.arguments))

    def _arguments(self, function: Function, nodes: Sequence[ast.Node]) -> tuple[typed.Value, ...]:
        return tuple(
            literals.position(self._text, node) if kind is Kind.NUMBER else self._argument(node, kind)
            for kind, node in zip(function.takes, nodes, strict=False)
        )

    def _argument(self, node: ast.Node, kind: Kind) -> typed.Value:
        if isinstance(node, ast.Literal):
            return literals.of_kind(self._text, node, kind)
        value = _as_kind(self._value(node), kind)
        if value.kind is not kind:
            raise self._wrong(node, f"this is {value.kind}, where {kind} is needed")
        return value

    def _wrong(self, node: ast.Node, reason: str) -> InvalidQuery:
        return InvalidQuery(self._text, node.column, reason)


def _unquoted(node: ast.Node) -> str:
    """Answer the words for who forgot the quotes around a text, so that it reads as the name of a property."""
    if not isinstance(node, ast.Path) or len(node.segments) > 1:
        return ""
    return f"; a text stands in single quotes: '{node.segments[0].name}'"


def _as_kind(value: typed.Value, kind: Kind) -> typed.Value:
    """Answer a value in another kind where that loses nothing: open properties, and enumerations as text."""
    if isinstance(value, typed.Property):
        if value.kind is Kind.ANY and kind not in (Kind.ENUM, *_INCOMPARABLE):
            return dataclasses.replace(value, kind=kind)
        if value.kind is Kind.ENUM and kind is Kind.STRING:
            return typed.EnumName(value)
    return value


def _enum_of(value: typed.Value) -> object:
    return value.enum if isinstance(value, typed.Property) and value.kind is Kind.ENUM else None


def _equal_names(left: typed.Value, right: typed.Value) -> tuple[typed.Constant, ...]:
    """Answer all names of a product when one of them was asked for."""
    if not isinstance(left, typed.Property) or not isinstance(right, typed.Constant):
        return ()
    asked = str(right.value).lower()
    for group in left.equal_names:
        if any(asked == name.lower() for name in group):
            names = dict.fromkeys((str(right.value), *group))
            return tuple(typed.Constant(Kind.STRING, name) for name in names)
    return ()
