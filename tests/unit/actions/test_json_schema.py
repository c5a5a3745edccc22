"""JSON Schema, against a library's verdicts on ordinary schemas, and against schemas that mean harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft7Validator

import effort
from sallyport.actions import json_schema
from sallyport.actions.schema_values import key
from workplace import CASES

ROWS = json.loads((CASES / "actions" / "schemas.json").read_text("utf-8"))

SCALARS = st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from([0.5, 1.0, 2.5, "", "a", "ab", "abc", "1"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
SMALL = st.integers(0, 3)
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "minimum": SMALL,
        "maximum": SMALL,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "[0-9]"]),
        "minItems": SMALL,
        "maxItems": SMALL,
        "uniqueItems": st.booleans(),
        "minProperties": SMALL,
        "maxProperties": SMALL,
        "required": st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
        "format": st.just("email"),
    },
)


def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=2)
    members = st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=2)
    own = st.fixed_dictionaries(
        {},
        optional={
            "properties": members,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "."]), inner, min_size=1, max_size=1),
            "additionalProperties": inner | st.booleans(),
            "items": inner | some,
            "additionalItems": inner | st.booleans(),
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "dependencies": st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=1),
        },
    )
    return st.builds(lambda one, other: {**one, **other}, LEAVES, own)


LATER = {"const": SCALARS, "exclusiveMinimum": SMALL, "exclusiveMaximum": SMALL}
SCHEMAS = st.recursive(LEAVES, nested, max_leaves=5)


@given(SCHEMAS, VALUES)
def test_draft_4_agrees_with_a_library(schema: dict[str, Any], value: Any) -> None:
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", **schema}
    assert (not json_schema.validate(schema, value)) == Draft4Validator(schema).is_valid(value)


@given(SCHEMAS, st.fixed_dictionaries({}, optional=LATER), SCHEMAS, SCHEMAS, VALUES)
def test_draft_7_agrees_with_a_library(
    schema: dict[str, Any], later: dict[str, Any], condition: dict[str, Any], then: dict[str, Any], value: Any
) -> None:
    more = {"if": condition, "then": then, "else": False, "contains": then, "propertyNames": {"maxLength": 1}}
    schema = {**schema, **later, **more}
    assert (not json_schema.validate(schema, value)) == Draft7Validator(schema).is_valid(value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"].replace(" ", "_"))
def test_faults_are_told_as_the_table_says(row: dict[str, Any]) -> None:
    found = [[fault["path"], fault["message"]] for fault in json_schema.validate(row["schema"], row["content"])]
    assert found == row["faults"]


@pytest.mark.parametrize(
    "schema",
    [
        5,
        {"type": "strange"},
        {"properties": {"a": 5}},
        {"properties": []},
        {"required": "a"},
        {"required": ["a", ["b"]]},
        {"dependencies": {"a": [{}]}},
        {"items": 7},
        {"enum": 1},
        {"minLength": "x"},
        {"minimum": "x"},
        {"multipleOf": 0},
        {"pattern": 1},
        {"pattern": "("},
        {"allOf": {}},
        {"$ref": "#/nowhere"},
        {"$ref": "other.json"},
        {"$ref": "file:///etc/passwd"},
        {"patternProperties": {"(": True}},
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(json_schema.SchemaError) as refused:
        # One content of each type: a keyword looks at what it is about.
        _ = [json_schema.validate(schema, content) for content in ({"a": 1}, [1], "a", 1)]
    assert refused.value.message.endswith(".")


BOMB = {f"d{level}": {"allOf": [{"$ref": f"#/definitions/d{level + 1}"}] * 10} for level in range(12)} | {"d12": {}}


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ({"type": "string", "pattern": "^(a|aa)+$"}, "a" * 60 + "b"),
        ({"patternProperties": {"^(a|aa)+$": {}}}, {"a" * 60 + "b": 1}),
        ({"patternProperties": {"^(a|aa)+$": {}}, "additionalProperties": False}, {"a" * 60 + "b": 1}),
        ({"$ref": "#"}, {}),
        ({"items": {"anyOf": [{"$ref": "#"}] * 2}, "anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, [[[[]]]]),
        ({"definitions": BOMB, "$ref": "#/definitions/d0"}, 1),
    ],
)
def test_a_schema_that_costs_too_much_is_cut_off(schema: Any, content: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_schema, "SECONDS", 0.4)
    with effort.at_most(5), pytest.raises(json_schema.SchemaError):
        json_schema.validate(schema, content, 0.4)


def test_many_items_are_found_unique_in_little_time() -> None:
    content = [{"id": number, "more": [number]} for number in range(20_000)]
    with effort.at_most(5):
        assert json_schema.validate({"uniqueItems": True}, content) == []
        assert json_schema.validate({"uniqueItems": True}, [*content, content[7]])[0]["path"] == "[20000]"


def test_at_most_twenty_faults_are_told() -> None:
    assert len(json_schema.validate({"items": {"type": "string"}}, list(range(1000)))) == json_schema.MOST_FAULTS


def test_references_by_pointer_and_by_name_stay_inside_the_schema() -> None:
    named = {"$id": "https://x.test/name.json", "type": "string", "minLength": 2}
    schema = {
        "definitions": {"a/b": {"type": "integer"}, "n": named},
        "properties": {"one": {"$ref": "#/definitions/a~1b"}, "two": {"$ref": "https://x.test/name.json"}},
    }
    assert json_schema.validate(schema, {"one": 1, "two": "ab"}) == []
    assert len(json_schema.validate(schema, {"one": "1", "two": "a"})) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ([1], [1.0], True), ({}, [], False), ("1", 1, False)],
)
def test_equal_values_have_equal_keys(one: Any, other: Any, *, same: bool) -> None:
    assert (key(one) == key(other)) is same
