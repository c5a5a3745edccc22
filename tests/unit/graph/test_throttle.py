"""Token buckets: what passes, what waits and for how long, and that nobody's bucket is anybody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.clock import ManualClock
from sallyport.graph import throttle
from sallyport.graph.routes import ENDPOINTS
from sallyport.graph.throttle import LIKE_GRAPH, Limit, Throttle, Throttled

ALERTS = "/{version}/security/alerts"


def passed(limited: Throttle, app_id: str = "a", path: str = ALERTS, tries: int = 10) -> int:
    """Answer how many of some requests pass at once."""
    number = 0
    for _ in range(tries):
        try:
            limited.check(app_id, path)
        except Throttled:
            continue
        number += 1
    return number


def test_the_documented_numbers_are_those_of_the_profile() -> None:
    assert {
        "any": Limit(2000, 1),
        "security": Limit(150, 60),
        "indicators": Limit(1000, 60),
        "subscriptions": Limit(5000, 20),
        "stix": Limit(100, 60),
    } == LIKE_GRAPH
    assert throttle.limits("like-graph", {"security": 3}) == {**LIKE_GRAPH, "security": Limit(3, 60)}
    assert throttle.limits("off", {"security": 3}) == {}
    with pytest.raises(throttle.UnknownScope, match="secureScores"):
        throttle.limits("off", {"secureScores": 3})


def test_every_path_counts_in_the_scope_of_its_resource() -> None:
    found = {each.path: throttle.scope_of(each.path) for each in ENDPOINTS}
    for path, scope in found.items():
        if "/security/tiIndicators" in path:
            assert scope == "indicators"
        elif path.startswith("/{version}/security/"):
            assert scope == "security"
        elif path.startswith("/{version}/subscriptions"):
            assert scope == "subscriptions"
    assert found["/{version}/$batch"] == throttle.ANY
    assert throttle.scope_of("/workspaces/{workspaceId}/threat-intelligence-stix-objects:upload") == "stix"


async def test_what_is_over_a_limit_waits_for_the_next_token() -> None:
    clock = ManualClock()
    limited = Throttle(clock, {"security": Limit(3, 60)})
    assert passed(limited) == 3
    assert passed(limited, app_id="b") == 3
    assert passed(limited, path="/{version}/subscriptions") == 10
    with pytest.raises(Throttled) as caught:
        limited.check("a", ALERTS)
    assert (caught.value.scope, caught.value.retry_after_seconds) == ("security", 20)
    await clock.advance(19)
    assert passed(limited) == 0
    await clock.advance(1)
    assert passed(limited) == 1
    await clock.advance(3600)
    assert passed(limited) == 3


def test_a_request_counts_in_its_own_scope_and_in_that_of_all() -> None:
    limited = Throttle(ManualClock(), {"any": Limit(5, 1), "security": Limit(3, 60)})
    assert passed(limited) == 3
    # What was turned away was counted nowhere.
    assert passed(limited, path="/{version}/$batch") == 2


def test_without_limits_everything_passes() -> None:
    assert passed(Throttle(ManualClock()), tries=10_000) == 10_000


def test_only_so_many_buckets_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_MOST_BUCKETS", 10)
    limited = Throttle(ManualClock(), {"any": Limit(1, 1)})
    for number in range(100):
        limited.check(f"app-{number}", ALERTS)
    assert len(vars_of(limited)) == 10
    assert passed(limited, "app-99") == 0
    assert passed(limited, "app-1") == 1


def vars_of(limited: Throttle) -> dict[tuple[str, str], object]:
    """Answer what a throttle remembers."""
    return dict(limited._buckets)


@given(st.integers(1, 50), st.sampled_from([1, 20, 60]), st.lists(st.floats(0, 120), min_size=1, max_size=40))
async def test_whoever_waits_as_long_as_told_passes_and_never_more_than_the_limit(
    requests: int, seconds: int, pauses: list[float]
) -> None:
    clock = ManualClock()
    limited = Throttle(clock, {"any": Limit(requests, seconds)})
    began = clock.monotonic()
    for total, pause in enumerate(pauses, start=1):
        try:
            limited.check("a", ALERTS)
        except Throttled as told:
            await clock.advance(told.retry_after_seconds)
            limited.check("a", ALERTS)
        assert total <= requests + (clock.monotonic() - began) * requests / seconds + 1e-3
        await clock.advance(pause)
