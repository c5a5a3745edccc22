"""The keywords of JSON Schema, one function each; their messages are those of Json.NET Schema.

A keyword that says nothing about the type of a value at hand lets it pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from sallyport.wdl import values

if TYPE_CHECKING:
    from sallyport.actions.json_schema import Check

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


class Place(NamedTuple):
    """Where a check is: in the content as Json.NET writes paths (`items[0].name`), and in the schema."""

    path: str = ""
    pointer: str = ""

    def member(self, name: str, *keys: str) -> Place:
        """Answer the place of an object's member, and of the part of the schema that is about it."""
        step = name if name.isidentifier() else f"['{name}']"
        dot = "." if self.path and step == name else ""
        return Place(f"{self.path}{dot}{step}", "/".join((self.pointer, *keys)))

    def item(self, index: int, *keys: str) -> Place:
        """Answer the place of an array's item, and of the part of the schema that is about it."""
        return Place(f"{self.path}[{index}]", "/".join((self.pointer, *keys)))

    def into(self, *keys: str) -> Place:
        """Answer another part of the schema about the same value."""
        return Place(self.path, "/".join((self.pointer, *keys)))


Keyword = Callable[["Check", Any, Any, Mapping[str, Any], Place], None]


def type_of(value: Any) -> str:
    """Answer a value's type as JSON Schema calls it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float | Decimal):
        return "integer" if isinstance(value, int) else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def key(value: Any) -> Hashable:
    """Answer something hashable that is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool) or value is None:
        return ("is", value)
    if isinstance(value, list):
        return tuple(key(item) for item in value)
    if isinstance(value, dict):
        return frozenset((name, key(member)) for name, member in value.items())
    return float(value) if isinstance(value, Decimal) else value


def _type(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    names = wanted if isinstance(wanted, list) else [wanted]
    found = type_of(value)
    for name in names:
        if name not in _TYPES and name != "any":
            raise check.broken(at, f"'{name}' is not a type")
        if name in (found, "any") or (name == "number" and found == "integer"):
            return
        if name == "integer" and found == "number" and not check.draft4 and _is_whole(value):
            return
    expected = ", ".join(str(name).capitalize() for name in names)
    check.fault(at, "type", f"Invalid type. Expected {expected} but got {found.capitalize()}.")


def _enum(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if not isinstance(wanted, list):
        raise check.broken(at, "'enum' must be an array")
    found = key(value)
    if not any(key(each) == found for each in wanted):
        check.fault(at, "enum", f"Value {_shown(value)} is not defined in enum.")


def _const(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if key(wanted) != key(value):
        check.fault(at, "const", f"Value {_shown(value)} does not match const.")


def _maximum(check: Check, wanted: Any, value: Any, schema: Mapping[str, Any], at: Place) -> None:
    if _comparable(check, wanted, value, at):
        exclusive = schema.get("exclusiveMaximum") is True
        if value > wanted or (exclusive and value == wanted):
            check.fault(at, "maximum", f"{_kind(value)} {value} exceeds maximum value of {wanted}.")


def _minimum(check: Check, wanted: Any, value: Any, schema: Mapping[str, Any], at: Place) -> None:
    if _comparable(check, wanted, value, at):
        exclusive = schema.get("exclusiveMinimum") is True
        if value < wanted or (exclusive and value == wanted):
            check.fault(at, "minimum", f"{_kind(value)} {value} is less than minimum value of {wanted}.")


def _exclusive_maximum(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    # A boolean is draft 4's form, and belongs to `maximum`.
    if not isinstance(wanted, bool) and _comparable(check, wanted, value, at) and value >= wanted:
        check.fault(at, "maximum", f"{_kind(value)} {value} exceeds exclusive maximum value of {wanted}.")


def _exclusive_minimum(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if not isinstance(wanted, bool) and _comparable(check, wanted, value, at) and value <= wanted:
        check.fault(at, "minimum", f"{_kind(value)} {value} is less than exclusive minimum value of {wanted}.")


def _multiple_of(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if not _comparable(check, wanted, value, at):
        return
    if wanted <= 0:
        raise check.broken(at, "'multipleOf' must be greater than 0")
    if isinstance(wanted, int) and isinstance(value, int):
        divides = value % wanted == 0
    else:
        # In doubles 0.3 would not be a multiple of 0.1; far apart, a remainder has more digits than there is room for.
        quotient = Decimal(str(value)) / Decimal(str(wanted))
        divides = quotient.is_finite() and quotient == quotient.to_integral_value()
    if not divides:
        check.fault(at, "multipleOf", f"{_kind(value)} {value} is not a multiple of {wanted}.")


def _max_length(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, str) and len(value) > count(check, wanted, at):
        check.fault(at, "maximumLength", f"String {_shown(value)} exceeds maximum length of {wanted}.")


def _min_length(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, str) and len(value) < count(check, wanted, at):
        check.fault(at, "minimumLength", f"String {_shown(value)} is less than minimum length of {wanted}.")


def _pattern(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if not isinstance(wanted, str):
        raise check.broken(at, "'pattern' must be a string")
    if isinstance(value, str) and not check.matches(wanted, value, at):
        check.fault(at, "pattern", f"String {_shown(value)} does not match regex pattern '{wanted[:80]}'.")


def _comparable(check: Check, wanted: Any, value: Any, at: Place) -> bool:
    if not values.is_number(wanted):
        raise check.broken(at, "a number is expected")
    return values.is_number(value)


def count(check: Check, wanted: Any, at: Place) -> int:
    """Answer a keyword's value that must be a whole number of 0 or more."""
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or wanted < 0 or not _is_whole(wanted):
        raise check.broken(at, "a whole number of 0 or more is expected")
    return int(wanted)


def _is_whole(value: Any) -> bool:
    return math.isfinite(value) and value == int(value)


def _kind(value: Any) -> str:
    return "Integer" if isinstance(value, int) else "Float"


def _shown(value: Any) -> str:
    text = (
        f'"{value}"' if isinstance(value, str) else values.to_text(value) if not isinstance(value, dict | list) else "…"
    )
    return text if len(text) <= 80 else f"{text[:80]}…"


#: Keywords about values without members; `schema_structure` has the others.
SCALAR: Mapping[str, Keyword] = MappingProxyType(
    {
        "type": _type,
        "enum": _enum,
        "const": _const,
        "maximum": _maximum,
        "minimum": _minimum,
        "exclusiveMaximum": _exclusive_maximum,
        "exclusiveMinimum": _exclusive_minimum,
        "multipleOf": _multiple_of,
        "maxLength": _max_length,
        "minLength": _min_length,
        "pattern": _pattern,
    }
)
