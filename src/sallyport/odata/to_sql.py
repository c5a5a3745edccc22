"""Turns a filter into a SQL condition, with every value bound.

A property is read from its own column when the table has one, else from the document. Columns hold what a value is
compared as: enumerations their numbers, datetimes sortable text (`instants.sortable`), texts, numbers and booleans
themselves. The answer agrees with `matches`; SQLite and PostgreSQL answer alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    collate,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    true,
    type_coerce,
)
from sqlalchemy.sql.elements import Grouping

from sallyport.odata import typed
from sallyport.odata.fields import Entity, Enumeration
from sallyport.odata.kinds import Kind
from sallyport.odata.sql_places import Column, Place
from sallyport.odata.sql_postgresql import PostgresqlPlace
from sallyport.odata.sql_sqlite import SqlitePlace

Dialect = Literal["sqlite", "postgresql"]

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXTS = (Kind.STRING, Kind.DATETIME, Kind.DATE)


def to_sql(
    condition: typed.Filter | None,
    entity: Entity,
    columns: Mapping[str, ColumnElement[Any]],
    document: ColumnElement[Any],
    dialect: Dialect,
) -> ColumnElement[bool]:
    """Answer the condition of a WHERE clause; no filter is true.

    `columns` is keyed by paths in the schema's casing, such as `vendorInformation/provider`.
    """
    if condition is None:
        return true()
    if condition.entity_name != entity.name:
        raise ValueError(f"this filter was read for {condition.entity_name}, not for {entity.name}")
    return Compiler(columns, document, dialect).selects(condition.condition)


class Compiler:
    """Compiles typed values for one table and one dialect."""

    def __init__(self, columns: Mapping[str, Column], document: Column, dialect: Dialect) -> None:
        self._columns = columns
        self._dialect = dialect
        root: Place = SqlitePlace(document) if dialect == "sqlite" else PostgresqlPlace(document)
        self._origins = {typed.RESOURCE: root}

    # --- conditions

    def selects(self, node: typed.Value) -> ColumnElement[bool]:
        """Answer a condition that is true exactly where the node is; elsewhere it may be false or null.

        The looser null lets a plain `column = value` stand, which an index can serve.
        """
        match node:
            case typed.Compare("eq", left, right) if not _has_constant(left, right):
                return self._truth(node)  # null equals null
            case typed.Compare(word) if word != "ne":
                sides = self._sides(node)
                return self._boolean(_COMPARISONS[word](*sides))
            case typed.OneOf(operand, values):
                return self.value(operand).in_([self.value(each) for each in values])
            case typed.Junction("and", operands):
                return and_(*(self.selects(each) for each in operands))
            case typed.Junction(_, operands):
                return or_(*(self.selects(each) for each in operands))
            case _:
                return self._truth(node)

    def _truth(self, node: typed.Value) -> ColumnElement[bool]:
        """Answer a condition's exact truth: true, false or null."""
        match node:
            case typed.Compare("ne"):
                left, right = self._sides(node)
                return left.is_distinct_from(right)
            case typed.Compare("eq"):
                left, right = self._sides(node)
                return left.is_not_distinct_from(right)
            case typed.Compare() | typed.OneOf():
                return self._certain(self.selects(node))
            case typed.HasFlags(operand, flags):
                return self._certain(self.value(operand).op("&")(flags) == flags)
            case typed.IsNull(operand):
                return self._is_null(operand)
            case typed.Negation(operand):
                return not_(self._truth(operand).self_group())
            case typed.Junction("and", operands):
                return and_(*(self._truth(each) for each in operands))
            case typed.Junction(_, operands):
                return or_(*(self._truth(each) for each in operands))
            case typed.Quantified():
                return self._quantified(node)
            case _:
                return self._boolean(self.value(node))

    def _quantified(self, node: typed.Quantified) -> ColumnElement[bool]:
        place = self._place(node.collection)
        rows, element = place.elements(f"e{node.variable}")
        inside: ColumnElement[bool] = true()
        if node.body is not None:
            self._origins[node.variable] = element
            inside = self.selects(node.body)
        if not node.every:
            return exists().select_from(rows).where(inside).correlate_except(rows)
        refuted = exists().select_from(rows).where(not_(self._certain(inside))).correlate_except(rows)
        return and_(place.is_collection(), not_(refuted))

    def _is_null(self, operand: typed.Value) -> ColumnElement[bool]:
        if isinstance(operand, typed.Property) and operand.kind in (Kind.ANY, Kind.COMPLEX):
            return self._place(operand).is_null()
        return self.value(operand).is_(None)

    def _certain(self, condition: Column) -> ColumnElement[bool]:
        return func.coalesce(condition, false(), type_=Boolean)

    def _boolean(self, value: Column) -> ColumnElement[bool]:
        return type_coerce(value, Boolean)

    # --- values

    def value(self, node: typed.Value) -> Column:
        """Answer a value as it is compared."""
        match node:
            case typed.Constant():
                return self._constant(node)
            case typed.Property():
                return self._property(node)
            case typed.EnumName(operand):
                return _names(operand.enum, self.value(operand))
            case typed.Size(collection):
                return self._place(collection).size()
            case typed.Apply(function, arguments):
                make = function.sqlite if self._dialect == "sqlite" else function.postgresql
                return make(*(self.value(each) for each in arguments))
            case _:
                # In parentheses always: `NOT a IS NULL` is the opposite of `(NOT a) IS NULL`.
                return Grouping(self._truth(node))

    def _sides(self, node: typed.Compare) -> tuple[Column, Column]:
        left, right = self.value(node.left), self.value(node.right)
        if self._dialect == "postgresql" and node.left.kind in _TEXTS and node.operator not in ("eq", "ne"):
            # Order of code points, whatever the database was created with.
            return collate(left, "C"), right
        return left, right

    def _property(self, node: typed.Property) -> Column:
        column = self._columns.get(node.path or "")
        if column is not None:
            return column
        place = self._place(node)
        if node.kind is not Kind.ENUM or node.enum is None:
            return place.read(node.kind)
        text = place.read(Kind.STRING)
        return _ranks(node.enum, collate(text, "C") if self._dialect == "postgresql" else text)

    def _place(self, node: typed.Property) -> Place:
        place = self._origins[node.origin]
        for step in node.steps:
            place = place.member(step.name) if isinstance(step, typed.Member) else place.cast(step.type_names)
        return place

    def _constant(self, node: typed.Constant) -> Column:
        value = node.value
        if isinstance(value, bool):
            return literal(value, Boolean)
        if isinstance(value, str):
            return literal(value, Text)
        if isinstance(value, int):
            return literal(value, Integer if abs(value) < 2**31 else BigInteger)
        # PostgreSQL keeps numbers of a document as decimals, written as they were; so is this one.
        return literal(value, Float) if self._dialect == "sqlite" else literal(Decimal(repr(value)), Numeric)


def _has_constant(left: typed.Value, right: typed.Value) -> bool:
    return isinstance(left, typed.Constant) or isinstance(right, typed.Constant)


def _ranks(enum: Enumeration, text: Column) -> Column:
    spelled = {**{name: enum.members[member] for name, member in enum.synonyms.items()}, **enum.members}
    return case({name.lower(): literal(rank, Integer) for name, rank in spelled.items()}, value=func.lower(text))


def _names(enum: Enumeration | None, rank: Column) -> Column:
    members = enum.members if enum is not None else {}
    # The first of two members with one number names it, as in `Enumeration.name_of`.
    by_rank: dict[int, str] = {}
    for member, number in members.items():
        by_rank.setdefault(number, member)
    return case({number: literal(member, Text) for number, member in by_rank.items()}, value=rank)
