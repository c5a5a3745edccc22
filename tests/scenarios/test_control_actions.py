"""Branches, loops and waits on a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sallyport.clock import ManualClock
from sallyport.engine.limits import Limits
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from scenarios.stage import Outcome, Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path, clock=ManualClock(), limits=Limits(foreach_items=200)).open()
    yield opened
    await opened.close()


def compose(inputs: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Compose", "inputs": inputs, **more}


async def play(stage: Stage, **actions: Any) -> Outcome:
    return await stage.run({"triggers": {}, "actions": actions})


def count(start: int = 0) -> dict[str, Any]:
    return {"type": "InitializeVariable", "inputs": {"variables": [{"name": "n", "type": "Integer", "value": start}]}}


def failed(text: str = "x") -> dict[str, Any]:
    return compose(f"@int('{text}')")


class Gate:
    """An outside that answers nobody until as many ask at a time as are expected, and then all."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.inside = 0
        self.most = 0
        self.full = asyncio.Event()

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.most >= self.expected:
            self.full.set()
        async with asyncio.timeout(20):
            await self.full.wait()
        # Whoever else might come in without being allowed to has time to do so.
        await asyncio.sleep(0.02)
        self.inside -= 1
        return InboundResponse(200, Headers(), b"", request.url)


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("@equals(1, 1)", "Yes"),
        ({"and": [{"equals": [1, 1]}, {"lESS": [2, 1]}]}, "No"),
        ({"or": {"equals": [1, 2], "startsWith": ["abc", "A"]}}, "Yes"),
        ({"and": [{"not": {"equals": [{"lENgth": ["abc"]}, 4]}}]}, "Yes"),
        ({"not": {"contains": ["@createArray('a')", "a"]}}, "No"),
        ({"equals": ["@triggerBody()?['x']", None]}, "Yes"),
        (True, "Yes"),
        ({"and": []}, None),
        ({"nope": [1]}, None),
        ("yes", None),
        ({"or": [{"equals": [1, 1]}, {"nope": [1]}]}, "Yes"),
    ],
)
async def test_a_condition_chooses_a_branch_or_fails(stage: Stage, expression: Any, chosen: str | None) -> None:
    condition = {"type": "If", "expression": expression, "actions": {"Yes": compose(1)}}
    outcome = await play(stage, If={**condition, "else": {"actions": {"No": compose(0)}}})
    if chosen is None:
        assert outcome["If"].code == "BadRequest"
        assert outcome.status == "Failed"
        return
    other = "No" if chosen == "Yes" else "Yes"
    assert outcome.statuses() == {"If": "Succeeded", chosen: "Succeeded", other: "Skipped"}
    assert (outcome[other].error or {}).get("code") == "ActionBranchingConditionNotSatisfied"


async def test_a_condition_without_an_else_may_choose_nothing(stage: Stage) -> None:
    outcome = await play(stage, If={"type": "If", "expression": "@false", "actions": {"Yes": compose(1)}})
    assert outcome.statuses() == {"If": "Succeeded", "Yes": "Skipped"}
    assert outcome.status == "Succeeded"


@pytest.mark.parametrize(
    ("value", "ran"), [("b", "B"), ("B", "D"), (2, "Two"), ("2", "D"), ("zz", "D"), ("@null", None), ("@true", None)]
)
async def test_a_switch_runs_the_case_that_is_equal(stage: Stage, value: Any, ran: str | None) -> None:
    cases = {"x/y": {"case": "b", "actions": {"B": compose(1)}}, "2": {"case": 2, "actions": {"Two": compose(2)}}}
    default = {"actions": {"D": compose(0)}}
    outcome = await play(stage, Switch={"type": "Switch", "expression": value, "cases": cases, "default": default})
    assert [name for name in ("B", "Two", "D") if outcome.statuses().get(name) == "Succeeded"] == ([ran] if ran else [])
    assert outcome["Switch"].code == ("NotSpecified" if ran else "BadRequest")


async def test_a_loop_takes_every_item_and_knows_it(stage: Stage) -> None:
    loop = {"type": "Foreach", "foreach": "@range(10, 3)", "actions": {"Item": compose("@{item()}/@{items('Loop')}")}}
    outcome = await play(stage, Loop=loop)
    assert [outcome[f"Item/00000{index}"].outputs for index in range(3)] == ["10/10", "11/11", "12/12"]
    assert outcome["Loop"].status == "Succeeded"


@pytest.mark.parametrize("given", ["@null", "@string('abc')", {"a": 1}, "@range(0, 201)"])
async def test_a_loop_over_no_array_or_too_large_a_one_fails(stage: Stage, given: Any) -> None:
    outcome = await play(stage, Loop={"type": "Foreach", "foreach": given, "actions": {"Item": compose(1)}})
    assert outcome["Loop"].code == "InvalidActionRepeatExpression"


