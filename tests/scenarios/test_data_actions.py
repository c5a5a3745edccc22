"""Data operations and variables, each in a run of its own on a real engine: the table is `cases/actions/data.json`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sallyport.clock import ManualClock
from sallyport.engine.records import ABSENT
from scenarios.stage import Stage
from workplace import CASES

ROWS = json.loads((CASES / "actions" / "data.json").read_text("utf-8"))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path, clock=ManualClock()).open()
    yield opened
    await opened.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"].replace(" ", "_"))
async def test_an_action_does_what_the_table_says(stage: Stage, row: dict[str, Any]) -> None:
    before = row.get("before", {})
    act = {**row["action"], "runAfter": {name: ["Succeeded"] for name in before}}
    reads = {"type": "Compose", "runAfter": {"Act": ["Succeeded", "Failed"]}, "inputs": _reading(row)}
    outcome = await stage.run({"triggers": {}, "actions": {**before, "Act": act, "Read": reads}})
    record = outcome["Act"]
    assert (record.status, record.code) == (row["status"], row["code"])
    if "outputs" in row:
        assert record.outputs == row["outputs"]
    if "says" in row:
        assert record.error is not None
        assert row["says"] in record.error["message"]
    if "variables" in row:
        assert outcome["Read"].outputs == row["variables"]
        assert record.outputs is ABSENT or set(record.outputs["body"]) == {"name", "value"}


def _reading(row: dict[str, Any]) -> dict[str, str]:
    return {name: f"@variables('{name}')" for name in row.get("variables", {})}
