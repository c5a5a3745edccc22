"""Inputs and outputs that are too large fail their action, and nothing else."""

from __future__ import annotations

import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.engine.limits import Limits
from sallyport.statuses import Status
from scenarios.stage import Stage

TRIGGERS = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
CODE = "ActionResultsSizeLimitExceeded"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path, limits=Limits(message_bytes=1_000_000)).open()
    yield opened
    await opened.close()


def _compose(inputs: Any, *after: str) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, "runAfter": {name: ["Succeeded"] for name in after}}


async def test_forty_doublings_fail_cleanly_and_quickly(stage: Stage) -> None:
    actions = {"A0": _compose("0123456789")}
    for n in range(1, 41):
        actions[f"A{n}"] = _compose(f"@createArray(outputs('A{n - 1}'), outputs('A{n - 1}'))", f"A{n - 1}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    found = await stage.run({"triggers": TRIGGERS, "actions": actions})
    assert time.perf_counter() - begun < 5.0
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 300_000
    statuses = found.statuses()
    failed = [name for name, status in statuses.items() if status == "Failed"]
    assert len(failed) == 1
    assert found[failed[0]].code == CODE
    assert found.status == "Failed"
    assert statuses["A40"] == "Skipped"


async def test_a_value_that_nests_deeper_at_each_step_fails_cleanly(stage: Stage) -> None:
    deeper = {"name": "x", "value": "@createArray(variables('x'))"}
    loop = {
        "type": "Until",
        "expression": "@equals(1, 2)",
        "limit": {"count": 400},
        "runAfter": {"Init": ["Succeeded"]},
        "actions": {"Deeper": {"type": "SetVariable", "inputs": deeper}},
    }
    initial = {"type": "InitializeVariable", "inputs": {"variables": [{"name": "x", "type": "Array"}]}, "runAfter": {}}
    found = await stage.run({"triggers": TRIGGERS, "actions": {"Init": initial, "Loop": loop}})
    codes = {each.code for each in found.records if each.name == "Deeper" and each.status is Status.FAILED}
    assert codes == {CODE}


@pytest.mark.parametrize(("size", "status"), [(999_800, "Succeeded"), (1_000_000, "Failed")])
async def test_an_answer_from_outside_is_bounded(stage: Stage, size: int, status: str) -> None:
    get = {"type": "Http", "inputs": {"method": "GET", "uri": "https://sink.test/x"}, "runAfter": {}}
    stage.outside.replies["GET https://sink.test/x"] = (200, {"content-type": "text/plain"}, b"x" * size)
    found = await stage.run({"triggers": TRIGGERS, "actions": {"Get": get}})
    assert found["Get"].status.value == status
    assert found["Get"].code == ("OK" if status == "Succeeded" else CODE)


async def test_items_that_are_too_large_together_fail_the_loop(stage: Stage) -> None:
    loop = {
        "type": "Foreach",
        "foreach": "@array(createArray(outputs('Big'), outputs('Big'), outputs('Big')))",
        "actions": {"In": _compose("x")},
        "runAfter": {"Big": ["Succeeded"]},
    }
    found = await stage.run(
        {"triggers": TRIGGERS, "actions": {"Big": _compose("@string(range(0, 60000))"), "Loop": loop}}
    )
    assert (found["Loop"].status, found["Loop"].code) == (Status.FAILED, CODE)


async def test_outputs_of_the_run_are_bounded(stage: Stage) -> None:
    big = _compose("@string(range(0, 60000))")
    outputs = {"all": {"type": "Array", "value": "@createArray(outputs('Big'), outputs('Big'), outputs('Big'))"}}
    found = await stage.run({"triggers": TRIGGERS, "actions": {"Big": big}, "outputs": outputs})
    assert (found.status, found.run.code) == ("Failed", CODE)


def _until(reads: int, *after: str) -> dict[str, Any]:
    """A loop whose every iteration holds a few hundred kilobytes; its condition reads them."""
    return {
        "type": "Until",
        "expression": f"@and(greater(length(outputs('Big')), 9), equals(iterationIndexes('Loop'), {reads - 1}))",
        "limit": {"count": 100},
        "actions": {"Big": _compose("@string(range(0, 60000))")},
        "runAfter": {name: ["Succeeded"] for name in after},
    }


@pytest.mark.parametrize("read", ["plain", "@length(outputs('Big'))"])
async def test_a_loop_that_asks_again_and_again_holds_its_last_iteration_only(tmp_path: Path, read: str) -> None:
    stage = await Stage(tmp_path, limits=Limits(held_bytes=2_000_000)).open()
    try:
        actions = {"Loop": _until(30), "Read": _compose(read, "Loop")}
        found = await stage.run({"triggers": TRIGGERS, "actions": actions})
        assert found.status == "Succeeded"
        assert found["Read"].outputs == ("plain" if read == "plain" else len(found["Big/000029"].outputs))
    finally:
        await stage.close()


@pytest.mark.parametrize("read", ["plain", "@length(outputs('Big'))"])
async def test_a_loop_inside_another_holds_nothing_of_iterations_that_are_over(tmp_path: Path, read: str) -> None:
    stage = await Stage(tmp_path, limits=Limits(held_bytes=2_000_000)).open()
    try:
        body = {"Loop": _until(2), "Read": _compose(read, "Loop")}
        each = {"type": "Foreach", "foreach": "@range(0, 15)", "actions": body, "runAfter": {}}
        sequential = {"operationOptions": "Sequential"}
        found = await stage.run({"triggers": TRIGGERS, "actions": {"Each": {**each, **sequential}}})
        assert found.status == "Succeeded"
        assert {status for name, status in found.statuses().items() if name.startswith("Read/")} == {"Succeeded"}
    finally:
        await stage.close()