async def test_a_failed_iteration_fails_the_loop_after_all_have_ended(stage: Stage) -> None:
    loop = {"type": "Foreach", "foreach": ["1", "x", "3"], "actions": {"Item": compose("@int(item())")}}
    outcome = await play(stage, Loop=loop)
    assert outcome.statuses() == {
        "Loop": "Failed",
        "Item/000000": "Succeeded",
        "Item/000001": "Failed",
        "Item/000002": "Succeeded",
    }
    assert outcome["Loop"].error == {
        "code": "ActionFailed",
        "message": "An action failed. No dependent actions succeeded.",
    }


async def test_an_iteration_that_waited_began_when_it_began(stage: Stage) -> None:
    pause = {"type": "Wait", "inputs": {"interval": {"count": 10, "unit": "Minute"}}}
    outcome = await play(stage, Each={"type": "Foreach", "foreach": [1, 2], "actions": {"Pause": pause}})
    iterations = [record for record in outcome.records if record.iteration]
    assert len(iterations) == 2
    for each in iterations:
        assert each.ended_at is not None
        assert each.ended_at - each.started_at == timedelta(minutes=10)


async def test_an_inner_loop_runs_in_every_iteration_of_the_outer(stage: Stage) -> None:
    inner = {"type": "Foreach", "foreach": "@item()", "actions": {"Pair": compose(["@items('Outer')", "@item()"])}}
    outcome = await play(stage, Outer={"type": "Foreach", "foreach": [[1, 2], [3]], "actions": {"Inner": inner}})
    assert outcome["Pair/000000-000001"].outputs == [[1, 2], 2]
    assert outcome["Pair/000001-000000"].outputs == [[3], 3]


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({}, 20),
        ({"runtimeConfiguration": {"concurrency": {"repetitions": 3}}}, 3),
        ({"operationOptions": "Sequential"}, 1),
        ({"runtimeConfiguration": {"concurrency": {"repetitions": 51}}}, None),
    ],
)
async def test_only_so_many_iterations_are_on_their_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], most: int | None
) -> None:
    gate = Gate(most or 1)
    monkeypatch.setattr(stage.outside, "send", gate.send)
    call = {"type": "Http", "inputs": {"method": "GET", "uri": "https://api.test/@{item()}"}}
    loop = {"type": "Foreach", "foreach": "@range(0, 24)", "actions": {"Call": call}, **settings}
    outcome = await play(stage, Loop=loop)
    assert outcome["Loop"].code == ("BadRequest" if most is None else "NotSpecified")
    assert gate.most == (most or 0)


@pytest.mark.parametrize(
    ("around", "most"),
    [({"type": "Until", "expression": "@true", "limit": {"count": 2}}, 6), ({"type": "Foreach", "foreach": [1]}, 1)],
    ids=["an Until", "a Foreach"],
)
async def test_a_loop_goes_through_its_items_one_by_one_only_inside_another_foreach(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, around: dict[str, Any], most: int
) -> None:
    gate = Gate(most)
    monkeypatch.setattr(stage.outside, "send", gate.send)
    call = {"type": "Http", "inputs": {"method": "GET", "uri": "https://api.test/@{item()}"}}
    loop = {"type": "Foreach", "foreach": "@range(0, 6)", "actions": {"Call": call}}
    outcome = await play(stage, Around={**around, "actions": {"Loop": loop}})
    assert outcome["Around"].status == "Succeeded"
    assert gate.most == most


async def test_until_asks_after_the_body_and_ends_when_it_holds(stage: Stage) -> None:
    until = {
        "type": "Until",
        "runAfter": {"N": ["Succeeded"]},
        "expression": "@equals(variables('n'), 3)",
        "limit": {"count": 60, "timeout": "PT1H"},
        "actions": {"Add": {"type": "IncrementVariable", "inputs": {"name": "n", "value": 1}}},
    }
    outcome = await play(stage, N=count(), Until=until)
    assert outcome.statuses() == {"N": "Succeeded", "Until": "Succeeded"} | dict.fromkeys(
        ("Add/000000", "Add/000001", "Add/000002"), "Succeeded"
    )


@pytest.mark.parametrize(
    ("options", "status"), [({}, "Succeeded"), ({"operationOptions": "FailWhenLimitsReached"}, "Failed")]
)
async def test_until_ends_at_its_count(stage: Stage, options: dict[str, Any], status: str) -> None:
    limit = {"count": "@add(1, 1)", "timeout": "PT1H"}
    until = {"type": "Until", "expression": "@false", "limit": limit, "actions": {"A": compose(1)}, **options}
    outcome = await play(stage, Until=until)
    assert outcome["Until"].status == status
    assert sorted(outcome.statuses()) == ["A/000000", "A/000001", "Until"]


async def test_until_begins_nothing_after_its_time(stage: Stage) -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 10, "unit": "second"}}}
    limit = {"count": 60, "timeout": "PT5S"}
    until = {"type": "Until", "expression": "@false", "limit": limit, "actions": {"W": wait}}
    outcome = await play(stage, Until=until)
    assert outcome["Until"].status == "Succeeded"
    assert sorted(outcome.statuses()) == ["Until", "W/000000"]


