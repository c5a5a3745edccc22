"""A table of documents as queries see it: its columns and indexes by property, and what is observed in its documents.

The rule: a property's column holds what `to_sql` compares, so that column and document select alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sallyport.odata import promoted
from sallyport.odata.fields import Entity


class Unindexed(FunctionElement[Any]):
    """A column that no index of SQLite may serve: it would choose one without knowing what the table holds."""

    inherit_cache = True
    name = "unindexed"

    def __init__(self, column: sa.Column[Any]) -> None:
        super().__init__(column)
        self.type = column.type
        #: What an order asks of a column.
        self.nullable = column.nullable


@compiles(Unindexed)
def _plain(element: Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(Unindexed, "sqlite")
def _with_plus(element: Unindexed, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@dataclass(frozen=True, slots=True)
class Source:
    """A table of documents: what they are, which properties have columns of their own, and what is observed."""

    table: sa.Table
    entity: Entity
    columns: Mapping[str, sa.Column[Any]]
    #: The table of keys and numbers, and how the value of an observed property becomes its key, by folded path.
    keys: sa.Table | None = None
    observed: Mapping[str, Callable[[str], int]] = field(default_factory=dict)
    #: The column that holds the documents.
    document: str = "document"
    #: The longest index that begins with a property's column: the columns behind it.
    indexes: Mapping[str, tuple[str, ...]] = field(init=False)
    #: How each column's value is read from a document.
    _readers: tuple[tuple[str, promoted.Reader], ...] = field(init=False)

    def __post_init__(self) -> None:
        read = tuple(
            (column.name, promoted.reader(path, self.entity))
            for path, column in self.columns.items()
            if not path.startswith("@")
        )
        object.__setattr__(self, "_readers", read)
        object.__setattr__(self, "indexes", dict(_indexes(self.table, self.columns)))

    @property
    def names(self) -> tuple[str, ...]:
        """Answer the columns that a document fills, in the order of `values`."""
        return tuple(name for name, _ in self._readers)

    def values(self, document: Mapping[str, Any]) -> list[Any]:
        """Answer what a document's columns hold, in the order of `names`."""
        return [read(document) for _, read in self._readers]

    def promoted(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what a document's columns hold, by column; a column whose path begins with `@` is none of its."""
        return {name: read(document) for name, read in self._readers}


def _indexes(table: sa.Table, columns: Mapping[str, sa.Column[Any]]) -> Iterable[tuple[str, tuple[str, ...]]]:
    known = [tuple(column.name for column in index.columns) for index in table.indexes]
    for path, column in columns.items():
        behind = [names[1:] for names in known if names[0] == column.name]
        if behind or column.unique:
            yield path, max(behind, key=len, default=())
