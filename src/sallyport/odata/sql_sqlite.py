"""Places of a JSON document in SQLite: `json_extract`, `json_type` and `json_each` over text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Boolean, Float, FromClause, Integer, Text, and_, case, func, literal, null, type_coerce
from sqlalchemy.sql.selectable import TableValuedAlias

from sallyport.odata.kinds import Kind
from sallyport.odata.sql_places import Column, Place

_TYPES = {
    Kind.STRING: ("text",),
    Kind.NUMBER: ("integer", "real"),
    Kind.BOOLEAN: ("true", "false"),
}
_DATETIME = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"


@dataclass(frozen=True)
class SqlitePlace:
    """A path in a document, or a row of `json_each`."""

    document: Column
    path: tuple[str, ...] = ()
    row: TableValuedAlias | None = None
    #: Where this is not true, nothing is here: the types that the path names.
    guard: Column | None = None

    def member(self, name: str) -> Place:
        if self.row is not None:
            return SqlitePlace(self._object(), (name,), guard=self.guard)
        return replace(self, path=(*self.path, name))

    def cast(self, type_names: tuple[str, ...]) -> Place:
        known = func.lower(self.member("@odata.type").read(Kind.STRING)).in_(type_names)
        return replace(self, guard=known if self.guard is None else and_(self.guard, known))

    def read(self, kind: Kind) -> Column:
        if kind is Kind.DATETIME:
            return _sortable(self.read(Kind.STRING))
        value = case((self._type().in_(_TYPES[kind]), self._value()))
        return type_coerce(value, {Kind.STRING: Text, Kind.NUMBER: Float, Kind.BOOLEAN: Boolean}[kind])

    def is_null(self) -> Column:
        return func.coalesce(self._type(), "null") == "null"

    def is_collection(self) -> Column:
        return func.coalesce(self._type(), "null") == "array"

    def size(self) -> Column:
        return func.coalesce(func.json_array_length(self._array()), 0, type_=Integer)

    def elements(self, label: str) -> tuple[FromClause, Place]:
        row = func.json_each(self._array()).table_valued("value", "type", name=label)
        return row, SqlitePlace(null(), (), row)

    def _type(self) -> Column:
        found: Column = self.row.c.type if self.row is not None else func.json_type(self.document, self._path())
        return found if self.guard is None else case((self.guard, found))

    def _value(self) -> Column:
        return self.row.c.value if self.row is not None else func.json_extract(self.document, self._path())

    def _path(self) -> Column:
        return literal("$" + "".join(f'."{name}"' for name in self.path), Text)

    def _object(self) -> Column:
        """Answer a row as a document of its own; a text is none, although it may look like one."""
        assert self.row is not None
        return case((self.row.c.type == "object", self.row.c.value))

    def _array(self) -> Column:
        return case((self._type() == "array", self._value()))


def _sortable(text: Column) -> Column:
    tail = func.substr(text, 20)
    digits = func.rtrim(func.substr(tail, 2), "Z")
    fraction = and_(tail.op("GLOB")(".[0-9]*Z"), digits.op("NOT GLOB")("*[^0-9]*"), func.length(digits) <= 7)
    whole = func.substr(text, 1, 19)
    return case(
        (
            and_(whole.op("GLOB")(_DATETIME), (tail == "Z") | fraction),
            whole.concat(".").concat(func.substr(digits.concat("0000000"), 1, 7)).concat("Z"),
        )
    )