async def test_until_has_the_status_of_its_last_iteration(stage: Stage) -> None:
    until = {
        "type": "Until",
        "runAfter": {"N": ["Succeeded"]},
        "expression": "@equals(variables('n'), 2)",
        "limit": {"count": 9},
        "actions": {
            "Add": {"type": "IncrementVariable", "inputs": {"name": "n"}},
            "Fail_first": compose("@div(1, sub(variables('n'), 1))", runAfter={"Add": ["Succeeded"]}),
        },
    }
    outcome = await play(stage, N=count(), Until=until)
    assert outcome["Fail_first/000000"].status == "Failed"
    assert outcome["Until"].status == "Succeeded"


async def test_until_fails_when_its_condition_cannot_be_told(stage: Stage) -> None:
    until = {"type": "Until", "expression": "@equals(int('x'), 1)", "limit": {"count": 9}, "actions": {"A": compose(1)}}
    outcome = await play(stage, Until=until)
    assert outcome["Until"].code == "ActionUntilConditionFailed"


async def test_a_scope_has_the_status_of_its_last_actions(stage: Stage) -> None:
    caught = compose("caught", runAfter={"Try": ["Failed"]})
    outcome = await play(stage, Try={"type": "Scope", "actions": {"A": failed()}}, Catch=caught)
    assert (outcome["Try"].code, outcome["Catch"].outputs, outcome.status) == ("ActionFailed", "caught", "Succeeded")


@pytest.mark.parametrize(
    ("inputs", "status", "code"),
    [
        ({"runStatus": "SUCCEEDED"}, "Succeeded", None),
        ({"runStatus": "Cancelled"}, "Cancelled", None),
        ({"runStatus": "Failed", "runError": {"code": "E7", "message": "because"}}, "Failed", "E7"),
        ({"runStatus": "Failed"}, "Failed", "Terminated"),
    ],
)
async def test_terminate_ends_the_run(stage: Stage, inputs: dict[str, Any], status: str, code: str | None) -> None:
    end = {"type": "Terminate", "inputs": inputs}
    outcome = await play(stage, End=end, Later=compose(1, runAfter={"End": ["Succeeded"]}))
    assert outcome.status == status
    if code is not None:
        assert (outcome.run.error or {}).get("code") == code
    assert outcome.statuses().get("Later") in (None, "Skipped")


async def test_terminate_does_not_know_every_status(stage: Stage) -> None:
    outcome = await play(stage, End={"type": "Terminate", "inputs": {"runStatus": "Waiting"}})
    assert outcome["End"].code == "BadRequest"


@pytest.mark.parametrize(
    ("inputs", "seconds"),
    [({"interval": {"count": 25, "unit": "Second"}}, 25), ({"until": {"timestamp": "2001-01-01"}}, 0)],
)
async def test_a_wait_ends_at_its_moment(stage: Stage, inputs: dict[str, Any], seconds: int) -> None:
    record = (await play(stage, Wait={"type": "Wait", "inputs": inputs}))["Wait"]
    assert record.ended_at is not None
    assert timedelta(seconds=seconds) <= record.ended_at - record.started_at < timedelta(seconds=seconds + 60)
    assert record.status == "Succeeded"


@pytest.mark.parametrize(
    ("inputs", "until"),
    [
        ({"interval": {"count": "2", "unit": "days"}}, datetime(2026, 1, 7, 9, tzinfo=UTC)),
        ({"interval": {"count": 1, "unit": "Month"}}, datetime(2026, 2, 5, 9, tzinfo=UTC)),
        ({"until": {"timestamp": "2026-01-05T12:30:00Z"}}, datetime(2026, 1, 5, 12, 30, tzinfo=UTC)),
        ({"until": {"timestamp": "2026-01-05T12:30:00+02:00"}}, datetime(2026, 1, 5, 10, 30, tzinfo=UTC)),
        ({"until": {"timestamp": "2027-03-01"}}, datetime(2027, 3, 1, tzinfo=UTC)),
    ],
)
async def test_a_long_wait_is_a_row_that_knows_its_moment(
    stage: Stage, inputs: dict[str, Any], until: datetime
) -> None:
    workflow = await stage.deploy({"triggers": {}, "actions": {"Wait": {"type": "Wait", "inputs": inputs}}})
    run_id = await stage.start(workflow)
    async with asyncio.timeout(10):
        outcome = await stage.outcome(run_id)
        while not any(record.waits_until for record in outcome.records):
            await asyncio.sleep(0.02)
            outcome = await stage.outcome(run_id)
    assert outcome["Wait"].waits_until == until
    assert outcome["Wait"].status == "Running"


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"interval": {"count": 1, "unit": "Fortnight"}},
        {"interval": {"count": "x", "unit": "Day"}},
        {"interval": {"count": 99999999999, "unit": "Month"}},
        {"until": {"timestamp": "soon"}},
    ],
)
async def test_a_wait_for_nothing_that_is_a_moment_fails(stage: Stage, inputs: dict[str, Any]) -> None:
    assert (await play(stage, Wait={"type": "Wait", "inputs": inputs}))["Wait"].code == "BadRequest"
