"""Which conditions read the status of an answer, and so replace the rule that only 200 fires."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.triggers import conditions
from sallyport.wdl import definition


def trigger(*expressions: str) -> Any:
    raw: dict[str, Any] = {"type": "Http", "inputs": {}, "conditions": [{"expression": each} for each in expressions]}
    return definition.parse({"triggers": {"it": raw}, "actions": {}}).triggers["it"]


@pytest.mark.parametrize(
    ("expression", "reads"),
    [
        ("@equals(triggers().code, 'OK')", True),
        ("@equals(trigger().code, 'OK')", True),
        ("@equals(trigger()?['code'], 'OK')", True),
        ("@equals(trigger()['status'], 'Succeeded')", True),
        ("@equals(triggerOutputs()['statusCode'], 200)", True),
        ("@equals(triggerOutputs()?['statusCode'], 200)", True),
        ("@equals(trigger().outputs.statusCode, 200)", True),
        ("@equals(trigger()['outputs']?['statusCode'], 200)", True),
        ("@or(equals( trigger( ).code, 'OK'), true)", True),
        ("@equals(triggerBody()?['code'], 'OK')", False),
        ("@equals(triggerBody()['statusCode'], 200)", False),
        ("@equals(triggerOutputs()['body']['status'], 'new')", False),
        ("@equals(trigger().outputs.body.code, 'OK')", False),
        ("@equals(trigger().codex, 'OK')", False),
        ("@equals(parameters('code'), 'OK')", False),
    ],
)
def test_a_condition_reads_the_status_or_it_does_not(expression: str, *, reads: bool) -> None:
    found = trigger(expression)
    assert len(conditions.on_status(found)) == reads
    assert len(conditions.on_content(found)) == (not reads)


def test_each_condition_is_sorted_by_itself() -> None:
    found = trigger(
        "@equals(trigger().code, 'OK')", "@equals(triggerBody(), 1)", "@equals(triggers().code, 'Accepted')"
    )
    assert (len(conditions.on_status(found)), len(conditions.on_content(found))) == (2, 1)
