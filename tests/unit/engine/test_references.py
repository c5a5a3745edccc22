"""Who is read from outside of its loop: only those are kept when an iteration is over."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.engine import references
from sallyport.wdl import definition


def _found(reader: Any, *, inside: bool = False, outputs: Any = None) -> frozenset[str]:
    body: dict[str, Any] = {
        "A": {"type": "Compose", "inputs": 1, "runAfter": {}},
        "Deep": {"type": "Scope", "actions": {"B": {"type": "Compose", "inputs": 2}}, "runAfter": {}},
    }
    actions: dict[str, Any] = {"Loop": {"type": "Foreach", "foreach": [1], "actions": body}}
    place = body if inside else actions
    place["Reader"] = {"type": "Compose", "inputs": reader, "runAfter": {}}
    return references.from_outside(definition.parse({"actions": actions, "outputs": outputs or {}}))


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
    assert _found("@outputs('A')", inside=True) == frozenset()


def test_the_outputs_of_the_run_read_from_outside_too() -> None:
    assert _found("x", outputs={"o": {"type": "Int", "value": "@outputs('A')"}}) == {"A"}


def test_a_property_that_cannot_be_read_refers_to_nobody() -> None:
    assert _found("@outputs('A'") == frozenset()
