"""What the playbook does with alerts, in a whole house."""

from __future__ import annotations

import json
from pathlib import Path

import playhouse

HERE = Path(__file__).parent
ALERTS = json.loads((HERE / "alerts.json").read_text("utf-8"))["value"]


async def test_each_severity_is_handed_to_whom_it_concerns(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE, onCall="dana@contoso.com", queue="tier1@contoso.com")
        await play.later(seconds=1)
        await play.ingest(*ALERTS)
        await play.later(minutes=1)
        (run,) = await play.runs("triage-alerts", 1)
        assert run.status == "Succeeded"
        stored = {each["severity"]: await play.alert(each["id"]) for each in ALERTS}
        facts = ("assignedTo", "status", "feedback", "tags")
        assert {severity: tuple(alert[name] for name in facts) for severity, alert in stored.items()} == {
            "high": ("dana@contoso.com", "inProgress", None, ["edr", "triage:urgent"]),
            "medium": ("tier1@contoso.com", "newAlert", None, ["triage:today"]),
            "low": (None, "newAlert", None, ["triage:review"]),
            "informational": (None, "resolved", "benignPositive", ["triage:closed"]),
            "unknown": ("tier1@contoso.com", "newAlert", None, ["triage:unknown"]),
        }
        assert stored["high"]["comments"] == ["Triage: high severity, handed over to dana@contoso.com."]
        assert stored["informational"]["closedDateTime"] is not None


async def test_an_alert_that_somebody_works_on_is_left_alone(tmp_path: Path) -> None:
    taken = {**ALERTS[0], "assignedTo": "lee@contoso.com"}
    closed = {**ALERTS[1], "status": "resolved"}
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE)
        await play.later(seconds=1)
        await play.ingest(taken, closed)
        await play.later(minutes=1)
        (run,) = await play.runs("triage-alerts", 1)
        assert run.status == "Succeeded"
        for alert in (taken, closed):
            stored = await play.alert(alert["id"])
            assert (stored["comments"], stored["historyStates"]) == ([], [])
