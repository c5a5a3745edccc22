"""Puts rows in order, and finds the rows after a given one: `$orderby` and `$skiptoken` in SQL.

Every order ends with the key `id`, so that no two rows are equal. Null comes before every value, as the standard says.
Deviation: a text of any length is put in order by its first 200 characters, because the link to the next page has to
hold the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, collate, false, func, or_, true

from sallyport.odata import skiptoken, typed
from sallyport.odata.kinds import Kind
from sallyport.odata.orderby import OrderTerm
from sallyport.odata.sql_places import Column
from sallyport.odata.to_sql import Compiler, Dialect

_TEXTS = (Kind.STRING, Kind.DATETIME)
#: How much of a text is looked at that has no column of its own: such a column bounds what it holds.
_LOOKED_AT = 200
_ID = typed.Property(typed.RESOURCE, (typed.Member("id"),), Kind.STRING)


class Ordering:
    """An order over one table: what to select, what to order by, what comes after a token."""

    def __init__(
        self,
        terms: Sequence[OrderTerm],
        columns: Mapping[str, ColumnElement[Any]],
        document: ColumnElement[Any],
        dialect: Dialect,
    ) -> None:
        self._compiler = Compiler(columns, document, dialect)
        self._columns = columns
        self._dialect = dialect
        # Nothing after the key can matter.
        upto = next((index for index, term in enumerate(terms) if term.property.path == "id"), None)
        last_descending = terms[-1].descending if terms else False
        self.terms: tuple[OrderTerm, ...] = (
            (*terms, OrderTerm(_ID, last_descending)) if upto is None else tuple(terms[: upto + 1])
        )

    def keys(self) -> list[Column]:
        """Answer the sort values as columns to select, labelled `sort_0`, `sort_1` …; `token` takes them back."""
        return [self._column(term).label(f"sort_{index}") for index, term in enumerate(self.terms)]

    def clauses(self) -> list[Column]:
        """Answer what to order by."""
        return [self._directed(term, self._sortable(term)) for term in self.terms]

    def over(self, keys: Sequence[Column]) -> list[Column]:
        """Answer what to order by where `keys` hold the sort values that were selected before."""
        return [
            self._directed(term, self._in_code_points(term, key)) for term, key in zip(self.terms, keys, strict=True)
        ]

    def token(self, values: Sequence[Any]) -> str:
        """Answer the token of the row with these sort values."""
        return skiptoken.encode(self.terms, values)

    def after(self, token: str | None) -> ColumnElement[bool]:
        """Answer the condition of the rows after a token's row; without a token all rows.

        Raises InvalidQuery when the token was not made for this order.
        """
        if token is None:
            return true()
        values = skiptoken.decode(self.terms, token)
        alternatives: list[ColumnElement[bool]] = []
        equal: list[ColumnElement[bool]] = []
        for term, value in zip(self.terms, values, strict=True):
            alternatives.append(and_(*equal, self._beyond(term, value)))
            equal.append(self._equals(term, value))
        return and_(self._bound(self.terms[0], values[0]), or_(*alternatives))

    def _column(self, term: OrderTerm) -> Column:
        value = self._compiler.value(term.property)
        if term.property.kind is not Kind.STRING or term.property.path in self._columns:
            return value
        return func.substr(value, 1, _LOOKED_AT, type_=Text)

    def _sortable(self, term: OrderTerm) -> Column:
        return self._in_code_points(term, self._column(term))

    def _in_code_points(self, term: OrderTerm, column: Column) -> Column:
        wanted = self._dialect == "postgresql" and term.property.kind in _TEXTS
        return collate(column, "C") if wanted else column

    def _directed(self, term: OrderTerm, column: Column) -> Column:
        directed = column.desc() if term.descending else column.asc()
        if self._dialect == "sqlite" or not self._is_nullable(term):
            return directed
        return directed.nulls_last() if term.descending else directed.nulls_first()

    def _is_nullable(self, term: OrderTerm) -> bool:
        return bool(getattr(self._column(term), "nullable", True))

    def _constant(self, term: OrderTerm, value: skiptoken.Key) -> Column:
        assert value is not None
        as_kind = bool(value) if term.property.kind is Kind.BOOLEAN else value
        return self._compiler.value(typed.Constant(term.property.kind, as_kind))

    def _beyond(self, term: OrderTerm, value: skiptoken.Key) -> ColumnElement[bool]:
        column = self._sortable(term)
        if value is None:
            return false() if term.descending else column.is_not(None)
        constant = self._constant(term, value)
        if not term.descending:
            return column > constant
        return or_(column < constant, column.is_(None)) if self._is_nullable(term) else column < constant

    def _equals(self, term: OrderTerm, value: skiptoken.Key) -> ColumnElement[bool]:
        column = self._column(term)
        return column.is_(None) if value is None else column == self._constant(term, value)

    def _bound(self, term: OrderTerm, value: skiptoken.Key) -> ColumnElement[bool]:
        """Say again, as a plain bound that an index can serve, what the alternatives imply."""
        if value is None or (term.descending and self._is_nullable(term)):
            return true()
        column, constant = self._sortable(term), self._constant(term, value)
        return column <= constant if term.descending else column >= constant
