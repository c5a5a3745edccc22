"""What a scope over a plain mapping answers, and how it tells the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.scope import DAY_ONE, ContextScope, Scope, parse_instant
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

NOON = datetime(2025, 9, 25, 12, 0, 0, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "since_noon"),
    [
        ("2025-09-25T12:00:00Z", 0),
        ("2025-09-25T12:00:00", 0),
        ("2025-09-25T14:00:00+02:00", 0),
        ("2025-09-25T12:00:00.0000001Z", 1),
        ("2025-09-25T12:00:00.5Z", 5_000_000),
        ("2025-09-25T12:00:00.123456789+00:00", 1_234_567),
        ("2025-09-25", -12 * 3600 * 10_000_000),
    ],
)
def test_a_moment_counts_in_units_of_a_hundred_nanoseconds(text: str, since_noon: int) -> None:
    noon = (datetime(2025, 9, 25, 12, tzinfo=UTC) - DAY_ONE) // timedelta(microseconds=1) * 10
    assert parse_instant(text) - noon == since_noon


def test_a_moment_that_is_none_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="not an ISO 8601 moment"):
        ContextScope({"utcNow": "yesterday"}).now()


def test_the_given_moment_comes_before_the_clock() -> None:
    given = ContextScope({"utcNow": "2018-03-01T00:00:00.0000007Z"}, clock=lambda: NOON)
    assert given.now() == datetime(2018, 3, 1, tzinfo=UTC)
    assert given.ticks() % 10 == 7
    assert ContextScope({}, clock=lambda: NOON).now() == NOON
    assert ContextScope({}, clock=lambda: NOON).ticks() == parse_instant("2025-09-25T12:00:00.0005Z")


def test_the_bodies_come_from_the_objects_unless_a_scope_is_faster() -> None:
    class Slow(Scope):
        def trigger(self) -> dict[str, Json]:
            return {"outputs": {"body": 1}}

        def action(self, name: str) -> dict[str, Json]:
            return {"name": name, "outputs": {"BODY": name}}

    class Fast(Slow):
        def trigger_body(self) -> Json:
            return 2

        def action_body(self, name: str) -> Json:
            return f"fast {name}"

    template = compile_template("@createArray(triggerBody(), body('A'), triggerOutputs()?.body)")
    assert template.evaluate(Slow()) == [1, "A", 1]
    assert template.evaluate(Fast()) == [2, "fast A", 1]


@pytest.mark.parametrize(
    "context",
    [
        {"parameters": None},
        {"parameters": []},
        {"trigger": None, "actions": 3},
        {"actions": {"A": 5}},
        {"workflow": "w", "items": 1},
    ],
)
def test_a_context_of_a_wrong_shape_is_an_error_of_the_language(context: dict[str, Json]) -> None:
    scope = ContextScope(context)
    for expression in ("@parameters('A')", "@triggerBody()", "@body('A')", "@workflow()", "@items('A')"):
        with pytest.raises(EvaluationError):
            compile_template(expression).evaluate(scope)
