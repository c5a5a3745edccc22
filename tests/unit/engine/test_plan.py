"""The planner, fed with statuses and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.engine import plan
from sallyport.engine.plan import Plan, Ready, Skip
from sallyport.statuses import Status
from sallyport.wdl import definition
from sallyport.wdl.definition import Block

S, F, K, T = Status.SUCCEEDED, Status.FAILED, Status.SKIPPED, Status.TIMED_OUT


def block(**run_after: dict[str, list[str]]) -> Block:
    """A block of Compose actions, from what each runs after."""
    actions: dict[str, Any] = {
        name: {"type": "Compose", "inputs": 1, "runAfter": after} for name, after in run_after.items()
    }
    return definition.parse({"triggers": {}, "actions": actions}).root


def ended(of: Block, outcomes: dict[str, Status]) -> dict[str, Status]:
    """Run a block to its end, where each action ends as given when it is ready."""
    progress = Plan(of, {})
    decisions = progress.begin()
    while decisions:
        decision = decisions.pop(0)
        status = K if isinstance(decision, Skip) else outcomes.get(decision.name, S)
        decisions += progress.settle(decision.name, status)
    assert progress.finished
    return progress.statuses


def test_actions_without_run_after_are_ready_together() -> None:
    assert Plan(block(a={}, b={}, c={"a": ["Succeeded"]}), {}).begin() == [Ready("a"), Ready("b")]


def test_an_action_waits_for_all_its_predecessors_and_each_must_match() -> None:
    joined = block(a={}, b={}, c={"a": ["Succeeded"], "b": ["Succeeded", "Failed"]})
    progress = Plan(joined, {})
    progress.begin()
    assert progress.settle("a", S) == []
    assert progress.settle("b", F) == [Ready("c")]


def test_a_skipped_action_says_which_condition_was_not_met() -> None:
    progress = Plan(block(a={}, b={"a": ["Succeeded"]}), {})
    progress.begin()
    (skip,) = progress.settle("a", K)
    assert isinstance(skip, Skip)
    assert skip.code == "ActionConditionFailed"
    assert skip.message == (
        "The execution of template action 'b' is skipped: the 'runAfter' condition for action 'a' is not satisfied. "
        "Expected status values 'Succeeded' and actual value 'Skipped'."
    )


@pytest.mark.parametrize(
    ("run_after", "outcomes", "status"),
    [
        pytest.param({"a": {}}, {"a": F}, F, id="a failed leaf fails the block"),
        pytest.param({"a": {}, "b": {"a": ["Failed"]}}, {"a": F}, S, id="a caught failure does not"),
        pytest.param(
            {"a": {}, "b": {"a": ["Succeeded"]}}, {"a": F}, F, id="a skipped leaf stands for what it came after"
        ),
        pytest.param(
            {"a": {}, "ok": {"a": ["Succeeded"]}, "catch": {"a": ["Failed"]}},
            {"a": F},
            F,
            id="a catch beside a success path that was skipped does not save the run",
        ),
        pytest.param(
            {"a": {}, "ok": {"a": ["Succeeded"]}, "catch": {"ok": ["Failed", "Skipped", "TimedOut"]}},
            {"a": F},
            S,
            id="a catch that also runs after the success leaf does",
        ),
        pytest.param({"a": {}, "b": {}}, {"a": T}, T, id="a timed-out leaf"),
        pytest.param({"a": {}, "b": {}}, {"a": T, "b": F}, F, id="failure is worse than time"),
        pytest.param({"a": {}}, {"a": Status.CANCELLED}, S, id="a cancelled leaf does not fail the block"),
    ],
)
def test_the_last_leaves_make_the_status(
    run_after: dict[str, dict[str, list[str]]], outcomes: dict[str, Status], status: Status
) -> None:
    of = block(**run_after)
    assert plan.block_status(of, ended(of, outcomes)) is status


_NAMES = "abcdefgh"


@st.composite
def _blocks(draw: st.DrawFn) -> Block:
    statuses = ["Succeeded", "Failed", "Skipped", "TimedOut"]
    after: dict[str, dict[str, list[str]]] = {}
    for index, name in enumerate(_NAMES[: draw(st.integers(1, 8))]):
        before = draw(st.sets(st.sampled_from(_NAMES[:index]), max_size=3)) if index else set()
        after[name] = {
            each: draw(st.lists(st.sampled_from(statuses), min_size=1, unique=True)) for each in sorted(before)
        }
    return block(**after)


@given(_blocks(), st.dictionaries(st.sampled_from(_NAMES), st.sampled_from([S, F, T])), st.integers(0, 8))
def test_a_plan_that_begins_from_recorded_statuses_ends_like_the_one_that_was_not_interrupted(
    of: Block, outcomes: dict[str, Status], crash_after: int
) -> None:
    whole = ended(of, outcomes)
    progress = Plan(of, {})
    decisions = progress.begin()
    for _ in range(crash_after):
        if not decisions:
            break
        decision = decisions.pop(0)
        status = K if isinstance(decision, Skip) else outcomes.get(decision.name, S)
        decisions += progress.settle(decision.name, status)
    resumed = Plan(of, progress.statuses)
    decisions = resumed.begin()
    while decisions:
        decision = decisions.pop(0)
        status = K if isinstance(decision, Skip) else outcomes.get(decision.name, S)
        decisions += resumed.settle(decision.name, status)
    assert resumed.statuses == whole
    assert resumed.outcome() is plan.block_status(of, whole)
