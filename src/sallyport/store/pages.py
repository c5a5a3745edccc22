"""Reads what a query selects from a table of documents, page by page; says once what alerts and indicators share.

The rule: the next page begins behind the last row of this one, whatever has arrived meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import promoted
from sallyport.odata.fields import Entity
from sallyport.odata.ordering import Ordering
from sallyport.odata.query import Query
from sallyport.odata.to_sql import Dialect, to_sql
from sallyport.store import schema

T = TypeVar("T")

#: An instant, in PostgreSQL ordered by code points as queries order it, so that an index serves them.
Instant = schema.Instant.with_variant(sa.String(28, collation="C"), "postgresql")


def text(length: int) -> sa.types.TypeEngine[str]:
    """Answer the type of a promoted text: ordered by code points on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


@dataclass(frozen=True, slots=True)
class Source:
    """A table of documents: what they are, and which properties have columns of their own."""

    table: sa.Table
    entity: Entity
    columns: Mapping[str, sa.Column[Any]]
    #: How each column's value is read from a document.
    _readers: tuple[tuple[str, promoted.Reader], ...] = field(init=False)

    def __post_init__(self) -> None:
        read = tuple((column.name, promoted.reader(path, self.entity)) for path, column in self.columns.items())
        object.__setattr__(self, "_readers", read)

    def promoted(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what a document's columns hold, by column."""
        return {name: read(document) for name, read in self._readers}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of records; the token leads to the next one, None after the last."""

    items: list[T]
    skiptoken: str | None


def condition(connection: Connection, source: Source, query: Query) -> sa.ColumnElement[bool]:
    """Answer a query's filter as a condition on the source's table."""
    document = source.table.c.document
    return to_sql(query.filter, source.entity, source.columns, document, _dialect(connection))


def read(
    connection: Connection,
    source: Source,
    query: Query,
    record: Sequence[sa.ColumnElement[Any]],
    make: Callable[..., T],
    also: Sequence[sa.ColumnElement[bool]] = (),
) -> Page[T]:
    """Answer one page of what a query selects, `make` called with the columns of `record`.

    Raises InvalidQuery when the query's token was not made for its order.
    """
    ordering = Ordering(query.orderby, source.columns, source.table.c.document, _dialect(connection))
    statement = (
        sa.select(*record, *ordering.keys())
        .where(condition(connection, source, query), ordering.after(query.skiptoken), *also)
        .order_by(*ordering.clauses())
        .limit(query.top + 1)
        .offset(query.skip)
    )
    rows = connection.execute(statement).all()
    shown = rows[: query.top]
    more = len(rows) > query.top and bool(shown)
    token = ordering.token(shown[-1][len(record) :]) if more else None
    return Page([make(*row[: len(record)]) for row in shown], token)


def count(connection: Connection, source: Source, query: Query, also: Sequence[sa.ColumnElement[bool]] = ()) -> int:
    """Answer how many records a query selects, whatever its page."""
    statement = sa.select(sa.func.count()).select_from(source.table).where(condition(connection, source, query), *also)
    return int(connection.execute(statement).scalar_one())


def _dialect(connection: Connection) -> Dialect:
    name: Literal["sqlite", "postgresql"] = "postgresql" if connection.dialect.name == "postgresql" else "sqlite"
    return name
