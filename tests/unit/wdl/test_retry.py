"""Retry policies: the documented table of delays, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.wdl import retry
from workplace import CASES

DELAYS = json.loads((CASES / "engine" / "retry_delays.json").read_text())
REFUSED = json.loads((CASES / "engine" / "retry_policies_refused.json").read_text())


@pytest.mark.parametrize("case", DELAYS, ids=lambda case: case["id"])
def test_delays_lie_between_the_documented_bounds(case: dict[str, Any]) -> None:
    policy = retry.parse(case["policy"])
    assert policy.delay(case["repeat"], 0.0).total_seconds() == pytest.approx(case["lower"])
    assert policy.delay(case["repeat"], 1.0).total_seconds() == pytest.approx(case["upper"])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: json.dumps(case["policy"])[:60])
def test_a_policy_that_is_none_is_refused_with_what_is_allowed(case: dict[str, Any]) -> None:
    with pytest.raises(retry.InvalidRetryPolicy) as refused:
        retry.parse(case["policy"])
    assert case["says"] in refused.value.message


def test_none_means_no_repeat() -> None:
    assert retry.parse({"type": "none"}).count == 0


def test_the_documented_default_repeats_four_times() -> None:
    assert retry.parse(None) == retry.parse({"type": "default"}) == retry.DEFAULT
    assert retry.DEFAULT.count == 4


@given(
    repeat=st.integers(1, 90),
    chance=st.floats(0, 1, exclude_max=True),
    interval=st.integers(5, 86_400),
    minimum=st.integers(0, 86_400),
    maximum=st.integers(5, 86_400),
)
def test_a_delay_never_passes_the_maximum(
    repeat: int, chance: float, interval: int, minimum: int, maximum: int
) -> None:
    policy = retry.RetryPolicy(
        90, timedelta(seconds=interval), timedelta(seconds=minimum), timedelta(seconds=maximum), exponential=True
    )
    delay = policy.delay(repeat, chance)
    assert timedelta(0) <= delay <= timedelta(seconds=maximum)
    assert policy.delay(repeat, 0.0) <= delay


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1H", 3600), ("P1D", 86_400), ("P1W", 604_800), ("PT0.5S", 0.5), ("P1Y2M", 425 * 86_400)]
)
def test_durations_are_read_as_iso_8601_has_them(text: str, seconds: float) -> None:
    assert retry.duration(text, "limit.timeout").total_seconds() == seconds
