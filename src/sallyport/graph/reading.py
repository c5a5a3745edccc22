"""Reads what clients send into the schema's casing and types, as liberally as real clients need it.

The rule: a known property is stored in its type and casing, or refused with its path; an unknown one is kept as it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from sallyport import errors
from sallyport.odata import instants
from sallyport.odata.fields import UNKNOWN_FUTURE, Field, Structure, Type

#: Answers a property's value, read.
Reader = Callable[[Any], Any]

#: How many spellings of names are remembered for one structure.
_MOST_SPELLINGS = 500
_TEXTS = {str}
#: How many bytes a character may take on the average: PostgreSQL's indexes have room for that, and for no more.
_BYTES = 3
_TYPE = "@odata.type"
_OF_GRAPH = re.compile(r"#?microsoft\.graph\.[a-z_][\w.]{0,200}", re.ASCII | re.IGNORECASE)


class InvalidProperty(errors.BadRequest):
    """Raised when a property's value cannot be read as its type; `path` leads to it."""

    def __init__(self, path: tuple[str, ...], reason: str) -> None:
        super().__init__(f"Invalid value for property '{'/'.join(path)}': {reason}." if path else f"{reason}.")
        self.path = path
        self.reason = reason

    def under(self, step: str) -> InvalidProperty:
        """Answer the same complaint, seen from one level above."""
        return InvalidProperty((step, *self.path), self.reason)


class MissingProperty(errors.BadRequest):
    """Raised when a property that a call needs is missing, null or empty."""

    def __init__(self, name: str, purpose: str) -> None:
        super().__init__(f"{name} is a required property for {purpose}")
        self.name = name
        self.purpose = purpose


def resource(given: Any, entity: Structure) -> dict[str, Any]:
    """Answer a resource that a client sent, read, without control information (`@odata.…`) and what it leads to."""
    read = structure(given, entity)
    dropped = [
        name for name in read if "@" in name and (name.startswith("@odata.") or entity.leads(name.partition("@")[0]))
    ]
    if entity.navigation:
        dropped += [name for name in read if entity.leads(name)]
    for name in dropped:
        read.pop(name, None)
    return read


def structure(given: Any, shape: Structure) -> dict[str, Any]:
    """Answer an object, read by its structure."""
    if not isinstance(given, dict):
        raise InvalidProperty((), "An object is expected")
    return _typed(given, shape) if shape.derivations() else _members(given, _names(shape))


def _typed(given: dict[str, Any], shape: Structure) -> dict[str, Any]:
    """Answer an object whose `@odata.type` says which of several structures it has.

    A type that Microsoft has added since is kept as it is written; what could be none is refused, because whoever reads
    it chooses by it.
    """
    found = shape.of_value(given)
    read = _members(given, _names(found))
    named = read.pop(_TYPE, None)
    if found is not shape:
        return {_TYPE: f"#{found.name}", **read}
    if not named:
        return read
    if not isinstance(named, str) or not _OF_GRAPH.fullmatch(named):
        raise InvalidProperty((_TYPE,), f"'{_shown(named)}' is no type of Microsoft Graph")
    return {_TYPE: named, **read}


def _members(given: Any, names: _Names) -> dict[str, Any]:
    if type(given) is not dict:
        raise InvalidProperty((), "An object is expected")
    read: dict[str, Any] = {}
    key = ""
    try:
        for name, value in given.items():
            key, reader = names[name]
            # What is a text already is nearly all of an alert: it is not worth a call.
            if reader is None or (reader is _text and type(value) is str):
                read[key] = value
            else:
                read[key] = reader(value)
    except InvalidProperty as error:
        raise error.under(key) from None
    if len(read) != len(given):
        raise InvalidProperty((_twice(given, names),), "it is given twice, in different letter case")
    return read


def check_length(path: tuple[str, ...], text: str | None, longest: int) -> None:
    """Raise InvalidProperty for a text that is too long for the store to find something by it."""
    if text is None:
        return
    if len(text) > longest:
        raise InvalidProperty(path, f"it is longer than {longest} characters")
    if not text.isascii() and len(text.encode()) > longest * _BYTES:
        raise InvalidProperty(path, f"it is longer than {longest * _BYTES} bytes")


def changes(given: Any, entity: Structure, names: Collection[str]) -> dict[str, Any]:
    """Answer what the body of a change says of some properties, read; whatever else it holds is not even looked at.

    An enumeration is left alone by an empty text, and by what an answer shows in the place of a later member.
    """
    if not isinstance(given, dict):
        raise InvalidProperty((), "An object is expected")
    fields = {name.lower(): entity.field(name) for name in names}
    said = {
        name: value
        for name, value in given.items()
        if name.lower() in fields and not _says_nothing(fields[name.lower()], value)
    }
    return resource(said, entity)


def _says_nothing(field: Field | None, value: Any) -> bool:
    if field is None or field.enum is None or not isinstance(value, str):
        return False
    return not value or field.enum.canonical(value) == UNKNOWN_FUTURE


def compact(document: Mapping[str, Any], entity: Structure) -> dict[str, Any]:
    """Answer a resource without the known properties that say nothing: an answer writes those out again."""
    silent = [name for name, value in document.items() if value is None or value == []]
    read = dict(document)
    for name in silent:
        if entity.field(name) is not None:
            del read[name]
    return read


