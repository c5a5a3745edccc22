"""Reads what clients send into the schema's casing and types, as liberally as real clients need it.

The rule: a known property is stored in its type and casing, or refused with its path; an unknown one is kept as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sallyport import errors
from sallyport.odata import instants
from sallyport.odata.fields import Field, Structure, Type


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
    """Answer a resource that a client sent, read; control information (`@odata.…`) is dropped."""
    read = structure(given, entity)
    return {name: value for name, value in read.items() if not name.startswith("@odata.")}


def structure(given: Any, shape: Structure) -> dict[str, Any]:
    """Answer an object, read by its structure."""
    if not isinstance(given, dict):
        raise InvalidProperty((), "An object is expected")
    read: dict[str, Any] = {}
    shape = shape.of_value(given)
    for name, value in given.items():
        field = _field(shape, name)
        key = name if field is None else field.name
        if key in read:
            raise InvalidProperty((key,), "it is given twice, in different letter case")
        if field is None or (type(value) is str and field.type is Type.STRING and not field.collection):
            read[key] = value
        elif value is None or value == []:
            read[key] = [] if field.collection else property_value(value, field)
        else:
            read[key] = property_value(value, field)
    return read


def property_value(given: Any, field: Field) -> Any:
    """Answer one property's value, read by its field; a single value stands for a collection of one."""
    try:
        if not field.collection:
            return _single(given, field)
        elements = given if isinstance(given, list) else [] if given is None else [given]
        return [_element(index, each, field) for index, each in enumerate(elements) if each is not None]
    except InvalidProperty as error:
        raise error.under(field.name) from None


def compact(document: Mapping[str, Any], entity: Structure) -> dict[str, Any]:
    """Answer a resource without the known properties that say nothing: an answer writes those out again."""
    return {
        name: value
        for name, value in document.items()
        if (value is not None and value != []) or entity.field(name) is None
    }


def _field(shape: Structure, name: str) -> Field | None:
    found = shape.field(name)
    if found is None:
        alias = shape.aliases.get(name.lower(), "/")
        found = None if "/" in alias else shape.field(alias)
    return found


def _element(index: int, given: Any, field: Field) -> Any:
    try:
        return _single(given, field)
    except InvalidProperty as error:
        raise error.under(str(index)) from None


def _single(given: Any, field: Field) -> Any:
    if given is None:
        return None
    if field.structure is not None:
        return structure(given, field.structure)
    if isinstance(given, dict | list):
        raise InvalidProperty((), f"a single {field.type.value} is expected")
    if given == "" and field.type is not Type.STRING:
        return None
    return _READERS[field.type](given, field)


def _string(given: Any, _: Field) -> str:
    if isinstance(given, str):
        return given
    return str(given).lower() if isinstance(given, bool) else str(given)


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
        Type.STRING: _string,
        Type.GUID: _string,
        Type.BOOLEAN: _boolean,
        Type.INT32: _integer,
        Type.INT64: _integer,
        Type.DOUBLE: _double,
        Type.DATETIME: _datetime,
        Type.ENUM: _enumeration,
    }
)
