"""The keywords of JSON Schema about objects, arrays and other schemas; their messages are those of Json.NET Schema."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sallyport.actions.schema_values import SCALAR, Keyword, Place, count, key

if TYPE_CHECKING:
    from sallyport.actions.json_schema import Check


def _required(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(wanted, bool):
        # Draft 3's form, which old designers wrote.
        return
    if isinstance(value, dict):
        missing = [name for name in _names(check, wanted, at) if name not in value]
        if missing:
            check.fault(at, "required", f"Required properties are missing from object: {', '.join(missing[:10])}.")


def _properties(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    stated = _object(check, wanted, at)
    if isinstance(value, dict):
        for name, schema in stated.items():
            if name in value:
                check.apply(schema, value[name], at.member(name, name))


def _pattern_properties(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    stated = _object(check, wanted, at)
    if isinstance(value, dict):
        for pattern, schema in stated.items():
            for name, member in value.items():
                if check.matches(pattern, name, at):
                    check.apply(schema, member, at.member(name, pattern))


def _additional_properties(check: Check, wanted: Any, value: Any, schema: Mapping[str, Any], at: Place) -> None:
    if wanted is True or not isinstance(value, dict):
        return
    stated = schema.get("properties")
    patterns = schema.get("patternProperties")
    for name, member in value.items():
        if isinstance(stated, dict) and name in stated:
            continue
        if isinstance(patterns, dict) and any(check.matches(pattern, name, at) for pattern in patterns):
            continue
        if wanted is False:
            message = (
                f"Property '{name[:80]}' has not been defined and the schema does not allow additional properties."
            )
            check.fault(at.member(name), "additionalProperties", message)
        else:
            check.apply(wanted, member, at.member(name))


def _property_names(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, dict):
        for name in value:
            if not check.conforms(wanted, name, at):
                check.fault(at, "propertyNames", f"Property name '{name[:80]}' does not match the schema.")


def _dependencies(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    stated = _object(check, wanted, at)
    if not isinstance(value, dict):
        return
    for name, needed in stated.items():
        if name not in value:
            continue
        if isinstance(needed, dict | bool):
            check.apply(needed, value, at.into(name))
            continue
        names = [needed] if isinstance(needed, str) else _names(check, needed, at)
        missing = [each for each in names if each not in value]
        if missing:
            message = f"Dependencies for property '{name}' failed. Missing required keys: {', '.join(missing[:10])}."
            check.fault(at, "dependencies", message)


def _max_properties(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, dict) and len(value) > count(check, wanted, at):
        check.fault(at, "maximumProperties", f"Object property count {len(value)} exceeds maximum count of {wanted}.")


def _min_properties(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, dict) and len(value) < count(check, wanted, at):
        message = f"Object property count {len(value)} is less than minimum count of {wanted}."
        check.fault(at, "minimumProperties", message)


def _items(check: Check, wanted: Any, value: Any, schema: Mapping[str, Any], at: Place) -> None:
    if not isinstance(value, list):
        return
    if not isinstance(wanted, list):
        for index, item in enumerate(value):
            check.apply(wanted, item, at.item(index))
        return
    for index, (each, item) in enumerate(zip(wanted, value, strict=False)):
        check.apply(each, item, at.item(index, str(index)))
    beyond = schema.get("additionalItems", True)
    for index in range(len(wanted), len(value) if beyond is not True else 0):
        if beyond is False:
            message = f"Index {index + 1} has not been defined and the schema does not allow additional items."
            check.fault(at.item(index), "additionalItems", message)
            return
        check.apply(beyond, value[index], at.item(index))


def _contains(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, list) and not any(check.conforms(wanted, item, at) for item in value):
        check.fault(at, "contains", "No items match contains.")


def _max_items(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, list) and len(value) > count(check, wanted, at):
        check.fault(at, "maximumItems", f"Array item count {len(value)} exceeds maximum count of {wanted}.")


def _min_items(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if isinstance(value, list) and len(value) < count(check, wanted, at):
        check.fault(at, "minimumItems", f"Array item count {len(value)} is less than minimum count of {wanted}.")


def _unique_items(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if wanted is not True or not isinstance(value, list):
        return
    seen = set()
    for index, item in enumerate(value):
        found = key(item)
        if found in seen:
            check.fault(at.item(index), "uniqueItems", f"Non-unique array item at index {index}.")
            return
        seen.add(found)


def _all_of(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    for index, each in enumerate(_listed(check, wanted, at)):
        check.apply(each, value, at.into(str(index)))


def _any_of(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if not any(check.conforms(each, value, at) for each in _listed(check, wanted, at)):
        check.fault(at, "anyOf", "JSON does not match any schemas from 'anyOf'.")


def _one_of(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    valid = [index for index, each in enumerate(_listed(check, wanted, at)) if check.conforms(each, value, at)]
    if not valid:
        check.fault(at, "oneOf", "JSON is valid against no schemas from 'oneOf'.")
    elif len(valid) > 1:
        indexes = ", ".join(map(str, valid))
        message = f"JSON is valid against more than one schema from 'oneOf'. Valid schema indexes: {indexes}."
        check.fault(at, "oneOf", message)


def _not(check: Check, wanted: Any, value: Any, _schema: Mapping[str, Any], at: Place) -> None:
    if check.conforms(wanted, value, at):
        check.fault(at, "not", "JSON is valid against schema from 'not'.")


def _if(check: Check, wanted: Any, value: Any, schema: Mapping[str, Any], at: Place) -> None:
    branch = "then" if check.conforms(wanted, value, at) else "else"
    if branch in schema and not check.conforms(schema[branch], value, at):
        check.fault(at, branch, f"JSON does not match schema from '{branch}'.")


def _object(check: Check, wanted: Any, at: Place) -> Mapping[str, Any]:
    if not isinstance(wanted, dict):
        raise check.broken(at, "an object is expected")
    return wanted


def _listed(check: Check, wanted: Any, at: Place) -> list[Any]:
    if not isinstance(wanted, list):
        raise check.broken(at, "an array is expected")
    return wanted


def _names(check: Check, wanted: Any, at: Place) -> list[str]:
    listed = _listed(check, wanted, at)
    if not all(isinstance(each, str) for each in listed):
        raise check.broken(at, "an array of the names of properties is expected")
    return listed


#: What draft 4 does not know.
_LATER = ("const", "contains", "if", "propertyNames")

#: Every keyword; one that is not here means nothing.
KEYWORDS: Mapping[str, Keyword] = MappingProxyType(
    {
        **SCALAR,
        "required": _required,
        "properties": _properties,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "dependencies": _dependencies,
        "maxProperties": _max_properties,
        "minProperties": _min_properties,
        "items": _items,
        "contains": _contains,
        "maxItems": _max_items,
        "minItems": _min_items,
        "uniqueItems": _unique_items,
        "allOf": _all_of,
        "anyOf": _any_of,
        "oneOf": _one_of,
        "not": _not,
        "if": _if,
    }
)
DRAFT_4: Mapping[str, Keyword] = MappingProxyType({name: each for name, each in KEYWORDS.items() if name not in _LATER})
