"""Who is read from outside of its loop: only those are kept when an iteration is over."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.engine import references
from sallyport.wdl import definition


def _found(reader: Any, *, inside: bool = False, outputs: Any = None) -> set[str]:
    body: dict[str, Any] = {
        "A": {"type": "Compose", "inputs": 1, "runAfter": {}},
        "Deep": {"type": "Scope", "actions": {"B": {"type": "Compose", "inputs": 2}}, "runAfter": {}},
    }
    actions: dict[str, Any] = {"Loop": {"type": "Foreach", "foreach": [1], "actions": body}}
    place = body if inside else actions
    place["Reader"] = {"type": "Compose", "inputs": reader, "runAfter": {}}
    return set(references.from_outside(definition.parse({"actions": actions, "outputs": outputs or {}})))


@pytest.mark.parametrize(
    ("reader", "names"),
    [
        ("@outputs('A')", {"A"}),
        ("@body('b')", {"B"}),
        ("@actions('Deep').status", {"Deep"}),
        ("@result('Loop')", {"A", "Deep"}),
        ("@outputs('Nobody')", set()),
        ("plain", set()),
    ],
)
def test_what_is_read_from_outside_of_its_loop_is_kept(reader: str, names: set[str]) -> None:
    assert _found(reader) == names


def test_what_is_read_inside_its_own_loop_need_not_be_kept() -> None:
    assert _found("@outputs('A')", inside=True) == set()


def test_the_outputs_of_the_run_read_from_outside_too() -> None:
    assert _found("x", outputs={"o": {"type": "Int", "value": "@outputs('A')"}}) == {"A"}


def test_a_property_that_cannot_be_read_refers_to_nobody() -> None:
    assert _found("@outputs('A'") == set()


def _nested(reader: str, place: str) -> dict[str, Any]:
    deepest: dict[str, Any] = {"A": {"type": "Compose", "inputs": 1}}
    inner: dict[str, Any] = {"Ask": {"type": "Until", "expression": "@true", "limit": {"count": 2}, "actions": deepest}}
    root: dict[str, Any] = {"Each": {"type": "Foreach", "foreach": [1], "actions": inner}}
    {"root": root, "inner": inner}[place]["Reader"] = {"type": "Compose", "inputs": reader}
    return {"actions": root}


@pytest.mark.parametrize(("place", "around"), [("root", 0), ("inner", 1)])
def test_what_is_read_from_outside_is_kept_as_long_as_an_iteration_around_its_reader(place: str, around: int) -> None:
    assert references.from_outside(definition.parse(_nested("@outputs('A')", place))) == {"A": around}


def test_only_what_result_asks_for_is_gathered_from_all_iterations() -> None:
    assert references.gathered(definition.parse(_nested("@outputs('A')", "root"))) == set()
    assert references.gathered(definition.parse(_nested("@result('Ask')", "root"))) == {"A"}
