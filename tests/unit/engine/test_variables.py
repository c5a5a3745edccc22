"""Variables: their types, and that replaying the recorded changes gives the same values."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.engine.variables import VariableError, Variables


def _declared(type_name: str, value: Any = None) -> Variables:
    variables = Variables()
    variables.declare("Name", type_name, value)
    return variables


@pytest.mark.parametrize(
    ("type_name", "empty"),
    [("Array", []), ("String", ""), ("Object", {}), ("Boolean", False), ("Integer", 0), ("Float", 0.0)],
)
def test_a_variable_without_a_value_has_its_types_empty_one(type_name: str, empty: Any) -> None:
    assert _declared(type_name).get("name") == empty


@pytest.mark.parametrize(
    ("type_name", "value", "taken"),
    [
        ("Integer", "7", 7),
        ("Integer", 7.0, 7),
        ("Float", "1.5", 1.5),
        ("Boolean", "True", True),
        ("String", 5, "5"),
        ("String", {"a": 1}, '{"a":1}'),
    ],
)
def test_a_value_is_taken_as_the_type_has_it(type_name: str, value: Any, taken: Any) -> None:
    found = _declared(type_name, value).get("NAME")
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("type_name", "value"),
    [("Integer", "seven"), ("Integer", 1.5), ("Integer", True), ("Array", {}), ("Object", []), ("Boolean", 1)],
)
def test_a_value_of_another_type_is_refused(type_name: str, value: Any) -> None:
    with pytest.raises(VariableError, match="Name"):
        _declared(type_name, value)


def test_a_name_is_declared_once_in_whatever_letter_case() -> None:
    with pytest.raises(VariableError, match="initialized already"):
        _declared("String").declare("NAME", "String", "")


def test_a_variable_that_was_not_declared_can_neither_be_read_nor_changed() -> None:
    for operation in ("set", "append"):
        with pytest.raises(VariableError, match="not initialized"):
            Variables().apply(operation, "x", 1)
    with pytest.raises(VariableError, match="not initialized"):
        Variables().get("x")


def test_an_array_that_somebody_has_read_does_not_change_under_them() -> None:
    variables = _declared("Array", [1])
    variables.append("name", 2)
    seen = variables.get("name")
    variables.append("name", 3)
    assert seen == [1, 2]
    assert variables.get("name") == [1, 2, 3]


def test_the_array_that_a_variable_was_set_to_is_not_appended_to() -> None:
    given_array = [1]
    variables = _declared("Array", given_array)
    variables.append("name", 2)
    other = [5]
    variables.set("name", other)
    variables.append("name", 6)
    assert (given_array, other) == ([1], [5])


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.lists(st.integers(), max_size=3)),
        st.tuples(st.just("append"), st.integers()),
    ),
    max_size=20,
)


@given(changes=CHANGES, read_at=st.sets(st.integers(0, 20)))
def test_changes_made_again_give_the_same_value(changes: list[tuple[str, Any]], read_at: set[int]) -> None:
    live, replayed = _declared("Array"), _declared("Array")
    for index, (operation, value) in enumerate(changes):
        live.apply(operation, "name", copy.copy(value))
        if index in read_at:
            live.get("name")
    for operation, value in changes:
        replayed.apply(operation, "name", value)
    assert live.get("name") == replayed.get("name")
