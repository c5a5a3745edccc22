"""What expressions see of loops and scopes, from inside and from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scenarios.stage import Outcome, Stage

TRIGGERS = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path).open()
    yield opened
    await opened.close()


def _compose(inputs: Any, *after: str) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": {name: ["Succeeded", "Failed"] for name in after}}


def _each(items: Any, after: tuple[str, ...] = (), **actions: Any) -> dict[str, Any]:
    return {
        "type": "Foreach",
        "foreach": items,
        "actions": actions,
        "runAfter": {name: ["Succeeded"] for name in after},
    }


async def _run(stage: Stage, **actions: Any) -> Outcome:
    return await stage.run({"triggers": TRIGGERS, "actions": actions})


async def test_items_of_loops_inside_one_another_are_told_apart(stage: Stage) -> None:
    inner = _each("@item()?['of']", In=_compose("@concat(items('Outer')?['name'], items('Inner'), item())"))
    found = await _run(stage, Outer=_each([{"name": "x", "of": ["1", "2"]}, {"name": "y", "of": ["3"]}], Inner=inner))
    outputs = {each.repetition: each.outputs for each in found.records if each.name == "In"}
    assert outputs == {"000000-000000": "x11", "000000-000001": "x22", "000001-000000": "y33"}


async def test_outputs_of_an_action_in_a_loop_are_an_array_from_outside(stage: Stage) -> None:
    found = await _run(
        stage,
        Loop=_each(["a", "b", "c"], In=_compose("@toUpper(item())"), Next=_compose("@outputs('In')", "In")),
        Out=_compose("@outputs('In')", "Loop"),
    )
    assert found["Out"].outputs == ["A", "B", "C"]
    assert [each.outputs for each in found.records if each.name == "Next"] == ["A", "B", "C"]


async def test_an_inner_loop_is_read_from_the_outer_one_for_its_own_iteration(stage: Stage) -> None:
    inner = _each("@item()", In=_compose("@item()"))
    reader = _compose("@outputs('In')", "Inner")
    found = await _run(stage, Outer=_each([[1, 2], [3]], Inner=inner, Read=reader))
    assert {each.repetition: each.outputs for each in found.records if each.name == "Read"} == {
        "000000": [1, 2],
        "000001": [3],
    }


async def test_the_index_of_an_until_is_told_and_its_last_iteration_is_read_from_outside(stage: Stage) -> None:
    loop = {
        "type": "Until",
        "expression": "@equals(outputs('Index'), 2)",
        "limit": {"count": 9},
        "actions": {"Index": _compose("@iterationIndexes('Loop')")},
        "runAfter": {},
    }
    found = await _run(stage, Loop=loop, Out=_compose("@outputs('Index')", "Loop"))
    assert found["Out"].outputs == 2


async def test_a_loop_that_asks_for_each_item_is_read_from_outside_with_its_last_iteration_for_each(
    stage: Stage,
) -> None:
    loop = {
        "type": "Until",
        "expression": "@equals(iterationIndexes('Loop'), items('Each'))",
        "limit": {"count": 9},
        "actions": {"Tell": _compose("@concat(items('Each'), '-', iterationIndexes('Loop'))")},
        "runAfter": {},
    }
    # After a wait the run has been put away, and is what its history says.
    pause = {
        "type": "Wait",
        "inputs": {"interval": {"count": 3, "unit": "Second"}},
        "runAfter": {"Each": ["Succeeded"]},
    }
    told = _compose("@outputs('Tell')", "Each")
    found = await _run(
        stage, Each=_each([1, 0, 2], Loop=loop), At_once=told, Pause=pause, Later=_compose("@outputs('Tell')", "Pause")
    )
    assert found["At_once"].outputs == ["1-1", "0-0", "2-2"]
    assert found["Later"].outputs == ["1-1", "0-0", "2-2"]


async def test_result_answers_the_first_level_of_a_scope(stage: Stage) -> None:
    scope = {
        "type": "Scope",
        "actions": {
            "Good": _compose(1),
            "Bad": _compose("@int('x')"),
            "Never": {**_compose(2), "runAfter": {"Bad": ["Succeeded"]}},
        },
        "runAfter": {},
    }
    found = await _run(stage, Try=scope, Out=_compose("@result('Try')", "Try"))
    shown = {each["name"]: (each["status"], each.get("outputs")) for each in found["Out"].outputs}
    assert shown == {"Good": ("Succeeded", 1), "Bad": ("Failed", None), "Never": ("Skipped", None)}


async def test_result_answers_a_foreach_with_one_entry_for_each_iteration(stage: Stage) -> None:
    inner = _each([1, 2], Deep=_compose("@item()"))
    found = await _run(
        stage,
        Loop=_each(["a", "b"], In=_compose("@item()"), Inner=inner),
        Out=_compose("@result('Loop')", "Loop"),
    )
    shown = {each["name"]: each["outputs"] for each in found["Out"].outputs}
    assert shown["In"] == ["a", "b"]
    assert len(shown["Inner"]) == 2


async def test_an_action_that_has_not_run_cannot_be_read(stage: Stage) -> None:
    found = await _run(stage, First=_compose("@outputs('Second')"), Second=_compose(1, "First"))
    assert found["First"].status.value == "Failed"
    assert found["First"].error is not None
    assert "Second" in found["First"].error["message"]


async def test_the_condition_of_an_until_is_told_the_index_of_the_iteration_that_has_ended(stage: Stage) -> None:
    loop = {
        "type": "Until",
        "expression": "@equals(iterationIndexes('Loop'), 2)",
        "limit": {"count": 9},
        "actions": {"Index": _compose("@iterationIndexes('Loop')")},
        "runAfter": {},
    }
    found = await _run(stage, Loop=loop, Out=_compose("@outputs('Index')", "Loop"))
    assert found["Loop"].status.value == "Succeeded"
    assert found["Out"].outputs == 2


async def test_the_condition_of_an_until_reads_its_own_iteration_of_a_loop_around(stage: Stage) -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}, "runAfter": {"In": ["Succeeded"]}}
    loop = {
        "type": "Until",
        "expression": "@equals(outputs('In'), items('Each'))",
        "limit": {"count": 3},
        "actions": {"In": _compose("@items('Each')"), "Wait": wait},
        "runAfter": {},
    }
    found = await _run(stage, Each=_each(["a", "b", "c"], Loop=loop))
    assert sorted(each.outputs for each in found.records if each.name == "In") == ["a", "b", "c"]


async def test_the_last_iteration_of_an_until_is_read_within_the_iteration_of_the_loop_around(stage: Stage) -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}}, "runAfter": {"In": ["Succeeded"]}}
    loop = {
        "type": "Until",
        "expression": "@greaterOrEquals(iterationIndexes('Loop'), length(items('Each')))",
        "limit": {"count": 9},
        "actions": {"In": _compose("@concat(items('Each'), iterationIndexes('Loop'))"), "Wait": wait},
        "runAfter": {},
    }
    read = _compose(["@outputs('In')", "@actions('In')['outputs']"], "Loop")
    found = await _run(stage, Each=_each(["aaa", "b", "cc"], Loop=loop, Read=read))
    assert {each.repetition: each.outputs for each in found.records if each.name == "Read"} == {
        "000000": ["aaa3", "aaa3"],
        "000001": ["b1", "b1"],
        "000002": ["cc2", "cc2"],
    }


async def test_the_condition_of_an_until_reads_a_loop_in_its_body_for_its_own_iteration(stage: Stage) -> None:
    inner = _each("@range(0, add(iterationIndexes('Loop'), 1))", Deep=_compose("@item()"))
    loop = {
        "type": "Until",
        "expression": "@equals(outputs('Deep'), createArray(0, 1, 2))",
        "limit": {"count": 9},
        "actions": {"Inner": inner},
        "runAfter": {},
    }
    found = await _run(stage, Loop=loop)
    assert found["Loop"].status.value == "Succeeded"
    assert len([each for each in found.records if each.name == "Deep"]) == 1 + 2 + 3


async def test_tracked_properties_in_a_loop_see_their_own_iteration(stage: Stage) -> None:
    tracked = {"item": "@item()", "before": "@outputs('Slow')"}
    slow = {"type": "Http", "inputs": {"method": "GET", "uri": "https://sink.test/x"}, "runAfter": {}}
    body: dict[str, Any] = {"Call": slow, "Slow": _compose("@items('Loop')", "Call"), "Tell": _compose("x", "Slow")}
    body["Tell"]["trackedProperties"] = tracked
    found = await _run(stage, Loop=_each(["a", "b", "c"], **body))
    assert [found[f"Tell/00000{n}"].tracked_properties for n in range(3)] == [
        {"item": item, "before": item} for item in ("a", "b", "c")
    ]
