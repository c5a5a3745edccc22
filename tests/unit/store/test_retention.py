"""What is forgotten, and what is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from sallyport.clock import ManualClock
from sallyport.engine.retention import Retention
from sallyport.store import contents, history, runs
from scenarios.stage import Stage

DOCUMENT = {
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {"Large": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}},
}


async def test_a_run_goes_whole_when_its_time_is_over_and_its_contents_with_the_last_run_that_holds_them(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    stage = await Stage(tmp_path, clock=clock).open()
    retention = Retention(stage.database, clock, timedelta(days=90))
    old = (await stage.run(DOCUMENT, {"shared": "x" * 9000})).run
    lone = (await stage.run(DOCUMENT, {"lone": "y" * 9000})).run
    await clock.advance(timedelta(days=60))
    young = (await stage.run(DOCUMENT, {"shared": "x" * 9000})).run
    assert await _bodies(stage) == 4

    await clock.advance(timedelta(days=31))
    forgetting = await _forgotten(retention, clock)

    assert forgetting > 0
    left = await stage.database.read(lambda connection: {row.id for row in runs.listed(connection)})
    assert left == {young.id}
    entries = await stage.database.read(lambda connection: history.read(connection, old.id))
    assert entries == []
    assert lone.id not in left
    assert (await stage.outcome(young.id))["Large"].outputs == {"shared": "x" * 9000}
    assert await _bodies(stage) == 2
    await stage.close()


async def _forgotten(retention: Retention, clock: ManualClock) -> int:
    import asyncio

    task = asyncio.ensure_future(retention.forget())
    while not task.done():
        await asyncio.wait((task,), timeout=0.02)
        await clock.advance(1)
    return task.result()


async def _bodies(stage: Stage) -> int:
    count = sa.select(sa.func.count()).select_from(contents.contents)
    return await stage.database.read(lambda connection: int(connection.execute(count).scalar_one()))
