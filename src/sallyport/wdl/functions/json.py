"""JSON functions: `json`, the functions that manipulate properties, and `coalesce`.

Objects are copied, never changed; property names that differ only in case name the same property.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sallyport.wdl import errors, json_text, values
from sallyport.wdl.functions import arguments, xml
from sallyport.wdl.functions.collection import ENTRY_BYTES
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json

#: Where it is not found, no number of a text can be beyond what a double holds.
_MAY_BE_HUGE = re.compile(r"[eE]\+?\d{2}|\d{200}")
#: What brackets, commas and quotes of a JSON text become in memory, at most.
STRUCTURE_BYTES = {"{": 184, "[": 88, ",": 32, '"': 25}


@function("json")
def json_(scope: Scope, value: Json) -> Json:
    """Answer the value that a JSON text, or the object that an XML document, stands for.

    Line breaks and tabs may stand in a string as they are, as in texts that authors put together with `concat`.
    Deviation: json() takes JSON as RFC 8259 has it otherwise; single quotes, comments,
    trailing commas and NaN are refused.
    """
    if isinstance(value, str):
        return parse(value, scope)
    if xml.is_xml(value):
        return xml.to_json(scope, value)
    if values.is_envelope(value):
        return parse(values.envelope_text(value, scope.meter).removeprefix("\ufeff"), scope)
    raise arguments.unfit("json", "a string or an XML", value)


def parse(text: str, scope: Scope) -> Json:
    """Parse a JSON text within the budget."""
    structure = sum(text.count(mark) * size for mark, size in STRUCTURE_BYTES.items())
    if structure > 4_096 or len(text) > 4_096:
        scope.meter.memory(len(text) + structure)
    try:
        parsed: Json = json.loads(
            text,
            object_pairs_hook=_object,
            strict=False,
            parse_constant=json_text.refuse,
            parse_float=json_text.finite if _MAY_BE_HUGE.search(text) else None,
        )
    except RecursionError:
        raise errors.BudgetExceeded("The JSON text is nested too deep.") from None
    except ValueError as error:
        raise errors.failed("json", f"The provided value cannot be parsed as JSON: {_reason(error)}") from None
    return _whole(parsed, 0) if "\\ud" in text or "\\uD" in text else parsed


@function("addProperty", parameters="an object, the name of the property and its value")
def add_property(scope: Scope, target: Json, name: Json, value: Json) -> dict[str, Json]:
    """Answer the object with one more property; it is an error if it exists."""
    properties, key = _target("addProperty", scope, target, name)
    if values.find_key(properties, key) is not None:
        raise errors.failed("addProperty", f"The property '{key}' exists already")
    return {**properties, key: value}


@function("setProperty", parameters="an object, the name of the property and its value")
def set_property(scope: Scope, target: Json, name: Json, value: Json) -> dict[str, Json]:
    """Answer the object with a property set; the property moves to the end and keeps its stored spelling."""
    properties, key = _target("setProperty", scope, target, name)
    stored = values.find_key(properties, key)
    if stored is None:
        return {**properties, key: value}
    changed = {other: entry for other, entry in properties.items() if other != stored}
    changed[stored] = value
    return changed


@function("removeProperty", parameters="an object and the name of the property")
def remove_property(scope: Scope, target: Json, name: Json) -> dict[str, Json]:
    """Answer the object without a property; a property that does not exist changes nothing."""
    properties, key = _target("removeProperty", scope, target, name)
    stored = values.find_key(properties, key)
    return {other: entry for other, entry in properties.items() if other != stored}


@function("mergeObjects", at_least=2, parameters="the objects to merge")
def merge_objects(scope: Scope, *objects: Json) -> dict[str, Json]:
    """Answer the properties of several objects in one; the last value of a property wins."""
    merged: dict[str, Json] = {}
    for position, given in enumerate(objects, start=1):
        properties = arguments.properties("mergeObjects", given, position)
        scope.meter.memory(ENTRY_BYTES * len(properties))
        merged.update(properties)
    return merged


@function("coalesce", lazy=True, at_least=1, parameters="the values to choose from")
def coalesce(scope: Scope, *candidates: Closure) -> Json:
    """Answer the first value that is not null, evaluating none after it; null when all are."""
    for candidate in candidates:
        value = candidate(scope)
        if value is not None:
            return value
    return None


def _target(function_name: str, scope: Scope, target: Json, name: Json) -> tuple[dict[str, Json], str]:
    properties = arguments.properties(function_name, target, 1)
    key = arguments.text(function_name, name, 2)
    scope.meter.memory(ENTRY_BYTES * len(properties))
    return properties, key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) == len(pairs):
        return parsed
    # Of duplicate keys the last wins, and it stands where the last stood.
    latest: dict[str, Any] = {}
    for key, value in pairs:
        latest.pop(key, None)
        latest[key] = value
    return latest


def _whole(value: Json, depth: int) -> Json:
    """Replace lone halves of surrogate pairs, which no UTF-8 text can hold."""
    if isinstance(value, str):
        return values.whole(value)
    if depth >= json_text.JSON_DEPTH:
        raise errors.BudgetExceeded("The JSON text is nested too deep.")
    if isinstance(value, list):
        return [_whole(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {values.whole(key): _whole(entry, depth + 1) for key, entry in value.items()}
    return value


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, position {error.colno}"
    return "a number has too many digits" if "digits" in str(error) else str(error)
