"""Batches: released by count, size or time, for each partition; every message in one batch, whatever crashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.engine.engine import Engine
from sallyport.engine.ports import BatchMessage
from sallyport.errors import NotFound, SallyportError
from sallyport.store import batches
from sallyport.triggers.batch import InvalidBatch
from scenarios.trigger_stage import TriggerStage, definition


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[TriggerStage]:
    opened = await TriggerStage(tmp_path).open()
    yield opened
    await opened.close()


def gathering(**criteria: Any) -> dict[str, Any]:
    configurations = {"Indicators": {"releaseCriteria": criteria}}
    return definition({"type": "Batch", "inputs": {"mode": "Inline", "configurations": configurations}})


def message(content: Any, **more: Any) -> BatchMessage:
    facts = {"batch_name": "Indicators", "message_id": f"m-{content}", **more}
    workflow = "/subscriptions/x/resourceGroups/g/providers/Microsoft.Logic/workflows/Scenario"
    return BatchMessage(workflow, "it", content=content, **facts)


async def contents(stage: TriggerStage, workflow: Any) -> list[list[Any]]:
    return [[item["content"] for item in body["items"]] for body in await stage.bodies(workflow)]


async def test_a_batch_is_released_by_the_number_of_its_messages(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    for content in ("a", "b", "c", "d", "e"):
        await stage.batches.send(message(content))
    await stage.quiet()
    assert await contents(stage, workflow) == [["a", "b"], ["c", "d"]]
    first = (await stage.bodies(workflow))[0]
    assert first["batchName"] == "Indicators"
    assert first["partitionName"] == "DEFAULT"
    assert first["items"][0] == {"content": "a", "messageId": "m-a"}


async def test_a_batch_is_released_by_the_size_of_its_messages(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(batchSize=30))
    for content in ("x" * 8, "y" * 8, "z" * 8):
        await stage.batches.send(message(content))
    assert await contents(stage, workflow) == [["x" * 8, "y" * 8, "z" * 8]]


async def test_a_batch_is_released_by_time_and_not_while_it_is_empty(stage: TriggerStage) -> None:
    criteria = {"messageCount": 10, "recurrence": {"frequency": "hour", "interval": 1}}
    workflow = await stage.save(gathering(**criteria))
    await stage.batches.send(message("a"))
    await stage.advance(minutes=59)
    assert await contents(stage, workflow) == []
    await stage.advance(minutes=1)
    assert await contents(stage, workflow) == [["a"]]
    await stage.advance(hours=3)
    assert await contents(stage, workflow) == [["a"]]
    assert len(await stage.history(workflow)) == 1


async def test_messages_of_a_batch_that_cannot_be_split_wait_until_it_can(stage: TriggerStage) -> None:
    document = gathering(messageCount=2, recurrence={"frequency": "hour", "interval": 1})
    broken = {**document["triggers"]["it"], "splitOn": "@triggerBody()"}
    workflow = await stage.save({**document, "triggers": {"it": broken}})
    for content in ("a", "b"):
        await stage.batches.send(message(content))
    await stage.advance(hours=1)
    assert await stage.told(workflow) == [("Failed", "InvalidTemplateTriggerSplitOn")] * 2
    assert "outputs" not in (await stage.history(workflow))[0].document
    workflow = await stage.save(document)
    await stage.advance(hours=1)
    assert await contents(stage, workflow) == [["a", "b"]]


async def test_a_batch_whose_condition_is_not_met_is_released_and_told(stage: TriggerStage) -> None:
    document = gathering(messageCount=1)
    condition = {"conditions": [{"expression": "@equals(triggerBody()['items'][0]['content'], 'b')"}]}
    workflow = await stage.save({**document, "triggers": {"it": {**document["triggers"]["it"], **condition}}})
    for content in ("a", "b"):
        await stage.batches.send(message(content))
    assert await contents(stage, workflow) == [["b"]]
    assert ("Skipped", "TriggerConditionNotMet") in await stage.told(workflow)


async def test_partitions_gather_apart(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    for content, partition in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "two")):
        await stage.batches.send(message(content, partition=partition))
    assert sorted(await contents(stage, workflow)) == [["a", "c"], ["b", "d"]]


async def test_a_message_that_is_delivered_twice_counts_once_also_after_its_release(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    for content in ("a", "a", "b", "b", "a"):
        await stage.batches.send(message(content, delivery_id=f"delivery-{content}"))
    assert await contents(stage, workflow) == [["a", "b"]]


async def test_the_same_message_id_of_two_senders_is_two_messages(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    for delivery in ("1", "2"):
        await stage.batches.send(message("a", message_id="same", delivery_id=delivery))
    assert await contents(stage, workflow) == [["a", "a"]]


async def test_a_message_is_not_stored_without_the_run_that_it_completes(
    stage: TriggerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    await stage.batches.send(message("a"))

    def fails(*args: Any, **more: Any) -> str:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "store_start", fails)
        with pytest.raises(RuntimeError):
            await stage.batches.send(message("b"))
    waiting = batches.Gathering(workflow.id, "it", "Indicators", "DEFAULT")
    assert (await stage.database.read(lambda connection: batches.measure(connection, waiting)))[0] == 1
    await stage.crash()
    await stage.batches.send(message("b"))
    assert await contents(stage, workflow) == [["a", "b"]]


async def test_what_waits_can_be_released_by_hand(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=100))
    await stage.batches.send(message("a"))
    (name,) = await stage.loop.fire_now(workflow, "it")
    await stage.quiet()
    assert [run.id for run in await stage.runs(workflow)] == [name]
    assert await stage.loop.fire_now(workflow, "it") == []


async def test_messages_survive_a_save_and_are_judged_by_the_new_criteria(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=10))
    await stage.batches.send(message("a"))
    await stage.save(gathering(messageCount=2))
    await stage.batches.send(message("b"))
    assert await contents(stage, workflow) == [["a", "b"]]


async def test_contents_are_not_stored_in_the_clear_while_they_wait(stage: TriggerStage) -> None:
    await stage.save(gathering(messageCount=10))
    await stage.batches.send(message({"token": "open-sesame"}, message_id="1"))
    rows = await stage.database.read(lambda connection: connection.execute(batches.batch_messages.select()).all())
    assert "open-sesame" not in str(rows)


async def test_a_sender_reaches_the_batch_through_its_action(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    sending = {
        "type": "SendToBatch",
        "inputs": {
            "batchName": "Indicators",
            "content": "@triggerBody()",
            "host": {"triggerName": "it", "workflow": {"id": "/x/workflows/scenario"}},
        },
        "runAfter": {},
    }
    document = {"triggers": {"manual": {"type": "Request"}}, "actions": {"Send": sending}}
    sender = await stage.deploy(document, name="sender")
    for content in (1, 2):
        outcome = await stage.finish(await stage.start(sender, {"n": content}))
        assert outcome.status == "Succeeded"
    await stage.quiet()
    assert await contents(stage, workflow) == [[{"n": 1}, {"n": 2}]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"batch_name": "Others"}, "WorkflowTriggerNotFound"),
        ({"trigger": "other"}, "WorkflowTriggerNotFound"),
        ({"workflow": "nowhere"}, "WorkflowNotFound"),
    ],
)
async def test_a_message_for_a_batch_that_is_not_there_is_refused(
    stage: TriggerStage, change: dict[str, str], code: str
) -> None:
    await stage.save(gathering(messageCount=2))
    sent = message("a")
    facts = {name: getattr(sent, name) for name in sent.__slots__}
    with pytest.raises(NotFound) as caught:
        await stage.batches.send(BatchMessage(**{**facts, **change}))
    assert caught.value.code == code


@pytest.mark.parametrize(("name", "most"), [("partition", 128), ("message_id", 256)])
async def test_a_name_that_no_database_has_room_for_is_refused(stage: TriggerStage, name: str, most: int) -> None:
    await stage.save(gathering(messageCount=9))
    await stage.batches.send(message("a", **{name: "n" * most}))
    with pytest.raises(InvalidBatch, match=f"{most} are allowed"):
        await stage.batches.send(message("b", **{name: "n" * (most + 1)}))


async def test_a_disabled_workflow_takes_no_messages(stage: TriggerStage) -> None:
    workflow = await stage.save(gathering(messageCount=2))
    await stage.set_state(workflow, "Disabled")
    with pytest.raises(SallyportError) as caught:
        await stage.batches.send(message("a"))
    assert caught.value.code == "WorkflowTriggerIsNotEnabled"


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({}, "InvalidBatchConfiguration"),
        ({"messageCount": 8001}, "InvalidBatchConfiguration"),
        ({"batchSize": 83_886_081}, "InvalidBatchConfiguration"),
        ({"messageCount": 0}, "InvalidBatchConfiguration"),
        ({"recurrence": {"frequency": "Second", "interval": 59}}, "InvalidWorkflowTriggerRecurrence"),
    ],
)
async def test_criteria_outside_of_the_limits_are_told_and_refuse_messages(
    stage: TriggerStage, criteria: dict[str, Any], code: str
) -> None:
    workflow = await stage.save(gathering(**criteria))
    assert await stage.told(workflow) == [("Failed", code)]
    with pytest.raises(SallyportError) as caught:
        await stage.batches.send(message("a"))
    assert caught.value.code == code
