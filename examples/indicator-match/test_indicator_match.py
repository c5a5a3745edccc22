"""What the playbook does with hits, in a whole house."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import playhouse

HERE = Path(__file__).parent
NAME = "indicator-match"
INDICATOR: dict[str, Any] = {
    "targetProduct": "Azure Sentinel",
    "expirationDateTime": "2030-01-01",
    "threatType": "C2",
    "description": "command and control",
    "tlpLevel": "green",
}


def alert(alert_id: str, address: str) -> dict[str, Any]:
    vendor = {"provider": "ASC", "vendor": "Microsoft"}
    connections = [{"destinationAddress": address}]
    return {"id": alert_id, "title": "Traffic", "vendorInformation": vendor, "networkConnections": connections}


async def test_a_hit_is_noted_in_its_alert_and_what_should_be_blocked_is_mailed(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE, recipient="soc@contoso.com")
        await play.later(seconds=1)
        for address, more in (
            ("203.0.113.1", {"action": "block"}),
            ("203.0.113.2", {"action": "alert"}),
            ("203.0.113.3", {"action": "block", "passiveOnly": True}),
        ):
            await play.post("/beta/security/tiIndicators", {**INDICATOR, "networkIPv4": address, **more})
        await play.ingest(*(alert(f"a{n}", f"203.0.113.{n}") for n in range(5)))
        await play.later(minutes=1)
        (run,) = await play.runs(NAME, 1)
        assert run.status == "Succeeded"
        assert play.mails.subjects == ["To be blocked: 203.0.113.1"]
        found = {f"a{n}": await play.alert(f"a{n}") for n in range(5)}
        assert {name: each["tags"] for name, each in found.items()} == {
            "a0": [],
            "a1": ["threat-intelligence"],
            "a2": ["threat-intelligence"],
            "a3": [],
            "a4": [],
        }
        assert found["a1"]["comments"] == ["Threat intelligence: 203.0.113.1 is known as C2."]


async def test_an_indicator_that_comes_later_starts_the_playbook_too_and_each_hit_only_once(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path) as play:
        await play.deploy(HERE)
        await play.later(seconds=1)
        await play.ingest(alert("a", "203.0.113.1"))
        await play.later(minutes=1)
        await play.post("/beta/security/tiIndicators", {**INDICATOR, "networkCidrBlock": "203.0.113.0/24"})
        await play.later(minutes=1)
        await play.later(minutes=1)
        await play.runs(NAME, 1)
        assert (await play.alert("a"))["tags"] == ["threat-intelligence"]
        await play.later(minutes=1)
        # The search for what is stored takes its time: it may be the next look that finds the hit.
        looks = await play.histories(NAME, "On_indicator_match")
        assert looks[-1] == "Skipped"
        assert sorted(looks) == ["Skipped", "Skipped", "Skipped", "Skipped", "Succeeded"]
