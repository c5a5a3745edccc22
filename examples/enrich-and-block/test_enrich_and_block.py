"""What the playbook does with alerts, in a whole house; the test is the reputation service."""

from __future__ import annotations

import json
from pathlib import Path

import playhouse
from playhouse import Outside

HERE = Path(__file__).parent
ALERTS = json.loads((HERE / "alerts.json").read_text("utf-8"))["value"]
ORIGIN = "https://reputation.example.com"


def reputation() -> Outside:
    return Outside(
        replies={
            "GET /ip/203.0.113.66": (200, {"score": 97, "categories": ["c2", "botnet"]}),
            "GET /ip/198.51.100.23": (404, {"error": "never seen"}),
            "GET /ip/198.51.100.90": (200, {"score": 30, "categories": ["scanner"]}),
        }
    )


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_outside_addresses_are_looked_up_and_the_bad_ones_blocked(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path, reputation(), web=[ORIGIN]) as play:
        await play.deploy(HERE, reputationKey="a-key-of-somebody")
        await play.later(seconds=1)
        await play.ingest(*ALERTS)
        await play.later(minutes=3)
        (run,) = await play.runs("enrich-and-block", 1)
        assert run.status == "Succeeded"
        asked = sorted(url for _, url, _, _ in play.outside.requests)
        assert asked == [f"{ORIGIN}/ip/{each}" for each in ("198.51.100.23", "198.51.100.90", "203.0.113.66")]
        assert {headers["x-api-key"] for _, _, headers, _ in play.outside.requests} == {"a-key-of-somebody"}
        (indicator,) = await play.indicators()
        facts = ("networkDestinationIPv4", "action", "confidence", "targetProduct", "expirationDateTime", "description")
        assert tuple(indicator[name] for name in facts) == (
            *("203.0.113.66", "block", 97, "Microsoft Defender ATP"),
            *("2026-03-16T08:03:01Z", "Bad reputation: 203.0.113.66"),
        )
        assert indicator["additionalInformation"] == "Alert 7d1e0c52: score 97, c2, botnet"
        bad, clean = [await play.alert(each["id"]) for each in ALERTS]
        assert (bad["tags"], clean["tags"]) == (["edr", "enrichment:blocked"], ["enrichment:clean"])
        assert bad["comments"] == [
            "Enrichment: 2 outside addresses looked up; blocked for 14 days: 203.0.113.66 (score 97)."
        ]
        assert clean["comments"] == ["Enrichment: 1 outside addresses looked up; none has a bad reputation."]


async def test_the_key_of_the_service_is_not_in_the_history(tmp_path: Path) -> None:
    async with playhouse.opened(tmp_path, reputation(), web=[ORIGIN]) as play:
        await play.deploy(HERE, reputationKey="a-key-of-somebody")
        await play.later(seconds=1)
        await play.ingest(ALERTS[0])
        await play.later(minutes=3)
        await play.runs("enrich-and-block", 1)
    written = everything_in(tmp_path)
    assert b"Enrichment: 2 outside addresses" in written
    assert b"a-key-of-somebody" not in written
