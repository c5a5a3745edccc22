"""Whether the schemas that content is held against are JSON schemas.

The rule to know: what is wrong here fails a run that comes so far, so that it is a warning; `actions.json_schema` is
what comes so far, and a test compares the two. What an expression writes is left for the run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote

import regex

from sallyport.wdl.checks.subject import Subject, is_dynamic, meant, warning
from sallyport.wdl.definition import Operation, pointer_to
from sallyport.wdl.findings import Finding, existing
from sallyport.wdl.values import Json, is_number

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null", "any")
#: As many faults of one schema as are told.
_MOST = 10
#: So many characters of regular expressions are compiled for one definition, which takes a tenth of a second.
_MOST_OF_PATTERNS = 10_000
#: Keywords that hold one schema, a list of them, or an object of them.
_ONE = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
_LISTED = ("allOf", "anyOf", "oneOf")
_NAMED = ("definitions", "patternProperties", "properties")


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with schemas."""
    patterns = _Patterns()
    for action in subject.of_type("ParseJson"):
        yield from _schema_of(action, patterns)
    for trigger in subject.definition.triggers.values():
        if "enableschemavalidation" in trigger.operation_options:
            yield from _schema_of(trigger, patterns)


def _schema_of(operation: Operation, patterns: _Patterns) -> Iterator[Finding]:
    inputs = operation.raw.get("inputs")
    schema = inputs.get("schema") if isinstance(inputs, dict) else None
    if schema is None:
        return
    place = pointer_to(operation.pointer, "inputs", "schema")
    for pointer, fault in itertools.islice(_Reading(schema, patterns).schema(schema, ""), _MOST):
        yield warning("InvalidSchema", place + pointer, f"The schema of '{operation.name}' is not valid: {fault}")


def _is_positive(value: Json) -> bool:
    return is_number(value) and value > 0


def _is_count(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 and value % 1 == 0


def _is_limit(value: Json) -> bool:
    return is_number(value) or isinstance(value, bool)


def _are_names(value: Json) -> bool:
    return isinstance(value, bool) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


_COUNT = (_is_count, "a whole number of 0 or more")
_NUMBER = (is_number, "a number")
#: What the other keywords hold.
_VALUES: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "enum": (lambda value: isinstance(value, list), "an array"),
    "exclusiveMaximum": (_is_limit, "a number"),
    "exclusiveMinimum": (_is_limit, "a number"),
    "maximum": _NUMBER,
    "minimum": _NUMBER,
    "multipleOf": (_is_positive, "a number greater than 0"),
    "required": (_are_names, "an array of the names of properties"),
    **dict.fromkeys(("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"), _COUNT),
}


class _Patterns:
    """Judges regular expressions, while there is time: who has a definition checked holds up everybody else."""

    def __init__(self) -> None:
        self._left = _MOST_OF_PATTERNS

    def may_hold(self, value: Json) -> bool:
        """Answer whether a value is a regular expression, or one that is left for the run to judge."""
        if not isinstance(value, str):
            return False
        self._left -= len(value)
        try:
            return self._left < 0 or regex.compile(value) is not None
        except (regex.error, RecursionError, OverflowError, MemoryError):
            return False


class _Reading:
    """One pass over a schema."""

    def __init__(self, root: Json, patterns: _Patterns) -> None:
        self._root = root
        self._patterns = patterns

    def schema(self, schema: Json, pointer: str) -> Iterator[tuple[str, str]]:
        """Answer where a schema, or one in it, is none, and why."""
        if isinstance(schema, bool) or is_dynamic(schema):
            return
        if not isinstance(schema, dict):
            yield pointer, "a schema is an object or a boolean."
            return
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._reference(reference, pointer_to(pointer, "$ref"))
            return
        for name, value in schema.items():
            if not is_dynamic(value):
                yield from self._keyword(name, value, pointer_to(pointer, name))

    def _keyword(self, name: str, value: Json, pointer: str) -> Iterator[tuple[str, str]]:
        if name in _VALUES:
            fits, wanted = _VALUES[name]
            if not fits(value):
                yield pointer, f"'{name}' is {wanted}."
        elif name == "type":
            yield from _types(value, pointer)
        elif name == "pattern":
            if not self._patterns.may_hold(value):
                yield pointer, "'pattern' is a regular expression."
        elif name in _LISTED or (name == "items" and isinstance(value, list)):
            for index, each in enumerate(value if isinstance(value, list) else ()):
                yield from self.schema(each, pointer_to(pointer, index))
            if not isinstance(value, list):
                yield pointer, f"'{name}' is an array of schemas."
        elif name in _ONE:
            yield from self.schema(value, pointer)
        elif name in _NAMED:
            yield from self._named(name, value, pointer)

    def _named(self, name: str, value: Json, pointer: str) -> Iterator[tuple[str, str]]:
        if not isinstance(value, dict):
            yield pointer, f"'{name}' is an object of schemas."
            return
        for key, each in value.items():
            if name == "patternProperties" and not self._patterns.may_hold(key):
                yield pointer_to(pointer, key), f"'{key[:80]}' is not a regular expression."
            yield from self.schema(each, pointer_to(pointer, key))

    def _reference(self, reference: str, pointer: str) -> Iterator[tuple[str, str]]:
        if is_dynamic(reference) or not isinstance(self._root, dict):
            return
        place = unquote(reference.removeprefix("#"))
        if reference.startswith("#") and place.startswith("/") and existing(place, self._root) != place:
            yield pointer, f"'{reference[:200]}' leads nowhere."


def _types(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    for each in value if isinstance(value, list) else [value]:
        if each not in _TYPES:
            yield pointer, f"'{each}' is not a type.{meant(str(each), _TYPES)}"
