"""What a recurrence may say, and how what it may not say is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sallyport.triggers import recurrence_rule
from sallyport.triggers.recurrence_rule import LARGEST_INTERVAL, Frequency, InvalidRecurrence
from workplace import CASES, SHARED, needs_shared

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
REFUSED = json.loads((CASES / "recurrence" / "refused.json").read_text("utf-8"))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case['pointer']} {case['says'][0]}")
def test_a_value_outside_the_limits_is_refused_with_what_is_allowed(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        recurrence_rule.parse(case["recurrence"], now=NOW)
    assert caught.value.pointer == case["pointer"]
    assert caught.value.property in case["pointer"]
    assert [part for part in [*case["says"], case["pointer"]] if part not in str(caught.value)] == []
    assert caught.value.status == 400


@pytest.mark.parametrize(("frequency", "largest"), LARGEST_INTERVAL.items())
def test_the_smallest_and_the_largest_interval_are_allowed(frequency: Frequency, largest: int) -> None:
    for interval in (1, largest):
        assert recurrence_rule.parse({"frequency": frequency, "interval": interval}, now=NOW).interval == interval


def test_a_start_time_may_lie_forty_nine_years_ahead_to_the_second() -> None:
    raw = {"frequency": "Day", "interval": 1, "startTime": "2075-01-05T09:00:00Z"}
    assert recurrence_rule.parse(raw, now=NOW).start_at == datetime(2075, 1, 5, 9, 0, tzinfo=UTC)


def test_forty_nine_years_after_a_leap_day_is_the_first_of_march() -> None:
    raw = {"frequency": "Day", "interval": 1, "startTime": "2077-03-01T00:00:00Z"}
    assert recurrence_rule.parse(raw, now=datetime(2028, 2, 29, tzinfo=UTC)).start_at is not None


def test_the_pointer_is_that_of_the_trigger() -> None:
    with pytest.raises(InvalidRecurrence, match="/triggers/Each_day/recurrence/interval"):
        recurrence_rule.parse({"frequency": "Day", "interval": 0}, now=NOW, pointer="/triggers/Each_day/recurrence")


def test_a_long_value_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        recurrence_rule.parse({"frequency": "x" * 10_000, "interval": 1}, now=NOW)
    assert len(str(caught.value)) < 300


@needs_shared
def test_every_published_recurrence_that_is_not_an_expression_is_accepted() -> None:
    found = 0
    for path in (SHARED / "corpus").rglob("*.json"):
        try:
            document = json.loads(path.read_text("utf-8-sig"))
        except ValueError:
            continue
        for raw in _recurrences(document):
            if not any(str(value).startswith(("@", "[")) for value in raw.values()):
                recurrence_rule.parse(raw, now=NOW)
                found += 1
    assert found > 50


def _recurrences(value: Any) -> list[dict[str, Any]]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [recurrence for child in children for recurrence in _recurrences(child)]
    own = value.get("recurrence") if isinstance(value, dict) else None
    return [*found, own] if isinstance(own, dict) and "interval" in own else found
