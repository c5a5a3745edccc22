"""Places of a JSON document in PostgreSQL: operators and functions of `jsonb`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import (
    Boolean,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

from sallyport.odata.kinds import Kind
from sallyport.odata.sql_places import Column, Place

_DATETIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$"


@dataclass(frozen=True)
class PostgresqlPlace:
    """A path in a document."""

    document: Column
    path: tuple[str, ...] = ()
    #: Where this is not true, nothing is here: the types that the path names.
    guard: Column | None = None

    def member(self, name: str) -> Place:
        return replace(self, path=(*self.path, name))

    def cast(self, type_names: tuple[str, ...]) -> Place:
        name = func.lower(self.member("@odata.type").read(Kind.STRING).collate("C"))
        known = name.in_(type_names)
        return replace(self, guard=known if self.guard is None else and_(self.guard, known))

    def read(self, kind: Kind) -> Column:
        match kind:
            case Kind.NUMBER:
                return case((self._type() == "number", cast(self._text(), Numeric)))
            case Kind.BOOLEAN:
                return case((self._type() == "boolean", cast(self._text(), Boolean)))
            case Kind.DATETIME:
                return _sortable(self.read(Kind.STRING))
            case _:
                return case((self._type() == "string", self._text()))

    def is_null(self) -> Column:
        return func.coalesce(self._type(), "null") == "null"

    def is_collection(self) -> Column:
        return func.coalesce(self._type(), "null") == "array"

    def size(self) -> Column:
        return func.jsonb_array_length(self._array(), type_=Integer)

    def elements(self, label: str) -> tuple[FromClause, Place]:
        rows = func.jsonb_array_elements(self._array()).table_valued(column("value", JSONB)).render_derived(name=label)
        return rows, PostgresqlPlace(rows.c.value)

    def _json(self) -> Column:
        return func.jsonb_extract_path(self.document, *self.path) if self.path else self.document

    def _text(self) -> Column:
        if self.path:
            return func.jsonb_extract_path_text(self.document, *self.path, type_=Text)
        return self.document.op("#>>", return_type=Text())(literal_column("'{}'"))

    def _type(self) -> Column:
        found: Column = func.jsonb_typeof(self._json())
        return found if self.guard is None else case((self.guard, found))

    def _array(self) -> Column:
        return case((self._type() == "array", self._json()), else_=literal_column("'[]'::jsonb"))


def _sortable(text: Column) -> Column:
    fraction = func.rpad(func.rtrim(func.substr(text, 21), "Z"), 7, "0")
    whole = func.left(text, 19).concat(literal(".", Text)).concat(fraction).concat(literal("Z", Text))
    return case((text.op("~")(_DATETIME), whole))
