"""Reads what a query selects from a table of documents, page by page; says once what alerts and indicators share.

The rule: the next page begins behind the last row of this one, whatever has arrived meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import typed
from sallyport.odata.ordering import Ordering
from sallyport.odata.query import Query
from sallyport.odata.to_sql import Compiler, Dialect, to_sql
from sallyport.store import access, schema
from sallyport.store.access import Way
from sallyport.store.sources import Source

__all__ = ["Instant", "Page", "Source", "condition", "count", "read", "text"]

T = TypeVar("T")

#: An instant, in PostgreSQL ordered by code points as queries order it, so that an index serves them.
Instant = schema.Instant.with_variant(sa.String(28, collation="C"), "postgresql")


def text(length: int) -> sa.types.TypeEngine[str]:
    """Answer the type of a promoted text: ordered by code points on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of records; the token leads to the next one, None after the last."""

    items: list[T]
    skiptoken: str | None


def condition(connection: Connection, source: Source, query: Query) -> sa.ColumnElement[bool]:
    """Answer a query's filter as a condition on the source's table that no index of SQLite serves.

    It is for whoever reaches the rows by their numbers.
    """
    columns = Way((), frozenset()).columns(source)
    return to_sql(query.filter, source.entity, columns, source.table.c[source.document], _dialect(connection))


def read(
    connection: Connection,
    source: Source,
    query: Query,
    record: Sequence[sa.ColumnElement[Any]],
    make: Callable[..., T],
    also: Sequence[typed.Value] = (),
) -> Page[T]:
    """Answer one page of what a query selects and `also` demands, `make` called with the columns of `record`.

    Raises InvalidQuery when the query's token was not made for its order.
    """
    reading = _Reading(connection, source, query, also)
    rows = connection.execute(reading.statement(record)).all()
    shown = rows[: query.top]
    more = len(rows) > query.top and bool(shown)
    token = reading.ordering.token(shown[-1][len(record) :]) if more else None
    return Page([make(*row[: len(record)]) for row in shown], token)


def count(connection: Connection, source: Source, query: Query, also: Sequence[typed.Value] = ()) -> int:
    """Answer how many records a query selects, whatever its page."""
    statement = _Reading(connection, source, query, also).counting()
    return int(connection.execute(statement).scalar_one())


class _Reading:
    """One query against one source."""

    def __init__(self, connection: Connection, source: Source, query: Query, also: Sequence[typed.Value]) -> None:
        self._source = source
        self._query = query
        self._dialect = _dialect(connection)
        #: The order over the table as it is.
        self.ordering = self._ordered(source.columns)
        if query.filter is not None and query.filter.entity_name != source.entity.name:
            raise ValueError(f"this filter was read for {query.filter.entity_name}, not for {source.entity.name}")
        self._conditions = (*(() if query.filter is None else (query.filter.condition,)), *also)
        paths = [term.property.path for term in self.ordering.terms]
        self._chooser = access.Chooser(connection, source, paths, self._condition, also)

    def statement(self, record: Sequence[sa.ColumnElement[Any]]) -> sa.Select[Any]:
        """Answer the statement of a page and one row more: first which rows, then what is read of them."""
        found = [self._selected(way) for way in self._chooser.ways(self._conditions)]
        first = found[0] if len(found) == 1 else self._united(found)
        picked = first.limit(self._query.top + 1).offset(self._query.skip).subquery("picked")
        table = self._source.table
        keys = list(picked.c)[1:]
        return (
            sa.select(*record, *keys)
            .select_from(picked.join(table, table.c.sequence == picked.c.sequence))
            .order_by(*self.ordering.over(keys))
        )

    def counting(self) -> sa.Select[Any]:
        """Answer the statement of how many rows there are; only keys are better than what a database finds itself."""
        way = self._chooser.keyed(self._conditions)
        columns = self._source.columns if way is None else way.columns(self._source)
        where = [self._condition(each, columns) for each in self._conditions]
        if way is not None:
            where.append(way.reached(self._source))
        return sa.select(sa.func.count()).select_from(self._source.table).where(*where)

    def _selected(self, way: Way) -> sa.Select[Any]:
        """Answer the numbers and sort values of the rows that a way reaches, in order."""
        columns = way.columns(self._source)
        ordering = self._ordered(columns)
        where = [self._condition(each, columns) for each in way.conditions]
        return (
            sa.select(self._source.table.c.sequence, *ordering.keys())
            .where(way.reached(self._source), ordering.after(self._query.skiptoken), *where)
            .order_by(*ordering.clauses())
        )

    def _united(self, found: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
        """Answer the rows of several ways, each once, in order."""
        enough = self._query.top + 1 + self._query.skip
        parts = (sa.select(each.limit(enough).subquery(f"way_{index}")) for index, each in enumerate(found))
        united = sa.union(*parts).subquery("united")
        keys = list(united.c)[1:]
        return sa.select(united).order_by(*self.ordering.over(keys))

    def _condition(self, node: typed.Value, columns: Mapping[str, Any]) -> sa.ColumnElement[bool]:
        return Compiler(columns, self._source.table.c[self._source.document], self._dialect).selects(node)

    def _ordered(self, columns: Mapping[str, Any]) -> Ordering:
        return Ordering(self._query.orderby, columns, self._source.table.c[self._source.document], self._dialect)


def _dialect(connection: Connection) -> Dialect:
    name: Literal["sqlite", "postgresql"] = "postgresql" if connection.dialect.name == "postgresql" else "sqlite"
    return name
