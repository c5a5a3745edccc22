"""What a dialect must be able to say about a place in a JSON document; `to_sql` says everything else once.

Every reading is guarded by the JSON type first: a value of another type is null, and no document, however odd, makes a
statement fail.
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import ColumnElement, FromClause

from sallyport.odata.kinds import Kind

Column = ColumnElement[Any]


class Place(Protocol):
    """A place in a document: the resource itself, a member, or an element of a collection."""

    def member(self, name: str) -> Place:
        """Answer the place of a member."""
        ...

    def cast(self, type_names: tuple[str, ...]) -> Place:
        """Answer this place if its object has one of these types, folded, else a place that is null."""
        ...

    def read(self, kind: Kind) -> Column:
        """Answer the value as a string, number, boolean or sortable datetime, or null."""
        ...

    def is_null(self) -> Column:
        """Answer whether there is nothing here, or a JSON null."""
        ...

    def is_collection(self) -> Column:
        """Answer whether an array is here; never null."""
        ...

    def size(self) -> Column:
        """Answer how many elements the array has; without an array, zero."""
        ...

    def elements(self, label: str) -> tuple[FromClause, Place]:
        """Answer the array's elements as rows, and the place of one of them."""
        ...
