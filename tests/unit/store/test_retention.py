"""What is forgotten, and what is not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import databases
from sallyport.clock import ManualClock
from sallyport.engine.retention import Kept, Retention
from sallyport.store import alerts, audit, contents, history, runs, schema
from sallyport.store.database import Database
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
    retention = Retention(stage.database, clock, Kept(timedelta(days=90)))
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
    entries = await stage.database.read(lambda connection: list(history.read(connection, old.id)))
    assert entries == []
    assert lone.id not in left
    assert (await stage.outcome(young.id))["Large"].outputs == {"shared": "x" * 9000}
    assert await _bodies(stage) == 2
    await stage.close()


def test_a_content_is_kept_for_the_latest_who_stored_it_whoever_comes_last(database: Database) -> None:
    for at in ("2026-01-05T09:00:02.000000Z", "2026-01-05T09:00:01.000000Z"):
        database.write_now(partial(contents.put, bodies={"name": b"body"}, stored_at=at))
    stored = database.read_now(lambda connection: connection.execute(sa.select(contents.contents.c.stored_at)).scalar())
    assert stored == "2026-01-05T09:00:02.000000Z"


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


@pytest.mark.parametrize("kept", [None, timedelta(days=30)])
async def test_old_alerts_go_with_their_hits_keys_and_incidents_without_a_word(
    tmp_path: Path, kept: timedelta | None
) -> None:
    clock = ManualClock()
    with databases.sqlite(tmp_path) as database:
        for name, day in (("old", timedelta(days=31)), ("young", timedelta(days=29))):
            at = schema.instant(clock.now() - day)
            database.write_now(partial(alerts.insert, document=_alert(name, at), at=at))
            database.write_now(partial(audit.append, event=audit.AuditEvent(at, "local", "tested", name, "success")))
        before = database.read_now(_counts)
        retention = Retention(database, clock, Kept(timedelta(days=90), kept, kept))
        forgotten = await _forgotten(retention, clock)
        after = database.read_now(_counts)
        left = database.read_now(lambda connection: alerts.get(connection, "young"))
    assert before["alerts"] == before["incidents"] == before["audit_events"] == 2
    assert left is not None
    if kept is None:
        assert (forgotten, after) == (0, before)
    else:
        assert forgotten == 3
        assert after["alerts"] == after["incidents"] == after["audit_events"] == 1
        assert after["outbox"] == before["outbox"]


def _alert(name: str, at: str) -> dict[str, Any]:
    wire = f"{at[:19]}Z"
    return {
        "id": name,
        "title": name,
        "severity": "high",
        "status": "newAlert",
        "createdDateTime": wire,
        "incidentIds": [f"incident of {name}"],
        "hostStates": [{"fqdn": f"{name}.contoso.example"}],
        "vendorInformation": {"provider": "Tester", "vendor": "Contoso"},
    }


def _counts(connection: sa.Connection) -> dict[str, int]:
    return {
        name: int(connection.execute(sa.select(sa.func.count()).select_from(schema.metadata.tables[name])).scalar_one())
        for name in ("alerts", "incidents", "audit_events", "outbox", "matches")
    }