class _Names(dict[str, tuple[str, Reader | None]]):
    """A structure's properties by the names that were written: the own name, and what reads it; None keeps it."""

    def __init__(self, shape: Structure) -> None:
        super().__init__()
        self._shape = shape

    def __missing__(self, name: str) -> tuple[str, Reader | None]:
        field = self._field(name)
        if field is None:
            return name, None
        found = (field.name, _reader(field))
        if len(self) < _MOST_SPELLINGS:
            self[name] = found
        return found

    def _field(self, name: str) -> Field | None:
        found = self._shape.field(name)
        if found is None:
            alias = self._shape.aliases.get(name.lower(), "/")
            found = None if "/" in alias else self._shape.field(alias)
        return found


@functools.cache
def _names(shape: Structure) -> _Names:
    return _Names(shape)


def _twice(given: Mapping[str, Any], names: _Names) -> str:
    """Answer the property that an object names twice."""
    keys = [names[name][0] for name in given]
    return next(key for key in keys if keys.count(key) > 1)


def _reader(field: Field) -> Reader:
    """Answer what reads a property's value by its field; a single value stands for a collection of one."""
    single = _single_reader(field)
    if not field.collection:
        return single

    def several(given: Any) -> list[Any]:
        if type(given) is list and single is _text and set(map(type, given)) == _TEXTS:
            return given
        elements = given if isinstance(given, list) else [given]
        try:
            return [single(each) for each in elements if each is not None]
        except InvalidProperty:
            # Which element it was is looked for only now.
            return [_element(index, each, single) for index, each in enumerate(elements) if each is not None]

    return several


def _element(index: int, given: Any, single: Reader) -> Any:
    try:
        return single(given)
    except InvalidProperty as error:
        raise error.under(str(index)) from None


def _single_reader(field: Field) -> Reader:
    """Answer what reads one value; what is as it should be already is recognised first."""
    if field.structure is not None:
        return _object_reader(field.structure)
    if field.type is Type.STRING:
        return _text
    general = functools.partial(_single, field=field)
    if field.enum is not None:
        exact = {member: field.enum.canonical(member) for member in field.enum.members}
        return lambda given: (type(given) is str and exact.get(given)) or general(given)
    if field.type is Type.DATETIME:
        return lambda given: (type(given) is str and instants.wire(given)) or general(given)
    if field.type is Type.INT32:
        return lambda given: given if type(given) is int and -(2**31) <= given < 2**31 else general(given)
    return general


def _object_reader(shape: Structure) -> Reader:
    if shape.derivations():
        return lambda given: None if given is None else structure(given, shape)
    names = _names(shape)
    return lambda given: None if given is None else _members(given, names)


def _text(given: Any) -> str | None:
    if type(given) is str or given is None:
        return given
    if isinstance(given, dict | list):
        raise InvalidProperty((), f"a single {Type.STRING.value} is expected")
    return str(given).lower() if isinstance(given, bool) else str(given)


def _single(given: Any, field: Field) -> Any:
    if given is None:
        return None
    if isinstance(given, dict | list):
        raise InvalidProperty((), f"a single {field.type.value} is expected")
    if given == "":
        return None
    return _READERS[field.type](given, field)


def _boolean(given: Any, _: Field) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word not in ("true", "false"):
        raise InvalidProperty((), f"'{_shown(given)}' is neither true nor false")
    return word == "true"


def _integer(given: Any, field: Field) -> int:
    bits = 31 if field.type is Type.INT32 else 63
    try:
        number = int(given) if not isinstance(given, str | float) else _whole(given)
    except (ValueError, OverflowError):
        raise InvalidProperty((), f"'{_shown(given)}' is not an integer") from None
    if isinstance(given, bool) or not -(2**bits) <= number < 2**bits:
        raise InvalidProperty((), f"'{_shown(given)}' is not an integer of {bits + 1} bits")
    return number


def _whole(given: str | float) -> int:
    if isinstance(given, str) and len(given) <= 20 and given.strip().lstrip("+-").isdecimal():
        return int(given)
    number = float(given)
    if not number.is_integer():
        raise ValueError(given)
    return int(number)


def _double(given: Any, _: Field) -> float:
    try:
        return float(given)
    except ValueError:
        raise InvalidProperty((), f"'{_shown(given)}' is not a number") from None


def _datetime(given: Any, _: Field) -> str:
    read = instants.wire(given) if isinstance(given, str) else None
    if read is None:
        raise InvalidProperty((), f"'{_shown(given)}' is not a date and time")
    return read


def _enumeration(given: Any, field: Field) -> str:
    assert field.enum is not None
    text = str(given).strip()
    member = field.enum.canonical(text)
    if member is None and text.removeprefix("-").isdecimal() and len(text) < 10:
        member = field.enum.name_of(int(text))
    if member is None:
        raise InvalidProperty((), f"'{_shown(given)}' is not a member of {field.enum.name}")
    return member


def _shown(given: Any) -> str:
    text = str(given)
    return text if len(text) <= 80 else f"{text[:80]}…"


_READERS: Mapping[Type, Callable[[Any, Field], Any]] = MappingProxyType(
    {
        Type.GUID: lambda given, _: _text(given),
        Type.BOOLEAN: _boolean,
        Type.INT32: _integer,
        Type.INT64: _integer,
        Type.DOUBLE: _double,
        Type.DATETIME: _datetime,
        Type.ENUM: _enumeration,
    }
)
