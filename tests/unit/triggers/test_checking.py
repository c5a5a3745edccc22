"""What is refused before it is saved, because its triggers could never look as they say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sallyport.errors import SallyportError
from sallyport.triggers import checking
from sallyport.wdl import definition

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOURLY = {"frequency": "Hour", "interval": 1}


def demand(trigger: dict[str, Any], **parameters: Any) -> None:
    declared = {name: {"type": "Int"} for name in ("every", "missing")}
    document: dict[str, Any] = {"parameters": declared, "triggers": {"it": trigger}, "actions": {}}
    checking.demand(definition.parse(document), parameters, NOW)


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "Recurrence", "recurrence": HOURLY},
        {"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": "@parameters('every')"}},
        {"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": "@parameters('missing')"}},
        {"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": "@int(appsetting('every'))"}},
        {"type": "SlidingWindow", "recurrence": HOURLY},
        {"type": "Http", "recurrence": {"frequency": "Day", "interval": 500}},
        {"type": "Request"},
        {"type": "ServiceProvider"},
    ],
)
def test_what_can_be_followed_or_is_not_known_yet_passes(trigger: dict[str, Any]) -> None:
    demand(trigger, every=3)


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ({"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": 12_001}}, "1 to 12000"),
        ({"type": "Recurrence", "recurrence": {"frequency": "Hour", "interval": "@parameters('every')"}}, "interval"),
        ({"type": "Recurrence"}, "must be an object"),
        ({"type": "ApiConnection"}, "must be an object"),
        ({"type": "SlidingWindow", "recurrence": {"frequency": "Day", "interval": 1}}, "Second, Minute, Hour"),
        ({"type": "Recurrence", "recurrence": {**HOURLY, "startTime": "2026-01-05T09:00:00+02:00"}}, "no UTC offset"),
        ({"type": "Batch", "inputs": {"mode": "IntegrationAccount"}}, "configurations"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(trigger: dict[str, Any], message: str) -> None:
    with pytest.raises(SallyportError, match=message) as caught:
        demand(trigger, every=0)
    assert caught.value.status == 400
