"""Recurrence and sliding windows: each occurrence once, whatever the clocks do and whenever the process stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sallyport.clock import ManualClock
from sallyport.store import trigger_states
from sallyport.triggers import TRIGGERS
from sallyport.triggers.loop import Loop
from sallyport.triggers.trigger_type import Plan
from scenarios.trigger_stage import TriggerStage, definition

HOURLY = {"frequency": "Hour", "interval": 1}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[TriggerStage]:
    opened = await TriggerStage(tmp_path).open()
    yield opened
    await opened.close()


def recurring(recurrence: Any, **more: Any) -> dict[str, Any]:
    return definition({"type": "Recurrence", "recurrence": recurrence, **more})


def sliding(recurrence: Any, **more: Any) -> dict[str, Any]:
    return definition({"type": "SlidingWindow", "recurrence": recurrence, **more})


async def times(stage: TriggerStage, workflow: Any) -> list[str]:
    return [each["scheduledTime"][5:16] for each in await stage.fired(workflow)]


async def test_a_recurrence_without_a_start_time_fires_at_once_and_then_in_its_rhythm(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.advance(hours=2, minutes=30)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T10:00", "01-05T11:00"]
    assert [each.fired for each in await stage.history(workflow)] == [True] * 3


async def test_a_schedule_waits_for_its_next_mark(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring({"frequency": "Day", "interval": 1, "schedule": {"hours": ["8", 17]}}))
    await stage.advance(days=1)
    assert await times(stage, workflow) == ["01-05T17:00", "01-06T08:00"]


@pytest.mark.parametrize(
    ("start", "local", "expected"),
    [
        ("2019-03-09T00:00:00", "01:30", ["03-09T07:30", "03-10T07:30", "03-11T06:30"]),
        ("2019-03-09T00:00:00", "02:30", ["03-09T08:30", "03-10T08:30", "03-11T07:30"]),
        ("2019-11-02T00:00:00", "01:30", ["11-02T06:30", "11-03T06:30", "11-04T07:30"]),
        ("2019-11-02T00:00:00", "02:30", ["11-02T07:30", "11-03T08:30", "11-04T08:30"]),
    ],
)
async def test_wall_clock_time_is_kept_when_clocks_change(
    tmp_path: Path, start: str, local: str, expected: list[str]
) -> None:
    stage = TriggerStage(tmp_path)
    stage.time = ManualClock(datetime.fromisoformat(start).replace(tzinfo=UTC))
    stage.clock = stage.time
    await stage.open()
    hour, minute = map(int, local.split(":"))
    schedule = {"hours": [hour], "minutes": [minute]}
    recurrence = {"frequency": "Day", "interval": 1, "timeZone": "Central Standard Time", "schedule": schedule}
    workflow = await stage.save(recurring(recurrence))
    await stage.advance(days=3)
    assert await times(stage, workflow) == expected
    await stage.close()


async def test_after_the_clock_was_set_back_a_workflow_that_is_enabled_again_goes_on_from_now(
    stage: TriggerStage,
) -> None:
    workflow = await stage.save(recurring({"frequency": "Minute", "interval": 20}))
    await stage.advance(minutes=30)
    await stage.time.advance(-timedelta(hours=2))
    await stage.set_state(workflow, "Disabled")
    await stage.set_state(workflow, "Enabled")
    await stage.advance(minutes=50)
    assert await times(stage, workflow) == ["01-05T07:50", "01-05T08:10", "01-05T09:00", "01-05T09:20"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("back", [timedelta(hours=2), timedelta(days=400)], ids=["hours", "a year"])
async def test_after_the_clock_was_set_back_a_trigger_keeps_its_rhythm(
    stage: TriggerStage, back: timedelta, restarted: bool
) -> None:
    workflow = await stage.save(recurring({"frequency": "Minute", "interval": 20}))
    await stage.advance(minutes=30)
    await stage.time.advance(-back)
    if restarted:
        await stage.crash()
    else:
        await stage.loop.synchronise(workflow)
    began = stage.time.now()
    await stage.advance(minutes=60)
    found = [datetime.fromisoformat(run.started_at[:26] + "+00:00") for run in await stage.runs(workflow)]
    assert len([at for at in found if began <= at <= began + timedelta(minutes=60)]) == 3


async def test_a_workflow_whose_triggers_cannot_be_planned_keeps_no_other_from_going_on(stage: TriggerStage) -> None:
    def broken(*_: object) -> Plan:
        raise RuntimeError("canary")

    other = await stage.save(sliding(HOURLY), name="broken")
    going_on = await stage.save(recurring(HOURLY))
    await stage.advance(minutes=10)
    await stage.loop.close()
    # It has to be planned anew when the loop opens.
    await stage.database.write(lambda connection: trigger_states.delete(connection, other.id, "it"))
    types = {**TRIGGERS, "SlidingWindow": replace(TRIGGERS["SlidingWindow"], begin=broken)}
    stage.loop = Loop(stage.engine, lambda workflow, name: f"https://stage.test/{workflow.id}/{name}", types=types)
    await stage.loop.open()
    await stage.advance(hours=1)
    assert await times(stage, going_on) == ["01-05T09:00", "01-05T10:00"]


async def test_a_recurrence_may_be_made_of_expressions(stage: TriggerStage) -> None:
    document = recurring({"frequency": "@parameters('unit')", "interval": "@parameters('every')"})
    document["parameters"] = {"unit": {"type": "String"}, "every": {"type": "Int", "defaultValue": 30}}
    workflow = await stage.save(document, parameters={"unit": "Minute"})
    await stage.advance(minutes=45)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T09:30"]


async def test_a_recurrence_out_of_range_is_told_and_never_fires(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring({"frequency": "Month", "interval": 17}))
    await stage.advance(days=40)
    (entry,) = await stage.history(workflow)
    assert (entry.status, entry.code) == ("Failed", "InvalidWorkflowTriggerRecurrence")
    assert entry.error is not None
    assert "1 to 16" in entry.error["message"]


async def test_what_was_missed_while_the_process_was_down_is_left_out(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.close()
    await stage.time.advance(timedelta(hours=5, minutes=20))
    await stage.open()
    await stage.advance(hours=1)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T15:00"]


async def test_a_restart_that_is_quick_misses_nothing(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.advance(minutes=59, seconds=50)
    await stage.close()
    await stage.time.advance(20)
    await stage.open()
    await stage.quiet()
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T10:00"]


async def test_what_was_missed_while_the_workflow_was_disabled_is_left_out(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.set_state(workflow, "Disabled")
    await stage.advance(hours=3, minutes=30)
    await stage.set_state(workflow, "Enabled")
    await stage.advance(hours=1)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T13:00"]


async def test_an_occurrence_fires_once_wherever_the_process_stops(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    owner, until = "dead", "2026-01-05T10:10:00.0000000Z"
    await stage.close()
    await stage.time.advance(3600)
    # It was claimed, and the process stopped before the commit.
    stage.database = type(stage.database)(stage.database.url)
    now = "2026-01-05T10:00:00.0000000Z"
    await stage.database.write(lambda connection: trigger_states.claim(connection, owner, now, until, 5))
    stage.database.close()
    await stage.time.advance(timedelta(minutes=30))
    await stage.open()
    await stage.quiet()
    await stage.crash()
    await stage.quiet()
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T10:00"]


async def test_the_same_occurrence_stored_twice_is_one_run(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    table = trigger_states.trigger_states
    again = table.update().values(next_at="2026-01-05T09:00:00.0000000Z")
    await stage.database.write(lambda connection: connection.execute(again))
    await stage.crash()
    await stage.advance(minutes=1)
    assert (await stage.state(workflow)).sequence == 2
    assert await times(stage, workflow) == ["01-05T09:00"]


async def test_saving_the_same_workflow_again_fires_nothing(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.advance(minutes=10)
    await stage.save(recurring(HOURLY))
    assert await times(stage, workflow) == ["01-05T09:00"]
    await stage.save({**recurring(HOURLY), "outputs": {}})
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T09:10"]


async def test_a_trigger_that_is_run_by_hand_keeps_its_rhythm(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.advance(minutes=20)
    (name,) = await stage.loop.fire_now(workflow, "it")
    await stage.advance(minutes=45)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T09:20", "01-05T10:00"]
    assert (await stage.runs(workflow))[1].id == name


async def test_an_end_time_is_the_end(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring({**HOURLY, "endTime": "2026-01-05T10:30:00Z"}))
    await stage.advance(hours=5)
    assert await times(stage, workflow) == ["01-05T09:00", "01-05T10:00"]
    assert (await stage.state(workflow)).next_at is None


async def test_a_condition_that_is_not_met_skips_an_occurrence(stage: TriggerStage) -> None:
    met = [{"expression": "@equals(utcNow('HH'), '10')"}]
    workflow = await stage.save(recurring(HOURLY, conditions=met))
    await stage.advance(hours=2)
    assert await stage.told(workflow) == [
        ("Skipped", "TriggerConditionNotMet"),
        ("Succeeded", "OK"),
        ("Skipped", "TriggerConditionNotMet"),
    ]


async def test_sliding_windows_come_one_by_one_also_those_that_were_missed(stage: TriggerStage) -> None:
    workflow = await stage.save(sliding({**HOURLY, "startTime": "2026-01-05T06:00:00Z"}))
    await stage.close()
    await stage.time.advance(timedelta(hours=2, minutes=30))
    await stage.open()
    await stage.quiet()
    windows = [each["outputs"] for each in await stage.fired(workflow)]
    assert sorted(each["windowStartTime"][11:16] for each in windows) == [f"{hour:02}:00" for hour in range(6, 12)]
    assert all(each["windowEndTime"] > each["windowStartTime"] for each in windows)


async def test_windows_that_have_been_do_not_come_again_when_only_what_they_are_for_is_changed(
    stage: TriggerStage,
) -> None:
    since = {**HOURLY, "startTime": "2026-01-05T06:00:00Z"}
    workflow = await stage.save(sliding(since))
    assert await stage.told(workflow) == [("Succeeded", "OK")] * 4
    workflow = await stage.save(sliding(since, conditions=[{"expression": "@equals(1, 2)"}]))
    assert await stage.told(workflow) == [("Succeeded", "OK")] * 4
    await stage.advance(hours=1)
    assert (await stage.told(workflow))[4:] == [("Skipped", "TriggerConditionNotMet")]
    workflow = await stage.save(sliding({**since, "interval": 2}, conditions=[{"expression": "@equals(1, 2)"}]))
    assert (await stage.told(workflow))[5:] == [("Skipped", "TriggerConditionNotMet")] * 3


async def test_a_delay_moves_the_run_of_a_window_and_not_the_window(stage: TriggerStage) -> None:
    workflow = await stage.save(sliding(HOURLY, inputs={"delay": "PT10M"}))
    assert await stage.runs(workflow) == []
    await stage.advance(minutes=10)
    (fired,) = await stage.fired(workflow)
    assert fired["outputs"]["windowStartTime"].startswith("2026-01-05T09:00")
    assert fired["scheduledTime"].startswith("2026-01-05T09:10")


async def test_a_window_that_is_delayed_beyond_the_calendar_never_comes(stage: TriggerStage) -> None:
    workflow = await stage.save(sliding(HOURLY, inputs={"delay": "P9999Y"}))
    await stage.advance(hours=3)
    assert await stage.runs(workflow) == []
    assert await stage.told(workflow) == []


async def test_windows_that_passed_while_the_workflow_was_disabled_are_caught_up(stage: TriggerStage) -> None:
    workflow = await stage.save(sliding(HOURLY))
    await stage.set_state(workflow, "Disabled")
    await stage.advance(hours=3)
    assert len(await stage.runs(workflow)) == 1
    await stage.set_state(workflow, "Enabled")
    assert len(await stage.runs(workflow)) == 4


async def test_a_sliding_window_of_days_is_refused(stage: TriggerStage) -> None:
    workflow = await stage.save(sliding({"frequency": "Day", "interval": 1}))
    assert await stage.told(workflow) == [("Failed", "InvalidWorkflowTriggerRecurrence")]


async def test_a_trigger_that_was_removed_looks_no_more(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.save({"triggers": {"other": {"type": "Request"}}, "actions": {}})
    await stage.advance(hours=3)
    assert len(await stage.runs(workflow)) == 1
    assert await stage.states(workflow) == {}


async def test_a_deleted_workflow_looks_no_more(stage: TriggerStage) -> None:
    workflow = await stage.save(recurring(HOURLY))
    await stage.engine.library.delete(workflow)
    await stage.loop.synchronise(workflow)
    await stage.advance(hours=3)
    assert len(await stage.runs(workflow)) == 1
    assert await stage.states(workflow) == {}
